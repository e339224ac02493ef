"""Raising a limit for a time, and moving some of it from one scope to another; and where every limit stands.

A raise belongs to a scope, a kind and a window, and says by how much the limit is higher, from when and until when.
What is moved is one that is below zero and one above it, written together, until the window ends; of a total, for good.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from pricing import from_micros
from proxy.ledger.accounts import SCRIPT, AccountError, Budget, NoSuchError
from proxy.ledger.accounts.desk import Desk
from proxy.ledger.accounts.limits import check_scope, every
from proxy.ledger.limit import Limit
from proxy.ledger.rules import WHATS, Rules
from proxy.ledger.standing import BudgetState, counted, read, states_of
from proxy.ledger.tables import raises
from proxy.ledger.windows import interval

MOST = 10**15
"""The most a limit is raised by: a billion USD."""
MOVED = "moved"
"""How the reason of a raise begins that was moved from one scope to another."""


class Raised(Struct, frozen=True, kw_only=True):
    """A limit that is higher for a time, or lower."""

    id: str
    scope: str
    what: str
    window: str
    amount: int
    """In micro-USD, pictures or pixels."""
    begins: int
    """Milliseconds since 1970; likewise below."""
    ends: int | None
    """None for never."""
    why: str = ""


class Budgets(Desk):
    """Changes what limits come to, and tells it. Synchronous, as the accounts are; raises AccountError."""

    def raise_limit(
        self, scope: str, what: str, window: str, amount: int, *, ends: int | None, why: str = "", who: str = SCRIPT
    ) -> Raised:
        """Make a limit higher from now on, before a moment (ms), or until it is withdrawn."""
        now = self._clock()
        _positive(amount)
        if ends is not None and ends <= now:
            raise AccountError("a raise ends after it has begun")
        with self._changing() as connection:
            limit = _limit(connection, Rules.read(connection, now), scope, what, window)
            made = _raised(limit, amount, now, ends, why)
            self._write(connection, who, "budget.raise", made)
        return made

    def withdraw(self, raised: str, *, who: str = SCRIPT) -> Raised:
        """End a raise now, by its id; one that has not begun never was."""
        now = self._clock()
        with self._changing() as connection:
            row = connection.execute(select(raises).where(raises.c["raise"] == raised)).mappings().first()
            if row is None:
                raise NoSuchError(f"there is no raise {raised!r}")
            found = _of(row)
            if found.amount < 0 or (found.ends is not None and found.ends <= now):
                raise AccountError(f"raise {raised!r} has ended, or is what was given to another: it stays")
            if found.why.startswith(MOVED):
                raise AccountError(f"raise {raised!r} was moved from elsewhere: move it back")
            mine = raises.c["raise"] == raised
            if found.begins >= now:
                connection.execute(delete(raises).where(mine))
            else:
                connection.execute(update(raises).where(mine).values(ends=now))
            self._note(connection, who, "budget.withdraw", found.scope, found, None)
        return found

    def transfer(
        self, giver: str, taker: str, what: str, window: str, amount: int, *, why: str = "", who: str = SCRIPT
    ) -> tuple[Raised, Raised]:
        """Move some of a limit to another scope's, until the window ends. Refused where it has not that much left."""
        if giver == taker:
            raise AccountError("a scope has nothing to give to itself")
        _positive(amount)
        now = self._clock()
        with self._changing() as connection:  # nothing is held while what is left is looked at
            rules = Rules.read(connection, now)
            given, taken = (_limit(connection, rules, scope, what, window) for scope in (giver, taker))
            if given.window != taken.window or given.window.rolls:
                raise AccountError("only between calendar windows of the same time zone is anything moved")
            left = given.left(read(connection, counted(given, now)), now, now)
            if amount > left:
                raise AccountError(f"{giver} has {_said(what, max(0, left))} left of that, not {_said(what, amount)}")
            label = given.window.label(now)
            ends = None if label == "total" else interval(label)[1]
            less = _raised(given, -amount, now, ends, _reason("to", taker, why))
            more = _raised(taken, amount, now, ends, _reason("from", giver, why))
            self._write(connection, who, "budget.transfer", less, more)
        return less, more

    def raises(self, scope: str | None = None) -> list[Raised]:
        """What is raised or moved now, or will be."""
        lasting = raises.c.ends.is_(None) | (raises.c.ends > self._clock())
        query = select(raises).where(lasting).order_by(raises.c.begins, raises.c.amount)
        with self._reading() as connection:
            found = connection.execute(query if scope is None else query.where(raises.c.scope == scope))
            return [_of(row) for row in found.mappings()]

    def limits(self, scope: str | None = None) -> dict[str, list[Budget]]:
        """What is set, by scope: every one, or those of one."""
        with self._reading() as connection:
            return every(connection, scope)

    def standing(self, scopes: Sequence[str]) -> list[BudgetState]:
        """Where the limits of some scopes stand, defaults included."""
        now = self._clock()
        with self._reading() as connection:
            return states_of(connection, Rules.read(connection, now), scopes, now)

    def _write(self, connection: Connection, who: str, action: str, *made: Raised) -> None:
        for each in made:
            row = {name: getattr(each, name) for name in Raised.__struct_fields__}
            row["raise"] = row.pop("id")
            connection.execute(insert(raises).values(row))
            self._note(connection, who, action, each.scope, None, each)


def _limit(connection: Connection, rules: Rules, scope: str, what: str, window: str) -> Limit:
    check_scope(connection, scope)
    if scope.endswith("*"):
        raise AccountError(f"{scope!r} is a default: raise what one of those has that it holds for")
    if what not in WHATS:
        raise AccountError(f"there is nothing to raise of {what}: only of {', '.join(WHATS)}")
    for limit in rules.of(scope):
        if (limit.what, limit.window.name) == (what, window):
            return limit
    raise NoSuchError(f"{scope} has no limit of {what} a {window}")


def _reason(way: str, scope: str, why: str) -> str:
    return f"{MOVED} {way} {scope}{': ' if why else ''}{why}"


def _said(what: str, amount: int) -> str:
    if what == "images":
        return f"{amount} pictures"
    return f"{from_micros(amount):f} {'USD' if what == 'usd' else 'megapixels'}"


def _positive(amount: int) -> None:
    if not 0 < amount <= MOST:
        raise AccountError("say how much: more than nothing, and less than a billion USD")


def _raised(limit: Limit, amount: int, begins: int, ends: int | None, why: str) -> Raised:
    return Raised(
        id=f"r_{secrets.token_hex(6)}",
        scope=limit.scope,
        what=limit.what,
        window=limit.window.name,
        amount=amount,
        begins=begins,
        ends=ends,
        why=why,
    )


def _of(row: object) -> Raised:
    fields = dict(row)  # type: ignore[call-overload]
    return Raised(id=fields.pop("raise"), **fields)
