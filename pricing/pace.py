"""How long a model takes for a picture on this machine's device, from pictures that were measured. Pure.

A picture takes a fixed time (reading the words, encoding, decoding) and so much more for every denoising step, and
both grow with its size. Pictures of about one size are a bucket, guided ones apart; a bucket's latest pictures give its
line, `fixed + steps x step`, by medians, so that a few odd ones do not move it. How far 19 of 20 of them lay above the
line, and a margin on top, make a bound that a hold can rely on; the line itself says what to expect.

A bound never goes below what was measured. Sizes of one bucket differ by less than the margin. Fewer steps than any
measured are taken for the fewest, more for so many times the most. What was never measured at a size is taken from a
larger one, and a guided picture where only unguided ones were, for two of them: a guided step asks the model twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from itertools import combinations
from math import ceil, isfinite, log2
from statistics import median

from msgspec import Struct

BUCKETS = 4
"""Of sizes, in every doubling of the pixels: those of one differ by less than a fifth."""
KEPT = 32
"""The latest pictures of a bucket that its line is drawn through."""
LEAST = 5
"""Fewer say nothing yet."""
MARGIN = 1.25
"""A bound lies so many times above what 19 of 20 pictures took at most."""
APART = 1.5
"""The most steps over the fewest, from which on what a step takes can be told from what does not depend on them."""
_FIGURES = Context(prec=3, rounding=ROUND_CEILING)
"""Seconds are told in three figures, rounded up: quotes do not change with every picture."""


class Sample(Struct, frozen=True, array_like=True):
    """One picture that was drawn."""

    pixels: int
    """Width times height."""
    steps: int
    seconds: float
    """Of the device, and of no other picture."""

    @property
    def sound(self) -> bool:
        """Whether a picture can have been like that."""
        return self.pixels > 0 and self.steps > 0 and isfinite(self.seconds) and self.seconds > 0


class Drawing(Struct, frozen=True, kw_only=True):
    """One picture that may be drawn: what decides how long it takes."""

    pixels: int
    steps: int | None = None
    """None where the pipeline decides: the most that were seen."""
    guided: bool | None = None
    """None where the pipeline decides: taken for guided, if guided ones were seen."""


class Timing(Struct, frozen=True, kw_only=True):
    """What the pictures of one bucket took. Seconds are those of a picture of the bucket's largest size."""

    bucket: int
    guided: bool
    fixed: float
    """Seconds that do not depend on the steps."""
    step: float
    """Seconds a step."""
    spread: float
    """How many times the line's seconds 19 of 20 pictures took at most; never less than once."""
    fewest: int
    """Steps; likewise the most."""
    most: int
    samples: int

    def expected(self, drawing: Drawing) -> float:
        """Seconds that a picture should take."""
        steps = self.most if drawing.steps is None else drawing.steps
        return (self.fixed + steps * self.step) * self._share(drawing) * self._times(drawing)

    def bound(self, drawing: Drawing) -> float:
        """Seconds that it takes at most, but for one in many."""
        steps = self.most if drawing.steps is None else max(drawing.steps, self.fewest)
        line = self.fixed + min(steps, self.most) * self.step
        beyond = max(1.0, steps / self.most)
        return line * beyond * self.spread * MARGIN * self._share(drawing) * self._times(drawing)

    def _share(self, drawing: Drawing) -> float:
        """Of the seconds of the largest size, where the picture is of this bucket."""
        return drawing.pixels / edge(self.bucket) if bucket_of(drawing.pixels) == self.bucket else 1.0

    def _times(self, drawing: Drawing) -> float:
        return 2.0 if drawing.guided and not self.guided else 1.0


class Pace(Struct, frozen=True):
    """What is known of a model on a device."""

    timings: tuple[Timing, ...] = ()

    def timing(self, drawing: Drawing) -> Timing | None:
        """What a picture is judged by: the nearest size that is not smaller; guided as it is, where there is both."""
        bucket = bucket_of(drawing.pixels)
        guided = drawing.guided is not False
        fitting = [each for each in self.timings if each.bucket >= bucket and each.samples >= LEAST]
        return min(fitting, key=lambda each: (each.bucket, each.guided is not guided), default=None)

    def expected(self, drawing: Drawing) -> float | None:
        """Seconds that a picture should take; None where nothing like it was measured."""
        timing = self.timing(drawing)
        return None if timing is None else timing.expected(drawing)

    def bound(self, drawing: Drawing) -> Decimal | None:
        """Seconds that it takes at most, for a hold; None where nothing like it was measured."""
        timing = self.timing(drawing)
        return None if timing is None else _FIGURES.create_decimal_from_float(timing.bound(drawing))


def bucket_of(pixels: int) -> int:
    """Which bucket a size belongs to."""
    return ceil(BUCKETS * log2(pixels) - 1e-9)


def edge(bucket: int) -> float:
    """Pixels of the largest size of a bucket."""
    return float(2 ** (bucket / BUCKETS))


def timed(guided: bool, samples: Sequence[Sample]) -> Timing:
    """What pictures of one bucket took; there must be one at least, and only the latest count."""
    bucket = bucket_of(samples[-1].pixels)
    latest = [(each.steps, each.seconds * edge(bucket) / each.pixels) for each in samples[-KEPT:]]
    steps = sorted(each for each, _ in latest)
    fixed, step = _line(latest, apart=steps[-1] >= APART * steps[0])
    above = sorted([seconds / (fixed + count * step) for count, seconds in latest])
    return Timing(
        bucket=bucket,
        guided=guided,
        fixed=fixed,
        step=step,
        spread=max(1.0, above[ceil(0.95 * len(above)) - 1]),
        fewest=steps[0],
        most=steps[-1],
        samples=len(samples),
    )


def paced(buckets: Iterable[tuple[bool, Sequence[Sample]]]) -> Pace:
    """What pictures took, by whether they were guided and by their buckets."""
    return Pace(tuple([timed(guided, samples) for guided, samples in buckets if samples]))


def _line(latest: Sequence[tuple[int, float]], *, apart: bool) -> tuple[float, float]:
    """Fixed seconds and seconds a step: the median of the slopes between any two, as Theil and Sen have it.

    Where the steps are too much alike to tell the two apart, all of it is put down to the steps.
    """
    if apart:
        slopes = [(two - one) / (more - less) for (less, one), (more, two) in combinations(latest, 2) if more != less]
        step = median(slopes)
        fixed = median([seconds - steps * step for steps, seconds in latest])
        if step > 0 and fixed >= 0:
            return fixed, step
    return 0.0, median([seconds / steps for steps, seconds in latest])
