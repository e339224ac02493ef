"""Events of pictures that were drawn, and a home whose engine takes the seconds that a test says, and no time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image as Pillow

from providers.contract import Drawn, Image
from proxy.events import PictureMeasured
from proxy.renderer import Untrained
from proxy.renderer.asked import seeds_of, size_of
from proxy.renderer.homes.contract import Hear
from proxy.renderer.wire import Finished, Job, Measured, OfJob, Shelved

LOADS = {"sketch": Untrained(steps=20, guidance=1.0)}
"""20 steps, not guided, where a request does not say."""


def measured(**fields: Any) -> PictureMeasured:
    """A square of 20 steps, in two seconds."""
    told: dict[str, Any] = {"engine": "cuda:0", "model": "sketch", "width": 1024, "height": 1024, "steps": 20}
    return PictureMeasured(**{**told, "guided": False, "seconds": 2.0, **fields})


class Fast:
    """A home with one engine: half a second a picture and a tenth of a second a step, by its own account."""

    engines = 1
    slots = 2

    def __init__(self) -> None:
        self.warm: frozenset[str] = frozenset()
        self.gate = asyncio.Event()
        """Cleared, nothing is finished."""
        self.gate.set()

    async def start(self, hear: Hear) -> None:
        self._hear = hear

    async def submit(self, job: Job) -> AsyncGenerator[OfJob, None]:
        if job.model not in self.warm:
            self.warm |= {job.model}
            self._hear("cuda:0", Shelved(tuple(self.warm), 1, {job.model: 7.5}))
        await self.gate.wait()
        width, height = size_of(job.request)
        steps = job.request.steps or 20
        seeds = seeds_of(job.request)
        seconds = Decimal("0.5") + Decimal("0.1") * steps
        for _ in seeds:
            self._hear("cuda:0", Measured(job.model, width, height, steps, guided=False, seconds=float(seconds)))
        images = (Image(_black(width, height)),) * len(seeds)
        drawn = Drawn(images=images, seconds=seconds * len(seeds), seeds=seeds)
        yield Finished(job.id, drawn)

    async def close(self) -> None:
        self.gate.set()


@lru_cache
def _black(width: int, height: int) -> bytes:
    target = BytesIO()
    Pillow.new("L", (width, height)).save(target, "png")
    return target.getvalue()
