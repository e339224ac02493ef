"""Money changes its form here and nowhere else: `Decimal` USD above, whole micro-USD in the ledger."""

from __future__ import annotations

from decimal import Decimal

MICROS_PER_USD = 1_000_000
TINY = -30
"""Power of ten below which an amount is only told apart from none."""


def to_micros(usd: Decimal) -> int:
    """Whole micro-USD for an amount, rounded up, so that a hold is never smaller than its quote."""
    if usd.adjusted() < TINY:  # written out as a ratio it may have a billion digits
        return int(usd > 0)
    numerator, denominator = usd.as_integer_ratio()  # whole numbers: Decimal's own arithmetic stops at 28 digits
    return -(-numerator * MICROS_PER_USD // denominator)


def from_micros(micros: int) -> Decimal:
    """The exact USD amount of whole micro-USD."""
    return Decimal(micros) / MICROS_PER_USD
