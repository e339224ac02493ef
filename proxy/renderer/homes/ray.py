"""Engines on many machines, as replicas of Ray Serve. No ray here: an envoy, in a process of its own, speaks to it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress

from providers.contract import Failure
from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.homes.contract import Ended, Hear, LostError, Started
from proxy.renderer.homes.process import ProcessHome
from proxy.renderer.homes.single import Life
from proxy.renderer.wire import Begun, Counted, FromWorker, Gone, Lost, Of, Ready, Refused, Setup, Shelved

ENVOY = (sys.executable, "-m", "proxy.renderer.fleet")
NAME = "ray"
"""What is told of the envoy is told of this engine; those of the fleet are `ray:0`, `ray:1` ..."""


class RayHome(ProcessHome):
    """A worker process that has its engines elsewhere. Several servers may share them; none ends them."""

    def __init__(self, setup: Setup, *, grace: float = 2.0, command: Sequence[str] = ENVOY) -> None:
        """`setup.fleet` says which fleet it is; the rest as for a worker process."""
        super().__init__(setup, grace=grace, command=command)
        fleet = setup.fleet or FleetOptions()
        self._name = NAME
        self._slots = fleet.slots(setup.engine.slots)
        self._counted = fleet.min_replicas
        self._shelves: dict[str, frozenset[str]] = {}
        """Of every replica that was met, what it has in memory."""
        self._joining: asyncio.Task[None] | None = None

    @property
    def engines(self) -> int:
        """As many as there are replicas; 1 while there is none."""
        return max(self._counted, 1)

    @property
    def warm(self) -> frozenset[str]:
        """What any replica has in memory."""
        return frozenset[str]().union(*self._shelves.values())

    async def start(self, hear: Hear) -> None:
        """Join the fleet; wait for it where something is to be preloaded, and raise UNAVAILABLE where that fails.

        A fleet that cannot be reached yet is no reason not to start: every request tries again.
        """
        await super().start(hear)
        if not self._setup.preload:
            self._joining = asyncio.create_task(self._join(), name="join the fleet")

    async def close(self) -> None:
        """Leave the fleet to itself."""
        await super().close()
        if self._joining is not None:
            await self._joining

    async def _join(self) -> None:
        with suppress(Failure):
            await self._engine()

    def _take(self, message: FromWorker, life: Life, ready: asyncio.Future[Life], began: float) -> None:
        match message:
            case Ready():
                self._slots, self._problems = message.slots, message.problems
                ready.set_result(life)
            case Lost():
                self._talks.fail(message.id, LostError(message.reason))
            case Refused():
                self._talks.fail(message.why.id, message.why.failure())
            case Counted():
                self._counted = message.engines
            case Of():
                self._of(message)
            case _:
                super()._take(message, life, ready, began)

    def _of(self, message: Of) -> None:
        """Something of one engine of the fleet."""
        match message.what:
            case Begun(place, seconds):
                self._shelves[message.engine] = frozenset()
                self._hear(message.engine, Started(place, seconds))
            case Gone(reason, meant, jobs):
                self._shelves.pop(message.engine, None)
                self._hear(message.engine, Ended(reason, meant, jobs))
            case news:
                if isinstance(news, Shelved):
                    self._shelves[message.engine] = frozenset(news.models)
                self._hear(message.engine, news)

    def _gone(self, reason: str, *, meant: bool, jobs: int) -> None:
        """The connection ended. What is on the other side goes on, but nothing more is known of it."""
        for engine in sorted(self._shelves):
            self._hear(engine, Shelved((), 0))
            if meant:
                self._hear(engine, Ended(reason, meant=True, jobs=0))
        self._shelves.clear()
        if not meant:
            self._hear(NAME, Ended(reason, meant=False, jobs=jobs))
