"""Where limits stand: what they are at a moment, with raises and what was carried over, and what of them is used."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select, tuple_

from proxy.ledger.balance import Account, Balance, kept
from proxy.ledger.limit import Limit
from proxy.ledger.rules import Rules
from proxy.ledger.statements import AMOUNTS
from proxy.ledger.sums import summed
from proxy.ledger.tables import balances, teams


class BudgetState(Struct, frozen=True, kw_only=True):
    """Where a budget stands: in micro-USD, pictures or pixels."""

    scope: str
    what: str
    window: str
    limit: int
    """With the raises of now, and what was carried over."""
    settled: int
    held: int
    zone: str = "UTC"
    soft: tuple[int, ...] = ()
    frees: int | None = None
    """When (ms) some of what is used counts no more; None for never."""

    @property
    def left(self) -> int:
        """What may still be spent."""
        return self.limit - self.settled - self.held


def budget_states(connection: Connection, team: str, key: str | None, now: int, *, user: str = "") -> list[BudgetState]:
    """Where the budgets stand that hold for a team at a moment (ms): also for a key, and an end user, where given."""
    rules = Rules.read(connection, now)
    org = connection.execute(select(teams.c.org).where(teams.c.team == team)).scalar()
    scopes = [f"team:{team}", *([f"key:{key}"] if key else []), *([f"user:{team}/{user}"] if user else [])]
    return states_of(connection, rules, [*([f"org:{org}"] if org else []), *(scopes if org else [])], now)


def states_of(connection: Connection, rules: Rules, scopes: Iterable[str], now: int) -> list[BudgetState]:
    """Where every limit of some scopes stands, each scope's by what and window."""
    limits = [limit for scope in scopes for limit in rules.of(scope)]
    found = read(connection, {account for limit in limits for account in counted(limit, now)})
    return [_state(limit, found, now) for limit in limits]


def counted(limit: Limit, now: int) -> set[Account]:
    """The balances a limit is told from at a moment."""
    return {*limit.needs(now, now), *[(limit.scope, label) for label in limit.window.labels(now)]}


def read(connection: Connection, wanted: Iterable[Account]) -> dict[Account, Balance]:
    """Balances as they are, those that nobody keeps added up from the entries. Nothing is locked by it."""
    wanted = sorted(wanted)
    found = {
        (scope, label): Balance(*amounts)
        for scope, label, *amounts in connection.execute(_BALANCES, {"wanted": wanted or [("", "")]})
    }
    for account in wanted:
        if account not in found:
            found[account] = Balance() if kept(account) else summed(connection, account)
    return found


def _state(limit: Limit, found: dict[Account, Balance], now: int) -> BudgetState:
    rows = [found[limit.scope, label] for label in limit.window.labels(now)]
    name = "" if limit.what == "usd" else f"{limit.what}_"
    return BudgetState(
        scope=limit.scope,
        what=limit.what,
        window=limit.window.name,
        limit=limit.amount_at(found, now),
        settled=sum(getattr(row, f"{name}settled") for row in rows),
        held=sum(getattr(row, f"{name}held") for row in rows),
        zone=limit.window.zone,
        soft=limit.soft,
        frees=limit.frees(found, now),
    )


_BALANCES = select(balances.c.scope, balances.c.window, *(balances.c[name] for name in AMOUNTS)).where(
    tuple_(balances.c.scope, balances.c.window).in_(bindparam("wanted", expanding=True))
)
