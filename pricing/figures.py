"""Every price of one picture that a stanza has, over all that it tells apart, without a request to ask it with."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from math import isqrt

from pricing.kinds import (
    MILLION,
    Kind,
    PerCredit,
    PerImage,
    PerMegapixel,
    PerToken,
    Row,
    TableTokens,
    TierTokens,
    Unpriced,
    pick,
)
from pricing.usage import Billable


def pictures(per: Kind, quality: str | None, size: tuple[int, int] | None) -> list[Decimal]:
    """USD, over everything the stanza tells apart and that is not said. Words read and written are left out."""
    match per:
        case PerImage():
            return _of_rows(per.rows, quality, size)
        case PerCredit():
            return [price * per.usd for price in _of_rows(per.rows, quality, size)]
        case PerMegapixel():
            if size is None:
                return [per.usd if per.first is None else per.first]
            lines = per.bound(Billable(width=size[0], height=size[1]))
            return [] if isinstance(lines, Unpriced) else [sum([line.usd for line in lines], Decimal(0))]
        case PerToken():
            return _of_tokens(per, quality, size)
        case _:
            return []


def _of_rows(rows: tuple[Row, ...], quality: str | None, size: tuple[int, int] | None) -> list[Decimal]:
    """What rows come to, over every operation, background, quality and size they tell apart."""
    found = []
    for operation, background, grade, drawn in product(
        dict.fromkeys(row.operation or "generate" for row in rows),
        dict.fromkeys(row.background for row in rows),
        [quality] if quality else dict.fromkeys(row.quality for row in rows),
        [size] if size else dict.fromkeys(map(_drawn, rows)),
    ):
        width, height = drawn or (None, None)
        job = Billable(operation=operation, background=background, quality=grade, width=width, height=height)
        price = pick(rows, job)
        if not isinstance(price, Unpriced):
            found.append(price)
    return found


def _drawn(row: Row) -> tuple[int, int] | None:
    """A size that a row is for."""
    if row.size is not None:
        width, _, height = row.size.partition("x")
        return int(width), int(height)
    return None if row.up_to is None else (isqrt(row.up_to), isqrt(row.up_to))


def _of_tokens(per: PerToken, quality: str | None, size: tuple[int, int] | None) -> list[Decimal]:
    output = per.output
    if output is None:
        return []
    sizes = [size] if size else [_pair(each) for each in per.auto_sizes]
    if not sizes and isinstance(output, TierTokens):
        sizes = [(isqrt(tier.up_to), isqrt(tier.up_to)) for tier in output.tiers]
    if not sizes and isinstance(output, TableTokens):
        sizes = [_pair(each) for each in {each for row in output.tokens.values() for each in row}]
    counts = [
        output.count(grade, width, height)
        for grade in ([quality] if quality else output.qualities())
        for width, height in sizes
    ]
    return [count * per.image_out / MILLION for count in counts if count is not None]


def _pair(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)
