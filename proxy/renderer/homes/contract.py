"""Where an engine lives, and what it is: the two sides of one small interface.

An `Engine` draws, on one thread, in whatever process its `Home` gives it. A `Home` is the event loop's view of one or
more engines. `LocalRenderer` works over any home; one suite of tests holds for all of them. No torch here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from msgspec import Struct

from proxy.renderer.wire import FromWorker, Job, News, OfJob, Setup

Told = Callable[[FromWorker], None]
"""Takes what an engine says; called on the engine's threads."""


class Engine(Protocol):
    """What draws. Made by an `Opening`; every outcome of a job is told, as messages of `wire`, and nothing is raised.

    Of each job it tells any number of `Progress` and `Sketch` and then one `Finished` or `Failed`; of a dropped one
    nothing more, but for what is under way already.
    """

    def submit(self, job: Job) -> None:
        """Draw it among the others, from the next step on. From any thread; never waits."""

    def drop(self, job: int) -> None:
        """Leave off drawing it before its next step; nothing happens where it is over. From any thread; never waits."""

    def run(self) -> None:
        """Preload, tell `Ready`, and draw on this thread until `close`: it owns the device."""

    def close(self) -> None:
        """End `run` after the step under way. From any thread; never waits."""


Opening = Callable[[Setup, Told], Engine]
"""Makes the engine, loading nothing yet; raises `Failure` where it cannot be made here: a package is missing."""


class LostError(Exception):
    """The engine ended with the job in it: a crash, or the memory ran out. The home has another one by the next job.

    The message says how it ended.
    """


class Started(Struct, frozen=True):
    """A home has an engine that is ready."""

    place: str
    """Where it runs, for people: `process 4711`."""
    seconds: float
    """From its beginning to its readiness."""


class Ended(Struct, frozen=True):
    """An engine is gone."""

    reason: str
    """For people: `signal 9`."""
    meant: bool
    """It was told to: the home closes, or had no work for long enough."""
    jobs: int
    """How many it had."""


Hear = Callable[[str, News | Started | Ended], None]
"""Takes what is to be known of a home besides its jobs: an engine's name (`cuda:0`), and what is new of it. Called on
the event loop."""


class Home(Protocol):
    """One or more engines somewhere, for one event loop. It never blocks it."""

    @property
    def engines(self) -> int:
        """How many engines draw side by side; 1 before there is any."""

    @property
    def slots(self) -> int:
        """How many jobs it takes at once; more may be submitted and wait there. A guess before it has an engine."""

    @property
    def warm(self) -> frozenset[str]:
        """The models in memory, as far as known: a job for another one has to wait until it is loaded."""

    async def start(self, hear: Hear) -> None:
        """Once, before all else. Load what is to be preloaded. Raises UNAVAILABLE where some of it cannot be."""

    def submit(self, job: Job) -> AsyncGenerator[OfJob, None]:
        """What becomes of a job: ends with `Finished` or `Failed`. Closing it early drops the job.

        The engine is started where there is none. Ids are the caller's, each used once. Raises UNAVAILABLE where no
        engine can be started, THROTTLED where those there are take no more, REJECTED for what cannot be passed on,
        `LostError` where its engine ended.
        """

    async def close(self) -> None:
        """End the engines. What is under way raises `LostError`; nothing may be submitted any more."""
