"""What vendors took, as the entries say: beside what was held for it, and submission by submission for an invoice.

Read only. Rows are streamed: what is in memory does not grow with the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, func, or_, select

from pricing import Usage
from proxy.ledger.balance import windows
from proxy.ledger.tables import entries
from proxy.ledger.windows import DAY_MS

CHUNK = 1000
"""Rows read at once."""


class Compared(Struct, frozen=True, kw_only=True):
    """A day of an offer: submissions of which the vendor told more than how many pictures there are. Micro-USD."""

    provider: str
    model: str
    day: str
    samples: int
    held: int
    """Their quotes, for the share that was delivered."""
    cost: int
    """What they were settled at, and what was overrun."""


class Charge(Struct, frozen=True):
    """One submission as the ledger knows it, for an invoice."""

    hold: str
    vendor_id: str | None
    model: str
    at: int
    """When it ended, in milliseconds since 1970."""
    micros: int
    """What was settled or overrun; nothing for one that was given up."""


def compared(connection: Connection, *, since: int, provider: str | None = None) -> Iterator[Compared]:
    """Quotes beside vendors' own figures since a moment (ms), by offer and day (UTC), in that order."""
    for (name, model, day), rows in groupby(_figures(connection, since, provider), key=lambda row: row[0]):
        pairs = [(held, cost) for _, held, cost in rows]
        yield Compared(
            provider=name,
            model=model,
            day=windows(day * DAY_MS)["day"],
            samples=len(pairs),
            held=sum([held for held, _ in pairs]),
            cost=sum([cost for _, cost in pairs]),
        )


def _figures(
    connection: Connection, since: int, provider: str | None
) -> Iterator[tuple[tuple[str, str, int], int, int]]:
    """Provider, model and day, quote and cost of every settlement by a vendor's own figure."""
    paid, held, beyond = entries.alias("paid"), entries.alias("held"), entries.alias("beyond")
    day = paid.c.at // DAY_MS
    cost = paid.c.micros + func.coalesce(beyond.c.micros, 0)
    columns = [paid.c.provider, paid.c.model, day, held.c.micros, held.c.images, paid.c.images, paid.c.detail, cost]
    query = (
        select(*columns)
        .join(held, and_(held.c.job == paid.c.job, held.c.hold == paid.c.hold, held.c.kind == "hold"))
        .outerjoin(beyond, and_(beyond.c.job == paid.c.job, beyond.c.hold == paid.c.hold, beyond.c.kind == "overrun"))
        .where(paid.c.kind == "settle", paid.c.at >= since)
        .order_by(paid.c.provider, paid.c.model, day)
    )
    if provider is not None:
        query = query.where(paid.c.provider == provider)
    rows: Iterable[Any] = connection.execute(query.execution_options(yield_per=CHUNK))
    for name, model, on, micros, asked, came, detail, spent in rows:
        quoted = micros if not asked else -(-micros * min(came, asked) // asked)
        if quoted and _stated(detail):
            yield (name, model, on), quoted, spent


def _stated(detail: str | None) -> bool:
    """Whether a settlement's detail is a usage in which the vendor told more than how many pictures there are."""
    try:
        usage = msgspec.json.decode(detail or "", type=Usage)
    except msgspec.DecodeError:  # words: ended by hand, expired, or a prompt written out
        return False
    return usage != Usage(images=usage.images)


def charges(
    connection: Connection, provider: str, *, since: int | None = None, until: int | None = None
) -> Iterator[Charge]:
    """What a provider's submissions came to that ended from `since` until before `until` (ms), as they were posted.

    What was given up is among it where the vendor has an id for it: an invoice may have it all the same.
    """
    known = [entries.c.hold, entries.c.vendor_id, entries.c.model, entries.c.at, entries.c.micros]
    given_up = and_(entries.c.kind == "release", entries.c.vendor_id.is_not(None))
    query = select(*known, entries.c.kind).where(
        entries.c.provider == provider, or_(entries.c.kind.in_(("settle", "overrun")), given_up)
    )
    if since is not None:
        query = query.where(entries.c.at >= since)
    if until is not None:
        query = query.where(entries.c.at < until)
    rows: Iterable[Any] = connection.execute(query.order_by(entries.c.entry).execution_options(yield_per=CHUNK))
    for hold, vendor_id, model, at, micros, kind in rows:
        yield Charge(hold, vendor_id, model, at, 0 if kind == "release" else micros)


def providers(connection: Connection) -> list[str]:
    """Every provider that was ever held money for."""
    return list(connection.execute(select(entries.c.provider).distinct().order_by(entries.c.provider)).scalars())
