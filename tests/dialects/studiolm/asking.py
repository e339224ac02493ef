"""Requests as StudioLM's callers write them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from providers.contract import Failure, Fault, Generate, Image, Note
from proxy.dialects.contract import Ask, Incoming, Outgoing
from proxy.dialects.studiolm import DIALECT
from proxy.dialects.studiolm.parse import parse
from tests.pictures import png

PHOTO, OTHER = png(40, 30), png(20, 10, "blue")
LINK = "https://example.com/photo.jpg"
AS_THE_CLIENT: dict[str, Any] = {
    "style": "vivid",
    "aspect_ratio": "square",
    "response_format": "url",
    "disable_safety_checker": False,
    "force_prompt_enhancement": False,
    "denoising_strength": 0.75,
}
"""What the official client writes into every request."""


class Refused(Struct, frozen=True):
    """A refusal as the caller sees it, and the field it is about."""

    status: int
    kind: str
    field: str | None
    message: str


def carrying(body: bytes) -> Incoming:
    """Any body."""
    return Incoming(method="POST", path="/v1/images/generations", headers={}, body=body)


def sent(**fields: Any) -> Incoming:
    """A JSON body: a prompt, and what else is given."""
    return carrying(msgspec.json.encode({"prompt": "A boat", **fields}))


def asked(**fields: Any) -> Ask:
    """What that body comes to."""
    return parse(sent(**fields))


def composed(ask: Ask) -> Generate:
    """The request, with one picture for each that was sent."""
    request = ask.compose([Image(PHOTO) for _ in ask.sources])
    assert isinstance(request, Generate)
    return request


def generate(**fields: Any) -> Generate:
    """The request that a JSON body comes to."""
    return composed(asked(**fields))


def notes(**fields: Any) -> list[Note]:
    """What of a body could not be passed on."""
    return list(asked(**fields).notes)


def refusal(incoming: Incoming) -> Refused:
    """How a request is refused, which it must be, and by the caller's own fault."""
    with pytest.raises(Failure) as caught:
        parse(incoming)
    assert caught.value.fault is Fault.REJECTED
    status, error = error_of(DIALECT.render_error(caught.value))
    return Refused(status, error["type"], caught.value.field, error["message"])


def error_of(outgoing: Outgoing) -> tuple[int, dict[str, Any]]:
    """Status and error object of an answer, held against the documented envelope."""
    told = written(outgoing.body)
    assert set(told) == {"error"}
    error: dict[str, Any] = told["error"]
    assert set(error) == {"message", "type", "code"}
    assert error["code"] == outgoing.status
    return outgoing.status, error


def written(pieces: Sequence[Any]) -> Any:
    """A body as its reader sees it."""
    return msgspec.json.decode(b"".join(pieces))
