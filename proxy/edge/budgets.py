"""News of budgets: a team's webhook is told, signed, when so much of a limit is used; and what is used, regularly."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence

from msgspec.structs import asdict
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from proxy.edge.webhooks import Letter, Webhooks, message
from proxy.events import BudgetReached, BudgetUsed, Event, Tell
from proxy.ledger.book import Ledger
from proxy.ledger.rules import Rules
from proxy.ledger.standing import BudgetState, states_of
from proxy.ledger.tables import budgets, keys, teams

LOOK_S = 60.0
"""Seconds from one look at what is used to the next."""
Address = tuple[str, str, str | None]
"""A team, where it wants to be told, and the bearer token for that."""


class BudgetNews:
    """Tells it. A listener to what happens, which only notes it; `run` does the work."""

    def __init__(self, ledger: Ledger, webhooks: Webhooks, tell: Tell) -> None:
        self._ledger = ledger
        self._webhooks = webhooks
        self._tell = tell
        self._waiting: asyncio.Queue[BudgetReached] = asyncio.Queue()

    def hear(self, events: Sequence[Event]) -> None:
        """Note what a webhook is to be told of."""
        for event in events:
            if isinstance(event, BudgetReached):
                self._waiting.put_nowait(event)

    async def run(self) -> None:
        """For as long as the server runs."""
        await asyncio.gather(self._write(), self._look())

    async def _write(self) -> None:
        while True:
            event = await self._waiting.get()
            try:
                await self._send(event)
            except (SQLAlchemyError, OSError):  # the next one is told all the same
                logging.getLogger(__name__).exception("nobody could be told of %s", event)

    async def _send(self, event: BudgetReached) -> None:
        address = await self._ledger.read(lambda connection: address_of(connection, event.scope))
        if address is None:
            return
        team, url, bearer = address
        body = message("budget.reached", self._ledger.now(), asdict(event))
        letter = Letter(
            request=f"budget_{secrets.token_hex(12)}", team=team, key=f"team:{team}", url=url, body=body, bearer=bearer
        )
        await self._webhooks.send(letter)

    async def _look(self) -> None:
        while True:
            try:
                states = await self._ledger.read(lambda connection: shown(connection, self._ledger.now()))
            except SQLAlchemyError:  # a look that fails must not be the last one
                logging.getLogger(__name__).exception("what is used of budgets cannot be told")
                states = []
            for state in states:
                used = state.settled + state.held
                share = used / state.limit if state.limit > 0 else float(used > 0)
                self._tell(BudgetUsed(scope=state.scope, what=state.what, window=state.window, share=share))
            await asyncio.sleep(LOOK_S)


def address_of(connection: Connection, scope: str) -> Address | None:
    """Who is told of a scope: the webhook of its team, if it has one. An organisation has none."""
    kind, _, name = scope.partition(":")
    team: str | None = name.partition("/")[0] if kind in {"team", "user"} else None
    if kind == "key":
        team = connection.execute(select(keys.c.team).where(keys.c.key == name)).scalar()
    row = connection.execute(select(teams.c.webhook, teams.c.webhook_key).where(teams.c.team == team)).first()
    return None if team is None or row is None or not row.webhook else (team, row.webhook, row.webhook_key)


def shown(connection: Connection, now: int) -> list[BudgetState]:
    """Where the limits of teams and organisations stand; of keys and end users there are too many to be shown."""
    rules = Rules.read(connection, now)
    mine = budgets.c.scope.startswith("team:") | budgets.c.scope.startswith("org:")
    scopes = set(connection.execute(select(budgets.c.scope).where(mine).distinct()).scalars())
    if "team:*" in scopes:
        scopes |= {f"team:{team}" for team in connection.execute(select(teams.c.team)).scalars()}
    return states_of(connection, rules, sorted(scopes - {"team:*"}), now)
