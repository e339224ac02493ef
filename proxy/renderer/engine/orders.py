"""A job in the engine: its pictures, which of them are begun, drawn and encoded, and what is told of it."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from providers.contract import Drawn, Image
from proxy.renderer.asked import seeds_of
from proxy.renderer.engine.painting import Painting
from proxy.renderer.wire import Job, Measured


class Order:
    """One job. A picture is known by its place among the job's, from 0."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.seeds = seeds_of(job.request)
        self.unbegun = deque(range(len(self.seeds)))
        self.paintings: dict[int, Painting] = {}
        """Those begun and not finished."""
        self.told_at = 0.0
        """When `Progress` was last told."""
        self._images: dict[int, Image] = {}
        self._drawn = 0
        self._seconds = 0.0
        self._sketches = 0

    @property
    def progress(self) -> float:
        """The part of all its steps that is done, 0 to 1."""
        steps = sum(painting.step / max(1, painting.steps) for painting in self.paintings.values())
        return min(1.0, (self._drawn + steps) / len(self.seeds))

    def drawn(self, place: int) -> None:
        """That picture is finished, but for its encoding."""
        self._seconds += self.paintings.pop(place).seconds
        self._drawn += 1

    def encoded(self, place: int, image: Image) -> Drawn | None:
        """That picture is encoded: what came of the job, if it was the last."""
        self._images[place] = image
        if len(self._images) < len(self.seeds):
            return None
        images = tuple(self._images[place] for place in range(len(self.seeds)))
        return Drawn(images=images, seconds=Decimal(f"{self._seconds:.6f}"), seeds=self.seeds)

    def sketch_due(self, place: int) -> int | None:
        """Which sketch of that picture is due now; of the first picture only, spread evenly over its steps."""
        painting, wanted = self.paintings[place], self.job.previews
        if place != 0 or painting.done or self._sketches >= wanted:
            return None
        passed = painting.step * (wanted + 1) // painting.steps  # thresholds behind it; in few steps it skips some
        if passed <= self._sketches:
            return None
        self._sketches += 1
        return self._sketches - 1


def measured(painting: Painting) -> Measured:
    """What that painting took."""
    return Measured(
        model=painting.model,
        width=painting.width,
        height=painting.height,
        steps=painting.steps,
        guided=painting.guided,
        seconds=painting.seconds,
    )
