"""What a dialect is made of: routes that parse and render, and one way to say that something went wrong.

Three kinds of routes. `Generating` makes pictures: it parses and renders, and the walk lies between. `Informing` tells
of models, from what it is given. `Talking` needs more than that: like a provider it is a conversation, a generator that
yields what it wants to know or to have done and returns its answer, so that a dialect stays free of I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from pricing import Usage
from providers.contract import Failure, Image, ImageRequest, Model, Note, UpscaleKind
from providers.contract.image import Buffer
from proxy.dialects.documents import Document
from proxy.dialects.wants import Find, Known, Want


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
    options: Mapping[str, Any] = {}
    """What the configuration says to this dialect: `dialects.<name>`."""


class Outgoing(Struct, frozen=True, kw_only=True):
    """An answer, in pieces that are sent one after the other: a picture's text is never copied into a larger one."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: tuple[Buffer, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """A picture the caller sent, or pointed at: one of the three."""

    field: str
    """In the caller's words."""
    body: bytes | None = None
    url: str | None = None
    asset: str | None = None
    """The id of an asset of the caller's team, or of a picture of one of its requests (`Known.pictures`)."""


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
    pixels: bool = False
    """`render` wants the pixels: `Shown.pixels`."""
    finish: UpscaleKind | None = None
    """Every picture is made larger afterwards, and both are priced and held as one."""
    providers: tuple[str, ...] = ()
    """The only ones that may serve it; empty where any may."""
    prefix: Find | None = None
    """An asset whose facts go before the prompt. REJECTED where the team has no such asset."""
    unfiltered: bool = False
    """Asks for pictures without a safety filter, which only some keys may."""
    notes: tuple[Note, ...] = ()
    """What the dialect itself could not pass on."""
    echo: Any = None
    """What `render` wants to remember of the request."""
    recall: str | None = None
    """What the dialect wants to be told of this request later on, in `Known`: text, kept with the job."""


class Shown(Struct, frozen=True, kw_only=True):
    """One picture of an answer."""

    image: Image
    link: str | None = None
    """An absolute URL, where links are wanted."""
    revised_prompt: str | None = None
    seed: int | None = None
    pixels: bytes | None = None
    """RGB, three bytes a pixel, row by row from the top; only where the ask wants them."""


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
    prompt: str = ""
    """As it was sent, written out in more detail where that was asked for."""
    provider: str = ""
    """Who drew the last of them, and with which of its models."""
    drawn_by: str = ""
    notes: tuple[Note, ...] = ()
    missing: int = 0
    """Pictures that were asked for and not made."""
    charged: Decimal = Decimal(0)
    """USD."""
    seconds: float = 0.0
    """From the request's first byte until now."""


class Accepted(Struct, frozen=True, kw_only=True):
    """A request whose money is held and whose work has begun."""

    request_id: str
    created: int
    """Seconds since 1970."""
    held: Decimal
    """The most it will cost, in USD."""


class Sold(Struct, frozen=True, kw_only=True):
    """Where a model is to be had, and what that starts at."""

    offer: str
    """`provider/model`."""
    provider: str
    model: str
    regions: tuple[str, ...] = ()
    """Where what is sent is kept, as far as that is known."""
    tier: str = "standard"
    """draft, standard or premium."""
    from_usd: Decimal | None = None
    """Its cheapest plain picture."""
    unpriced: str | None = None
    """Why that is not known."""


class Card(Struct, frozen=True, kw_only=True):
    """A model as callers are told of it."""

    name: str
    model: Model
    providers: tuple[str, ...]
    served_by: str
    retired: bool = False
    title: str = ""
    """What it is called in this dialect."""
    description: str = ""
    ends: date | None = None
    """The day from which its successor serves it."""
    successor: str | None = None
    """Who serves it from then on, or already."""
    tier: str | None = None
    """Of a class of models: draft, standard or premium."""
    sold: tuple[Sold, ...] = ()
    """The offers that could serve it now."""


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
    claims: Callable[[Incoming], bool] | None = None
    """Where dialects share a path: whether a request speaks this one. The one without this takes the rest."""
    accept: Callable[[Ask, Accepted], Outgoing] | None = None
    """Answer as soon as the money is held; the caller asks again for the pictures. `render` is then never called."""


class Informing(Struct, frozen=True, kw_only=True):
    """A route that tells about models."""

    method: str = "GET"
    path: str
    answer: Callable[[Incoming, Sequence[Card]], Outgoing]
    """Raises `Failure`."""


Talk = Generator[Want, Any, Outgoing]


class Talking(Struct, frozen=True, kw_only=True):
    """A route that is a conversation."""

    method: str = "GET"
    path: str
    talk: Callable[[Incoming], Talk]
    """Raises `Failure`. A body is read whole before it begins."""
    public: bool = False
    """Whether it is answered without a key; it may then want nothing but `Fill` and `Cards`."""


Route = Generating | Informing | Talking


class Ended(Struct, frozen=True, kw_only=True):
    """What a caller's own address is told of, besides the request itself."""

    team: str
    charged: Decimal
    """USD."""
    options: Mapping[str, Any] = {}
    """As `Incoming.options`."""


class Dialect(Struct, frozen=True, kw_only=True):
    """A way callers speak."""

    name: str
    routes: tuple[Route, ...]
    render_error: Callable[[Failure], Outgoing]
    """Fault to status and body: the dialect's own table."""
    media_type: str = "application/json"
    links: str = "/v1/temp-images/{token}.{suffix}"
    """The path of a link to a picture."""
    finished: Callable[[Known, Ended], Any] | None = None
    """What is sent to a key's webhook when a request that was accepted has ended: JSON, or None for nothing."""
    uuids: bool = False
    """Ids of requests are UUIDs (version 4) and those of their pictures too, instead of `req_...`."""
    base: str = ""
    """What clients of this dialect take as their base, after scheme and host."""
    says: str = ""
    """What it is, in a sentence."""
    documents: Mapping[str, Document] = {}
    """What is told of each route, by `<method> <path>`: beside the routes, for it is made of their tables."""
