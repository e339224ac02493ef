"""What is kept of organisations, teams and keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import asdict, replace

from providers.contract import Secret
from proxy.ledger.accounts.desk import AccountError
from proxy.ledger.accounts.limits import Budget
from proxy.ledger.accounts.may import ANYTHING, May

DEFAULT_ORG = "default"
"""Whose a team is where nobody says. Every ledger has it."""

GRANTS = frozenset({"admin", "spend", "unfiltered"})
"""`admin`: what operators ask of the server itself; it makes no pictures unless it has `spend` beside.
`unfiltered`: pictures without a vendor's safety filter, where the vendor lets its customers choose."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
T = TypeVar("T", bound=Struct)


class Org(Struct, frozen=True, kw_only=True):
    """An organisation: whose teams these are."""

    org: str
    created: int
    """Milliseconds since 1970; likewise below."""


class Team(Struct, frozen=True, kw_only=True):
    """A team."""

    team: str
    created: int
    org: str = DEFAULT_ORG
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
    """(scope, budget): the key's own, then its team's; of COUNTED also its organisation's, and the defaults."""
    users: Mapping[str, tuple[Budget, ...]] = {}
    """Limits of COUNTED by end user of its team; under `*` those of every one without an own limit of that kind."""
    weight: int = 1
    """Its team's share where several teams wait for the same offer."""
    org: str = DEFAULT_ORG
    """Its team's."""
    may: May = ANYTHING
    """What it is for."""
    origins: tuple[str, ...] = ()
    """The web pages that may use it, as browsers write their origins: those alone where there are any."""
    successor: str | None = None
    """The key that has taken its place: this one is an earlier secret of that one, for as long as the two overlap."""
    used: int | None = None
    """When it was last used, to about a minute."""
    row: str = ""
    """The row its secret is kept in, where that is another than its own: an earlier secret of it was presented."""

    def works(self, now: int) -> bool:
        """Neither revoked nor expired at a moment (ms)."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def digest(secret: str) -> bytes:
    """How a key is kept."""
    return hashlib.sha256(secret.encode()).digest()


def changed(record: T, change: Struct) -> T:
    """A team or a key as a change would have it: what is not said stays."""
    said = {name: value for name, value in asdict(change).items() if value is not UNSET}
    if "webhook_key" in said:
        said["webhook_key"] = Secret(said["webhook_key"]) if said["webhook_key"] else None
    return replace(record, **said)


def check_name(name: str, kind: str) -> None:
    """Raises AccountError for what is no name of an organisation or a team."""
    if not _NAME.fullmatch(name):
        raise AccountError(f"{name!r} is no {kind} name: lower-case letters, digits, dots, dashes, underscores")
