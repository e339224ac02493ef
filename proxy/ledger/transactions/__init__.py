"""How a group of orders becomes one transaction: what differs between a file of one's own and a server for many.

A SQLite file has one writer at a time, and what one transaction left is good for the next until somebody else wrote.
In PostgreSQL many write at once: nothing is remembered of balances, rows are locked, and whatever a server may answer
to a COMMIT, silence included, has a meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from proxy.ledger.orders import Note
from proxy.ledger.transactions.contract import TURNS, LostError, Transactions, UnreachableError
from proxy.ledger.transactions.file import OnFile

__all__ = ["TURNS", "LostError", "OnFile", "Transactions", "UnreachableError", "transactions_on"]


def transactions_on(place: Path | str, tell: Callable[[Note], None]) -> Transactions:
    """On the ledger at a place."""
    if isinstance(place, Path):
        return OnFile(place)
    from proxy.ledger.transactions.server import OnServer  # psycopg takes longer to load than all the rest

    return OnServer(place, tell)
