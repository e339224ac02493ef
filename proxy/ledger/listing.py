"""Entries and jobs page by page, the newest first. Reads only.

A page goes on behind the last row of the one before, by moment and id: what is written meanwhile moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from proxy.ledger.tables import entries, jobs

Behind = tuple[int, int | str]
"""The moment and the id of a row."""


class Window(Struct, frozen=True, kw_only=True):
    """Which rows: from a moment (ms) until before another one, with these values, behind a row."""

    since: int
    until: int | None = None
    only: Mapping[str, str] = {}
    behind: Behind | None = None
    limit: int = 100


class EntryRow(Struct, frozen=True, kw_only=True):
    """A line of the ledger. Amounts are micro-USD, moments milliseconds since 1970."""

    entry: int
    at: int
    kind: str
    job: str
    hold: str
    org: str
    team: str
    key: str
    user: str
    provider: str
    model: str
    micros: int
    images: int
    pixels: int
    detail: str | None
    vendor_id: str | None


class JobRow(Struct, frozen=True, kw_only=True):
    """A request that got as far as spending."""

    job: str
    team: str
    key: str
    user: str
    dialect: str
    model: str
    policy: str | None
    state: str
    created: int
    finished: int | None
    charged: int = 0
    """What the team paid, in micro-USD."""


_ENTRY = [entries.c[name] for name in EntryRow.__struct_fields__]
_JOB = [jobs.c[name] for name in JobRow.__struct_fields__ if name != "charged"]


def entry_page(connection: Connection, window: Window) -> list[EntryRow]:
    """Lines of the ledger, the newest first."""
    rows = _rows(connection, entries, _ENTRY, ("at", "entry"), window)
    return [EntryRow(**row) for row in rows]


def job_page(connection: Connection, window: Window) -> list[JobRow]:
    """Requests, the newest first, with what they came to."""
    rows = _rows(connection, jobs, _JOB, ("created", "job"), window)
    paid = select(entries.c.job, func.sum(entries.c.micros)).where(
        entries.c.kind == "settle", entries.c.job.in_([row["job"] for row in rows])
    )
    charged = {job: int(micros) for job, micros in connection.execute(paid.group_by(entries.c.job))}
    return [JobRow(**row, charged=charged.get(row["job"], 0)) for row in rows]


def _rows(
    connection: Connection, table: Table, columns: Sequence[ColumnElement[Any]], order: tuple[str, str], window: Window
) -> Sequence[Any]:
    at, id_ = (table.c[name] for name in order)
    query = select(*columns).where(at >= window.since, *[table.c[name] == said for name, said in window.only.items()])
    if window.until is not None:
        query = query.where(at < window.until)
    if window.behind is not None:
        moment, last = window.behind
        query = query.where(at <= moment, or_(at < moment, and_(at == moment, id_ < last)))
    return connection.execute(query.order_by(at.desc(), id_.desc()).limit(window.limit)).mappings().all()
