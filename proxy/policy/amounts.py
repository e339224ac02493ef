"""Settings of rules that are amounts, and lots that fall the same whenever they are drawn. Pure."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from math import isfinite

MILLION = 1_000_000
MILLIONTH = Decimal("0.000001")
_ALL = 2**32 - 1


def check_amount(name: str, usd: Decimal) -> None:
    """Raises ValueError for what is no amount, or less than nothing: a rule would turn into its opposite."""
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"{name} is an amount in USD, zero or more, not {usd}")


def check_number(name: str, number: float) -> None:
    """Raises ValueError for what is no number, or less than nothing."""
    if not isfinite(number) or number < 0:
        raise ValueError(f"{name} is a number, zero or more, not {number}")


def lot(by: str, name: str, weight: float = 1.0) -> int:
    """The lot of `name` in a drawing among names, in millionths: the highest wins, in the proportion of the weights.

    The same `by` draws the same lots, and to take one name out moves only those who would have drawn it. (Rendezvous
    hashing: a uniform number to the power of one over the weight.)
    """
    mixed = (_number(by) ^ _number(name)) * 0x9E3779B1 & _ALL
    mixed = (mixed ^ mixed >> 15) * 0x85EBCA6B & _ALL
    if weight == 1:
        return mixed * MILLION >> 32
    return int((mixed / 2**32) ** (1 / weight) * MILLION) if weight > 0 else 0


@lru_cache(4096)
def _number(text: str) -> int:
    """32 bits that stand for a text; the names of offers come again with every plan."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())
