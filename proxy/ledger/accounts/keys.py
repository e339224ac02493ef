"""Keys: made, changed, ended."""

from __future__ import annotations

import secrets

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace
from sqlalchemy import Connection, func, insert, select, update

from providers.contract import Secret
from proxy.ledger.accounts.checking import check_key
from proxy.ledger.accounts.desk import SCRIPT, AccountError, NoSuchError
from proxy.ledger.accounts.limits import Budget, put
from proxy.ledger.accounts.may import ANYTHING, May
from proxy.ledger.accounts.reading import Reading, as_kept, key_of
from proxy.ledger.accounts.records import Key, Team, changed, digest
from proxy.ledger.accounts.teams import Teams, team_of
from proxy.ledger.tables import keys, teams

ADMINS = "admin"
"""The team that the first key of a ledger belongs to."""
MOST_OVERLAP_S = 90 * 86_400
"""Seconds that a secret may go on after another has taken its place."""


class KeyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise about a key; what is not said stays."""

    name: str | UnsetType = UNSET
    expires: int | UnsetType | None = UNSET
    dialect: str | UnsetType | None = UNSET
    grants: frozenset[str] | UnsetType = UNSET
    webhook: str | UnsetType | None = UNSET
    webhook_key: str | UnsetType | None = UNSET
    may: May | UnsetType = UNSET
    origins: tuple[str, ...] | UnsetType = UNSET


class Keys(Teams, Reading):
    """Makes, changes and ends them."""

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
        may: May = ANYTHING,
        origins: tuple[str, ...] = (),
        who: str = SCRIPT,
    ) -> tuple[Key, str]:
        """A new key and its secret, which is shown this once; raises AccountError where there is no such team."""
        secret = _secret(test=test)
        key = Key(
            key=_id(),
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
            may=may,
            origins=origins,
        )
        check_key(key)
        with self._changing() as connection:
            return self._make_key(connection, key, secret, limits, who), secret

    def _make_key(self, connection: Connection, key: Key, secret: str, limits: tuple[Budget, ...], who: str) -> Key:
        made = replace(key, org=team_of(connection, key.team).org)
        connection.execute(insert(keys).values(hash=digest(secret), **as_kept(made)))
        put(connection, f"key:{made.key}", limits)
        self._note(connection, who, "key.create", f"key:{made.key}", None, {"key": made, "limits": limits})
        return made

    def create_first_key(self, *, who: str = SCRIPT) -> tuple[Key, str] | None:
        """A key that may administer, of a team of its own, where the ledger has no key at all; else None.

        However many servers start on an empty ledger at once, one of them makes it.
        """
        with self._changing() as connection:
            if connection.execute(select(func.count()).select_from(keys)).scalar():
                return None
            if connection.execute(select(teams.c.team).where(teams.c.team == ADMINS)).first() is None:
                self._make(connection, Team(team=ADMINS, created=self._clock()), (), who)
            secret = _secret(test=False)
            first = Key(
                key=_id(),
                team=ADMINS,
                name="first",
                prefix=secret[:13],
                test=False,
                created=self._clock(),
                grants=frozenset({"admin"}),
            )
            return self._make_key(connection, first, secret, (), who), secret

    def update_key(self, key: str, change: KeyChange, *, who: str = SCRIPT) -> Key:
        """Change a key's settings; raises AccountError where there is none of that id, or it cannot be so."""
        with self._changing() as connection:
            before = key_of(connection, key)
            _check_current(before)
            after = changed(before, change)
            check_key(after)
            connection.execute(update(keys).where(keys.c.key == before.key).values(as_kept(after)))
            self._note(connection, who, "key.update", f"key:{before.key}", before, after)
        return after

    def rotate_key(
        self,
        key: str,
        overlap_s: int,
        *,
        expires: int | UnsetType | None = UNSET,
        who: str = SCRIPT,
    ) -> tuple[Key, str]:
        """Another secret for a key, shown this once; the earlier one works for so many seconds more.

        It stays the same key, with its settings, limits, balances and requests: only the secret is another. The earlier
        secret gets a row of its own, whose `successor` is the key. `expires`: when the new secret ends; as before by
        default. Raises AccountError where there is no such key, or it does not work.
        """
        if not 0 <= overlap_s <= MOST_OVERLAP_S:
            raise AccountError(f"an earlier secret goes on for 0 to {MOST_OVERLAP_S} seconds, not {overlap_s}")
        now = self._clock()
        with self._changing() as connection:
            before = key_of(connection, key)
            _check_current(before)
            if not before.works(now):
                raise AccountError(f"{before.key} does not work any more; make another key")
            secret = _secret(test=before.test)
            until = now + overlap_s * 1000
            earlier = replace(
                before,
                key=_id(),
                expires=until if before.expires is None else min(until, before.expires),
                successor=before.key,
            )
            ends = before.expires if isinstance(expires, UnsetType) else expires
            after = replace(before, prefix=secret[:13], expires=ends, used=None)
            its = keys.c.key == before.key
            hashed = connection.execute(select(keys.c.hash).where(its)).scalar_one()
            connection.execute(update(keys).where(its).values(hash=digest(secret), **as_kept(after)))
            connection.execute(insert(keys).values(hash=hashed, **as_kept(earlier)))
            told = {"key": after, "earlier": {"key": earlier.key, "expires": earlier.expires}}
            self._note(connection, who, "key.rotate", f"key:{before.key}", before, told)
        return after, secret

    def revoke_key(self, key: str, *, who: str = SCRIPT) -> None:
        """End a key with all its secrets, by its id or what one begins with, or an earlier secret alone.

        Raises AccountError where none works under it, or several do.
        """
        with self._changing() as connection:
            alive = select(keys.c.key).where((keys.c.key == key) | (keys.c.prefix == key), keys.c.revoked.is_(None))
            found = connection.execute(alive).scalars().all()
            if not found:
                raise NoSuchError(f"no working key is {key!r}")
            if len(found) > 1:
                raise AccountError(f"several keys begin with {key!r}")
            before = key_of(connection, found[0])
            its = ((keys.c.key == before.key) | (keys.c.successor == before.key)) & keys.c.revoked.is_(None)
            connection.execute(update(keys).where(its).values(revoked=self._clock()))
            after = key_of(connection, before.key)
            self._note(connection, who, "key.revoke", f"key:{before.key}", before, after)


def _secret(*, test: bool) -> str:
    return f"dk_{'test' if test else 'live'}_{secrets.token_urlsafe(32)}"


def _id() -> str:
    return f"k_{secrets.token_hex(6)}"


def _check_current(key: Key) -> None:
    if key.successor is not None:
        raise AccountError(f"{key.key} is an earlier secret of {key.successor}: change that one")
