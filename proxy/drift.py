"""Whether vendors still charge what the price list says: a listener to what was settled by their own figures.

An offer's latest submissions are looked at together. They have drifted once there are enough of them and their cost is
away from the list by more than a threshold, whichever one of them is left out: one odd bill is no new price. They have
recovered when they are back within half of it, so that an offer at the edge is told of once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from proxy.events import Event, PriceDrifted, PriceMeasured, Settled, Tell

BACK = 2
"""An offer has recovered within so much less than the threshold."""


class _Offer:
    """The latest submissions to one offer, in micro-USD, summed up as they come and go."""

    def __init__(self, samples: int) -> None:
        self.latest: deque[tuple[int, int]] = deque(maxlen=samples)
        """By the list, and what it did cost."""
        self.expected = 0
        self.cost = 0
        self.drifted = False
        self.told: float | None = None

    def add(self, expected: int, cost: int) -> None:
        """One more submission; the oldest goes where there are enough."""
        if len(self.latest) == self.latest.maxlen:
            gone, paid = self.latest[0]
            self.expected -= gone
            self.cost -= paid
        self.latest.append((expected, cost))
        self.expected += expected
        self.cost += cost

    @property
    def full(self) -> bool:
        """Whether there are enough to judge by."""
        return len(self.latest) == self.latest.maxlen

    @property
    def ratio(self) -> float:
        """Cost over list; of what is listed as free, over a micro-dollar."""
        return round(self.cost / self.expected, 4) if self.expected else float(self.cost or 1)

    def beyond(self, threshold: Decimal) -> bool:
        """Whether the cost is away from the list by more than a share of it, whichever submission is left out."""
        off = self.cost - self.expected
        if abs(off) <= threshold * self.expected:
            return False
        if len(self.latest) == 1:
            return True
        above = 1 if off > 0 else -1
        expected, cost = max(self.latest, key=lambda sample: above * (sample[1] - sample[0]))
        return above * (off - (cost - expected)) > threshold * (self.expected - expected)


class Drift:
    """Remembers the latest submissions of every offer, and tells when their price has left the list, or is back."""

    def __init__(self, tell: Tell, *, threshold: Decimal, samples: int) -> None:
        """`threshold`: the share of the listed price a cost may be away from it; `samples`: how many are judged by."""
        self._tell = tell
        self._threshold = threshold
        self._samples = samples
        self._offers: dict[tuple[str, str], _Offer] = {}

    def adopt(self, *, threshold: Decimal, samples: int) -> None:
        """Judge by another measure from now on; by another number of them, from the beginning."""
        self._threshold = threshold
        if samples != self._samples:
            self._samples = samples
            self._offers.clear()

    def hear(self, events: Sequence[Event]) -> None:
        """Take in what was settled; each offer among it is judged after its every submission, and measured once."""
        seen: dict[tuple[str, str], _Offer] = {}
        for event in events:
            if isinstance(event, Settled) and event.expected is not None:
                name = event.provider, event.model
                offer = self._offers.get(name)
                if offer is None:
                    offer = self._offers[name] = _Offer(self._samples)
                offer.add(event.expected, event.cost)
                self._judge(name, offer)
                seen[name] = offer
        for (provider, model), offer in seen.items():
            if offer.full and offer.ratio != offer.told:
                offer.told = offer.ratio
                self._tell(PriceMeasured(provider=provider, model=model, ratio=offer.ratio))

    def _judge(self, name: tuple[str, str], offer: _Offer) -> None:
        if not offer.full or offer.drifted is self._away(offer):
            return
        offer.drifted = not offer.drifted
        provider, model = name
        self._tell(
            PriceDrifted(
                provider=provider,
                model=model,
                state="drifted" if offer.drifted else "recovered",
                ratio=offer.ratio,
                expected=offer.expected,
                cost=offer.cost,
                samples=len(offer.latest),
            )
        )

    def _away(self, offer: _Offer) -> bool:
        if not offer.drifted:
            return offer.beyond(self._threshold)
        return abs(offer.cost - offer.expected) > self._threshold / BACK * offer.expected
