"""The statements of the hot path, compiled once for an engine and run with tuples.

SQLAlchemy writes them, so that they fit every engine; running them past its per-row machinery halves what a request
costs the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, literal_column, update
from sqlalchemy.dialects import postgresql, sqlite

from proxy.ledger.tables import balances, entries, holds, jobs

AMOUNTS = ("settled", "held", "images_settled", "images_held")


class Statement:
    """One statement, and the order its values come in."""

    def __init__(self, built: Any, names: Sequence[str], dialect: Dialect) -> None:
        compiled = built.compile(dialect=dialect, column_keys=list(names))
        assert tuple(compiled.positiontup or names) == tuple(names), (compiled.positiontup, names)
        self._sql = str(compiled)

    def run(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
        """Once for every row of values; returns how many rows of the table it changed."""
        values = list(rows)
        return connection.exec_driver_sql(self._sql, values).rowcount if values else 0


class Statements:
    """All of them, for one engine."""

    def __init__(self, dialect: Dialect) -> None:
        def made(built: Any, *names: str) -> Statement:
            return Statement(built, names, dialect)

        job = ("job", "team", "key", "dialect", "model", "facts", "print", "idempotency", "state", "created")
        self.insert_job = made(insert(jobs), *job)
        self.insert_hold = made(insert(holds), *(column.name for column in holds.columns))
        self.insert_entry = made(insert(entries), *(c.name for c in entries.columns if c.name != "entry"))
        self.end_hold = made(delete(holds).where(holds.c.hold == bindparam("ended")), "ended")
        self.mark_hold = made(
            update(holds).where(holds.c.hold == bindparam("marked")).values(state=bindparam("now")), "now", "marked"
        )
        self.ticket_hold = made(
            update(holds).where(holds.c.hold == bindparam("marked")).values(ticket=bindparam("text")), "text", "marked"
        )
        self.end_job = made(
            update(jobs)
            .where(jobs.c.job == bindparam("ended"))
            .values(state=bindparam("now"), finished=bindparam("at"), answer=bindparam("said")),
            *("now", "at", "said", "ended"),
        )
        self.free_key = made(
            update(jobs).where(jobs.c.job == bindparam("ended")).values(idempotency=bindparam("none")), "none", "ended"
        )
        self.keep_answer = made(
            update(jobs).where(jobs.c.job == bindparam("ended")).values(answer=bindparam("said")), "said", "ended"
        )
        self.forget_keys = made(
            update(jobs)
            .where(
                jobs.c.created < bindparam("before"),
                jobs.c.idempotency.is_not(None),
                jobs.c.state != literal_column("'open'"),
            )
            .values(idempotency=bindparam("none")),
            *("none", "before"),
        )
        upsert = (postgresql if dialect.name == "postgresql" else sqlite).insert(balances)
        self.put_balance = made(
            upsert.on_conflict_do_update(
                index_elements=["scope", "window"], set_={name: upsert.excluded[name] for name in AMOUNTS}
            ),
            *("scope", "window", *AMOUNTS),
        )
