"""What a price leads one to expect for pictures that were delivered, to hold a vendor's own figure against. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from pricing.kinds import Kind, Owned, PerCredit, PerImage, PerSecond, PerToken, Row, Unpriced
from pricing.quote import Price, quote
from pricing.usage import Billable


class Expected(Struct, frozen=True):
    """What the price list says the pictures cost."""

    usd: Decimal
    exact: bool
    """False where the list only bounds it (tokens, seconds, a quality the vendor chose): less is then no surprise."""

    def against(self, said: Decimal) -> Decimal:
        """What a figure of the vendor's is to be compared with: itself, where it is what a bound leaves room for."""
        return self.usd if self.exact or said > self.usd else said


def expected(price: Price, job: Billable, images: int) -> Expected | Unpriced:
    """What `images` pictures of a job come to by the list, whatever the vendor's meter says."""
    counted = quote(price, replace(job, n=images))
    return counted if isinstance(counted, Unpriced) else Expected(counted.usd, _exact(price.per, job))


def _exact(per: Kind, job: Billable) -> bool:
    match per:
        case PerImage() | PerCredit():
            return _decided(per.rows, job)
        case PerToken() | PerSecond() | Owned():
            return False
    return True


def _decided(rows: Iterable[Row], job: Billable) -> bool:
    """Whether the request leaves the vendor nothing to choose that its price depends on."""
    by_quality = any(row.quality is not None for row in rows)
    by_size = any(row.size is not None or row.up_to is not None for row in rows)
    return (job.quality is not None or not by_quality) and (job.width is not None or not by_size)
