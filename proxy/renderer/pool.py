"""The local models as a renderer: a queue in front of one worker process that is started, watched and started again.

Runs on the event loop and never blocks it. No torch here, no frame layout, no signal: those are the worker's, `wire`'s
and `child`'s.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from providers.contract import Code, Drawn, Failure, Fault, Render
from proxy.renderer.child import Child
from proxy.renderer.loads import Load
from proxy.renderer.wire import Broken, Drop, Failed, Finished, FromWorker, Job, Progress, Ready, Setup, pack

WORKER = (sys.executable, "-m", "proxy.renderer.worker")
_FIRST_GUESS_S = 5.0
"""Seconds a request takes, before any was measured."""
_LEARNS = 0.3
"""How much the latest request counts in that estimate."""
_CLOSING = "the local renderer is shutting down"


class _Waiting(Struct, eq=False):
    """A request between `draw` and its answer."""

    id: int
    frame: bytes
    answer: asyncio.Future[Drawn]
    begun: float = 0.0
    """On the loop's clock, once the worker has it."""
    done: float = 0.0
    """0 to 1."""


class WorkerRenderer:
    """Draws with local models in a worker process. For one event loop.

    The process starts with the first request, or in `start` where models are preloaded. When it dies, the requests it
    had begun fail and the others go to its successor.
    """

    def __init__(
        self,
        models: Mapping[str, Load],
        *,
        queue_limit: int = 64,
        preload: Sequence[str] = (),
        idle: float | None = None,
        grace: float = 2.0,
        command: Sequence[str] = WORKER,
    ) -> None:
        """`queue_limit` is how many requests may wait, those being drawn not counted. After `idle` seconds without
        work the process ends and its memory is free again; None keeps it. `grace` is how many seconds it has to end
        when told to, and again when terminated. `command` starts it. Raises ValueError where `preload` names no model.
        """
        if unknown := set(preload) - set(models):
            raise ValueError(f"no local model is called {', '.join(sorted(unknown))}")
        self._models = dict(models)
        self._limit = queue_limit
        self._setup = Setup(self._models, tuple(preload))
        self._idle = idle
        self._grace = grace
        self._command = command
        self._numbers = itertools.count(1)
        self._queue: deque[_Waiting] = deque()
        self._begun: dict[int, _Waiting] = {}
        self._starts: list[asyncio.Future[None]] = []
        self._child: Child | None = None
        self._slots = 0
        self._rest: asyncio.TimerHandle | None = None
        self._tender: asyncio.Task[None] | None = None
        self._pace = _FIRST_GUESS_S
        self._closed = False

    @property
    def waiting(self) -> int:
        """Requests not yet begun."""
        return len(self._queue)

    @property
    def expected_wait(self) -> float:
        """Seconds until a request made now would be begun, by the pace of the last ones."""
        ahead = len(self._queue) + sum(1 - each.done for each in self._begun.values())
        return ahead * self._pace / max(self._slots, 1)

    @property
    def pid(self) -> int | None:
        """The worker process's number, None while there is none."""
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Load what is to be preloaded; nothing where that is nothing. Raises UNAVAILABLE where some cannot be."""
        if self._setup.preload and not self._slots:
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._starts.append(ready)
            self._wake()
            await ready

    async def draw(self, step: Render) -> Drawn:
        """The request's pictures. `Drawn.seconds` is how long the engine was busy with them.

        Raises REJECTED for what the model cannot do; THROTTLED, with the expected wait, when the queue is full;
        UNAVAILABLE where the model is unknown or fails, the worker dies on it, or the renderer is closed.
        """
        if step.model not in self._models:
            raise Failure(Fault.UNAVAILABLE, f"no local model is called {step.model!r}")
        self._admit()
        waiting = await self._packed(step)
        self._admit()  # others may have come in meanwhile
        self._queue.append(waiting)
        self._wake()
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            self._forget(waiting)
            raise

    async def close(self) -> None:
        """End the worker; what waits or is being drawn fails with UNAVAILABLE."""
        self._closed = True
        _fail(self._queue, _CLOSING)
        self._queue.clear()
        if self._child is not None:
            await self._child.end(self._grace)
        if self._tender is not None:
            await self._tender

    async def _packed(self, step: Render) -> _Waiting:
        """The request as a frame, made in a thread where it carries pictures: they may be large."""
        number = next(self._numbers)
        job = Job(number, step.model, step.request)
        try:
            frame = await asyncio.to_thread(pack, job) if step.request.images else pack(job)
        except ValueError as error:
            raise Failure(Fault.REJECTED, f"the request cannot be passed on: {error}", code=Code.INVALID) from error
        return _Waiting(number, frame, asyncio.get_running_loop().create_future())

    def _admit(self) -> None:
        if self._closed:
            raise Failure(Fault.UNAVAILABLE, _CLOSING)
        if len(self._queue) >= self._limit:
            wait = max(1.0, self.expected_wait)
            detail = f"{len(self._queue)} pictures are waiting already; expect {wait:.0f} seconds"
            raise Failure(Fault.THROTTLED, detail, code=Code.BUSY, retry_after=wait)

    def _wake(self) -> None:
        """See that somebody works at the queue."""
        if self._tender is None or self._tender.done():
            self._tender = asyncio.create_task(self._tend(), name="local renderer")
        else:
            self._feed()

    async def _tend(self) -> None:
        """One worker after another, for as long as something waits."""
        while self._queue or self._starts:
            try:
                await self._live()
            except Failure as failure:  # it was never ready: its successor would fare no better
                _fail(self._queue, failure.detail)
                _fail_starts(self._starts, failure.detail)
                self._queue.clear()
                self._starts.clear()

    async def _live(self) -> None:
        """One worker's life. Raises UNAVAILABLE where it ends before it is ready."""
        child = self._child = await Child.start(self._command)
        try:
            if self._closed:
                raise Failure(Fault.UNAVAILABLE, _CLOSING)
            child.send(pack(self._setup))
            self._slots = self._welcome(await child.receive())
            self._feed()
            while (message := await child.receive()) is not None:
                self._take(message)
                self._feed()
        finally:
            self._slots = 0
            self._awaken()
            status = await child.end(self._grace)
            self._child = None
            ended = f"the local renderer ended while drawing ({_ending(status)}); try again"
            _fail(self._begun.values(), _CLOSING if self._closed else ended)
            self._begun.clear()

    def _welcome(self, message: FromWorker | None) -> int:
        """What the worker can take at once. Raises UNAVAILABLE for anything but its readiness."""
        if isinstance(message, Broken):
            raise Failure(Fault.UNAVAILABLE, message.reason)
        if not isinstance(message, Ready):
            ended = "the local renderer ended before it was ready; its own output says why"
            raise Failure(Fault.UNAVAILABLE, _CLOSING if self._closed else ended)
        if message.problems:
            _fail_starts(self._starts, "; ".join(message.problems))
        for each in self._starts:
            if not each.done():
                each.set_result(None)
        self._starts.clear()
        return message.slots

    def _feed(self) -> None:
        """Give the worker what it can take; let it rest where there is nothing."""
        while self._queue and self._child is not None and len(self._begun) < self._slots:
            self._awaken()
            job = self._queue.popleft()
            job.begun = asyncio.get_running_loop().time()
            self._begun[job.id] = job
            self._child.send(job.frame)
        if self._idle is not None and self._slots and not self._begun and self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(self._idle, self._release)

    def _release(self) -> None:
        """End an idle worker. What comes from now on waits for its successor."""
        self._slots = 0
        if self._child is not None:
            self._child.release()

    def _awaken(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _take(self, message: FromWorker) -> None:
        """What the worker says of a job; for one that nobody waits for, only that it is over."""
        if isinstance(message, Progress):
            if message.id in self._begun:
                self._begun[message.id].done = message.done
        elif isinstance(message, Finished | Failed):
            job = self._begun.pop(message.id)
            if isinstance(message, Finished):
                took = asyncio.get_running_loop().time() - job.begun
                self._pace += _LEARNS * (took - self._pace)
            if job.answer.done():
                return
            if isinstance(message, Finished):
                job.answer.set_result(message.drawn)
            else:
                job.answer.set_exception(message.failure())

    def _forget(self, job: _Waiting) -> None:
        """Its caller is gone: it is not begun, or ends at its next step."""
        if job.id in self._begun and self._child is not None:
            self._child.send(pack(Drop(job.id)))
        elif job in self._queue:
            self._queue.remove(job)


def _fail(jobs: Iterable[_Waiting], detail: str) -> None:
    for job in jobs:
        if not job.answer.done():
            job.answer.set_exception(Failure(Fault.UNAVAILABLE, detail))


def _fail_starts(starts: Iterable[asyncio.Future[None]], detail: str) -> None:
    for each in starts:
        if not each.done():
            each.set_exception(Failure(Fault.UNAVAILABLE, detail))


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
