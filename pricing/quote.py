"""A price and a request in, money out: the quote before the call, the bill after it. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pricing.kinds import Kind, Line, Lines, Unpriced
from pricing.usage import Billable, Usage

__all__ = ["Bill", "Line", "Price", "Quote", "Unpriced", "bill", "ceiling", "quote"]

Confidence = Literal["official", "secondary", "derived", "observed", "operator"]


class Price(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stanza of the book: what some models of a vendor cost, from when, and how we know."""

    models: tuple[str, ...]
    per: Kind
    since: date
    until: date | None = None
    """First day on which it no longer holds."""
    checked: date
    """When somebody last compared it with the source."""
    source: str
    confidence: Confidence = "official"
    credit: Decimal | None = None
    """USD for one of the vendor's credits, where its replies state a charge in credits."""
    note: str | None = None

    def __post_init__(self) -> None:
        """Refuse a price that holds on no day."""
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"until {self.until} is not after since {self.since}")


class Quote(Struct, frozen=True, kw_only=True):
    """The most a request can cost: what a hold can rely on."""

    usd: Decimal
    lines: Lines
    source: str
    """Where the price comes from."""


class Bill(Struct, frozen=True, kw_only=True):
    """What a request did cost."""

    usd: Decimal
    lines: Lines
    metered: bool
    """True where the vendor's own figure was used, False where delivered pictures were counted."""


def quote(price: Price, job: Billable) -> Quote | Unpriced:
    """The upper bound of `job` under `price`, with its breakdown."""
    lines = price.per.bound(job)
    if isinstance(lines, Unpriced):
        return lines
    return Quote(usd=_total(lines), lines=lines, source=price.source)


def ceiling(job: Billable, per_image: Decimal) -> Quote:
    """A quote for an unpriced offer that the operator lets through at so much a picture."""
    line = Line("image, at the operator's ceiling", Decimal(job.n), per_image * job.n)
    return Quote(usd=line.usd, lines=(line,), source="config")


def bill(price: Price, job: Billable, usage: Usage) -> Bill | Unpriced:
    """What `usage` comes to under `price`: the vendor's own figure first, else the delivered pictures.

    A call that delivered nothing and metered nothing costs nothing.
    """
    if usage.usd is not None:
        return _metered((Line("charged by the vendor", Decimal(1), usage.usd),))
    lines = price.per.metered(usage)
    if lines is not None:
        return _metered(lines)
    if usage.credits is not None and price.credit is not None:
        return _metered((Line("credit", usage.credits, usage.credits * price.credit),))
    if usage.images == 0:
        return Bill(usd=Decimal(0), lines=(), metered=False)
    counted = price.per.bound(replace(job, n=usage.images))
    if isinstance(counted, Unpriced):
        return counted
    return Bill(usd=_total(counted), lines=counted, metered=False)


def _metered(lines: Lines) -> Bill:
    return Bill(usd=_total(lines), lines=lines, metered=True)


def _total(lines: Lines) -> Decimal:
    return lines[0].usd if len(lines) == 1 else sum([line.usd for line in lines], Decimal(0))
