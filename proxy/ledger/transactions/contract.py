"""What is asked of a transaction, wherever the ledger lies."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection

from proxy.ledger.recall import Memory
from proxy.ledger.statements import Statements

TURNS = 8
"""Times a group is posted before one of its orders is taken to be at fault."""


class UnreachableError(RuntimeError):
    """The database was away for longer than anybody waits."""


class LostError(RuntimeError):
    """The connection was lost, and nothing of the transaction is there."""


class Transactions(Protocol):
    """One after the other, over one connection."""

    statements: Statements
    failures: tuple[type[Exception], ...]
    """What the orders of a transaction, others at the same rows, or a lost connection can make of it."""

    @property
    def connection(self) -> Connection:
        """What the transaction that was begun is on."""

    def begin(self) -> Memory:
        """Begin one; returns what is still known for certain. Raises UnreachableError."""

    def commit(self) -> None:
        """It is durable when this returns, and not there at all when this raises; UnreachableError leaves it open."""

    def rollback(self) -> None:
        """Take it back."""

    def again(self, error: Exception, turn: int) -> bool:
        """Whether posting the same orders once more may succeed, after an error of a transaction."""

    def close(self) -> None:
        """Close the connection."""
