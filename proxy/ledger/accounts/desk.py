"""What every change of the accounts has: one transaction, a version that grows, a row in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from proxy.ledger.audit import record
from proxy.ledger.clock import now_ms
from proxy.ledger.engine import changes_limits
from proxy.ledger.tables import versions

SCRIPT = "script"
"""Who changed something, where whoever called did not say."""


class AccountError(ValueError):
    """What was asked of the accounts cannot be done; the message says why and what to do."""


class NoSuchError(AccountError):
    """What was to be changed is not there."""


class TakenError(AccountError):
    """What was to be made is there already."""


class Desk:
    """Where accounts are changed."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int] = now_ms,
        given: Callable[[Connection], None] | None = None,
    ) -> None:
        """`clock`: milliseconds since 1970. `given` looks at the start of every change, and raises to refuse it."""
        self._engine = engine
        self._clock = clock
        self._given = given

    def version(self) -> int:
        """Grows with every change of the accounts, by any process."""
        with self._reading() as connection:
            row = connection.execute(select(versions.c.version).where(versions.c.what == "accounts")).scalar()
            return row or 0

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(reads=True) as connection:
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """A transaction that changes something: whoever holds keys in memory reads them again."""
        with self._engine.begin() as connection:
            changes_limits(connection)
            _grow(connection)  # first: its row makes changes wait for one another
            if self._given is not None:
                self._given(connection)
            yield connection

    def _note(
        self, connection: Connection, who: str, action: str, what: str, before: Any = None, after: Any = None
    ) -> None:
        record(connection, at=self._clock(), who=who, action=action, what=what, before=before, after=after)


def _grow(connection: Connection) -> None:
    grown = update(versions).where(versions.c.what == "accounts").values(version=versions.c.version + 1)
    if connection.execute(grown).rowcount == 0:
        try:
            with connection.begin_nested():
                connection.execute(insert(versions).values(what="accounts", version=1))
        except IntegrityError:  # the first change of another was faster
            connection.execute(grown)
