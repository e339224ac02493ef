"""What people write in a header, a query or an option: amounts, seconds, lengths of time, names.

None for what is none of it: whoever asked says so in the words of that place.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from math import isfinite

MOST_PLACES = 20
"""Of an amount, before its point or behind: those of 1E-999999999 would fill the memory where it is told in words."""
MOST_MS = 100_000 * 86_400_000
"""A longer time would end, or have begun, where there are no dates."""
_LENGTH = re.compile(r"(\d{1,12})([smhd])")
_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def amount_in(text: str) -> Decimal | None:
    """USD, zero or more."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    exponent = amount.as_tuple().exponent  # a letter for what is infinite, or no number
    return amount if isinstance(exponent, int) and abs(exponent) <= MOST_PLACES and amount >= 0 else None


def seconds_in(text: str) -> float | None:
    """Seconds, more than none."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds > 0 else None


def length_in(text: str, units: str) -> int | None:
    """A length of time in ms: `90s`, `15m`, `12h`, `30d`; `units`: those of these letters that are taken."""
    found = _LENGTH.fullmatch(text)
    if found is None or found[2] not in units:
        return None
    length = int(found[1]) * _MS[found[2]]
    return length if length <= MOST_MS else None


def names_in(text: str) -> frozenset[str]:
    """Names with commas between them."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())
