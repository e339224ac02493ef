"""Requests as clients write them, and what becomes of them: a request in our words, an answer, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from providers.contract import Control, Edit, Failure, Fault, Generate, Image, ImageRequest, Note, Upscale
from proxy.dialects.contract import Ask, Generating, Incoming, Informing, Outgoing, Talking
from proxy.dialects.leonardo import DIALECT
from proxy.dialects.leonardo.parse import parse_generation
from proxy.dialects.wants import Want
from tests.pictures import png

PHOTO = png(40, 30)
ONE, TWO, THREE = [f"{digit * 8}-1111-4111-8111-111111111100" for digit in "abc"]
"""Ids of pictures."""
BASE = "/api/rest/v1"
PHOENIX = "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3"
FLUX = "b2614463-296c-462a-9586-aafdb8f00e36"
DREAMSHAPER = "ac614f96-1082-45bf-be9d-757f2d31c174"
KINO = "aa77f04e-3eec-4034-9c07-d0f619684628"
LIGHTNING = "b24e16ff-06e3-43eb-8d33-4416c2d75876"
KONTEXT = "28aeddf8-bd19-4803-80fc-79602d1a9989"
CLIENTS_OWN = {
    "alchemy": True,
    "height": 768,
    "modelId": LIGHTNING,
    "num_images": 4,
    "presetStyle": "DYNAMIC",
    "width": 1024,
}
"""What official clients send beside the prompt, whatever their caller said."""


class Refused(Struct, frozen=True):
    """A refusal as the caller sees it."""

    status: int
    code: str
    path: str
    error: str


def posting(body: Any, path: str = "/generations", **more: Any) -> Incoming:
    """A request with a JSON body, or any bytes."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {"content-type": "application/json"}
    return Incoming(method="POST", path=f"{BASE}{path}", headers=headers, body=raw, origin="https://here.test", **more)


def getting(path: str = "/", query: dict[str, str] | None = None, **parts: str) -> Incoming:
    """A request without a body."""
    return Incoming(method="GET", path=f"{BASE}{path}", headers={}, query=query or {}, parts=parts)


def asked(**fields: Any) -> Ask:
    """A generation, understood: a prompt, and what else is given."""
    return parse_generation(posting({"prompt": "A boat", **fields}))


def composed(ask: Ask, *bodies: bytes) -> ImageRequest:
    """The request an ask comes to."""
    images = [Image(body) for body in bodies] if bodies else [Image(PHOTO) for _ in ask.sources]
    return ask.compose(images)


def generated(**fields: Any) -> Generate:
    """The pictures from words that a generation comes to."""
    request = composed(asked(**fields))
    assert isinstance(request, Generate)
    return request


def edited(ask: Ask, *bodies: bytes) -> Edit:
    """The edit an ask comes to."""
    request = composed(ask, *bodies)
    assert isinstance(request, Edit)
    return request


def controlled(ask: Ask) -> Control:
    """The steered picture an ask comes to."""
    request = composed(ask)
    assert isinstance(request, Control)
    return request


def upscaled(ask: Ask) -> Upscale:
    """The larger picture an ask comes to."""
    request = composed(ask)
    assert isinstance(request, Upscale)
    return request


def assets(ask: Ask) -> list[tuple[str, str | None]]:
    """What an ask points at."""
    assert all(source.body is None and source.url is None for source in ask.sources)
    return [(source.field, source.asset) for source in ask.sources]


def noted(notes: Sequence[Note]) -> dict[str, bool]:
    """The fields that notes are about, and whether something is lost."""
    return {note.field: note.lossy for note in notes}


def refused(step: Callable[[], Any]) -> Refused:
    """How a request is refused, which it must be, and by the caller's own fault."""
    with pytest.raises(Failure) as caught:
        step()
    assert caught.value.fault is Fault.REJECTED
    outgoing = DIALECT.render_error(caught.value)
    told = read(outgoing)
    assert set(told) == {"error", "path", "code"}
    return Refused(outgoing.status, told["code"], told["path"], told["error"])


def read(outgoing: Outgoing) -> Any:
    """A body as its reader sees it."""
    assert outgoing.headers["content-type"].startswith("application/json")
    return msgspec.json.decode(b"".join(outgoing.body))


def conversing(talk: Callable[[Incoming], Any], incoming: Incoming, *answers: Any) -> tuple[Outgoing, list[Want]]:
    """A conversation whose wants get these answers, in their order; a `Failure` among them is raised in it."""
    wants: list[Want] = []
    left = list(answers)
    conversation = talk(incoming)
    try:
        want = next(conversation)
        while True:
            wants.append(want)
            answer = left.pop(0)
            want = conversation.throw(answer) if isinstance(answer, Failure) else conversation.send(answer)
    except StopIteration as end:
        assert not left, "not everything was wanted"
        return end.value, wants


def route_of(method: str, path: str) -> tuple[Generating | Informing | Talking, dict[str, str]]:
    """The route that answers a path, and what the path says; fixed words go before open ones."""
    for route in sorted(DIALECT.routes, key=lambda route: route.path.count("{")):
        found = re.fullmatch(re.sub(r"{(\w+):str}", r"(?P<\1>[^/]+)", route.path), path)
        if found and route.method == method:
            return route, found.groupdict()
    raise AssertionError(f"nothing answers {method} {path}")
