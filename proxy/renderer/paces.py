"""How long drawing takes, by what it took lately: what an expected wait is made of. Pure.

Quotes are made elsewhere, from figures that are kept; this is for the queue alone, and begins anew with the process.
"""

from __future__ import annotations

from msgspec import Struct

from providers.contract import ImageRequest
from proxy.renderer.asked import size_of
from proxy.renderer.wire import Measured

FIRST_GUESS_S = 5.0
"""Seconds a picture takes, before any was measured."""
LEARNS = 0.3
"""How much the latest picture counts in an estimate."""


class _Pace(Struct, frozen=True):
    """What a model's pictures took lately."""

    steps: float
    rate: float
    """Seconds for a step of a million pixels."""


class Paces:
    """Estimates, by model."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}

    def learn(self, picture: Measured) -> None:
        """A picture was finished."""
        steps = float(max(1, picture.steps))
        rate = picture.seconds / (steps * picture.width * picture.height / 1e6)
        known = self._paces.get(picture.model)
        if known is not None:
            steps = known.steps + LEARNS * (steps - known.steps)
            rate = known.rate + LEARNS * (rate - known.rate)
        self._paces[picture.model] = _Pace(steps, rate)

    def guess(self, model: str, request: ImageRequest) -> float:
        """Seconds of an engine that a request will take, all its pictures together."""
        known = self._paces.get(model)
        if known is None:
            return FIRST_GUESS_S * request.n
        width, height = size_of(request)
        steps = known.steps if request.steps is None else request.steps
        return request.n * steps * known.rate * width * height / 1e6
