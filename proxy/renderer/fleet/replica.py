"""One engine of a fleet, in the process that Ray Serve gives it: the same as in a worker, on a thread of its own.

Every job is a stream of bundles to the envoy that asked. What is to be known of the engine besides travels along with
them: a replica has nobody else to tell.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
import traceback
from collections import deque
from collections.abc import AsyncGenerator
from threading import Thread

from msgspec.structs import replace

from providers.contract import Failure
from proxy.renderer.child import GENTLE, QUIET
from proxy.renderer.fleet.said import Here, OfReplica, bundle, ordered
from proxy.renderer.homes.contract import Engine, Opening
from proxy.renderer.wire import Broken, Failed, Finished, FromWorker, Progress, Ready, Setup, Shelved, Sketch, read

OVER = 70
"""The exit status of a replica whose engine had a mistake in it: Ray begins another one."""
KEPT = 1_000
"""News of the engine that are kept while nobody is there to be told."""


class _Stream:
    """One job: who asked, and what is still to be said of it."""

    def __init__(self, job: int, envoy: str) -> None:
        self.job = job
        self.envoy = envoy
        self.unsaid: deque[OfReplica] = deque()
        self.woken = asyncio.Event()

    def say(self, message: OfReplica) -> None:
        self.unsaid.append(message)
        self.woken.set()

    async def bundle(self) -> tuple[OfReplica, ...]:
        """All there is to say; waits for the first."""
        await self.woken.wait()
        self.woken.clear()
        said = tuple(self.unsaid)
        self.unsaid.clear()
        return said


class Replica:
    """What Ray Serve runs. Its methods are called on one event loop, the engine has a thread."""

    def __init__(self, setup: bytes, opening: Opening, name: str) -> None:
        """`setup` as `wire.write` writes it; `name` is this replica's alone, for all times."""
        self._setup: Setup = read(setup, Setup)
        self._opening = opening
        self._name = name
        self._numbers = itertools.count(1)
        self._streams: dict[int, _Stream] = {}
        """By the number a job has here, in order of coming: envoys do not know of each other's ids."""
        self._news: deque[OfReplica] = deque(maxlen=KEPT)
        self._shelved = Shelved((), 0)
        self._began = time.monotonic()
        self._engine: Engine | None = None
        self._ready: asyncio.Future[Here | Broken] | None = None

    async def begin(self) -> None:
        """Begin the engine; over when it is ready, or can never be."""
        for variable, value in (QUIET | GENTLE).items():
            os.environ.setdefault(variable, value)
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        Thread(target=self._run, args=(loop,), name="engine", daemon=True).start()
        await self._ready

    async def here(self) -> bytes:
        """Who this is, and what is in its memory."""
        return bundle((await self._state(), self._shelved))

    async def draw(self, order: bytes, envoy: str) -> AsyncGenerator[bytes, None]:
        """What becomes of a job, to its end. Closing it drops the job. `envoy` is the name of who asks."""
        state = await self._state()
        yield bundle((state, self._shelved))
        if isinstance(state, Broken) or self._engine is None:
            return
        job, number = ordered(order), next(self._numbers)
        stream = self._streams[number] = _Stream(job.id, envoy)
        while self._news:
            stream.say(self._news.popleft())
        self._engine.submit(replace(job, id=number))
        try:
            over = False
            while not over:
                said = await stream.bundle()
                over = any(isinstance(each, Finished | Failed) for each in said)
                yield bundle(said)
        finally:
            if self._streams.pop(number, None) is not None:
                self._engine.drop(number)

    def close(self) -> None:
        """End the engine after its step."""
        if self._engine is not None:
            self._engine.close()

    async def _state(self) -> Here | Broken:
        assert self._ready is not None
        return await asyncio.shield(self._ready)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """The engine's thread. A mistake in the engine ends the process: what of the device it held is free again."""

        def tell(message: FromWorker) -> None:
            loop.call_soon_threadsafe(self._told, message)

        try:
            self._engine = self._opening(self._setup, tell)
            self._engine.run()
        except Failure as failure:
            tell(Broken(failure.detail))
        except BaseException:
            traceback.print_exc()
            logging.shutdown()
            os._exit(OVER)

    def _told(self, message: FromWorker) -> None:
        """Something the engine said, on the loop."""
        assert self._ready is not None
        match message:
            case Ready():
                place = f"{os.uname().nodename}, process {os.getpid()}"
                self._ready.set_result(Here(self._name, place, time.monotonic() - self._began, message.problems))
            case Broken():
                self._ready.set_result(message)
            case Progress() | Sketch() | Finished() | Failed():
                self._say(message)
            case Shelved():
                self._shelved = replace(message, loaded={})
                self._spread(message)
            case _:
                self._pass(message)  # type: ignore[arg-type]

    def _say(self, message: Progress | Sketch | Finished | Failed) -> None:
        """To who asked for the job."""
        over = isinstance(message, Finished | Failed)
        stream = self._streams.pop(message.id, None) if over else self._streams.get(message.id)
        if stream is not None:
            stream.say(replace(message, id=stream.job))

    def _spread(self, shelved: Shelved) -> None:
        """Once to everybody: who has what in memory concerns all, how long it took to be loaded counts once."""
        told: set[str] = set()
        for stream in self._streams.values():
            if stream.envoy not in told:
                stream.say(replace(shelved, loaded={}) if told else shelved)
                told.add(stream.envoy)
        if not told and shelved.loaded:
            self._news.append(shelved)

    def _pass(self, message: OfReplica) -> None:
        """To one of them: it is counted, and several servers are added up."""
        for stream in self._streams.values():
            stream.say(message)
            return
        self._news.append(message)
