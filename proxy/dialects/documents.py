"""What a dialect tells of its routes, for the pages that are generated of it: values, and their making from tables.

Ranges and choices are read off the very readers that refuse what is outside of them (`fields.Takes`); words stand in
each dialect's `documented.py`. Tests send every field and every example, so that none of it is only said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from proxy.dialects.fields import Table, Takes, taken

Place = Literal["body", "json", "form", "query", "path"]
"""Where a field stands; `body` is either kind of body, where a route takes both."""
BOAT = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABABAMAAABYR2ztAAAAD1BMVEX6+vB4qtyWPCg8KB4oWoyCovFtAAAAe0lEQVR42mMUZMAP"
    "mBhGFYxkBUofCJnwn3I3fKDYhP8ETfhAcUD9pzyoPxBS8J/y2PxAsQn/CZrwgeIk95/yRAt3BAuGlCC18wWLMZx5D8kKJgUsJkDE"
    "3iOx0RQQZBJ2pAIWFooCJryCyBoVyA4oJixiqHGhNFqQDm8FAIMTEHVn9oAEAAAAAElFTkSuQmCC"
)
"""A picture of 64x64 pixels in base64, short enough for an example."""
SKY = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAFUlEQVR42mP8zwABTAyjDOozhj0AALhFAU3alhX4AAAAAElFTkSuQmCC"
"""A mask for it, white where its sky is."""


class Field(Struct, frozen=True, kw_only=True):
    """A field of a request."""

    name: str
    """As callers write it; `a.b` is within an object, `a[].b` within each of a list."""
    kind: str
    """string, integer, number, boolean, object, array, file, or several of them with `or` between."""
    text: str = ""
    """What it means, in a sentence."""
    becomes: str = ""
    """What comes of it, one or several, with commas between: `Generate.guidance`, a field of the internal request;
    `Ask.links`, of how it is answered; `Retouch.encoding.quality`, of what a conversation wants. Else `note: <words>`,
    the note it becomes; `answer: <words>`, where it shapes nothing but the answer; `nothing: <words>`, with the reason.
    """
    place: Place = "body"
    required: bool = False
    choices: tuple[Any, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    longest: int | None = None
    """Characters."""
    default: Any = None
    """What holds where it is not sent; None where that is nothing."""
    sample: Any = None
    """A value that shows what comes of it; None where any legal one does."""
    beside: Mapping[str, Any] = {}
    """What has to be sent beside it for that; None takes a field of the example away."""


class Told(Struct, frozen=True):
    """What is told of a field by hand; the rest is read off its reader, unless it is told here."""

    text: str
    becomes: str
    """As `Field.becomes`; a leading dot stands for the request that the route makes."""
    kind: str | None = None
    required: bool = False
    default: Any = None
    sample: Any = None
    beside: Mapping[str, Any] = {}
    place: Place = "body"
    choices: tuple[Any, ...] = ()
    lowest: float | None = None
    highest: float | None = None


class Earlier(Struct, frozen=True, kw_only=True):
    """A value of an example that comes from the answer of another route's example."""

    shown: str
    """What stands in its place: `GENERATION_ID`."""
    route: str
    """`POST /path`, of the same dialect, or of the first."""
    path: tuple[str | int, ...] = ()
    """Where in the JSON of the answer; of an address, its last part is meant."""
    header: str | None = None
    """Or the header it stands in."""


class File(Struct, frozen=True):
    """A file of a form: `picture.png`, `mask.png` (transparent where the picture may change)."""

    name: str


class Example(Struct, frozen=True, kw_only=True):
    """A request that works as it stands."""

    title: str = ""
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str | File] | None = None
    query: Mapping[str, str | Earlier] = {}
    parts: Mapping[str, str | Earlier] = {}
    """What the path leaves open."""
    after: tuple[str, ...] = ()
    """Routes whose examples come before, beside those that a value comes from."""


class Document(Struct, frozen=True, kw_only=True):
    """What is told of a route."""

    says: str
    """What it does, in a sentence."""
    fields: tuple[Field, ...] = ()
    examples: tuple[Example, ...] = (Example(),)
    """The first is the one that its fields are sent beside."""
    status: int = 200
    """Of the answer to each."""
    media: str = "application/json"
    """Of that answer."""


def told(table: Table, words: Mapping[str, Told], *, of: str = "", at: str = "", place: Place = "body") -> list[Field]:
    """The fields of a table, with what is told of each by hand; those that nothing is told of have no text.

    `of` is the request that a leading dot stands for, `at` where the fields stand within the body.
    """
    return [_field(f"{at}{name}", taken(reader), words.get(name), of, place) for name, (_, reader) in table.items()]


def more(words: Mapping[str, Told], *, of: str = "") -> list[Field]:
    """Fields that stand in no table."""
    return [_field(name, None, each, of, "body") for name, each in words.items()]


def placed(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Required fields before the others, each in their order."""
    return tuple(sorted(fields, key=lambda field: not field.required))


def _field(name: str, takes: Takes | None, words: Told | None, of: str, place: Place) -> Field:
    takes = takes or Takes(kind="string")
    words = words or Told("", "")
    lowest = takes.lowest if words.lowest is None else words.lowest
    highest = takes.highest if words.highest is None else words.highest
    return Field(
        name=name,
        kind=words.kind or takes.kind,
        text=words.text,
        becomes=", ".join(f"{of}{each}" if each.startswith(".") else each for each in _each(words.becomes)),
        place=place if words.place == "body" else words.place,
        required=words.required,
        choices=words.choices or takes.choices,
        lowest=lowest,
        highest=highest,
        longest=takes.longest,
        default=words.default,
        sample=words.sample,
        beside=words.beside,
    )


def _each(becomes: str) -> list[str]:
    return [becomes] if ": " in becomes else becomes.split(", ")
