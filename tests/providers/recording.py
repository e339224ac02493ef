"""Recorded conversations: what is asked, every step with its answer, and what it comes to. They lie in `recordings/`.

A picture is named by what it shows, in stripes from left to right: `red-40x30.png`, `clear+black-40x30.png` with a
transparent half. Where a text of a recording says `<red-40x30.png>`, it stands for that picture in base64.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import UNSET, Struct
from msgspec.structs import replace
from PIL import Image as Pillow

import providers
from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Drawn,
    Event,
    Failure,
    Fault,
    Fetch,
    Fit,
    Image,
    ImageRequest,
    Model,
    Next,
    Part,
    Preview,
    Provider,
    Render,
    Reply,
    Result,
    Secret,
    Step,
    Ticket,
    fit,
)
from proxy.pictures import Studio
from proxy.transport.faults import by_status
from tests.pictures import svg

FOLDER = Path(__file__).parent.parent / "recordings"
ORACLE = "oracle.yaml"
"""How a vendor's recordings are held against its own description of its API."""
KEY = "key-that-must-not-travel"
_PICTURE = re.compile(r"<([\w+]+-\d+x\d+\.\w+)>")


class _Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class FileRow(_Row, frozen=True, kw_only=True):
    """A file of a form."""

    name: str
    filename: str
    mime: str
    picture: str


class CallRow(_Row, frozen=True, kw_only=True):
    """A call as it is to be made. Whatever is no GET pays, unless it says otherwise."""

    to: str
    """Method and URL."""
    pays: bool | None = None
    headers: Mapping[str, str] = {}
    json: Any = None
    form: Mapping[str, str] = {}
    files: tuple[FileRow, ...] = ()
    after: float = 0.0
    reads: tuple[int, ...] = ()
    stream: bool = False

    def call(self) -> Call:
        method, _, url = self.to.partition(" ")
        texts = [Part(name=name, value=value) for name, value in self.form.items()]
        files = [
            Part(name=file.name, value=picture(file.picture), filename=file.filename, mime=file.mime)
            for file in self.files
        ]
        return Call(
            method=method,
            url=url,
            headers=self.headers,
            json=self.json,
            form=(*texts, *files),
            after=self.after,
            pays=method != "GET" if self.pays is None else self.pays,
            reads=self.reads,
            stream=self.stream,
        )


class ReplyRow(_Row, frozen=True, kw_only=True):
    """A vendor's answer, by its JSON, its text or the picture it consists of."""

    status: int = 200
    headers: Mapping[str, str] = {}
    json: Any = None
    text: str | None = None
    picture: str | None = None
    streams: bool = False

    def reply(self) -> Reply:
        if self.picture is not None:
            body = picture(self.picture)
        else:
            body = msgspec.json.encode(self.json) if self.text is None else self.text.encode()
        return Reply(status=self.status, headers=self.headers, body=b"" if self.streams else body, streams=self.streams)


class RenderRow(_Row, frozen=True, kw_only=True):
    """A picture to be drawn here."""

    engine: str
    done: float = 1.0
    after: float = 0.0
    seed: int | None = None
    """Where it is another than the one asked for."""


class Row(_Row, frozen=True, kw_only=True):
    """One step, under its name, and the answer to it."""

    call: CallRow | None = None
    reply: ReplyRow = ReplyRow()
    next: Any = UNSET
    """The event that comes: its JSON or its text, null for the end of the stream."""
    fetch: str | None = None
    picture: Image | None = None
    render: RenderRow | None = None
    drawn: Drawn | None = None
    ticket: str | None = None
    preview: Preview | None = None

    def step(self, request: ImageRequest, model: Model) -> Step:
        if self.call is not None:
            return self.call.call()
        if self.fetch is not None:
            return Fetch(self.fetch)
        if self.render is not None:
            row = self.render
            request = request if row.seed is None else replace(request, seed=row.seed)
            return Render(engine=row.engine, model=model.name, request=request, done=row.done, after=row.after)
        if self.ticket is not None:
            return Ticket(self.ticket)
        return self.preview or Next()

    def answer(self) -> Any:
        if self.call is not None:
            return self.reply.reply()
        if self.next is UNSET or self.next is None:
            return self.picture or self.drawn
        return Event(self.next.encode() if isinstance(self.next, str) else msgspec.json.encode(self.next))


class FailsRow(_Row, frozen=True, kw_only=True):
    """How a conversation fails."""

    fault: Fault
    detail: str
    field: str | None = None
    retry_after: float | None = None
    usage: Usage | None = None
    """What is charged all the same."""


class Recording(_Row, frozen=True, kw_only=True):
    """One conversation."""

    title: str
    model: str = ""
    """One of the provider's own; or the recording `declares` one, as a row of config.yaml would."""
    declares: Model | None = None
    base: str | None = None
    options: Mapping[str, Any] = {}
    asks: Any
    """The request, without its model."""
    notes: tuple[str, ...] = ()
    """Fields of it that the model does not do as asked."""
    steps: tuple[Row, ...]
    gives: Result | None = None
    fails: FailsRow | None = None
    vendor: str = ""
    """Whose it is: the folder's name."""

    @property
    def provider(self) -> Provider:
        return providers.load(self.vendor)

    @property
    def account(self) -> Account:
        return account(self.provider, base=self.base, options=self.options)

    def asked(self) -> tuple[ImageRequest, Model]:
        """The request in the terms of the model, as the proxy hands it to the provider."""
        model = self.declares or next(model for model in self.provider.models if model.name == self.model)
        request = msgspec.convert({"model": model.name, **self.asks}, ImageRequest, dec_hook=_named)
        found = fit(request, model)
        assert isinstance(found, Fit), found
        assert [note.field for note in found.notes] == list(self.notes)
        return with_mask_turned(found.request, model), model

    def begin(self) -> Conversation:
        request, model = self.asked()
        return self.provider.run(request, model, self.account)

    def resume(self) -> Conversation:
        """The same conversation, taken up by the ticket it left."""
        assert self.provider.resume is not None
        ticket = next(row.ticket for row in self.steps if row.ticket is not None)
        return self.provider.resume(ticket, self.account)

    def expected(self) -> Result | Failure:
        if self.fails is None:
            assert self.gives is not None, "a recording says what it comes to"
            return self.gives
        row = self.fails
        return Failure(row.fault, row.detail, field=row.field, retry_after=row.retry_after, usage=row.usage)


def account(
    provider: Provider, *, key: str = KEY, base: str | None = None, options: Mapping[str, Any] | None = None
) -> Account:
    """An account with a key, whether the provider wants one or not."""
    realm = "" if base else provider.realm
    return Account(base=base or provider.base, key=Secret(key), realm=realm, options=options or {})


def with_mask_turned(request: ImageRequest, model: Model) -> ImageRequest:
    """The request with its mask in the polarity the model declares, turned by the proxy itself."""

    async def turned() -> ImageRequest:
        studio = Studio(pixels=1_000_000, threads=1)
        try:
            return await studio.turn_mask(request, model.mask)
        finally:
            studio.close()

    return request if getattr(request, "mask", None) is None else asyncio.run(turned())


@cache
def picture(name: str) -> bytes:
    """The file behind a picture's name."""
    stem, _, kind = name.partition(".")
    colors, _, size = stem.partition("-")
    width, height = (int(side) for side in size.split("x"))
    if kind == "svg":
        return svg(width, height, colors)
    stripes = colors.split("+")
    mode = "RGBA" if "clear" in stripes else "RGB"
    drawn = Pillow.new(mode, (width, height))
    for place, color in enumerate(stripes):
        box = (place * width // len(stripes), 0, (place + 1) * width // len(stripes), height)
        drawn.paste((0, 0, 0, 0) if color == "clear" else color, box)
    body = BytesIO()
    drawn.save(body, {"jpg": "JPEG"}.get(kind, kind))
    return body.getvalue()


def _named(kind: type, name: Any) -> Image:
    """For msgspec: a picture by its name."""
    assert kind is Image, kind
    return Image(picture(name))


def recordings(vendor: str) -> list[Recording]:
    """Every recording of a provider."""
    found: list[Recording] = []
    for path in sorted((FOLDER / vendor).glob("*.yaml")):
        if path.name == ORACLE:
            continue
        rows = _with_pictures(yaml.safe_load(path.read_text()))
        found += msgspec.convert(rows, list[Recording], dec_hook=_named)
    return [replace(row, vendor=vendor) for row in found]


def _with_pictures(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _with_pictures(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_with_pictures(value) for value in tree]
    if isinstance(tree, str):
        return _PICTURE.sub(lambda found: b64encode(picture(found[1])).decode(), tree)
    return tree


def told(thing: Any) -> Any:
    """A step, a request or an outcome as plain values, so that two can be compared.

    Of a form, the texts may come in any order; pictures are the same where their pixels are; times are rounded.
    """
    if isinstance(thing, Failure):
        return thing.fault, thing.detail, thing.code, thing.field, thing.retry_after, thing.usage
    if isinstance(thing, Call | Render):
        thing = replace(thing, after=round(thing.after, 3))
    if isinstance(thing, Render):
        thing = replace(thing, done=round(thing.done, 3))
    if isinstance(thing, Call):
        texts = sorted((part for part in thing.form if part.filename is None), key=lambda part: part.name)
        files = [part for part in thing.form if part.filename is not None]
        form = [(part.name, part.filename, part.mime, _seen(part.value)) for part in (*texts, *files)]
        return "Call", msgspec.to_builtins(replace(thing, form=())), form
    return type(thing).__name__, msgspec.to_builtins(thing, enc_hook=_image_told)


def _image_told(image: Any) -> Any:
    assert isinstance(image, Image)
    return [str(image.format), _seen(image.body)]


def _seen(value: str | bytes) -> Any:
    """What a file shows."""
    if isinstance(value, str) or value.lstrip().startswith(b"<"):
        return value
    with Pillow.open(BytesIO(value)) as opened:
        return opened.format, opened.size, sha256(opened.convert("RGBA").tobytes()).hexdigest()


def hold(recording: Recording, conversation: Conversation, rows: tuple[Row, ...]) -> Result | Failure:
    """Hold a conversation as the recording goes, every step compared; what it came to."""
    request, model = recording.asked()
    left = list(rows)
    try:
        step = next(conversation)
        while True:
            assert left, f"a step more than recorded: {step}"
            row = left.pop(0)
            assert told(step) == told(row.step(request, model))
            answer = row.answer()
            if isinstance(step, Call):
                turn_away(recording.provider, step, answer)
            step = conversation.send(answer)
    except StopIteration as end:
        outcome: Result | Failure = end.value
    except Failure as failure:
        outcome = failure
    assert not left, f"{len(left)} steps fewer than recorded, with {outcome!r}"
    return outcome


def turn_away(provider: Provider, call: Call, reply: Reply) -> None:
    """What the driver does with an error status that the conversation does not read itself."""
    if reply.status >= 300 and reply.status not in call.reads:
        wait = reply.headers.get("retry-after")
        raise provider.explain(reply, by_status(reply.status, float(wait) if wait else None))


def waiting(recording: Recording) -> Iterator[tuple[Row, Step, Conversation]]:
    """Every step of a recording, and its conversation, which waits for the answer to it."""
    for place, row in enumerate(recording.steps):
        conversation = recording.begin()
        step = next(conversation)
        for earlier in recording.steps[:place]:
            step = conversation.send(earlier.answer())
        yield row, step, conversation
