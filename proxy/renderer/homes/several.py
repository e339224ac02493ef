"""Several homes as one: an engine for each device of this machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from proxy.renderer.homes.contract import Hear, Home
from proxy.renderer.wire import Job, OfJob

COLD = 4
"""Jobs that loading a model is worth: so many more may be before a job where its model is in memory."""


class Several:
    """Gives a job to the home with the least to do among those that have its model, warm ones first."""

    def __init__(self, homes: Sequence[Home], models: Mapping[str, Sequence[int]]) -> None:
        """`models`: by its name, the places of the homes that have it."""
        self._homes = homes
        self._models = models
        self._busy: Counter[int] = Counter()

    @property
    def engines(self) -> int:
        """All of them."""
        return sum(home.engines for home in self._homes)

    @property
    def slots(self) -> int:
        """Of all together."""
        return sum(home.slots for home in self._homes)

    @property
    def warm(self) -> frozenset[str]:
        """What any of them has in memory."""
        return frozenset[str]().union(*(home.warm for home in self._homes))

    async def start(self, hear: Hear) -> None:
        """Start all of them. Raises the first failure, when all have been tried."""
        ended = await asyncio.gather(*(home.start(hear) for home in self._homes), return_exceptions=True)
        for each in ended:
            if isinstance(each, BaseException):
                raise each

    async def submit(self, job: Job) -> AsyncGenerator[OfJob, None]:
        """What becomes of a job at the one chosen for it."""
        place = min(self._models[job.model], key=lambda each: self._load(each, job.model))
        self._busy[place] += 1
        try:
            async with aclosing(self._homes[place].submit(job)) as said:
                async for message in said:
                    yield message
        finally:
            self._busy[place] -= 1

    async def close(self) -> None:
        """End all of them."""
        await asyncio.gather(*(home.close() for home in self._homes))

    def _load(self, place: int, model: str) -> int:
        return self._busy[place] + (0 if model in self._homes[place].warm else COLD)
