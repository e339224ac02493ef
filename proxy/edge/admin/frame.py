"""What a route of the admin API is made of, and what of a request reaches it. Its table is in `table.py`.

A route is a row: method, path, what its query, body and answer look like, and who answers. Everything is strict: a
parameter or a field that is not in its struct is refused, and so is one that stands there twice.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import IO, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from proxy.edge.admin.refusing import Refusal
from proxy.written import names_in

T = TypeVar("T")
BEGINS = "/admin/v1"
GUARDED = frozenset({"PATCH", "PUT", "DELETE"})
"""They change what somebody has read: they say which state of it they mean, by its ETag."""
MOST = 1000
"""Most rows of a page."""


def says(text: str) -> Meta:
    """What a field means, for the description of the API."""
    return Meta(description=text)


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No fields."""


class Paging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every list takes."""

    limit: Annotated[int, Meta(ge=1, le=MOST, description="Most rows of the answer.")] = 100
    after: Annotated[str | None, says("`after` of the page before: go on where that ended.")] = None


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list."""

    data: list[T]
    has_more: Annotated[bool, says("Whether there are further rows.")]
    after: Annotated[str | None, says("What the next page is asked for with; null at the end.")]


class Asked(Struct, frozen=True, kw_only=True):
    """A request, read and found to be in order."""

    who: str
    """The id of the key that asks: whose change it is."""
    parts: Mapping[str, str]
    """What the path leaves open."""
    query: Any
    body: Any
    headers: Mapping[str, str]

    def unchanged(self, told: Callable[[Connection], Any]) -> Callable[[Connection], None]:
        """Looks, in the transaction that changes a thing, whether it is as the caller has seen it.

        `told` is what is told of it. The look raises `Refusal`.
        """
        wanted = matched(self.headers["if-match"])

        def look(connection: Connection) -> None:
            now = tag_of(told(connection))
            if "*" not in wanted and now not in wanted:
                message = "It has changed since you read it, or If-Match is not its ETag: read it again."
                raise Refusal(412, "precondition_failed", message)

        return look


class Streamed(Struct, frozen=True):
    """An answer that may be long: whoever sends it closes the file."""

    media: str
    file: IO[bytes]
    name: str | None = None
    """What it is called where it is saved."""


class Made(Struct, frozen=True):
    """A new thing, and where it is to be found."""

    told: Any
    path: str


Tell = Callable[[Any, Asked], Awaitable[Any]]
"""An office and a request; returns what `Route.answer` says, `Made` of it, or `Streamed`. Raises `Failure`."""


class Route(Struct, frozen=True, kw_only=True):
    """A row of the table."""

    name: str
    """A thing and what is done to it: `teams.update`. What metrics and the description call it."""
    method: str
    path: str
    """After `/admin/v1`, with `{name}` for what is left open."""
    says: str
    tell: Tell
    answer: Any
    """The type of what it tells."""
    query: type[Struct] = Nothing
    body: type[Struct] = Nothing
    status: int = 200
    tagged: bool = False
    """Whether the answer has an ETag."""
    tables: bool = False
    """Whether it may also be had as CSV."""

    @property
    def guarded(self) -> bool:
        """Whether it takes an ETag."""
        return self.method in GUARDED


# ETags.


def encoded(told: Any) -> bytes:
    """An answer as JSON."""
    return msgspec.json.encode(told)


def tag_of(told: Any) -> str:
    """The ETag of what is told of a thing: the same for as long as nobody changes the thing.

    What changes by itself, as when a key was last used, is named by `VOLATILE` of its struct and does not count.
    """
    volatile: tuple[str, ...] = getattr(type(told), "VOLATILE", ())
    body = encoded(replace(told, **dict.fromkeys(volatile)) if volatile else told)
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def matched(header: str) -> frozenset[str]:
    """The ETags of If-Match or If-None-Match; `*` stands for any."""
    return names_in(header)


# Pages.


def cursor(of: str, last: Any) -> str:
    """Where a page of a list ended."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode([of, last])).decode().rstrip("=")


def position(of: str, after: str | None, kind: type[T]) -> T | None:
    """What a cursor of a list stands for; None at the beginning. Raises `Refusal`."""
    if after is None:
        return None
    try:
        body = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        name, last = msgspec.msgpack.decode(body, type=tuple[str, kind])  # type: ignore[valid-type]
    except (ValueError, msgspec.DecodeError):
        name, last = "", None
    if name != of:
        raise Refusal(400, "invalid_value", "`after` is not what a page of this list has given.", "after")
    return last


def page_of(of: str, rows: list[Any], limit: int, place: Callable[[Any], Any], told: Callable[[Any], T]) -> Page[T]:
    """A page of rows, of which one more than `limit` were read; `place` is what a row is found again by."""
    more = len(rows) > limit
    shown = rows[:limit]
    after = cursor(of, place(shown[-1])) if more else None
    return Page(data=[told(row) for row in shown], has_more=more, after=after)


# Moments.


def at(milliseconds: int) -> datetime:
    """A moment as it is told."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def maybe(milliseconds: int | None) -> datetime | None:
    """The same, where there is one."""
    return None if milliseconds is None else at(milliseconds)
