"""Transactions in PostgreSQL, where many write at once, connections break, and a COMMIT may stay without an answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from random import Random
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from proxy.ledger.engine import POSTING, connect
from proxy.ledger.orders import Away, Back, Note
from proxy.ledger.recall import Memory
from proxy.ledger.statements import Statements
from proxy.ledger.transactions.contract import LostError, UnreachableError
from proxy.ledger.writing import StaleError

PATIENCE_S = 60.0
"""Seconds a database may be away before its clerk gives up."""
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Between one try to reach it and the next; the last one again and again."""
LOCKS_S = 10
"""Seconds one transaction may wait for another's row, or lie idle between its statements: so long may a machine that
hangs keep others from their money."""
STALE_MS = 7 * 86_400_000
"""Age of a mark whose clerk is gone for good."""
COLLIDED = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATEs of two at the same rows: serialization failure, deadlock, lock not available ..."""
UNIQUE = "23505"
"""... and unique violation."""

try:
    from psycopg import Error as PsycopgError
except ImportError:  # pragma: no cover  without the extra `postgres` there is no PostgreSQL

    class PsycopgError(Exception):  # type: ignore[no-redef]
        """What nobody raises."""


class OnServer:
    """In PostgreSQL.

    Every transaction leaves a mark of its own in `versions`. When the connection is lost while one is being committed,
    the mark says whether it was; reading it waits for the end of the transaction that may still be under way.
    """

    failures: tuple[type[Exception], ...] = (SQLAlchemyError, PsycopgError, StaleError, LostError)

    def __init__(self, url: str, tell: Callable[[Note], None]) -> None:
        self._engine = connect(url)
        self._tell = tell
        self._chance = Random()  # noqa: S311  spreads retries, guards nothing
        self._mark = f"clerk:{secrets.token_hex(12)}"
        self._turn = time.time_ns() // 1_000_000
        self.statements = Statements(self._engine.dialect)
        self._memory: Memory | None = None
        self._version = -1
        self._connection: Connection | None = None
        self._lost: float | None = None
        """Since when (monotonic) there is none that works."""
        self._reach(self._introduce)

    @property
    def connection(self) -> Connection:
        """As `Transactions`."""
        assert self._connection is not None
        return self._connection

    def begin(self) -> Memory:
        """Nothing is remembered but the limits, and these for as long as nobody changed them."""
        if self._connection is None:
            self._reach(self._introduce)
        self._turn += 1
        with self._driver.cursor() as cursor:
            cursor.execute(_BEGIN.format(posting=POSTING, turn=self._turn, mark=self._mark), prepare=False)
            cursor.nextset()
            cursor.nextset()
            marked = cursor.rowcount
            cursor.nextset()
            (version,) = cursor.fetchone() or (0,)
        if marked != 1:  # nobody could say what becomes of this transaction
            self._forget()
            raise LostError("the mark of this clerk was removed")
        memory = Memory()
        if self._memory is not None and self._version == version:
            memory.rules = self._memory.rules
        self._memory, self._version = memory, version
        return memory

    def commit(self) -> None:
        """As `Transactions`."""
        try:
            self._driver.execute("COMMIT")
        except PsycopgError as error:
            if not self._is_lost():
                raise
            self._lose(error)
            if self._reach(self._marked) != self._turn:
                raise LostError("the connection was lost while a transaction was committed, and it was not") from error

    def rollback(self) -> None:
        """As `Transactions`. A server that is gone has done that itself."""
        self._memory = None
        if self._is_lost():
            self._forget()
            return
        try:
            self._driver.execute("ROLLBACK")
        except PsycopgError:
            self._forget()

    def again(self, error: Exception, turn: int) -> bool:
        """Where the connection was lost, or others were at the same rows. Two may use one idempotency key at once: who
        comes second finds the other's the next time.
        """
        if self._connection is None and not isinstance(error, LostError):
            self._lose(error)
            return True
        if isinstance(error, StaleError | LostError):
            return True
        state = getattr(getattr(error, "orig", error), "sqlstate", None)
        if state == UNIQUE:
            return turn == 0
        if state in COLLIDED:
            time.sleep(self._chance.uniform(0, 0.01 * (turn + 1)))
        return state in COLLIDED

    def close(self) -> None:
        """As `Transactions`; the mark goes too, where that is possible."""
        try:
            if self._connection is not None:
                self.connection.execute(_DROP_MARK, {"mark": self._mark})
        except DBAPIError:
            pass  # whoever comes after a week removes it
        self._forget()
        self._engine.dispose()

    # The connection.

    @property
    def _driver(self) -> Any:
        driver = self.connection.connection.driver_connection
        assert driver is not None
        return driver

    def _is_lost(self) -> bool:
        connection = self._connection
        return connection is None or connection.invalidated or bool(self._driver.closed)

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _lose(self, why: object) -> None:
        self._forget()
        if self._lost is None:
            self._lost = time.monotonic()
            self._tell(Away(str(why)[:300]))

    def _reach(self, question: Callable[[Connection], int]) -> int:
        """Ask on a new connection; where that fails, on others for as long as anybody waits."""
        began, tries = time.monotonic(), 0
        while True:
            try:
                self._connection = self._connected()
                answer = question(self._connection)
            except DBAPIError as error:
                self._lose(error.orig)
                if time.monotonic() - began > PATIENCE_S:
                    raise UnreachableError(f"the ledger did not answer for {PATIENCE_S:g} s: {error.orig}") from error
                time.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
            else:
                if self._lost is not None:
                    self._tell(Back(time.monotonic() - self._lost, tries + 1))
                    self._lost = None
                return answer

    def _connected(self) -> Connection:
        """A connection whose transactions are ours to begin and end, and that keeps nobody waiting if this hangs."""
        self._engine.dispose()
        made = self._connection = self._engine.connect()  # whoever loses it on the way closes it
        made = made.execution_options(isolation_level="AUTOCOMMIT", own_transactions=True)
        made.exec_driver_sql(f"SET lock_timeout = '{LOCKS_S}s'")
        made.exec_driver_sql(f"SET idle_in_transaction_session_timeout = '{LOCKS_S}s'")
        return made

    # Questions.

    def _introduce(self, connection: Connection) -> int:
        """Leave the first mark, so that there is a row to wait for; sweep those of clerks that never come back."""
        connection.execute(_DROP_STALE, {"before": time.time_ns() // 1_000_000 - STALE_MS})
        connection.execute(_FIRST_MARK, {"mark": self._mark, "turn": self._turn})
        return self._turn

    def _marked(self, connection: Connection) -> int:
        return int(connection.execute(_MARKED, {"mark": self._mark}).scalar_one())


_BEGIN = """
BEGIN;
SELECT pg_advisory_xact_lock_shared({posting});
UPDATE versions SET version = {turn} WHERE what = '{mark}';
SELECT version FROM versions WHERE what = 'accounts'
"""
"""In one message. Each statement sees what was committed before it began: the version is read under the lock."""
_FIRST_MARK = text(
    "INSERT INTO versions (what, version) VALUES (:mark, :turn)"
    " ON CONFLICT (what) DO UPDATE SET version = excluded.version"
)
_MARKED = text("SELECT version FROM versions WHERE what = :mark FOR UPDATE")
_DROP_MARK = text("DELETE FROM versions WHERE what = :mark")
_DROP_STALE = text("DELETE FROM versions WHERE what LIKE 'clerk:%' AND version < :before")
