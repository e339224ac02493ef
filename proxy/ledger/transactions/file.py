"""Transactions in a SQLite file: one writer at a time, and what one left is good until somebody else wrote."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Error as SqliteError

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from proxy.ledger.engine import connect
from proxy.ledger.recall import Memory
from proxy.ledger.statements import Statements
from proxy.ledger.writing import StaleError


class OnFile:
    """In a SQLite file."""

    failures: tuple[type[Exception], ...] = (SQLAlchemyError, SqliteError, OverflowError, StaleError)

    def __init__(self, file: Path) -> None:
        self._engine = connect(file)
        self._connection = self._engine.connect().execution_options(own_transactions=True)
        driver = self._connection.connection.driver_connection
        assert driver is not None
        self._driver = driver
        self.statements = Statements(self._engine.dialect)
        self._memory = Memory()
        self._seen = -1

    @property
    def connection(self) -> Connection:
        """As `Transactions`."""
        return self._connection

    def begin(self) -> Memory:
        """Everything is remembered, unless another connection wrote since: then nothing is."""
        self._driver.execute("BEGIN IMMEDIATE")
        (seen,) = self._driver.execute("PRAGMA data_version").fetchone()
        if seen != self._seen:
            self._memory, self._seen = Memory(), seen
        return self._memory

    def commit(self) -> None:
        """As `Transactions`."""
        self._driver.execute("COMMIT")

    def rollback(self) -> None:
        """As `Transactions`."""
        self._memory = Memory()  # it says what was not committed
        if self._driver.in_transaction:
            self._driver.execute("ROLLBACK")

    def again(self, error: Exception, turn: int) -> bool:
        """Only where the memory misled it, which is gone."""
        return isinstance(error, StaleError)

    def close(self) -> None:
        """As `Transactions`."""
        self._connection.close()
        self._engine.dispose()
