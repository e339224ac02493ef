"""Keys. A secret is told once, in the answer that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from pricing import from_micros
from proxy.edge.admin.frame import Asked, Made, Page, Paging, Route, at, maybe, page_of, position, says
from proxy.edge.admin.limits import Limit, micros, taken
from proxy.edge.admin.limits import told as limit_told
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import Refusal
from proxy.explain import usd
from proxy.ledger.accounts import Key, KeyChange, May
from proxy.ledger.accounts.reading import key_of

KEYS = "keys"
Moment = Annotated[datetime, Meta(tz=True)]
OVERLAP_S = 86_400
"""Seconds that an earlier secret goes on where nobody says."""


class Allowed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is for; null stands for anything, each time."""

    dialects: list[str] | None = None
    models: Annotated[
        list[str] | None, says("Names as they are asked for; `flux-*` for all that begin so.")
    ] = None  # fmt: skip
    operations: Annotated[
        list[str] | None, says("`edit` for every one of its kind, `edit.inpaint` for that alone.")
    ] = None  # fmt: skip
    most_usd: Annotated[str | None, says("The most USD one picture may cost.")] = None


class KeyTold(Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    VOLATILE: ClassVar = ("used",)

    key: Annotated[str, says("Its id.")]
    team: str
    org: Annotated[str, says("Its team's.")]
    name: Annotated[str, says("What it is for.")]
    prefix: Annotated[str, says("What its secret begins with.")]
    test: Annotated[bool, says("Served by the sandbox, for nothing.")]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    used: Annotated[datetime | None, says("When it was last used, to about a minute. Its ETag does not change by it.")]
    dialect: Annotated[
        str | None, says("The one it speaks where dialects share a path; null leaves it to the request.")
    ]
    grants: Annotated[list[str], says("What only some keys may: `admin`, `spend`, `unfiltered`.")]
    webhook: Annotated[str | None, says("Told of requests that were answered before they had ended.")]
    webhook_key_set: Annotated[bool, says("Whether that is told with a bearer token, which is never shown.")]
    may: Allowed
    origins: Annotated[list[str], says("The web pages that may use it: those alone where there are any.")]
    successor: Annotated[str | None, says("The key that this is an earlier secret of, for as long as they overlap.")]
    limits: Annotated[list[Limit], says("Its own; set as those of the scope `key:ID`.")]


class KeyMade(KeyTold, frozen=True, kw_only=True):
    """A key with its secret, which is not told again."""

    secret: Annotated[str, says("Keep it now: it is kept as a hash, and not told again.")]


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One to be made."""

    team: Annotated[str, says("Whose key it is.")]
    name: str = ""
    test: bool = False
    expires: Moment | None = None
    dialect: str | None = None
    grants: list[str] = []
    webhook: str | None = None
    webhook_key: Annotated[str | None, says("Sent to the webhook as a bearer token.")] = None
    may: Allowed = Allowed()
    origins: list[str] = []
    limits: list[Limit] = []


class ChangedKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise; what is not said stays."""

    name: str | UnsetType = UNSET
    expires: Moment | UnsetType | None = UNSET
    dialect: str | UnsetType | None = UNSET
    grants: list[str] | UnsetType = UNSET
    webhook: str | UnsetType | None = UNSET
    webhook_key: str | UnsetType | None = UNSET
    may: Allowed | UnsetType = UNSET
    origins: list[str] | UnsetType = UNSET


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a key gets another secret."""

    overlap_s: Annotated[int, Meta(ge=0, description="Seconds that the earlier secret goes on.")] = OVERLAP_S
    expires: Annotated[Moment | UnsetType | None, says("When the new one ends; as before by default.")] = UNSET


class KeyQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which keys."""

    team: Annotated[str | None, says("Only this team's.")] = None
    org: Annotated[str | None, says("Only this organisation's.")] = None


# As they are told, and as they are taken.


def _told(key: Key) -> KeyTold:
    return KeyTold(**_fields(key))


def _fields(key: Key) -> dict[str, Any]:
    names = ("key", "team", "org", "name", "prefix", "test", "dialect", "webhook", "successor")
    may = key.may
    return {
        **{name: getattr(key, name) for name in names},
        "created": at(key.created),
        **{name: maybe(getattr(key, name)) for name in ("expires", "revoked", "used")},
        "grants": sorted(key.grants),
        "webhook_key_set": bool(key.webhook_key),
        "may": Allowed(
            **{name: _listed(getattr(may, name)) for name in ("dialects", "models", "operations")},
            most_usd=None if may.most_micros is None else usd(from_micros(may.most_micros)),
        ),
        "origins": list(key.origins),
        "limits": [limit_told(each) for scope, each in key.limits if scope == f"key:{key.key}"],
    }


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _may(allowed: Allowed) -> May:
    names: Mapping[str, Any] = {name: getattr(allowed, name) for name in ("dialects", "models", "operations")}
    most = None if allowed.most_usd is None else micros(allowed.most_usd, "may.most_usd")
    return May(**{name: None if each is None else tuple(each) for name, each in names.items()}, most_micros=most)


def _moment(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _now(connection: Connection, key: str) -> KeyTold:
    return _told(key_of(connection, key))


# Routes.


async def list_keys(office: Office, asked: Asked) -> Page[KeyTold]:
    """Keys, oldest first."""
    query: KeyQuery = asked.query
    behind = position(KEYS, query.after, tuple[int, str])
    found = [
        each
        for each in await office.ask(lambda accounts: accounts.keys_of(query.team))
        if query.org in (None, each.org) and (behind is None or (each.created, each.key) > behind)
    ]
    return page_of(KEYS, found, query.limit, lambda each: (each.created, each.key), _told)


async def show_key(office: Office, asked: Asked) -> KeyTold:
    """A key. Raises `Refusal`."""
    return await office.look(partial(_now, key=asked.parts["key"]))


async def create_key(office: Office, asked: Asked) -> Made:
    """A new key, with its secret. Raises `Refusal`."""
    body: NewKey = asked.body
    about: dict[str, Any] = {
        **{name: getattr(body, name) for name in ("name", "test", "dialect", "webhook", "webhook_key")},
        "limits": taken(body.limits),
        "expires": _moment(body.expires),
        "grants": frozenset(body.grants),
        "may": _may(body.may),
        "origins": tuple(body.origins),
    }
    key, secret = await office.change(lambda accounts: accounts.create_key(body.team, **about, who=asked.who))
    now = await office.look(partial(key_of, key=key.key))
    return Made(KeyMade(**_fields(now), secret=secret), f"/keys/{key.key}")


async def update_key(office: Office, asked: Asked) -> KeyTold:
    """Changes what is said of a key's settings; what is not said stays. Raises `Refusal`."""
    key, body = asked.parts["key"], asked.body
    said = {name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not UNSET}
    for name, take in (("expires", _moment), ("grants", frozenset), ("may", _may), ("origins", tuple)):
        if name in said:
            said[name] = take(said[name])
    given = asked.unchanged(partial(_now, key=key))
    await office.change(lambda accounts: accounts.update_key(key, KeyChange(**said), who=asked.who), given)
    return await office.look(partial(_now, key=key))


async def rotate_key(office: Office, asked: Asked) -> KeyMade:
    """Another secret for a key; the earlier one goes on for a time. Raises `Refusal`."""
    key, body = asked.parts["key"], asked.body
    expires = UNSET if body.expires is UNSET else _moment(body.expires)
    _, secret = await office.change(
        lambda accounts: accounts.rotate_key(key, body.overlap_s, expires=expires, who=asked.who)
    )
    now = await office.look(partial(key_of, key=key))
    return KeyMade(**_fields(now), secret=secret)


async def revoke_key(office: Office, asked: Asked) -> KeyTold:
    """Ends a key with all its secrets. Raises `Refusal`."""
    key = asked.parts["key"]
    known = await office.look(partial(key_of, key=key))
    if known.revoked is not None:
        raise Refusal(409, "conflict", f"{known.key} is revoked already.")
    given = asked.unchanged(partial(_now, key=key))
    await office.change(lambda accounts: accounts.revoke_key(known.key, who=asked.who), given)
    return await office.look(partial(_now, key=key))


ROUTES = (
    Route(
        name="keys.list",
        method="GET",
        path="/keys",
        says="Keys without their secrets, oldest first. An earlier secret that still works is a row of its own.",
        tell=list_keys,
        query=KeyQuery,
        answer=Page[KeyTold],
    ),
    Route(
        name="keys.create",
        method="POST",
        path="/keys",
        says="Makes a key. Its secret is in this answer, and never told again.",
        tell=create_key,
        body=NewKey,
        answer=KeyMade,
        status=201,
    ),
    Route(
        name="keys.get",
        method="GET",
        path="/keys/{key}",
        says="A key, without its secret.",
        tell=show_key,
        answer=KeyTold,
        tagged=True,
    ),
    Route(
        name="keys.update",
        method="PATCH",
        path="/keys/{key}",
        says="Changes what is said of a key; what is not said stays.",
        tell=update_key,
        body=ChangedKey,
        answer=KeyTold,
        tagged=True,
    ),
    Route(
        name="keys.rotate",
        method="POST",
        path="/keys/{key}/rotate",
        says="Gives a key another secret, which is in this answer and never told again. It stays the same key, with its"
        " limits and what it spent; the earlier secret goes on for a time.",
        tell=rotate_key,
        body=Rotation,
        answer=KeyMade,
    ),
    Route(
        name="keys.revoke",
        method="DELETE",
        path="/keys/{key}",
        says="Ends a key with all its secrets; `If-Match: *` does so whatever state it is in.",
        tell=revoke_key,
        answer=KeyTold,
        tagged=True,
    ),
)
