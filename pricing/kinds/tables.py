"""Prices from a table, of a picture each: in USD, or in the vendor's credits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from pricing.kinds.lines import Line, Lines, Unpriced
from pricing.usage import Billable, Usage


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of a price table. A condition that is absent holds for every request."""

    price: Decimal
    """Of one picture, in USD or in the vendor's credits."""
    quality: str | None = None
    """`low`, `medium`, `high` ..."""
    size: str | None = None
    """`WIDTHxHEIGHT`."""
    up_to: int | None = None
    """Most pixels this row covers; list such rows smallest first."""
    operation: str | None = None
    """`generate`, `edit.inpaint` ..."""
    background: str | None = None
    """`transparent`, `opaque`."""

    def covers(self, job: Billable) -> bool:
        """Could this row be the one the vendor bills? Whatever the vendor may still choose is left open."""
        if self.operation is not None and self.operation != job.operation:
            return False
        if self.background is not None and self.background != job.background:
            return False
        if self.quality is not None and job.quality not in (None, self.quality):
            return False
        if job.width is None or job.height is None:
            return True
        if self.size is not None and self.size != f"{job.width}x{job.height}":
            return False
        return self.up_to is None or job.width * job.height <= self.up_to


def pick(rows: Iterable[Row], job: Billable) -> Decimal | Unpriced:
    """The price of one picture: the first row that covers it, the dearest of those while the vendor may choose."""
    found: dict[object, Decimal] = {}
    for row in rows:
        if row.covers(job):
            chosen = row.quality if job.quality is None else None
            drawn = (row.size, row.up_to) if job.width is None or job.height is None else None
            found.setdefault((chosen, drawn), row.price)
    if not found:
        size = f"{job.width}x{job.height}" if job.width else "auto"
        return Unpriced(f"no price for {job.operation} at size {size}, quality {job.quality or 'auto'}")
    return max(found.values())


class PerImage(Struct, tag="image", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for each picture, by size, quality or resolution tier."""

    rows: tuple[Row, ...]

    def bound(self, job: Billable) -> Lines | Unpriced:
        """`n` times the row's price."""
        price = pick(self.rows, job)
        return price if isinstance(price, Unpriced) else (Line("image", Decimal(job.n), price * job.n),)

    def metered(self, usage: Usage) -> Lines | None:
        """There is no meter: delivered pictures are counted."""
        return None


class PerCredit(Struct, tag="credit", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many of the vendor's credits for each picture, at so much a credit."""

    usd: Decimal
    """Price of one credit."""
    rows: tuple[Row, ...]
    """Prices in credits."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """`n` times the row's credits, in USD."""
        price = pick(self.rows, job)
        if isinstance(price, Unpriced):
            return price
        return (Line("credit", price * job.n, price * job.n * self.usd),)

    def metered(self, usage: Usage) -> Lines | None:
        """The credits the vendor says it took."""
        return None if usage.credits is None else (Line("credit", usage.credits, usage.credits * self.usd),)
