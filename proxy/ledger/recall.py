"""What orders need to know before they are carried out, and what of it is remembered for the next transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, select, tuple_

from proxy.ledger.balance import Account, Balance, Whose, kept
from proxy.ledger.orders import Close, Hold, JobRecord, Order, Repeated, Reserve
from proxy.ledger.rules import Rules
from proxy.ledger.statements import Statements
from proxy.ledger.sums import summed
from proxy.ledger.tables import balances, holds, jobs

MOST = 200_000
"""Balances that are remembered; then they are read again."""


class Memory:
    """What the last transaction left, good for as long as nobody else wrote. Forgotten whole, never in part."""

    def __init__(self) -> None:
        self.balances: dict[Account, Balance] = {}
        self.rules: Rules | None = None
        self.holds: dict[str, Hold] = {}


class Recollection:
    """What a group of orders needs to know, read into the memory; what is locked by reading it stays as it is."""

    def __init__(self, connection: Connection, statements: Statements, memory: Memory, now: int) -> None:
        self._connection = connection
        self._statements = statements
        self._memory = memory
        self._now = now
        self.rules = memory.rules = memory.rules or Rules.read(connection, now)
        self.repeats: dict[tuple[str, str], Repeated] = {}
        """Jobs whose idempotency keys are used again, by key and idempotency key."""
        self.made: set[Account] = set()
        """Balances that nobody kept until now: they are to be written, whatever they are."""

    def read(self, orders: Iterable[Order]) -> None:
        """Everything the orders touch, and everything that is held against a limit."""
        wanted: set[Account] = set()
        ending: dict[str, int] = {}
        repeating: list[tuple[str, str]] = []
        for order in orders:
            if isinstance(order, Reserve):
                wanted.update(self.rules.needed(whose(order.job), self._now, self._now))
                if order.first and order.job.idempotency is not None:
                    repeating.append((order.job.key, order.job.idempotency))
            elif isinstance(order, Close):
                for outcome in order.outcomes:
                    ending[outcome.hold] = max(outcome.micros, ending.get(outcome.hold, 0))
        for hold in self._holds(list(ending)):
            wanted.update(self.rules.touched(whose(hold), hold.at))
            if ending[hold.hold] > hold.micros:  # what the limits still take of it will be asked
                wanted.update(self.rules.needed(whose(hold), hold.at, self._now))
                wanted.update(self.rules.needed(whose(hold), self._now, self._now))
        if repeating:
            for key, idempotency, *known in self._connection.execute(_REPEATS, {"wanted": repeating}):
                self.repeats[key, idempotency] = Repeated(*known)
        if len(self._memory.balances) > MOST:
            self._memory.balances.clear()
        self._balances(wanted.difference(self._memory.balances))

    def told(self, wanted: Sequence[Account]) -> set[str]:
        """The soft limits that were told under any of these balances."""
        known = self._memory.balances
        unknown = [account for account in wanted if known[account].told is None]
        if unknown:
            for account in unknown:
                known[account].told = ""
            for scope, label, told in self._connection.execute(_TOLD, {"wanted": unknown}):
                known[scope, label].told = told
        return {each for account in wanted for each in (known[account].told or "").split(",")}

    def _holds(self, ending: list[str]) -> list[Hold]:
        known = self._memory.holds
        unknown = [hold for hold in ending if hold not in known]
        if unknown:
            for row in self._connection.execute(_HOLDS, {"wanted": unknown}).mappings():
                known[row["hold"]] = Hold(**row)
        return [known[hold] for hold in ending if hold in known]

    def _balances(self, missing: set[Account]) -> None:
        if not missing:
            return
        known = self._memory.balances
        for scope, label, *amounts in self._statements.recall(self._connection, missing):
            known[scope, label] = Balance(*amounts)
        for account in missing.difference(known):
            if kept(account):
                known[account] = Balance()
            else:
                known[account] = summed(self._connection, account)
                self.made.add(account)


def whose(of: JobRecord | Hold) -> Whose:
    """Whose limits hold for a job, or a hold."""
    return of.team, of.key, of.org, of.user


_HOLDS = select(holds).where(holds.c.hold.in_(bindparam("wanted", expanding=True)))
_TOLD = select(balances.c.scope, balances.c.window, balances.c.told).where(
    tuple_(balances.c.scope, balances.c.window).in_(bindparam("wanted", expanding=True))
)
_REPEATS = select(jobs.c.key, jobs.c.idempotency, jobs.c.job, jobs.c.print, jobs.c.state).where(
    tuple_(jobs.c.key, jobs.c.idempotency).in_(bindparam("wanted", expanding=True))
)
