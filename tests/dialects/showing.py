"""What becomes of a documented field: its route's example sent with it and without it, and what is different then."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from providers.contract import Code, ControlKind, EditKind, Failure, Fault, Image, Mask, Model, Note, Sizes, UpscaleKind
from proxy.dialects.contract import (
    Ask,
    Card,
    Dialect,
    Generating,
    Incoming,
    Informing,
    Outgoing,
    Route,
    Source,
    Talking,
)
from proxy.dialects.documents import BOAT, SKY, Document, Earlier, Example, Field, File
from proxy.dialects.wants import Cards, Estimate, Estimated, Price, Want
from tests.dialects.outcome import outcome
from tests.dialects.world import ID, World, converse
from tests.pictures import png

FILES = {"picture.png": BOAT, "mask.png": SKY}
BOUNDARY = "boundary"
ABSENT = "absent"
"""In the place of a value that is not there at all."""
KINDS = [("edit", EditKind), ("control", ControlKind), ("upscale", UpscaleKind)]
EVERYTHING = frozenset({"generate"} | {f"{word}.{kind}" for word, kinds in KINDS for kind in kinds})
SOME = frozenset({"generate", "edit.general", "edit.inpaint"})
CARDS = tuple(
    [
        Card(
            name=name,
            model=Model(name=name, operations=operations, sizes=Sizes(step=8, max_side=side, max_pixels=side * side)),
            providers=(name,),
            served_by=name,
        )
        for name, side, operations in (("sandbox", 512, EVERYTHING), ("standard", 2048, SOME))
    ]
)
"""Two models that differ in what they do, draw and cost."""


class Furnished(World):
    """A world with those models, in which everything that the dialect's examples keep is kept."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(_recalls(dialect))
        for route in dialect.routes:
            document = dialect.documents.get(f"{route.method} {route.path}")
            if isinstance(route, Talking) and route.method in ("POST", "PUT") and document is not None:
                converse(route, Sent.of(document.examples[0]).incoming(dialect, route), self)

    def answer(self, want: Want) -> Any:
        """As any world, but for models and prices."""
        if isinstance(want, Cards):
            return CARDS
        if not isinstance(want, Price):
            return super().answer(want)
        first = "standard" if want.request.model == "standard" else "sandbox"
        prices = {"sandbox": Decimal("0.01"), "standard": Decimal("0.2")}
        offers = [Estimated(provider=name, model=name, usd=usd) for name, usd in prices.items()]
        return Estimate(tuple(sorted(offers, key=lambda offer: offer.provider != first)))


class Sent(Struct, kw_only=True):
    """A request, taken apart so that fields can be put in and left out."""

    body: dict[str, Any]
    form: bool
    query: dict[str, Any]
    parts: dict[str, Any]

    @classmethod
    def of(cls, example: Example) -> Sent:
        """An example's; whatever comes from an earlier answer is an id."""
        body = example.json if example.form is None else example.form
        return cls(
            body=plain(body or {}),
            form=example.form is not None,
            query=plain(example.query),
            parts=plain(example.parts),
        )

    def put(self, field: Field, value: Any) -> None:
        """Set a field, or take it away with None."""
        if field.place in ("query", "path"):
            _set(self.query if field.place == "query" else self.parts, [field.name], value)
        else:
            path = (
                [field.name] if field.name in self.body or ("[" in field.name[-1:] and self.form) else _path(field.name)
            )
            _set(self.body, path, value)

    def incoming(self, dialect: Dialect, route: Route) -> Incoming:
        """As the edge hands it on."""
        headers, body = {}, b""
        if self.form:
            headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
            body = b"".join(_part(name, value) for name, value in self.body.items()) + f"--{BOUNDARY}--\r\n".encode()
        elif self.body or route.method in ("POST", "PUT"):
            headers, body = {"content-type": "application/json"}, msgspec.json.encode(self.body)
        return Incoming(
            method=route.method,
            path=route.path,
            headers=headers,
            origin="https://here.test",
            query={name: _text(value) for name, value in self.query.items()},
            parts={name: _text(value) for name, value in self.parts.items()},
            body=body,
        )


class Shown(Struct, kw_only=True):
    """What came of a request."""

    said: dict[str, list[Any]]
    """By its class, whatever was made: the request, the ask, wants."""
    answer: Any = None
    notes: tuple[Note, ...] = ()
    refused: Failure | None = None

    def values(self, becomes: str) -> list[Any]:
        """What stands under `Class.attribute.attribute`."""
        root, *names = becomes.split(".")
        found = []
        for each in self.said.get(root, ()):
            value: Any = each
            for name in names:
                value = getattr(value, name, ABSENT)
            found.append(simple(value))
        return found


def show(dialect: Dialect, route: Route, incoming: Incoming) -> Shown:
    """What comes of a request."""
    if isinstance(route, Generating):
        return _generated(route, incoming)
    said: dict[str, list[Any]] = {}
    if isinstance(route, Informing):
        answer = outcome(route.answer, incoming, CARDS)
    else:
        answer = outcome(_talked, dialect, route.talk(incoming), said)
    if isinstance(answer, Failure):
        return Shown(said=said, refused=answer)
    if answer.status >= 400:
        return Shown(said=said, refused=Failure(Fault.REJECTED, str(answer.body), code=Code.INVALID))
    return Shown(said=said, answer=b"".join(bytes(piece) for piece in answer.body))


def _generated(route: Generating, incoming: Incoming) -> Shown:
    def asked() -> tuple[Ask, Any]:
        ask = route.parse(incoming)
        return ask, ask.compose([_pictured(source) for source in ask.sources])

    found = outcome(asked)
    if isinstance(found, Failure):
        return Shown(said={}, refused=found)
    ask, request = found
    answer = (ask.links, ask.base64, ask.streams, ask.pixels, repr(ask.echo), ask.recall)
    return Shown(said={"Ask": [ask], type(request).__name__: [request]}, answer=answer, notes=ask.notes)


def _talked(dialect: Dialect, talk: Any, said: dict[str, list[Any]]) -> Outgoing:
    world = Furnished(dialect)
    answer: Any = None
    refused: Failure | None = None
    try:
        while True:
            want = talk.send(answer) if refused is None else talk.throw(refused)
            said.setdefault(type(want).__name__, []).append(want)
            answer = refused = None
            try:
                answer = world.answer(want)
            except Failure as failure:
                refused = failure
    except StopIteration as end:
        outgoing: Outgoing = end.value
    return outgoing


def _recalls(dialect: Dialect) -> list[str]:
    """What the dialect's own examples have to say of themselves later on."""
    found = []
    for route in dialect.routes:
        document = dialect.documents.get(f"{route.method} {route.path}")
        if isinstance(route, Generating) and document is not None:
            ask = outcome(route.parse, Sent.of(document.examples[0]).incoming(dialect, route))
            found += [ask.recall] if isinstance(ask, Ask) and ask.recall else []
    return [*found[:1], *found]


def candidates(field: Field) -> Iterable[Any]:
    """Legal values of a field, one of which shows what becomes of it."""
    if field.sample is not None:
        return [field.sample]
    if field.choices:
        return field.choices
    if field.kind == "boolean":
        return [True, False]
    if field.kind in ("integer", "number"):
        low, high = field.lowest or 0, field.highest or 0
        whole = field.kind == "integer"
        return [int(low) if whole else low, min(int(low) + 8, int(high)) if whole else (low + min(high, low + 1)) / 2]
    return ["words"] if field.kind == "string" else []


def example_for(document: Document, field: Field) -> Example:
    """The first example whose body is of the kind that the field stands in."""
    fits = {"form": lambda each: each.form is not None, "json": lambda each: each.json is not None}
    return next(filter(fits.get(field.place, lambda _: True), document.examples))


def with_and_without(
    dialect: Dialect, route: Route, document: Document, field: Field, value: Any
) -> tuple[Shown, Shown]:
    """What comes of the example with a field, and without it; a field that must be there has its usual value then."""
    sent = Sent.of(example_for(document, field))
    for name, beside in field.beside.items():
        _set(sent.body, [name], deepcopy(beside))
    other = deepcopy(sent)
    sent.put(field, plain(value))
    if not field.required:
        other.put(field, None)
    return (
        show(dialect, route, sent.incoming(dialect, route)),
        show(dialect, route, other.incoming(dialect, route)),
    )


def without(dialect: Dialect, route: Route, document: Document, field: Field) -> Shown:
    """What comes of the example where a field is left out."""
    sent = Sent.of(example_for(document, field))
    for name, beside in field.beside.items():
        _set(sent.body, [name], deepcopy(beside))
    sent.put(field, None)
    return show(dialect, route, sent.incoming(dialect, route))


def simple(value: Any) -> Any:
    """A value that can be compared: pictures by their bytes."""
    if isinstance(value, Image):
        return (value.width, value.height) if value.weight == 0 else sha256(value.body).hexdigest()
    if isinstance(value, Mask):
        return simple(value.image), value.changes
    return tuple([simple(each) for each in value]) if isinstance(value, tuple | list) else value


def plain(value: Any) -> Any:
    """An example's value with an id for whatever comes from an earlier answer."""
    if isinstance(value, Earlier):
        return ID
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def noted(field: Field, notes: Iterable[Note]) -> list[str]:
    """What is noted of a field, or of something in it."""
    found = [(re.sub(r"\[\d+\]", "[]", note.field), note.detail) for note in notes]
    return [
        detail for name, detail in found if name == field.name or name.startswith((f"{field.name}.", f"{field.name}["))
    ]


def _path(name: str) -> list[str]:
    return name.replace("[]", ".[]").split(".")


def _set(values: Any, path: list[str], value: Any) -> None:
    """Set what is at a path, or take it away with None; what it is in has to be there for it to be set."""
    head, *rest = path
    if head == "[]":
        for each in values[:1]:
            _set(each, rest, value)
    elif rest:
        if head not in values:
            return
        _set(values[head], rest, value)
    elif value is None:
        values.pop(head, None)
    else:
        values[head] = value


def _part(name: str, value: Any) -> bytes:
    if isinstance(value, File):
        body = msgspec.json.decode(f'"{FILES[value.name]}"', type=bytes)
        more = f'; filename="{value.name}"\r\nContent-Type: image/png'
    else:
        body, more = _text(value).encode(), ""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + body + b"\r\n"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, bool | int | float) else str(value)


def _pictured(source: Source) -> Image:
    """A picture that is the same for the same source, and another for every other."""
    if source.body is not None:
        return Image(source.body)
    shade = crc32(str((source.url, source.asset)).encode())
    return Image(png(64, 48, (shade & 255, shade >> 8 & 255, shade >> 16 & 255)))
