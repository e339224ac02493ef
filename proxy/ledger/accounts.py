"""Teams, their keys and their budgets; and the ring of keys a server holds in memory."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from providers.contract import Secret
from proxy.ledger.tables import budgets, keys, teams, versions

What = Literal["usd", "images", "requests", "in_flight"]
WINDOWS: Mapping[str, tuple[str, ...]] = {
    "usd": ("day", "month", "total"),
    "images": ("day", "month", "total"),
    "requests": ("minute",),
    "in_flight": ("now",),
}
"""The windows each kind of limit can have."""

GRANTS = frozenset({"admin", "unfiltered"})
"""`admin`: what operators ask of the server itself. `unfiltered`: pictures without a vendor's safety filter, where the
vendor lets its customers choose."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Budget(Struct, frozen=True):
    """One limit of a scope: `usd` in micro-USD, anything else a count."""

    what: What
    window: str
    amount: int


class Team(Struct, frozen=True, kw_only=True):
    """A team."""

    team: str
    created: int
    org: str = "default"
    """The organisation it belongs to."""
    keep_s: int | None = None
    """Seconds its pictures are kept; as configured for all by default."""
    webhook: str | None = None
    """Who is told of its budgets."""
    webhook_key: Secret | None = None
    """What that is told with, as a bearer token."""
    weight: int = 1
    """Its share where several teams wait for the same offer."""


class Key(Struct, frozen=True, kw_only=True):
    """A key, without its secret. Who presents it is served within its limits and its team's."""

    key: str
    team: str
    name: str
    prefix: str
    test: bool
    created: int
    expires: int | None = None
    revoked: int | None = None
    dialect: str | None = None
    """The one it speaks where dialects share a path; None leaves that to each request."""
    grants: frozenset[str] = frozenset()
    """What only some keys may: GRANTS."""
    webhook: str | None = None
    """Where to tell of requests that were answered before they had ended."""
    webhook_key: Secret | None = None
    """What that is told with, as a bearer token."""
    limits: tuple[tuple[str, Budget], ...] = ()
    """(scope, budget): the key's own, then its team's."""

    def works(self, now: int) -> bool:
        """Neither revoked nor expired at a moment (ms)."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class AccountError(ValueError):
    """What was asked of the accounts cannot be done; the message says why and what to do."""


def digest(secret: str) -> bytes:
    """How a key is kept."""
    return hashlib.sha256(secret.encode()).digest()


class Accounts:
    """Changes to teams, keys and budgets. Synchronous: for a command line, or a thread."""

    def __init__(self, engine: Engine, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._engine = engine
        self._clock = clock

    def create_team(self, team: str, limits: tuple[Budget, ...] = ()) -> Team:
        """A new team; raises AccountError where the name is taken or is none."""
        if not _NAME.fullmatch(team):
            raise AccountError(f"{team!r} is no team name: lower-case letters, digits, dots, dashes, underscores")
        made = Team(team=team, created=self._clock())
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(teams).values(team=made.team, created=made.created))
                _set(connection, f"team:{team}", limits)
                _changed(connection)
        except IntegrityError as error:
            raise AccountError(f"there is a team {team!r} already") from error
        return made

    def create_key(
        self,
        team: str,
        *,
        name: str = "",
        test: bool = False,
        limits: tuple[Budget, ...] = (),
        expires: int | None = None,
        dialect: str | None = None,
        grants: frozenset[str] = frozenset(),
        webhook: str | None = None,
        webhook_key: str | None = None,
    ) -> tuple[Key, str]:
        """A new key and its secret, which is shown this once; raises AccountError where there is no such team."""
        secret = f"dk_{'test' if test else 'live'}_{secrets.token_urlsafe(32)}"
        key = Key(
            key=f"k_{secrets.token_hex(6)}",
            team=team,
            name=name,
            prefix=secret[:13],
            test=test,
            created=self._clock(),
            expires=expires,
            dialect=dialect,
            grants=grants,
            webhook=webhook,
            webhook_key=Secret(webhook_key) if webhook_key else None,
        )
        if unknown := grants - GRANTS:
            raise AccountError(f"there is no grant {', '.join(sorted(unknown))}; there are {', '.join(GRANTS)}")
        with self._engine.begin() as connection:
            if connection.execute(select(teams.c.team).where(teams.c.team == team)).first() is None:
                raise AccountError(f"there is no team {team!r}; create it with: darkroom teams create {team}")
            row = {field: getattr(key, field) for field in Key.__struct_fields__ if field != "limits"}
            row |= {"grants": ",".join(sorted(grants)), "webhook_key": webhook_key}
            connection.execute(insert(keys).values(hash=digest(secret), **row))
            _set(connection, f"key:{key.key}", limits)
            _changed(connection)
        return key, secret

    def revoke_key(self, key: str) -> None:
        """End a key, by its id or its prefix; raises AccountError where none works under it, or several do."""
        with self._engine.begin() as connection:
            alive = select(keys.c.key).where((keys.c.key == key) | (keys.c.prefix == key), keys.c.revoked.is_(None))
            found = connection.execute(alive).scalars().all()
            if len(found) != 1:
                raise AccountError(f"{'several keys begin with' if found else 'no working key is'} {key!r}")
            connection.execute(update(keys).where(keys.c.key == found[0]).values(revoked=self._clock()))
            _changed(connection)

    def set_limits(self, scope: str, limits: tuple[Budget, ...], *, replace: bool = False) -> None:
        """Set limits of `team:NAME` or `key:ID`; with `replace`, those alone. Raises AccountError for no such scope."""
        kind, _, name = scope.partition(":")
        table, column = (teams, teams.c.team) if kind == "team" else (keys, keys.c.key)
        with self._engine.begin() as connection:
            if connection.execute(select(column).select_from(table).where(column == name)).first() is None:
                raise AccountError(f"there is no {kind} {name!r}")
            if replace:
                connection.execute(delete(budgets).where(budgets.c.scope == scope))
            _set(connection, scope, limits)
            _changed(connection)

    def teams(self) -> list[tuple[Team, tuple[Budget, ...]]]:
        """Every team with its limits."""
        with self._engine.connect().execution_options(reads=True) as connection:
            limits = _limits(connection)
            rows = connection.execute(select(teams).order_by(teams.c.team)).mappings()
            return [(_team(row), tuple(limits.get(f"team:{row['team']}", ()))) for row in rows]

    def keys(self) -> dict[bytes, Key]:
        """Every key by its hash, limits included."""
        with self._engine.connect().execution_options(reads=True) as connection:
            limits = _limits(connection)
            found: dict[bytes, Key] = {}
            for row in connection.execute(select(keys)).mappings():
                scopes = (f"key:{row['key']}", f"team:{row['team']}")
                fields = {name: row[name] for name in Key.__struct_fields__ if name not in {"limits", "test"}}
                fields["grants"] = frozenset(filter(None, row["grants"].split(",")))
                fields["webhook_key"] = Secret(row["webhook_key"]) if row["webhook_key"] else None
                held = tuple((scope, budget) for scope in scopes for budget in limits.get(scope, ()))
                found[bytes(row["hash"])] = Key(**fields, test=bool(row["test"]), limits=held)
            return found

    def version(self) -> int:
        """Grows with every change of the accounts, by any process."""
        with self._engine.connect().execution_options(reads=True) as connection:
            row = connection.execute(select(versions.c.version).where(versions.c.what == "accounts")).scalar()
            return row or 0


class KeyRing:
    """The keys in memory, by hash: asking whose a secret is costs a hash and a look-up. Reloaded when they changed."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._version = -1
        self._keys: dict[bytes, Key] = {}

    def refresh(self) -> bool:
        """Reload if anything changed since; blocking, for a thread. Returns whether it did."""
        version = self._accounts.version()
        if version == self._version:
            return False
        self._keys = self._accounts.keys()
        self._version = version
        return True

    def find(self, secret: str) -> Key | None:
        """The key with that secret, working or not; None where there is none."""
        return self._keys.get(digest(secret))


_BUDGET = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)/(day|month|total)")
_COUNT = re.compile(r"(\d{1,12})(?:/(minute|day|month|total))?")


def parse_budget(text: str) -> Budget:
    """`100/month` as a budget in USD; raises AccountError."""
    found = _BUDGET.fullmatch(text.strip().removeprefix("$"))
    if not found:
        raise AccountError(f"{text!r} is no budget: write USD and a window, such as 100/month, 2.50/day or 500/total")
    whole, _, part = found[1].partition(".")
    return Budget("usd", found[2], int(whole) * 1_000_000 + int(part.ljust(6, "0") or 0))


def parse_count(what: What, text: str) -> Budget:
    """`500/day` as a limit of images, `60/minute` of requests, `8` in flight; raises AccountError."""
    found = _COUNT.fullmatch(text.strip())
    window = (found[2] or WINDOWS[what][0]) if found else ""
    if not found or window not in WINDOWS[what]:
        raise AccountError(f"{text!r} is no limit of {what}: a number, with a window of {', '.join(WINDOWS[what])}")
    return Budget(what, window, int(found[1]))


def _team(row: Any) -> Team:
    return Team(**{**row, "webhook_key": Secret(row["webhook_key"]) if row["webhook_key"] else None})


def _limits(connection: Connection) -> dict[str, list[Budget]]:
    found: dict[str, list[Budget]] = defaultdict(list)
    for row in connection.execute(select(budgets).order_by(budgets.c.what, budgets.c.window)):
        found[row.scope].append(Budget(row.what, row.window, row.amount))
    return found


def _set(connection: Connection, scope: str, limits: tuple[Budget, ...]) -> None:
    for limit in limits:
        if limit.window not in WINDOWS[limit.what]:
            raise AccountError(f"there is no limit of {limit.what} a {limit.window}: {', '.join(WINDOWS[limit.what])}")
        connection.execute(
            delete(budgets).where(
                budgets.c.scope == scope, budgets.c.what == limit.what, budgets.c.window == limit.window
            )
        )
        connection.execute(
            insert(budgets).values(scope=scope, what=limit.what, window=limit.window, amount=limit.amount)
        )


def _changed(connection: Connection) -> None:
    row = update(versions).where(versions.c.what == "accounts").values(version=versions.c.version + 1)
    if connection.execute(row).rowcount == 0:
        connection.execute(insert(versions).values(what="accounts", version=1))
