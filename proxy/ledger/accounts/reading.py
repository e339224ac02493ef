"""Keys as they are kept, and as a server holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Select, bindparam, or_, select, update

from providers.contract import Secret
from proxy.ledger.accounts import may as mays
from proxy.ledger.accounts.desk import AccountError, Desk, NoSuchError
from proxy.ledger.accounts.limits import Budget, every, of_key, of_users
from proxy.ledger.accounts.records import Key
from proxy.ledger.tables import keys, teams

_KEPT = tuple(name for name in Key.__struct_fields__ if name not in {"limits", "users", "weight", "org", "row"})


class Reading(Desk):
    """Reads keys."""

    def keys(self) -> dict[bytes, Key]:
        """Whose every secret is, by its hash: an earlier secret of a key is that key, for as long as it works."""
        with self._reading() as connection:
            limits = every(connection)
            rows = {row["key"]: row for row in connection.execute(_query()).mappings()}
        users = of_users(limits)
        known = {name: _key(row, limits, users) for name, row in rows.items()}
        return {bytes(row["hash"]): _presented(known, known[name]) for name, row in rows.items()}

    def keys_of(self, team: str | None = None) -> list[Key]:
        """A team's keys, or everybody's, oldest first; earlier secrets are rows of their own here."""
        query = _query().order_by(keys.c.created, keys.c.key)
        with self._reading() as connection:
            limits = every(connection)
            rows = connection.execute(query if team is None else query.where(keys.c.team == team)).mappings()
            return [_key(row, limits) for row in rows]

    def key(self, key: str) -> Key:
        """One key, by its id or by what its secret begins with; raises AccountError where there is none, or several."""
        with self._reading() as connection:
            return key_of(connection, key)

    def write_used(self, used: Mapping[str, int]) -> None:
        """When secrets were last used (ms), by their rows. No change that others need to know of."""
        if not used:
            return
        older = or_(keys.c.used.is_(None), keys.c.used < bindparam("at"))
        row = update(keys).where(keys.c.key == bindparam("row"), older).values(used=bindparam("at"))
        with self._engine.begin() as connection:
            connection.execute(row, [{"row": row, "at": at} for row, at in sorted(used.items())])


def key_of(connection: Connection, key: str) -> Key:
    """One key, by its id or by what its secret begins with. Raises AccountError where there is none, or several."""
    found = connection.execute(_query().where((keys.c.key == key) | (keys.c.prefix == key))).mappings().all()
    if not found:
        raise NoSuchError(f"there is no key {key!r}")
    if len(found) > 1:
        raise AccountError(f"several keys begin with {key!r}")
    scopes = (f"key:{found[0]['key']}", f"team:{found[0]['team']}")
    return _key(found[0], {name: limits for scope in scopes for name, limits in every(connection, scope).items()})


def as_kept(key: Key) -> dict[str, Any]:
    """A key's columns, but its hash."""
    return {name: getattr(key, name) for name in _KEPT} | {
        "test": int(key.test),
        "grants": ",".join(sorted(key.grants)),
        "webhook_key": key.webhook_key.reveal() if key.webhook_key else None,
        "may": mays.written(key.may),
        "origins": msgspec.json.encode(key.origins).decode() if key.origins else "",
    }


def _query() -> Select[Any]:
    return select(keys, teams.c.org, teams.c.weight).join(teams, teams.c.team == keys.c.team)


def _key(
    row: Any, limits: Mapping[str, list[Budget]], users: Mapping[str, dict[str, tuple[Budget, ...]]] | None = None
) -> Key:
    users = users or {"": {}}
    return Key(
        **{name: row[name] for name in _KEPT}
        | {
            "test": bool(row["test"]),
            "org": row["org"],
            "grants": frozenset(filter(None, row["grants"].split(","))),
            "webhook_key": Secret(row["webhook_key"]) if row["webhook_key"] else None,
            "may": mays.read(row["may"]),
            "origins": tuple(msgspec.json.decode(row["origins"])) if row["origins"] else (),
            "limits": tuple(of_key(limits, row["successor"] or row["key"], row["team"], row["org"])),
            "users": users.get(row["team"], users[""]),
            "weight": row["weight"],
        }
    )


def _presented(known: Mapping[str, Key], key: Key) -> Key:
    """Whose a secret is: for an earlier one the key it belongs to, which ends when either does."""
    if key.successor is None or key.successor not in known:
        return key
    now = known[key.successor]
    ends = [at for at in (key.expires, now.expires) if at is not None]
    revoked = [at for at in (key.revoked, now.revoked) if at is not None]
    return replace(
        now,
        row=key.key,
        prefix=key.prefix,
        expires=min(ends, default=None),
        revoked=min(revoked, default=None),
        used=key.used,
    )
