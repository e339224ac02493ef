"""One engine at a time: begun with the first job, ended when it rests for long enough, begun anew where it dies.

What an engine runs in, a process or a thread, is its `Life`; this is all they have in common.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

from providers.contract import Failure, Fault
from proxy.renderer.homes.contract import Ended, Hear, Started
from proxy.renderer.homes.talks import Talks
from proxy.renderer.wire import (
    Broken,
    Failed,
    Finished,
    FromWorker,
    Job,
    Measured,
    OfJob,
    Progress,
    Ready,
    Setup,
    Shelved,
    Sketch,
    Stepped,
    Strained,
)

CLOSING = "the local renderer is shutting down"


class Life(Protocol):
    """One engine, from its beginning to its end."""

    @property
    def place(self) -> str:
        """Where it runs, for people: `process 4711`."""

    async def submit(self, job: Job) -> None:
        """Give it a job; lost where it is over. Raises REJECTED for what cannot be passed on."""

    def drop(self, job: int) -> None:
        """Have it leave a job off."""

    async def receive(self) -> FromWorker | None:
        """What it says next; None once there will be no more. For one caller."""

    def release(self) -> None:
        """Have it end soon."""

    async def end(self) -> str:
        """End it and wait for that; how it ended, for people. May be called more than once."""


Begin = Callable[[Setup], Awaitable[Life]]
"""Begins an engine; raises UNAVAILABLE where that is impossible."""


def ignore(_: str, __: object) -> None:
    """Hear nothing."""


class Single:
    """A home with one engine."""

    def __init__(self, name: str, setup: Setup, begin: Begin, *, idle: float | None = None) -> None:
        """`name`: the engine's, for people. After `idle` seconds without a job it ends, and its memory is free again;
        None keeps it.
        """
        self._name = name
        self._setup = setup
        self._begin = begin
        self._idle = idle
        self._hear: Hear = ignore
        self._talks = Talks()
        self._life: Life | None = None
        self._ready: asyncio.Future[Life] | None = None
        self._tender: asyncio.Task[None] | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._problems: tuple[str, ...] = ()
        self._slots = setup.engine.slots
        self._warm: frozenset[str] = frozenset()
        self._leaving = False
        self._closed = False

    @property
    def engines(self) -> int:
        """One."""
        return 1

    @property
    def slots(self) -> int:
        """How many jobs it takes at once."""
        return self._slots

    @property
    def warm(self) -> frozenset[str]:
        """The models in memory."""
        return self._warm

    @property
    def life(self) -> Life | None:
        """The engine there is at the moment."""
        return self._life

    async def start(self, hear: Hear) -> None:
        """Load what is to be preloaded. Raises UNAVAILABLE where some of it cannot be; the rest is served."""
        self._hear = hear
        if self._setup.preload:
            await self._engine()
            self._settle()
            if self._problems:
                raise Failure(Fault.UNAVAILABLE, "; ".join(self._problems))

    async def submit(self, job: Job) -> AsyncGenerator[OfJob, None]:
        """What becomes of a job."""
        life = await self._engine()
        self._awaken()
        self._talks.begin(job.id)
        try:
            await life.submit(job)
            async with aclosing(self._talks.listen(job.id)) as said:
                async for message in said:
                    yield message
        finally:
            if self._talks.end(job.id):  # it was not over
                life.drop(job.id)
            self._settle()

    async def close(self) -> None:
        """End the engine."""
        self._closed = True
        self._awaken()
        if self._life is not None:
            await self._life.end()
        if self._tender is not None:
            await self._tender

    async def _engine(self) -> Life:
        """The engine, ready. Raises UNAVAILABLE where there can be none."""
        while self._leaving and self._tender is not None:
            await asyncio.wait({self._tender})
        if self._closed:
            raise Failure(Fault.UNAVAILABLE, CLOSING)
        if self._ready is None or self._tender is None or self._tender.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._tender = asyncio.create_task(self._live(self._ready), name=f"local renderer {self._name}")
        return await asyncio.shield(self._ready)

    async def _live(self, ready: asyncio.Future[Life]) -> None:
        """One engine's life."""
        began = time.monotonic()
        try:
            life = self._life = await self._begin(self._setup)
        except Failure as failure:
            _refuse(ready, failure.detail)
            return
        try:
            while not self._closed and (message := await life.receive()) is not None:
                self._take(message, life, ready, began)
        finally:
            await self._over(life, ready)

    def _take(self, message: FromWorker, life: Life, ready: asyncio.Future[Life], began: float) -> None:
        if isinstance(message, Ready):
            self._slots, self._problems = message.slots, message.problems
            self._hear(self._name, Started(life.place, time.monotonic() - began))
            ready.set_result(life)
        elif isinstance(message, Broken):
            _refuse(ready, message.reason)
        elif isinstance(message, Measured | Stepped | Shelved | Strained):
            if isinstance(message, Shelved):
                self._warm = frozenset(message.models)
            self._hear(self._name, message)
        elif isinstance(message, Progress | Sketch | Finished | Failed):
            self._talks.say(message)

    async def _over(self, life: Life, ready: asyncio.Future[Life]) -> None:
        """The engine is gone, or has to go."""
        meant = self._leaving or self._closed
        self._leaving = True  # whoever comes now waits for it to be gone, and its memory with it
        reason = await life.end()
        said = CLOSING if self._closed else f"the local renderer ended before it was ready ({reason}); its log says why"
        _refuse(ready, said)
        jobs = self._talks.lose(CLOSING if self._closed else reason)
        self._warm, self._life, self._leaving = frozenset(), None, False
        self._gone(reason, meant=meant, jobs=jobs)

    def _gone(self, reason: str, *, meant: bool, jobs: int) -> None:
        """Tell of it."""
        self._hear(self._name, Shelved((), 0))
        self._hear(self._name, Ended(reason, meant, jobs))

    def _settle(self) -> None:
        """Let it rest where there is nothing to do."""
        if self._idle is not None and self._life is not None and not self._talks and self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(self._idle, self._release)

    def _release(self) -> None:
        """End an idle engine. What comes from now on waits for its successor."""
        self._rest = None
        if self._life is not None:
            self._leaving = True
            self._life.release()

    def _awaken(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None


def _refuse(ready: asyncio.Future[Life], detail: str) -> None:
    if not ready.done():
        ready.set_exception(Failure(Fault.UNAVAILABLE, detail))
        ready.exception()  # whoever waited may be gone
