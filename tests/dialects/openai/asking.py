"""Requests as clients write them, and what becomes of them: a request in our words, or a refusal on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct

from providers.contract import Failure, Fault, Generate, Image, ImageRequest
from proxy.dialects.contract import Ask, Incoming, Outgoing
from proxy.dialects.openai import DIALECT
from proxy.dialects.openai.parse import parse_generation
from tests.pictures import png

PHOTO, OTHER, CUT = png(40, 30), png(20, 10, "blue"), png(40, 30, (0, 0, 0, 0))
"""Pictures to send along, the last one a mask."""

Part = tuple[str, Any]
"""A name and httpx's `(filename, body[, mime])`, or a text."""


class Refused(Struct, frozen=True):
    """A refusal as the caller sees it."""

    status: int
    code: str | None
    param: str | None
    message: str = ""


def sent(**fields: Any) -> Incoming:
    """A JSON body for generations: a prompt, and what else is given."""
    return carrying(msgspec.json.encode({"prompt": "A boat", **fields}))


def carrying(body: bytes, content_type: str = "application/json") -> Incoming:
    """Any body under any content type."""
    return Incoming(method="POST", path="/", headers={"content-type": content_type}, body=body)


def form(*parts: Part) -> Incoming:
    """A form, as httpx encodes it: texts, and files in their order."""
    files = [(name, (None, value) if isinstance(value, str) else value) for name, value in parts]
    request = httpx.Request("POST", "http://here/", files=files)
    return carrying(request.read(), request.headers["content-type"])


def edit(*parts: Part) -> Incoming:
    """A form that edits: a prompt and a picture, and what else is given."""
    return form(("prompt", "A boat"), ("image", ("photo.png", PHOTO)), *parts)


def composed(ask: Ask) -> ImageRequest:
    """The request an ask comes to with the very pictures that were sent."""
    return ask.compose([Image(source.body or PHOTO) for source in ask.sources])


def generate(**fields: Any) -> Generate:
    """The request that a JSON body for generations comes to."""
    request = composed(parse_generation(sent(**fields)))
    assert isinstance(request, Generate)
    return request


def refusal(parse: Callable[[Incoming], Ask], incoming: Incoming) -> Refused:
    """How a request is refused, which it must be, and by the caller's own fault."""
    with pytest.raises(Failure) as caught:
        parse(incoming)
    assert caught.value.fault is Fault.REJECTED
    status, error = error_of(DIALECT.render_error(caught.value))
    return Refused(status, error["code"], error["param"], error["message"])


def error_of(outgoing: Outgoing) -> tuple[int, dict[str, Any]]:
    """Status and error object of an answer."""
    told = written(outgoing.body)
    assert set(told) == {"error"}
    return outgoing.status, told["error"]


def written(pieces: Sequence[Any]) -> Any:
    """A body as its reader sees it."""
    return msgspec.json.decode(b"".join(pieces))
