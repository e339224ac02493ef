"""The audit log: every change of organisations, teams, keys and limits, written in the transaction that makes it.

Rows are only ever added. What is told of a thing before and after is what anybody may see: never a secret or its hash.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select

from providers.contract import Secret
from proxy.ledger.tables import audit

LOCAL = "cli"
"""Who changed something, where that was somebody at the machine itself."""


class Change(Struct, frozen=True, kw_only=True):
    """One change."""

    audit: int
    at: int
    """Milliseconds since 1970."""
    who: str
    """The id of the key that was used, or `cli`."""
    action: str
    """`team.create`, `key.revoke`, `budget.set` ..."""
    what: str
    """To what: `team:acme`, `key:k_1`, `org:default`."""
    before: Any
    """How it was; None where it was not."""
    after: Any
    """How it is; None where it is not any more."""


def record(
    connection: Connection, *, at: int, who: str, action: str, what: str, before: Any = None, after: Any = None
) -> None:
    """Write a change down, in its own transaction. `before` and `after` are what msgspec encodes, secrets masked."""
    told = {"before": _told(before), "after": _told(after)}
    connection.execute(insert(audit).values(at=at, who=who[:128], action=action, what=what[:200], **told))


class Sought(Struct, frozen=True, kw_only=True):
    """Which changes; None for any. Moments are milliseconds, the second is outside."""

    who: str | None = None
    action: str | None = None
    what: str | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None
    """Only those that were written down before this one."""


def changes(connection: Connection, sought: Sought, limit: int) -> list[Change]:
    """The latest changes, newest first."""
    query = select(audit).order_by(audit.c.audit.desc()).limit(limit)
    for name in ("who", "action", "what"):
        wanted = getattr(sought, name)
        if wanted is not None:
            query = query.where(audit.c[name] == wanted)
    if sought.since is not None:
        query = query.where(audit.c.at >= sought.since)
    if sought.until is not None:
        query = query.where(audit.c.at < sought.until)
    if sought.before is not None:
        query = query.where(audit.c.audit < sought.before)
    return [_change(row) for row in connection.execute(query).mappings()]


def _change(row: Any) -> Change:
    read = {name: None if row[name] is None else msgspec.json.decode(row[name]) for name in ("before", "after")}
    return Change(**{**row, **read})


def _told(state: Any) -> str | None:
    return None if state is None else msgspec.json.encode(state, enc_hook=_masked).decode()


def _masked(value: Any) -> str:
    if isinstance(value, Secret):
        return "…" if value else ""
    raise TypeError(f"{type(value).__name__} has no place in the audit log")
