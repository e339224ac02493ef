"""What the past shows of every offer: what it took of what it was quoted at, and how long it took. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import ceil, log

from msgspec import Struct, field

from proxy.ledger.history import Past

STEP = log(1.05)
"""Durations are counted in classes, each 5 % longer than the one before: a quantile is that exact, in little memory."""


class Spread(Struct):
    """How long requests took, in seconds. Weights may be broken: a part of one spread may be added to another."""

    classes: dict[int, float] = field(default_factory=dict)
    weight: float = 0.0
    seconds: float = 0.0
    """All of them together."""

    def add(self, seconds: float) -> None:
        """One request took so long."""
        place = ceil(log(max(seconds, 0.001)) / STEP)
        self.classes[place] = self.classes.get(place, 0.0) + 1
        self.weight += 1
        self.seconds += seconds

    def take(self, other: Spread, weight: float) -> None:
        """So many requests more took as long as those of another spread."""
        share = weight / other.weight
        for place, count in other.classes.items():
            self.classes[place] = self.classes.get(place, 0.0) + count * share
        self.weight += weight
        self.seconds += other.seconds * share

    @property
    def mean(self) -> float | None:
        """Seconds; None of nothing."""
        return self.seconds / self.weight if self.weight else None

    def quantile(self, share: float) -> float | None:
        """The seconds that this share of requests took at most, to 5 %; None of nothing."""
        rest = share * self.weight
        for place in sorted(self.classes):
            rest -= self.classes[place]
            if rest <= 1e-9 * self.weight:
                return float(1.05**place)
        return None


class Seen(Struct):
    """One offer. Amounts in micro-USD, over the requests that it served at least a part of."""

    held: int = 0
    """What it was quoted at for them."""
    paid: int = 0
    """What it took."""
    spread: Spread = field(default_factory=Spread)
    """Of requests that it served alone and at the first attempt."""

    def expected(self, quoted: int) -> int:
        """What a quote is going to cost, going by what quotes here have cost; the quote, where none has."""
        if not self.held:
            return quoted
        return (2 * quoted * self.paid + self.held) // (2 * self.held)  # halves are rounded up


def took(past: Past) -> float | None:
    """Seconds from a request's acceptance to its end; None where it has none."""
    return None if past.finished is None else max(0, past.finished - past.created) / 1000


def look(pasts: Iterable[Past]) -> Mapping[str, Seen]:
    """What every offer has shown."""
    seen: dict[str, Seen] = defaultdict(Seen)
    for past in pasts:
        if past.test:
            continue
        tried = [each for each in past.bought if not each.beside]
        for each in tried:
            if each.settled:
                offer = seen[each.offer]
                offer.held += each.held
                offer.paid += each.paid
        seconds = took(past)
        if past.state == "done" and seconds is not None and len(tried) == 1:
            seen[tried[0].offer].spread.add(seconds)
    return seen
