"""What a kind answers: the lines a price comes to, or why there is none."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from pricing.usage import Billable

UNMEASURED = "a picture sent along has no size in pixels, and the price depends on it"


class Unpriced(Struct, frozen=True):
    """There is no price, and why. Not a number on purpose: it cannot be added up or mistaken for zero."""

    reason: str


class Line(Struct, frozen=True):
    """One line of a breakdown: so many of something, coming to so much."""

    what: str
    quantity: Decimal
    usd: Decimal


Lines = tuple[Line, ...]


def measured(job: Billable) -> bool:
    """False where a drawing without a size in pixels is sent along."""
    return all(width and height for width, height in job.inputs)
