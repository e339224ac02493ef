"""The statements of the hot path, compiled once for an engine.

SQLAlchemy writes them, so that they fit every engine. They run past its machinery, on the driver's own cursor, and many
rows at a time in one statement: SQLite's driver gives up the interpreter's lock for every statement it steps, and two
threads passing that lock back and forth for every row cost more than all the rest of a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from sqlalchemy import (
    Connection,
    Dialect,
    Table,
    bindparam,
    delete,
    insert,
    literal_column,
    null,
    select,
    tuple_,
    update,
)

from proxy.ledger.balance import Account
from proxy.ledger.orders import Hold, JobRecord
from proxy.ledger.tables import balances, entries, holds, jobs

AMOUNTS = ("settled", "held", "images_settled", "images_held", "pixels_settled", "pixels_held")
CHUNKS = (64, 32, 16, 8, 4, 2, 1)
"""Rows in one statement: few sizes, so that each stays prepared."""
KNOWN = 100_000
"""Rows of `balances` that are remembered to be there, in PostgreSQL."""


class Statement:
    """One statement, and the order its values come in."""

    def __init__(self, built: Any, names: Sequence[str], dialect: Dialect) -> None:
        compiled = built.compile(dialect=dialect, column_keys=list(names))
        assert tuple(compiled.positiontup or names) == tuple(names), (compiled.positiontup, names)
        self._sql = str(compiled)

    def run(self, cursor: Any, values: tuple[Any, ...]) -> int:
        """Once; returns how many rows of the table it changed."""
        cursor.execute(self._sql, values)
        return int(cursor.rowcount)


class Rows:
    """One statement for many rows: its text has a place for a list, `(?, ?), (?, ?)` or `?, ?`."""

    def __init__(self, head: str, row: str, tail: str = "") -> None:
        self._sql = {size: f"{head}{', '.join([row] * size)}{tail}" for size in CHUNKS}

    def run(self, cursor: Any, rows: Sequence[tuple[Any, ...]], *first: Any) -> int:
        """For every row of values, after `first`; returns how many rows of the table it changed."""
        changed = 0
        for chunk in _chunks(rows):
            cursor.execute(self._sql[len(chunk)], (*first, *[value for row in chunk for value in row]))
            changed += cursor.rowcount
        return changed


def _chunks(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    at = 0
    for size in CHUNKS:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


class Recall(Protocol):
    """How balances are read that are going to be written."""

    def __call__(self, connection: Connection, wanted: AbstractSet[Account]) -> list[tuple[Any, ...]]:
        """Scope, window and AMOUNTS of those there are; from here on nobody else changes any that are wanted."""


class Read:
    """Where a transaction is alone from its beginning."""

    def __call__(self, connection: Connection, wanted: AbstractSet[Account]) -> list[tuple[Any, ...]]:
        """As `Recall`."""
        return [tuple(row) for row in connection.execute(_BALANCES, {"wanted": list(wanted)})]


class Locked:
    """Where others write at the same time: rows are locked, everybody's in one order, so that nobody waits in a circle.

    One that is not there yet is made, with nothing in it, since only what is there can be locked.
    """

    def __init__(self) -> None:
        self._known: set[Account] = set()
        """Rows that others may read: there is no need to make them. Never a row that only this transaction has made."""

    def __call__(self, connection: Connection, wanted: AbstractSet[Account]) -> list[tuple[Any, ...]]:
        """As `Recall`; what was made for it is not among the rows."""
        cursor = connection.connection.cursor()
        made = self._make(cursor, sorted(wanted - self._known))
        found = self._lock(cursor, sorted(wanted))
        if len(found) < len(wanted):  # somebody removed one that was known
            missing = wanted - {(row[0], row[1]) for row in found}
            self._known -= missing
            made |= self._make(cursor, sorted(missing))
            found += self._lock(cursor, sorted(missing))
        cursor.close()
        if len(self._known) > KNOWN:
            self._known.clear()
        known = [row for row in found if (row[0], row[1]) not in made]
        self._known.update([(row[0], row[1]) for row in known])
        return known

    def _make(self, cursor: Any, missing: Sequence[Account]) -> set[Account]:
        if not missing:
            return set()
        cursor.execute(_MAKE, _columns(missing))
        return {(scope, window) for scope, window in cursor.fetchall()}

    def _lock(self, cursor: Any, wanted: Sequence[Account]) -> list[tuple[Any, ...]]:
        cursor.execute(_LOCK, _columns(wanted))
        return list(cursor.fetchall())


def _columns(accounts: Sequence[Account]) -> tuple[list[str], list[str]]:
    return [scope for scope, _ in accounts], [window for _, window in accounts]


_BALANCES = select(balances.c.scope, balances.c.window, *(balances.c[name] for name in AMOUNTS)).where(
    tuple_(balances.c.scope, balances.c.window).in_(bindparam("wanted", expanding=True))
)
_MAKE = f"""INSERT INTO balances (scope, "window", {", ".join(AMOUNTS)})
    SELECT scope, "window", {", ".join("0" * len(AMOUNTS))} FROM unnest(%s::text[], %s::text[]) AS new (scope, "window")
    ON CONFLICT DO NOTHING RETURNING scope, "window\""""  # noqa: S608  names of our own columns
_LOCK = f"""SELECT scope, "window", {", ".join(AMOUNTS)} FROM balances
    WHERE (scope, "window") IN (SELECT * FROM unnest(%s::text[], %s::text[]))
    ORDER BY scope, "window" FOR UPDATE"""  # noqa: S608  names of our own columns


class Statements:
    """All of them, for one engine."""

    def __init__(self, dialect: Dialect) -> None:
        single = partial(Statement, dialect=dialect)
        self.insert_job = _inserting(
            dialect, jobs, *(name for name in JobRecord.__struct_fields__ if name != "org"), "state", "created"
        )
        self.insert_hold = _inserting(dialect, holds, *Hold.__struct_fields__)
        self.insert_entry = _inserting(
            dialect, entries, *(column.name for column in entries.columns if column.name != "entry")
        )
        self.put_balance = _upserting(dialect)
        self.recall: Recall = Locked() if dialect.name == "postgresql" else Read()
        self.end_hold = _among(dialect, _END_HOLD)
        self.end_jobs = _among(dialect, _END_JOBS)
        self.mark_hold = single(_HOLD.values(state=bindparam("now")), ("now", "one"))
        self.ticket_hold = single(_HOLD.values(ticket=bindparam("text")), ("text", "one"))
        self.mark_told = single(_MARK_TOLD, ("told_now", "whose", "when"))
        self.free_key = single(_JOB.values(idempotency=bindparam("none")), ("none", "one"))
        self.keep_answer = single(_JOB.values(answer=bindparam("said")), ("said", "one"))
        self.erase_job = single(_JOB.values(recall=null(), plan=null(), answer=null()), ("one",))
        self.forget_keys = single(_FORGET_KEYS, ("none", "before"))


_HOLD = update(holds).where(holds.c.hold == bindparam("one"))
_JOB = update(jobs).where(jobs.c.job == bindparam("one"))
_END_HOLD = delete(holds).where(holds.c.owner == bindparam("whose"), holds.c.hold == bindparam("one"))
_END_JOBS = _JOB.values(state=bindparam("now"), finished=bindparam("at"), answer=bindparam("said"))
_MARK_TOLD = (
    update(balances)
    .where(balances.c.scope == bindparam("whose"), balances.c.window == bindparam("when"))
    .values(told=bindparam("told_now"))
)
_FORGET_KEYS = (
    update(jobs)
    .where(
        jobs.c.created < bindparam("before"),
        jobs.c.idempotency.is_not(None),
        jobs.c.state != literal_column("'open'"),
    )
    .values(idempotency=bindparam("none"))
)


def _inserting(dialect: Dialect, table: Table, *names: str) -> Rows:
    compiled = str(insert(table).inline().compile(dialect=dialect, column_keys=list(names)))
    head, _, row = compiled.partition(" VALUES ")
    ordered = [column.name for column in table.columns if column.name in names]
    assert ordered == list(names), (ordered, names)  # that is how SQLAlchemy writes them
    return Rows(f"{head} VALUES ", row)


def _among(dialect: Dialect, built: Any) -> Rows:
    """For any number of what it asks for last."""
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    head, _, _ = str(built.compile(dialect=dialect)).rpartition(mark)
    return Rows(f"{head.removesuffix('= ')}IN (", mark, ")")


def _upserting(dialect: Dialect) -> Rows:
    upsert = import_module(f"sqlalchemy.dialects.{dialect.name}").insert(
        balances
    )  # one of them; loading both takes time
    built = upsert.on_conflict_do_update(
        index_elements=["scope", "window"], set_={name: upsert.excluded[name] for name in AMOUNTS}
    )
    names = ["scope", "window", *AMOUNTS]
    head, _, rest = str(built.compile(dialect=dialect, column_keys=names)).partition(" VALUES ")
    row, _, tail = rest.partition(" ON CONFLICT ")
    return Rows(f"{head} VALUES ", row, f" ON CONFLICT {tail}")
