"""What the admin routes need of the rest, and how they come at the ledger: in a thread, never on the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Connection, Engine

from proxy.balance import Balances
from proxy.config import Config
from proxy.edge.admin.refusing import Refusal
from proxy.edge.desk import Desk
from proxy.health import Health
from proxy.ledger.accounts import AccountError, Accounts, KeyRing, NoSuchError, TakenError
from proxy.ledger.budgets import Budgets
from proxy.ledger.clock import now_ms

T = TypeVar("T")


class Administration(Struct, frozen=True, kw_only=True):
    """What the routes have the server do."""

    folder: Path
    environ: Mapping[str, str] = os.environ
    config: Callable[[], Config]
    """The one that holds."""
    reload: Callable[[str], Awaitable[list[str]]]
    """Reads it anew, for whom; returns the rows that have changed. Raises ConfigError."""
    turn: asyncio.Semaphore
    """Whose turn it is to replay: it takes a core, and one is enough."""
    reports: asyncio.Semaphore
    """Whose turn it is to add up what was spent."""


class Office(Struct, frozen=True, kw_only=True):
    """Everything they may be answered with."""

    desk: Desk
    engine: Engine
    ring: KeyRing
    health: Health
    balances: Balances
    administration: Administration

    def now(self) -> int:
        """Milliseconds since 1970."""
        return now_ms()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query in a thread of its own: a long one keeps no request waiting that the ledger's reader serves."""

        def ask() -> T:
            with self.engine.connect().execution_options(reads=True) as connection:
                return query(connection)

        return await asyncio.to_thread(ask)

    async def ask(self, question: Callable[[Accounts], T]) -> T:
        """Read accounts whole."""
        return await asyncio.to_thread(lambda: question(Accounts(self.engine)))

    async def look(self, query: Callable[[Connection], T]) -> T:
        """Read accounts. Raises `Refusal` where there is no such thing."""
        try:
            return await self.read(query)
        except AccountError as error:
            raise refused(error) from error

    async def change(self, work: Callable[[Accounts], T], given: Callable[[Connection], None] | None = None) -> T:
        """Change accounts, and go by it at once. `given` looks first, in the same transaction, and may refuse.

        Raises `Refusal` where it cannot be done.
        """
        return await self._change(lambda: work(Accounts(self.engine, given=given)))

    async def move(self, work: Callable[[Budgets], T]) -> T:
        """Raise limits or move them, and go by it at once. Raises `Refusal` where it cannot be done."""
        return await self._change(lambda: work(Budgets(self.engine)))

    async def _change(self, work: Callable[[], T]) -> T:
        def act() -> T:
            try:
                return work()
            finally:
                self.ring.refresh()

        try:
            return await asyncio.to_thread(act)
        except AccountError as error:
            raise refused(error) from error


def refused(error: AccountError) -> Refusal:
    """What accounts refuse, as an answer: what there is none of is not found, what there is already is in the way."""
    message = str(error)
    if isinstance(error, NoSuchError):
        return Refusal(404, "not_found", message)
    if isinstance(error, TakenError):
        return Refusal(409, "conflict", message)
    return Refusal(400, "invalid_value", message)
