"""The windows of all offers: each with what it said when it was last asked, and what of that was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from proxy.events import OfferMeasured
from proxy.health.window import Measured, Window

FRESH_S = 0.5
"""What was measured is measured anew no more often: to look at it costs every request."""


class _Seen(Struct):
    window: Window
    measured: Measured = Measured()
    at: float = 0.0
    told: Measured | None = None


class Paces:
    """How every offer does that was ever asked. Whoever calls has the clock."""

    def __init__(self, window_s: float) -> None:
        """`window_s`: how far back is looked."""
        self._window_s = window_s
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

    def measured(self, offer: str, now: float) -> Measured:
        """What is known of an offer, at most FRESH_S old; nothing of one that was never asked."""
        seen = self._seen.get(offer)
        return Measured() if seen is None else _fresh(seen, now)

    def news(self, now: float) -> Iterator[OfferMeasured]:
        """What has changed since this was last asked."""
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
