"""What a dialect is made of: routes that parse and render, and one way to say that something went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from pricing import Usage
from providers.contract import Failure, Image, ImageRequest, Model, Note
from providers.contract.image import Buffer


class Incoming(Struct, frozen=True, kw_only=True):
    """A request as it came in, read whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    origin: str = ""
    """Scheme and host the client used, where a route may need them."""
    query: Mapping[str, str] = {}
    parts: Mapping[str, str] = {}
    """What the route's path left open."""
    body: bytes = b""


class Outgoing(Struct, frozen=True, kw_only=True):
    """An answer, in pieces that are sent one after the other: a picture's text is never copied into a larger one."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: tuple[Buffer, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """A picture the caller sent, or pointed at."""

    field: str
    """In the caller's words."""
    body: bytes | None = None
    url: str | None = None


class Ask(Struct, frozen=True, kw_only=True):
    """What a caller wants, and how it wants to be answered."""

    compose: Callable[[Sequence[Image]], ImageRequest]
    """The request, once the pictures of `sources` are there, in their order."""
    sources: tuple[Source, ...] = ()
    links: bool = False
    """Answer with links."""
    base64: bool = False
    """Answer with the pictures themselves."""
    streams: bool = False
    """Answer event by event."""
    notes: tuple[Note, ...] = ()
    """What the dialect itself could not pass on."""
    echo: Any = None
    """What `render` wants to remember of the request."""


class Shown(Struct, frozen=True, kw_only=True):
    """One picture of an answer."""

    image: Image
    link: str | None = None
    """An absolute URL, where links are wanted."""
    revised_prompt: str | None = None
    seed: int | None = None


class Served(Struct, frozen=True, kw_only=True):
    """An answer in our words."""

    request_id: str
    created: int
    """Seconds since 1970."""
    model: str
    """As the caller named it."""
    pictures: tuple[Shown, ...]
    usage: Usage = Usage()
    quality: str | None = None
    background: str | None = None


class Card(Struct, frozen=True, kw_only=True):
    """A model as callers are told of it."""

    name: str
    model: Model
    providers: tuple[str, ...]
    served_by: str
    retired: bool = False


class Streaming(Struct, frozen=True, kw_only=True):
    """How a route speaks event by event."""

    preview: Callable[[Ask, Image, int, int], Sequence[Buffer]]
    """An unfinished picture: ask, image, index, seconds since 1970."""
    finished: Callable[[Ask, Served], Sequence[Buffer]]
    failed: Callable[[Failure], Sequence[Buffer]]
    alive: bytes = b": ping\n\n"
    """Sent while nothing happens; ignored by every client."""


class Generating(Struct, frozen=True, kw_only=True):
    """A route that makes pictures."""

    method: str = "POST"
    path: str
    operation: str
    """For metrics and logs, until the request itself says more."""
    parse: Callable[[Incoming], Ask]
    """Raises REJECTED `Failure` in the caller's own words."""
    render: Callable[[Ask, Served], Outgoing]
    streaming: Streaming | None = None


class Informing(Struct, frozen=True, kw_only=True):
    """A route that tells about models."""

    method: str = "GET"
    path: str
    answer: Callable[[Incoming, Sequence[Card]], Outgoing]
    """Raises `Failure`."""


class Dialect(Struct, frozen=True, kw_only=True):
    """A way callers speak."""

    name: str
    routes: tuple[Generating | Informing, ...]
    render_error: Callable[[Failure], Outgoing]
    """Fault to status and body: the dialect's own table."""
    media_type: str = "application/json"
