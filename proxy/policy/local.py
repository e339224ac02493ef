"""What is known of a model that is drawn on this machine: when its turn would be, and how long it takes. Pure."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from pricing import Drawing, Pace
from providers.contract import ImageRequest

GUIDED = 1.0
"""A request for more guidance than this has every step ask the model twice."""


class Local(Struct, frozen=True, kw_only=True):
    """How a model of this machine stands, at one moment."""

    wait_s: float = 0.0
    """Seconds of drawing that are before a request made now."""
    ahead: int = 0
    """Requests that they are."""
    full: bool = False
    """As many wait as may: one more would be turned away."""
    warm: bool = False
    """The model is in memory."""
    load_s: float | None = None
    """Seconds that it takes to get there; None where nobody has measured that."""
    pace: Pace = Pace()
    """What its pictures were measured to take."""
    steps: int | None = None
    """Where a request does not say; None where the pipeline decides. Likewise below."""
    guided: bool | None = None

    @property
    def begins_s(self) -> float:
        """Seconds until a request made now would be begun: its wait, and what loading the model takes."""
        return self.wait_s + (0.0 if self.warm else self.load_s or 0.0)

    def bound(self, request: ImageRequest) -> Decimal | None:
        """Seconds that one picture of a request takes at most; None where too little was measured to say.

        What a control adds to every step is not measured apart, nor what unfinished pictures add.
        """
        drawing = self._drawing(request)
        if drawing is None or request.previews or request.operation.startswith("control."):
            return None
        return self.pace.bound(drawing)

    def draws_s(self, request: ImageRequest) -> float | None:
        """Seconds that all pictures of a request should take; None where too little was measured to say."""
        drawing = self._drawing(request)
        expected = None if drawing is None else self.pace.expected(drawing)
        return None if expected is None else expected * request.n

    def _drawing(self, request: ImageRequest) -> Drawing | None:
        billable = request.billable()
        sizes = [(billable.width or 0, billable.height or 0), *billable.inputs]
        pixels = next((width * height for width, height in sizes if width and height), 0)
        if not pixels:
            return None
        return Drawing(
            pixels=pixels,
            steps=self.steps if request.steps is None else request.steps,
            guided=self.guided if request.guidance is None else request.guidance > GUIDED,
        )
