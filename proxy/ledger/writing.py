"""What a transaction writes down: rows by the statement that takes them, a few statements however many orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import astuple
from sqlalchemy import Connection

from proxy.ledger.balance import Account, Balance
from proxy.ledger.orders import Hold, JobRecord
from proxy.ledger.statements import AMOUNTS, Statements

VENDOR_ID = 128
"""Characters of a vendor's own id that are kept."""
_MANY = ("insert_job", "insert_hold", "insert_entry")
_ONE = ("ticket_hold", "mark_hold", "free_key", "keep_answer", "erase_job", "forget_keys", "mark_told")


class StaleError(RuntimeError):
    """What was remembered is no longer so; post again without memory."""


class Page:
    """The rows of one transaction, until they are written."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._ends: dict[tuple[str, str | None], list[tuple[str]]] = defaultdict(list)
        """Jobs that end, by their state and answer: most share both."""
        self._given: dict[str, list[tuple[str]]] = defaultdict(list)
        """Holds that end, by whose they are."""

    def add(self, statement: str, *values: Any) -> None:
        """The values of one statement, by its name among `Statements`."""
        self._rows[statement].append(values)

    def begin(self, job: JobRecord) -> None:
        """A job. Its team's organisation stands in the entries."""
        self._rows["insert_job"].append((*[getattr(job, name) for name in _JOB], "open", self._now))

    def end(self, job: str, state: str, answer: str | None) -> None:
        """Its end."""
        self._ends[state, answer].append((job,))

    def hold(self, hold: Hold) -> None:
        """Money set aside."""
        self._rows["insert_hold"].append(astuple(hold))

    def give(self, hold: Hold) -> None:
        """It is no longer set aside."""
        self._given[hold.owner].append((hold.hold,))

    def enter(
        self, kind: str, hold: Hold, amounts: tuple[int, int, int], detail: str | None = None, vendor: str | None = None
    ) -> None:
        """An entry. `amounts`: micro-USD, pictures, pixels; `vendor`: the vendor's own id."""
        micros, images, pixels = amounts
        place = (hold.job, hold.hold, hold.team, hold.key, hold.provider, hold.model)
        known = None if vendor is None else vendor[:VENDOR_ID]
        row = (self._now, kind, *place, micros, images, detail, known, hold.org, hold.user, pixels)
        self._rows["insert_entry"].append(row)

    def write(
        self,
        connection: Connection,
        statements: Statements,
        balances: Mapping[Account, Balance],
        touched: Iterable[Account],
    ) -> None:
        """Write it all, and the balances that were touched. Raises StaleError where a hold is gone, or another's."""
        rows = self._rows
        cursor = connection.connection.cursor()
        for name in _MANY:
            if name in rows:
                getattr(statements, name).run(cursor, rows[name])
        for (state, answer), ended in self._ends.items():
            statements.end_jobs.run(cursor, ended, state, self._now, answer)
        put = [(*account, *astuple(balances[account])[:_AMOUNTS]) for account in sorted(touched)]
        statements.put_balance.run(cursor, put)
        for name in _ONE:
            for values in rows.get(name, ()):
                getattr(statements, name).run(cursor, values)
        for owner, ending in self._given.items():
            if statements.end_hold.run(cursor, ending, owner) != len(ending):
                raise StaleError  # somebody else ended one of them, or took it over
        cursor.close()


_AMOUNTS = len(AMOUNTS)
_JOB = tuple(name for name in JobRecord.__struct_fields__ if name != "org")
