"""What was spent: the settlements, added up by whatever is asked for. Read only.

The database adds up and the rows are streamed, so that what is in memory grows neither with the ledger nor with the
answer. A settlement counts on the day on which it was made; what a vendor took beyond hold and budget is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal, get_args

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, Connection, Label, Select, case, cast, func, literal_column, select

from proxy.ledger.balance import windows
from proxy.ledger.tables import entries, jobs
from proxy.ledger.windows import DAY_MS

Group = Literal["day", "org", "team", "key", "user", "provider", "model", "dialect"]
"""What spending is told apart by. `day` is in UTC; `dialect` the one that the request was in."""
GROUPS: tuple[Group, ...] = get_args(Group)
CHUNK = 1000
"""Rows read at once."""

_DAY = entries.c.at // literal_column(str(DAY_MS))  # not as a parameter: two of them are two groups to PostgreSQL
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "day": _DAY,
    "dialect": jobs.c.dialect,
    **{name: entries.c[name] for name in ("org", "team", "key", "user", "provider", "model")},
}


class Span(Struct, frozen=True, kw_only=True):
    """Which settlements: from a moment (ms) until before another one, and only those that have these values."""

    since: int = 0
    until: int | None = None
    only: Mapping[Group, str] = {}
    """Values by group; `day` as `2026-11-21`."""


class Spent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was settled for one group. Whatever it was not told apart by is None."""

    requests: int
    """Requests that something was settled for: one that two models worked for counts for each."""
    images: int
    pixels: int
    micros: int
    """What teams were charged, in micro-USD."""
    beyond: int
    """What vendors took above that: on the house."""
    day: str | None = None
    org: str | None = None
    team: str | None = None
    key: str | None = None
    user: str | None = None
    provider: str | None = None
    model: str | None = None
    dialect: str | None = None


def usage(connection: Connection, by: Iterable[Group], span: Span = Span()) -> Iterator[Spent]:  # noqa: B008  frozen
    """What was settled, told apart by some groups; day by day where `day` is one of them, the dearest first."""
    groups = [group for group in GROUPS if group in set(by)]
    rows: Iterable[Any] = connection.execute(_query(groups, span).execution_options(yield_per=CHUNK)).mappings()
    for row in rows:
        told = dict(row)
        if "day" in told:
            told["day"] = windows(told["day"] * DAY_MS)["day"]
        yield Spent(**told)


def _query(groups: list[Group], span: Span) -> Select[Any]:
    settled = entries.c.kind == "settle"
    charged = _sum("micros", settled, entries.c.micros)
    columns = [_COLUMNS[group].label(group) for group in groups]
    query = select(
        *columns,
        func.count(func.distinct(entries.c.job)).label("requests"),
        _sum("images", settled, entries.c.images),
        _sum("pixels", settled, entries.c.pixels),
        charged,
        _sum("beyond", entries.c.kind == "overrun", entries.c.micros),
    ).where(entries.c.kind.in_(("settle", "overrun")), entries.c.at >= span.since)
    if span.until is not None:
        query = query.where(entries.c.at < span.until)
    if "dialect" in groups or "dialect" in span.only:
        query = query.join(jobs, jobs.c.job == entries.c.job)
    for group, value in span.only.items():
        query = query.where(_COLUMNS[group] == (_day(value) if group == "day" else value))
    if not groups:
        return query.having(func.count() > 0)  # nothing at all is no row, as it is with groups
    chronological = [_DAY] if "day" in groups else []
    names = [_COLUMNS[group] for group in groups if group != "day"]
    return query.group_by(*[_COLUMNS[group] for group in groups]).order_by(*chronological, charged.desc(), *names)


def _sum(name: str, where: ColumnElement[bool], amount: ColumnElement[int]) -> Label[int]:
    return cast(func.sum(case((where, amount), else_=0)), BigInteger).label(name)


def _day(text: str) -> int:
    """The number of a day, as the rows are grouped by. Raises ValueError for what is no day."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days
