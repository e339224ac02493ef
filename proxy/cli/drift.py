"""`darkroom drift`: what was quoted beside what vendors' own figures came to, offer by offer and day by day."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from pricing import from_micros
from proxy.cli import json_option, ledger_option, opened, show_json, show_table, told_plainly
from proxy.cli.money import moment_of
from proxy.explain import usd
from proxy.ledger.charges import Compared, compared

PLACES = Decimal("0.0001")


class Trend(Struct, frozen=True, kw_only=True):
    """An offer over the whole time. Amounts in micro-USD."""

    provider: str
    model: str
    samples: int
    held: int
    cost: int
    trend: Decimal | None
    """How much the ratio of the later half of its days is above that of the earlier; None for a single day."""
    days: tuple[Compared, ...]


def trends(days: Iterable[Compared]) -> list[Trend]:
    """Offers with their days, the one farthest from its quotes first. Days come sorted by offer."""
    found = []
    for (provider, model), group in groupby(days, key=lambda day: (day.provider, day.model)):
        known = tuple(group)
        held, cost = sum(day.held for day in known), sum(day.cost for day in known)
        samples = sum(day.samples for day in known)
        trend = _trend(known)
        found.append(
            Trend(provider=provider, model=model, samples=samples, held=held, cost=cost, trend=trend, days=known)
        )
    return sorted(found, key=lambda each: (-abs(ratio(each.held, each.cost) - 1), each.provider, each.model))


def _trend(days: tuple[Compared, ...]) -> Decimal | None:
    half = len(days) // 2
    if not half:
        return None
    earlier, later = [
        ratio(sum(day.held for day in part), sum(day.cost for day in part)) for part in (days[:half], days[-half:])
    ]
    return later - earlier


def ratio(held: int, cost: int) -> Decimal:
    """Cost over quote, to four places. What was quoted as nothing is not compared, so that `held` is never zero."""
    return (Decimal(cost) / held).quantize(PLACES)


@click.command()
@click.option("--since", default="30d", show_default=True, metavar="30d", help="How far back: 12h, 30d.")
@click.option("--provider", help="Only this provider's offers.")
@json_option
@ledger_option
@told_plainly
def drift(since: str, provider: str | None, as_json: bool, data: Path) -> None:
    """What was quoted beside what vendors' own figures came to, by offer and day (UTC).

    Of submissions of which the vendor told a charge or a meter; a ratio of 1 is as quoted. Tokens and seconds are
    quoted at the most they may be, so that less is usual for them; a change, or more than 1, is for the price book.
    """
    with opened(data).connect().execution_options(reads=True) as connection:
        found = trends(compared(connection, since=moment_of(since), provider=provider))
    if as_json:
        show_json({"offers": [_told(each) for each in found]})
        return
    columns = ["offer", "submissions", "quoted USD", "settled USD", "ratio", "trend"]
    rows = [[_name(each), *_figures(each), _signed(each.trend)] for each in found]
    show_table("Quotes and vendors' figures", columns, rows, right=frozenset(columns[1:]))
    columns = ["offer", "day", "submissions", "quoted USD", "settled USD", "ratio"]
    rows = [[_name(each), day.day, *_figures(day)] for each in found for day in each.days]
    show_table("Day by day", columns, rows, right=frozenset(columns[2:]))


def _name(each: Trend) -> str:
    return f"{each.provider}/{each.model}"


def _figures(each: Trend | Compared) -> list[str]:
    amounts = [usd(from_micros(each.held)), usd(from_micros(each.cost))]
    return [str(each.samples), *amounts, usd(ratio(each.held, each.cost))]


def _signed(trend: Decimal | None) -> str:
    return "" if trend is None else f"{'+' if trend > 0 else ''}{usd(trend)}"


def _told(each: Trend) -> dict[str, Any]:
    return {
        "provider": each.provider,
        "model": each.model,
        "trend": None if each.trend is None else usd(each.trend),
        **_amounts(each),
        "days": [{"day": day.day, **_amounts(day)} for day in each.days],
    }


def _amounts(each: Trend | Compared) -> dict[str, Any]:
    samples, held, cost, over = _figures(each)
    return {"samples": int(samples), "quoted_usd": held, "settled_usd": cost, "ratio": over}
