"""Settings of rules that are amounts, and lots that fall the same whenever they are drawn. Pure."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from math import isfinite

LOTS = 1000
"""A lot is one of so many. Two names draw the same once in a thousand times; then the order of names decides."""
_ALL = 2**20


def check_amount(name: str, usd: Decimal) -> None:
    """Raises ValueError for what is no amount, or less than nothing: a rule would turn into its opposite."""
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"{name} is an amount in USD, zero or more, not {usd}")


def check_number(name: str, number: float) -> None:
    """Raises ValueError for what is no number, or less than nothing."""
    if not isfinite(number) or number < 0:
        raise ValueError(f"{name} is a number, zero or more, not {number}")


def lot(by: str | int, name: str, weight: float = 1.0) -> int:
    """The lot of `name` in a drawing among names, 0 to LOTS - 1: the highest wins, in the proportion of the weights.

    The same `by` draws the same lots, and to take one name out moves only those who would have drawn it. (Rendezvous
    hashing: a uniform number to the power of one over the weight. The number is the middle of a product: as `by` goes
    through all there are, each name's goes round thousands of times, at a pace of its own.)
    """
    drawn = _number(by) * _number(name) >> 20 & _ALL - 1
    if weight == 1:
        return drawn * LOTS >> 20
    return int((drawn / _ALL) ** (1 / weight) * LOTS) if weight > 0 else 0


@lru_cache(4096)
def _number(text: str | int) -> int:
    """30 bits that stand for a text; the names of offers come again with every plan."""
    return int.from_bytes(blake2b(str(text).encode(), digest_size=4).digest()) >> 2
