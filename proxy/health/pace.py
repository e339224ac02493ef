"""The windows of all offers: each with what it said when it was last asked, and what of that was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from proxy.events import OfferMeasured
from proxy.health.pooled import Pooled
from proxy.health.window import Counts, Measured, Window

FRESH_S = 0.5
"""What was measured is measured anew no more often: to look at it costs every request."""


class _Seen(Struct):
    window: Window
    measured: Measured = Measured()
    at: float = 0.0
    told: Measured | None = None


class Paces:
    """How every offer does that was ever asked. Whoever calls has the clock."""

    def __init__(self, window_s: float, pooled: Pooled | None = None) -> None:
        """`window_s`: how far back is looked; `pooled`: by whom other servers are told, where there are any."""
        self._window_s = window_s
        self._pooled = pooled
        self._seen: dict[str, _Seen] = {}

    def __iter__(self) -> Iterator[str]:
        """The offers."""
        return iter(self._seen)

    def adopt(self, window_s: float, gone: Callable[[str], bool], now: float) -> None:
        """Look back so far from now on, and forget the offers that are gone."""
        self._seen = {offer: seen for offer, seen in self._seen.items() if not gone(offer)}
        if window_s != self._window_s:
            self._window_s = window_s
            for seen in self._seen.values():
                seen.window, seen.at = seen.window.over(window_s, now), 0.0

    def window(self, offer: str) -> Window:
        """An offer's; a new one at its first request."""
        seen = self._seen.get(offer)
        if seen is None:
            seen = self._seen[offer] = _Seen(Window(self._window_s))
        return seen.window

    def served(self, offer: str, now: float, seconds: float) -> None:
        """A request was served here, and took so long."""
        self.window(offer).served(now, seconds)
        if self._pooled is not None:
            self._pooled.served(offer, seconds)

    def failed(self, offer: str, now: float) -> None:
        """A request failed here, and not by its own fault."""
        self.window(offer).failed(now)
        if self._pooled is not None:
            self._pooled.failed(offer)

    def add(self, offer: str, now: float, counts: Counts) -> None:
        """Another server had so many."""
        self.window(offer).add(now, counts)

    def pardon(self, offer: str, now: float) -> None:
        """What failed is forgotten."""
        self.window(offer).pardon(now)
        if self._pooled is not None:
            self._pooled.pardon(offer)

    def measured(self, offer: str, now: float) -> Measured:
        """What is known of an offer, at most FRESH_S old; nothing of one that was never asked."""
        seen = self._seen.get(offer)
        return Measured() if seen is None else _fresh(seen, now)

    def news(self, now: float) -> Iterator[OfferMeasured]:
        """What this server knows, of all servers' requests, where that has changed since this was last asked."""
        for offer, seen in self._seen.items():
            measured = _fresh(seen, now)
            if measured != seen.told:
                seen.told = measured
                provider, _, model = offer.partition("/")
                told = {name: getattr(measured, name) for name in ("error_rate", "p50", "p95", "p99")}
                yield OfferMeasured(provider=provider, model=model, **told)


def _fresh(seen: _Seen, now: float) -> Measured:
    if now >= seen.at + FRESH_S:
        seen.measured, seen.at = seen.window.measured(now), now
    return seen.measured
