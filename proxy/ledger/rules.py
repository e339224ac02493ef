"""Every limit there is, as one reading of the ledger found them: whose they are, and what is counted for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, or_, select

from proxy.ledger.balance import Account, Whose, accounts
from proxy.ledger.limit import Limit, Raise
from proxy.ledger.tables import budgets, keys, organisations, raises, teams
from proxy.ledger.windows import DAY_MS, MINUTE_MS, Window

WHATS = ("usd", "images", "pixels")
"""What is counted in balances."""
PAST_MS = 100 * DAY_MS
"""Raises that ended longer ago are of no consequence: neither this window nor the one before had them."""
MOST = 50_000
"""Scopes that are kept in mind; there may be an end user to every request."""
Check = tuple[str, Account, int | None, Limit]
"""A limit at a moment: what it counts, the balance of then, and its amount if it is plain: that is then all of it."""
_Known = tuple[tuple[str, ...], tuple[tuple[str, Window], ...], tuple[Limit, ...]]
"""Of somebody: scopes, what is counted beside what always is, and limits that take more than one balance."""


class Rules:
    """The limits by scope. Good until the accounts change."""

    def __init__(self, limits: dict[str, list[dict[str, Any]]], up: dict[str, list[Any]], born: dict[str, int]) -> None:
        """Rows of `budgets` and of `raises` by scope, and when scopes were made where a limit carries over."""
        self._rows = limits
        self._raises = up
        self._born = born
        self._limits: dict[str, tuple[Limit, ...]] = {}
        self._checks: dict[Whose, tuple[int, tuple[Check, ...]]] = {}
        self._touched: dict[Whose, tuple[int, tuple[Account, ...]]] = {}
        self._whose: dict[Whose, _Known] = {}
        self.tells = any(row["soft"] for rows in limits.values() for row in rows)
        """Whether anybody wants to know how much of a limit is used."""

    @classmethod
    def read(cls, connection: Connection, now: int) -> Rules:
        """As they are now; raises and births as of a moment (ms)."""
        limits: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in connection.execute(_BUDGETS).mappings():
            limits[row["scope"]].append(dict(row))
        up: dict[str, list[Any]] = defaultdict(list)
        lasting = or_(raises.c.ends.is_(None), raises.c.ends > now - PAST_MS)
        for row in connection.execute(select(raises).where(lasting).order_by(raises.c["raise"])).mappings():
            up[row["scope"]].append(row)
        carries = any(row["carry"] for rows in limits.values() for row in rows)
        return cls(limits, up, dict(_births(connection)) if carries else {})

    def scopes(self, whose: Whose) -> tuple[str, ...]:
        """Whose limits hold for somebody, the narrowest first."""
        return self._known(whose)[0]

    def of(self, scope: str) -> tuple[Limit, ...]:
        """The limits of a scope: its own, and the defaults of its kind where it has none for that and for so long."""
        found = self._limits.get(scope)
        if found is None:
            rows = {(row["what"], row["window"]): row for name in _names(scope) for row in self._rows.get(name, ())}
            if len(self._limits) >= MOST:
                self._limits.clear()
            found = self._limits[scope] = tuple([self._limit(scope, row) for _, row in sorted(rows.items())])
        return found

    def checks(self, whose: Whose, now: int) -> tuple[Check, ...]:
        """What somebody's limits are held against at a moment, the narrowest scope first."""
        minute = now // MINUTE_MS
        known = self._checks.get(whose)
        if known is None or known[0] != minute:
            known = self._checks[whose] = minute, tuple([_check(each, now) for each in self._limits_of(whose)])
        return known[1]

    def touched(self, whose: Whose, at: int) -> tuple[Account, ...]:
        """Every balance that a hold of a moment counts in."""
        minute = at // MINUTE_MS
        known = self._touched.get(whose)
        if known is None or known[0] != minute:
            extra = [(scope, window.label(at)) for scope, window in self._known(whose)[1]]
            known = self._touched[whose] = minute, (*accounts(whose[0], whose[1], at), *extra)
        return known[1]

    def needed(self, whose: Whose, at: int, now: int) -> tuple[Account, ...]:
        """Those, and what else it takes to tell what the limits still take of what is held at a moment."""
        touched, wide = self.touched(whose, at), self._known(whose)[2]
        return touched if not wide else (*touched, *[each for limit in wide for each in limit.needs(at, now)])

    def _known(self, whose: Whose) -> _Known:
        known = self._whose.get(whose)
        if known is None:
            if len(self._whose) >= MOST:
                for each in (self._whose, self._checks, self._touched):
                    each.clear()
            scopes, limits = _scopes(whose), self._limits_of(whose)
            extra = dict.fromkeys([(each.scope, each.window.bucket) for each in limits if not _kept(each)])
            wide = tuple([each for each in limits if each.window.rolls or each.carry])
            known = self._whose[whose] = scopes, tuple(extra), wide
        return known

    def _limits_of(self, whose: Whose) -> list[Limit]:
        return [limit for scope in _scopes(whose) for limit in self.of(scope)]

    def _limit(self, scope: str, row: dict[str, Any]) -> Limit:
        named = [each for each in self._raises.get(scope, ()) if _same(each, row)]
        return Limit(
            scope=scope,
            what=row["what"],
            window=Window(row["window"], row["zone"]),
            amount=row["amount"],
            carry=row["carry"],
            soft=tuple(sorted(int(each) for each in row["soft"].split(",") if each)),
            raises=tuple([Raise(each["amount"], each["begins"], each["ends"]) for each in named]),
            born=self._born.get(scope, 0),
        )


def _scopes(whose: Whose) -> tuple[str, ...]:
    team, key, org, user = whose
    own = (f"key:{key}", f"user:{team}/{user}") if user else (f"key:{key}",)
    return (*own, f"team:{team}", f"org:{org}")


def _names(scope: str) -> Iterable[str]:
    """Under what the limits of a scope may stand, the ones that matter most last."""
    kind, _, name = scope.partition(":")
    if kind == "user":
        return (f"{kind}:*", f"{kind}:{name.partition('/')[0]}/*", scope)
    return (scope,) if kind == "org" else (f"{kind}:*", scope)


def _check(limit: Limit, now: int) -> Check:
    return limit.what, (limit.scope, limit.window.label(now)), limit.amount if limit.plain else None, limit


def _kept(limit: Limit) -> bool:
    return limit.window.kept and limit.scope.startswith(("key:", "team:"))


def _same(each: Any, row: dict[str, Any]) -> bool:
    return (each["what"], each["window"]) == (row["what"], row["window"])


def _births(connection: Connection) -> Iterator[tuple[str, int]]:
    for kind, column, created in (
        ("key", keys.c.key, keys.c.created),
        ("team", teams.c.team, teams.c.created),
        ("org", organisations.c.org, organisations.c.created),
    ):
        for name, at in connection.execute(select(column, created)):
            yield f"{kind}:{name}", at


_BUDGETS = select(budgets).where(budgets.c.what.in_(WHATS))
