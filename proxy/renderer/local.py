"""The local models as a renderer: a bounded queue in front of a home, and another try where its engine dies.

Runs on the event loop and never blocks it. As many jobs as the home has slots are given to it at once, so that they
find each other in a batch. No torch here, no process, no frame: those are the home's.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Collection
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import asdict

from providers.contract import Code, Drawn, Failure, Fault, Render
from proxy.events import (
    Event,
    MemoryStrained,
    ModelsShelved,
    PictureMeasured,
    QueueMoved,
    RendererDied,
    RendererRested,
    RendererStarted,
    StepShared,
    Tell,
)
from proxy.renderer.homes.contract import Ended, Home, LostError, Started
from proxy.renderer.homes.single import CLOSING
from proxy.renderer.paces import Paces
from proxy.renderer.showing import Show, unseen
from proxy.renderer.wire import Failed, Finished, Job, Measured, News, Progress, Shelved, Sketch, Stepped, Strained

TRIES = 2
"""Engines that a request may see the end of; whether it was the reason, nobody can know."""


class Standing(Struct, frozen=True):
    """How the local models stand: what a router has to know of them."""

    queue: int
    """Requests that wait in the proxy."""
    inside: int
    """Requests that the engines have."""
    wait_s: float
    """Seconds of drawing that are before a request made now, by the pace of the last ones."""
    warm: frozenset[str]
    """The models in memory; another one has to be loaded first."""
    full: bool = False
    """As many wait as may: one more is turned away."""


class _Place(Struct, eq=False):
    """A request in the queue or inside."""

    turn: asyncio.Future[None]
    work: float
    """Seconds of an engine that it is thought to take."""
    done: float = 0.0
    """0 to 1."""
    losses: int = 0
    """Engines that ended with it inside."""


class LocalRenderer:
    """Draws with local models, in any home. For one event loop.

    When an engine dies, every request that was in it is tried once more, one of them at a time: if one is the reason,
    the next death is its alone.
    """

    def __init__(self, home: Home, models: Collection[str], tell: Tell, *, queue_limit: int = 64) -> None:
        """`queue_limit` is how many requests may wait, those inside not counted."""
        self._home = home
        self._models = frozenset(models)
        self._tell = tell
        self._limit = queue_limit
        self._numbers = itertools.count(1)
        self._queue: deque[_Place] = deque()
        self._suspects: deque[_Place] = deque()
        self._inside: set[_Place] = set()
        self._paces = Paces()
        self._closed = False

    @property
    def standing(self) -> Standing:
        """How it stands."""
        waiting = (*self._queue, *self._suspects)
        work = sum(each.work * (1 - each.done) for each in (*waiting, *self._inside))
        full = len(self._queue) >= self._limit
        return Standing(len(waiting), len(self._inside), work / max(self._home.engines, 1), self._home.warm, full)

    async def start(self) -> None:
        """Load what is to be preloaded. Raises UNAVAILABLE where some of it cannot be."""
        await self._home.start(self._hear)

    async def draw(self, step: Render, show: Show = unseen) -> Drawn:
        """The request's pictures. `Drawn.seconds` is its share of the engine's time; `show` gets unfinished pictures.

        Raises REJECTED for what the model cannot do; THROTTLED, with the expected wait, when the queue is full;
        UNAVAILABLE where the model is unknown or fails, two engines die on it, or the renderer is closed.
        """
        if self._closed:
            raise Failure(Fault.UNAVAILABLE, CLOSING)
        if step.model not in self._models:
            raise Failure(Fault.UNAVAILABLE, f"no local model is called {step.model!r}")
        self._admit()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = _Place(turn, self._paces.guess(step.model, step.request))
        self._queue.append(place)
        while True:
            try:
                return await self._try(place, step, show)
            except LostError as lost:
                self._lost(place, lost)

    async def close(self) -> None:
        """End the engines; what waits or is being drawn fails with UNAVAILABLE."""
        self._closed = True
        for place in (*self._queue, *self._suspects):
            if not place.turn.done():
                place.turn.set_exception(Failure(Fault.UNAVAILABLE, CLOSING))
        await self._home.close()

    def _admit(self) -> None:
        """Raises THROTTLED where too many wait."""
        self._feed()
        if len(self._queue) >= self._limit:
            wait = max(1.0, self.standing.wait_s)
            detail = f"{len(self._queue)} pictures are waiting already; expect {wait:.0f} seconds"
            raise Failure(Fault.THROTTLED, detail, code=Code.BUSY, retry_after=wait)

    async def _try(self, place: _Place, step: Render, show: Show) -> Drawn:
        """Wait for its turn, then have it drawn. Raises LostError where the engine ends with it."""
        self._feed()
        try:
            await place.turn
            return await self._draw(place, step, show)
        finally:
            self._inside.discard(place)
            for queue in (self._queue, self._suspects):
                if place in queue:
                    queue.remove(place)
            self._feed()

    async def _draw(self, place: _Place, step: Render, show: Show) -> Drawn:
        job = Job(next(self._numbers), step.model, step.request, step.previews)
        async with aclosing(self._home.submit(job)) as said:
            async for message in said:
                match message:
                    case Progress():
                        place.done = message.done
                    case Sketch():
                        await show(message.image, message.index)
                    case Finished():
                        return message.drawn
                    case Failed():
                        raise message.failure()
        raise LostError("it ended in silence")

    def _lost(self, place: _Place, lost: LostError) -> None:
        """Put it in line again. Raises UNAVAILABLE where it was lost too often, or there will be no other engine."""
        if self._closed:
            raise Failure(Fault.UNAVAILABLE, CLOSING) from lost
        place.losses += 1
        if place.losses == TRIES:
            detail = f"the local renderer ended {TRIES} times while drawing this, at last with {lost}"
            raise Failure(Fault.UNAVAILABLE, detail) from lost
        place.done = 0.0
        place.turn = asyncio.get_running_loop().create_future()
        self._suspects.append(place)

    def _feed(self) -> None:
        """Let in what there are slots for: first whoever was in a crash, of them one at a time."""
        while len(self._inside) < self._home.slots:
            suspected = any(place.losses for place in self._inside)
            queue = self._suspects if self._suspects and not suspected else self._queue
            if not queue:
                break
            place = queue.popleft()
            if not place.turn.done():  # whoever it belongs to may be gone, and about to say so
                self._inside.add(place)
                place.turn.set_result(None)
        stands = self.standing
        self._tell(QueueMoved(waiting=stands.queue, inside=stands.inside, wait_s=stands.wait_s))

    def _hear(self, engine: str, what: News | Started | Ended) -> None:
        """Something of an engine: learned from, and told to everybody."""
        if isinstance(what, Measured):
            self._paces.learn(what)
        self._tell(_event(engine, what))


def _event(engine: str, what: News | Started | Ended) -> Event:
    match what:
        case Started():
            return RendererStarted(engine=engine, place=what.place, seconds=what.seconds)
        case Ended(meant=True):
            return RendererRested(engine=engine, reason=what.reason)
        case Ended():
            return RendererDied(engine=engine, reason=what.reason, jobs=what.jobs)
        case Shelved():
            return ModelsShelved(engine=engine, **asdict(what))
        case Strained():
            return MemoryStrained(engine=engine, **asdict(what))
        case Stepped():
            return StepShared(engine=engine, **asdict(what))
        case Measured():
            return PictureMeasured(engine=engine, **asdict(what))
