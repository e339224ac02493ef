"""Limits: what they are, how they are written, how they are set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from proxy.ledger import windows
from proxy.ledger.accounts.desk import SCRIPT, AccountError, Desk, NoSuchError
from proxy.ledger.sums import forget
from proxy.ledger.tables import budgets, keys, organisations, teams
from proxy.ledger.windows import NAMES

What = Literal["usd", "images", "pixels", "requests", "in_flight", "bytes"]
COUNTED = ("requests", "in_flight", "bytes")
"""What is counted where requests come in, and not in the ledger."""
WINDOWS: Mapping[str, tuple[str, ...]] = {
    "usd": NAMES,
    "images": NAMES,
    "pixels": NAMES,
    "requests": ("minute",),
    "in_flight": ("now",),
    "bytes": ("now",),
}
"""The windows each kind of limit can have."""
SCOPE = 200
"""Characters of the longest scope."""
DEFAULTS = ("team:*", "key:*", "user:*")
"""Scopes whose limits hold for each one that has no own limit of that kind and window; `user:TEAM/*` is one, too."""


class Budget(Struct, frozen=True, omit_defaults=True):
    """One limit of a scope: `usd` in micro-USD, anything else a count."""

    what: What
    window: str
    amount: int
    zone: str = "UTC"
    """Whose days, weeks and months they are, as IANA calls it."""
    carry: int = 0
    """The most that what was left of the window before adds; of what the amount is of."""
    soft: tuple[int, ...] = ()
    """Per cents that are told when they are reached."""


class Limited(Desk):
    """Limits of scopes."""

    def set_limits(self, scope: str, limits: tuple[Budget, ...], *, replace: bool = False, who: str = SCRIPT) -> None:
        """Set limits of a scope, or of DEFAULTS; with `replace`, those alone. Raises AccountError for no such scope."""
        with self._changing() as connection:
            check_scope(connection, scope)
            before = limits_of(connection, scope)
            if replace:
                connection.execute(delete(budgets).where(budgets.c.scope == scope))
            put(connection, scope, limits)
            forget(connection, scope)
            self._note(connection, who, "budget.set", scope, before, limits_of(connection, scope))


def limits_of(connection: Connection, scope: str) -> list[Budget]:
    """The limits a scope has of its own."""
    return every(connection, scope).get(scope, [])


def every(connection: Connection, scope: str | None = None) -> dict[str, list[Budget]]:
    """Limits by scope: every one, or those of one scope."""
    query = select(budgets).order_by(budgets.c.what, budgets.c.window)
    found: dict[str, list[Budget]] = defaultdict(list)
    for row in connection.execute(query if scope is None else query.where(budgets.c.scope == scope)):
        soft = tuple(int(each) for each in row.soft.split(",") if each)
        found[row.scope].append(Budget(row.what, row.window, row.amount, row.zone, row.carry, soft))
    return found


def of_key(limits: Mapping[str, list[Budget]], key: str, team: str, org: str) -> Iterator[tuple[str, Budget]]:
    """The limits that hold for a key by scope: its own, its team's, and what is counted of its organisation.

    Of what is counted a default takes the place of a limit that is not there; in the ledger that is the clerk's work.
    """
    for scope, default in ((f"key:{key}", "key:*"), (f"team:{team}", "team:*"), (f"org:{org}", "")):
        own = limits.get(scope, ())
        yield from ((scope, limit) for limit in own if default or limit.what in COUNTED)
        has = {limit.what for limit in own}
        yield from (
            (scope, limit) for limit in limits.get(default, ()) if limit.what in COUNTED and limit.what not in has
        )


def of_users(limits: Mapping[str, list[Budget]]) -> dict[str, dict[str, tuple[Budget, ...]]]:
    """What is counted of end users, by team and user; under `*` what holds for every one, in every team under ``."""
    found: dict[str, dict[str, tuple[Budget, ...]]] = {"": {}}
    for scope, own in limits.items():
        kind, _, name = scope.partition(":")
        counted = tuple(limit for limit in own if limit.what in COUNTED)
        if kind == "user" and counted:
            team, _, user = name.rpartition("/") if name == "*" else name.partition("/")
            found.setdefault(team, {})[user] = counted
    for team, users in found.items():
        if team and "*" in found[""]:
            has = {limit.what for limit in users.get("*", ())}
            more = tuple(limit for limit in found[""]["*"] if limit.what not in has)
            users["*"] = (*users.get("*", ()), *more)
    return found


def put(connection: Connection, scope: str, limits: tuple[Budget, ...]) -> None:
    """Set limits of a scope. Raises AccountError for a window that nobody counts."""
    for limit in limits:
        check(limit)
        connection.execute(
            delete(budgets).where(
                budgets.c.scope == scope, budgets.c.what == limit.what, budgets.c.window == limit.window
            )
        )
        row = {name: getattr(limit, name) for name in Budget.__struct_fields__}
        row["soft"] = ",".join(str(each) for each in limit.soft)
        connection.execute(insert(budgets).values(scope=scope, **row))


def check(limit: Budget) -> None:
    """Raises AccountError for a limit that nobody can count."""
    if limit.window not in WINDOWS[limit.what]:
        raise AccountError(f"there is no limit of {limit.what} a {limit.window}: {', '.join(WINDOWS[limit.what])}")
    if limit.what in COUNTED:
        if limit.carry or limit.soft or limit.zone != "UTC":
            what = limit.what.replace("_", " ")
            raise AccountError(f"a limit of {what} has no zone, and nothing of it is carried over or told")
        return
    if (why := windows.check(limit.window, limit.zone)) is not None:
        raise AccountError(why)
    if limit.carry and (limit.window in windows.ROLLING or limit.window == "total"):
        raise AccountError(f"nothing is carried over to a window {limit.window!r}: it has none before it")
    if limit.amount < 0 or limit.carry < 0 or any(not 0 < each <= 100 for each in limit.soft):
        raise AccountError("amounts are not below zero, and what is told are per cents from 1 to 100")


def check_scope(connection: Connection, scope: str) -> None:
    """Raises AccountError for what limits cannot be set of."""
    kind, _, name = scope.partition(":")
    if scope in DEFAULTS:
        return
    known = {"org": organisations.c.org, "team": teams.c.team, "key": keys.c.key, "user": teams.c.team}
    team, _, user = name.partition("/")
    if kind not in known or (kind == "user" and not (user and len(scope) <= SCOPE)):
        raise AccountError(f"{scope!r} is no scope: org:NAME, team:NAME, key:ID, user:TEAM/ID, {', '.join(DEFAULTS)}")
    column, wanted = known[kind], team if kind == "user" else name
    if connection.execute(select(column).where(column == wanted)).first() is None:
        raise NoSuchError(f"there is no {'team' if kind == 'user' else kind} {wanted!r}")
    later = select(keys.c.successor).where(keys.c.key == name)
    if kind == "key" and (successor := connection.execute(later).scalar()) is not None:
        raise AccountError(f"{name} is an earlier secret of {successor}, and has its limits: set those")


_WINDOW = r"/([a-z-]+)(?:@([A-Za-z0-9_+/-]+))?"
_BUDGET = re.compile(r"\$?(\d{1,12}(?:\.\d{1,6})?)( ?mp)?" + _WINDOW)
_COUNT = re.compile(rf"(\d{{1,12}})(?:{_WINDOW})?")


def parse_budget(text: str) -> Budget:
    """`100/month@Europe/Berlin` as a budget in USD, `20mp/hour` one of megapixels; raises AccountError."""
    found = _BUDGET.fullmatch(text.strip())
    if not found or found[3] not in NAMES:
        raise AccountError(
            f"{text!r} is no budget: write USD, or megapixels with mp, and a window of {', '.join(NAMES)}; such as "
            f"100/month, 2.50/day@Europe/Berlin or 20mp/rolling-hour"
        )
    budget = Budget("pixels" if found[2] else "usd", found[3], millionths(found[1]), found[4] or "UTC")
    check(budget)
    return budget


def parse_count(what: What, text: str) -> Budget:
    """`500/day` as a limit of images, `60/minute` of requests, `8` in flight; raises AccountError."""
    found = _COUNT.fullmatch(text.strip())
    window = (found[2] or ("day" if "day" in WINDOWS[what] else WINDOWS[what][0])) if found else ""
    if not found or window not in WINDOWS[what]:
        raise AccountError(f"{text!r} is no limit of {what}: a number, with a window of {', '.join(WINDOWS[what])}")
    budget = Budget(what, window, int(found[1]), found[3] or "UTC")
    check(budget)
    return budget


def millionths(text: str) -> int:
    """`2.50` as micro-USD, or megapixels as pixels."""
    whole, _, part = text.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0") or 0)
