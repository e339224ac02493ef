"""What was asked for and what became of it, read back page by page: enough to plan it again, without a prompt.

Every page is a transaction of its own, so that a month can be read while a server goes on writing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlalchemy import Connection, Engine, and_, func, or_, select

from proxy.ledger.tables import entries, jobs, keys

PAGE = 1000
"""Requests read at once: what is in memory, however many there are."""


class Bought(Struct, frozen=True, kw_only=True):
    """What one request had at one offer. Amounts in micro-USD."""

    offer: str
    """`provider/model`."""
    held: int
    """What its submissions there were quoted at."""
    paid: int
    """What was settled for them, and what was overrun."""
    overrun: int
    """Of that, what was not charged to the team."""
    images: int
    """Pictures delivered."""
    settled: bool
    """Whether any of its submissions there was paid for, if only with nothing."""
    beside: bool
    """For work on a picture that counts already, or on the prompt: no offer was chosen for it by the plan."""


class Past(Struct, frozen=True, kw_only=True):
    """One request as the ledger remembers it."""

    job: str
    team: str
    test: bool
    """Its key was a test key: the sandbox served it whatever it asked for."""
    model: str
    """As the caller named it."""
    facts: str
    """`pricing.Billable` as JSON."""
    policy: str | None
    """The policy that chose, where it was written down."""
    plan: str | None
    """What it chose from, as it was kept."""
    state: str
    """`open`, `done` or `failed`."""
    created: int
    """Milliseconds since 1970."""
    finished: int | None
    bought: tuple[Bought, ...] = ()
    """By offer, in the order they were tried."""


def history(engine: Engine, since: int, until: int, team: str | None = None, page: int = PAGE) -> Iterator[Past]:
    """Every request that came between two moments (ms; the second is outside), oldest first; of one team if named."""
    last = (since, "")
    while True:
        with engine.connect().execution_options(reads=True) as connection:
            found = _page(connection, last, until, team, page)
        yield from found
        if len(found) < page:
            return
        last = (found[-1].created, found[-1].job)


def counted(connection: Connection, since: int, until: int, team: str | None = None) -> int:
    """How many requests there are to be read."""
    query = select(func.count()).select_from(jobs).where(jobs.c.created >= since, jobs.c.created < until)
    return int(connection.execute(query if team is None else query.where(jobs.c.team == team)).scalar_one())


_JOBS = (
    select(
        *(jobs.c[name] for name in ("job", "team", "model", "facts", "policy", "plan", "state", "created", "finished")),
        func.coalesce(keys.c.test, 0).label("test"),
    )
    .select_from(jobs.outerjoin(keys, keys.c.key == jobs.c.key))
    .order_by(jobs.c.created, jobs.c.job)
)
_ENTRIES = select(
    *(entries.c[name] for name in ("job", "hold", "kind", "provider", "model", "micros", "images"))
).order_by(entries.c.entry)


def _page(connection: Connection, last: tuple[int, str], until: int, team: str | None, page: int) -> list[Past]:
    created, job = last
    later = and_(jobs.c.created >= created, or_(jobs.c.created > created, jobs.c.job > job))
    query = _JOBS.where(later, jobs.c.created < until).limit(page)
    if team is not None:
        query = query.where(jobs.c.team == team)
    rows = connection.execute(query).all()
    trails: dict[str, list[_Entry]] = {row.job: [] for row in rows}
    for entry in connection.execute(_ENTRIES.where(entries.c.job.in_(trails))):
        trails[entry[0]].append(_Entry(*entry[1:]))
    return [Past(**{**row._mapping, "test": bool(row.test)}, bought=_bought(trails[row.job])) for row in rows]


class _Entry(Struct, frozen=True):
    hold: str
    kind: str
    provider: str
    model: str
    micros: int
    images: int


class _Sum(Struct):
    held: int = 0
    paid: int = 0
    overrun: int = 0
    images: int = 0
    settled: bool = False


def _bought(trail: Sequence[_Entry]) -> tuple[Bought, ...]:
    """The entries of a job by offer. A hold for no picture is for work beside the plan's."""
    beside: dict[str, bool] = {}
    sums: dict[tuple[str, bool], _Sum] = {}
    for entry in trail:
        if entry.kind == "hold":
            beside[entry.hold] = entry.images == 0
        at = (f"{entry.provider}/{entry.model}", beside[entry.hold])
        total = sums.setdefault(at, _Sum())
        if entry.kind == "hold":
            total.held += entry.micros
        elif entry.kind in {"settle", "overrun"}:
            total.paid += entry.micros
            total.images += entry.images
            total.settled = True
            if entry.kind == "overrun":
                total.overrun += entry.micros
    return tuple(
        [
            Bought(
                offer=offer,
                held=total.held,
                paid=total.paid,
                overrun=total.overrun,
                images=total.images,
                settled=total.settled,
                beside=aside,
            )
            for (offer, aside), total in sums.items()
        ]
    )
