"""How an offer did in the last minutes: how often it failed, and how long what it did took.

Counts in a ring of short spans, so that what is old falls out by itself; seconds in classes that grow by a fixed
factor, so that a quantile is right within that factor however many requests there were. To record is a few additions,
and an offer never takes more than a few kilobytes.
"""

from __future__ import annotations

from array import array
from math import log
from typing import Annotated

from msgspec import Meta, Struct, field

SPANS = 10
"""What a window is divided into: it forgets a tenth of itself at a time."""
LEAST_S = 0.01
"""What is faster is as good as this."""
FACTOR = 2**0.25
"""From one class of seconds to the next: a quantile is told within a tenth of itself."""
CLASSES = 66
"""The last one begins at more than ten minutes, longer than any attempt may take."""
TELLING = 5
"""Fewer requests say nothing yet: one that failed would be all that did."""
_PER_CLASS = 1 / log(FACTOR)

Class = Annotated[int, Meta(ge=0, lt=CLASSES)]
"""Seconds, by the class they are in."""
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
"""Far more than a server has of anything in a second, and far less than a span can hold."""


class Counts(Struct):
    """What was counted of one offer for a moment, as it travels between servers."""

    failed: Count = 0
    seconds: dict[Class, Count] = field(default_factory=dict)
    """How many were served within each class of seconds that had any."""

    def __bool__(self) -> bool:
        """Whether anything was."""
        return self.failed > 0 or bool(self.seconds)


class Measured(Struct, frozen=True, kw_only=True):
    """What a window has seen."""

    requests: int = 0
    """Answers that say something of the offer, good and bad."""
    error_rate: float | None = None
    """Bad ones of them, 0 to 1; None where there were too few to say."""
    p50: float | None = None
    """Seconds of the good ones; None where those were too few. Likewise below."""
    p95: float | None = None
    p99: float | None = None


class _Span:
    """A tenth of a window."""

    __slots__ = ("began", "failed", "seconds", "served")

    def __init__(self) -> None:
        self.began = -1
        self.served = 0
        self.failed = 0
        self.seconds = array("I", [0]) * CLASSES

    def clear(self, began: int) -> None:
        """Begin anew."""
        self.began = began
        self.served = self.failed = 0
        self.seconds = array("I", [0]) * CLASSES

    def add(self, other: _Span) -> None:
        """Count what another one has counted as well."""
        self.served += other.served
        self.failed += other.failed
        self.seconds = array("I", map(sum, zip(self.seconds, other.seconds, strict=True)))


class Window:
    """The last minutes of one offer. Whoever calls has the clock."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: how far back it looks."""
        self._span_s = seconds / SPANS
        self._spans = tuple([_Span() for _ in range(SPANS)])

    def over(self, seconds: float, now: float) -> Window:
        """What it has seen, as one that looks back so far; each of its spans counts as of when it began."""
        other = Window(seconds)
        for span in sorted(self._current(now), key=lambda span: span.began):
            began = span.began * self._span_s
            if now - began < seconds:
                other._span(began).add(span)
        return other

    def served(self, now: float, seconds: float) -> None:
        """A request was served, and took so long."""
        span = self._span(now)
        span.served += 1
        span.seconds[class_of(seconds)] += 1

    def failed(self, now: float) -> None:
        """A request failed, and not by its own fault."""
        self._span(now).failed += 1

    def add(self, now: float, counts: Counts) -> None:
        """So many more were served, and failed, at once."""
        span = self._span(now)
        span.failed += counts.failed
        for place, count in counts.seconds.items():
            span.served += count
            span.seconds[place] += count

    def pardon(self, now: float) -> None:
        """What failed is forgotten; what was served, and how fast, is not."""
        for span in self._current(now):
            span.failed = 0

    def counts(self, now: float) -> tuple[int, int]:
        """How many failed, and of how many."""
        failed = served = 0
        for span in self._current(now):
            failed += span.failed
            served += span.served
        return failed, failed + served

    def measured(self, now: float) -> Measured:
        """What it has seen by now."""
        failed, requests = self.counts(now)
        if requests < TELLING:
            return Measured(requests=requests)
        seconds = [0] * CLASSES
        for span in self._current(now):
            if span.served:
                seconds = [whole + part for whole, part in zip(seconds, span.seconds, strict=True)]
        p50, p95, p99 = [_quantile(seconds, requests - failed, share) for share in (0.5, 0.95, 0.99)]
        return Measured(requests=requests, error_rate=failed / requests, p50=p50, p95=p95, p99=p99)

    def _span(self, now: float) -> _Span:
        number = int(now / self._span_s)
        span = self._spans[number % SPANS]
        if span.began != number:
            span.clear(number)
        return span

    def _current(self, now: float) -> list[_Span]:
        oldest = int(now / self._span_s) - SPANS + 1
        return [span for span in self._spans if span.began >= oldest]


def class_of(seconds: float) -> int:
    """The class that seconds are in. Class `i` ends at `LEAST_S * FACTOR**i`."""
    if seconds <= LEAST_S:
        return 0
    return min(CLASSES - 1, int(log(seconds / LEAST_S) * _PER_CLASS) + 1)


def _quantile(seconds: list[int], total: int, share: float) -> float | None:
    """The seconds that so large a share of the requests stayed under; between the ends of a class, by their ratio."""
    if total < TELLING:
        return None
    wanted, seen = share * total, 0
    for place, count in enumerate(seconds):
        if count and seen + count >= wanted:
            return LEAST_S * float(FACTOR ** (place - 1 + (wanted - seen) / count)) if place else LEAST_S
        seen += count
    raise AssertionError("the classes add up to the total")
