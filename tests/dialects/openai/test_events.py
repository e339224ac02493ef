from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import openai
import pytest
from openai._streaming import SSEDecoder
from openai.types import (
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
)

from pricing import Usage
from providers.contract import Code, Failure, Fault, Image
from proxy.dialects.contract import Generating, Served, Shown, Streaming
from proxy.dialects.openai import DIALECT
from proxy.dialects.openai.parse import parse_edit, parse_generation
from tests.dialects.openai.asking import PHOTO, edit, sent
from tests.pictures import jpeg

TEXT = base64.b64encode(PHOTO).decode()
ROUTES = {route.path: route for route in DIALECT.routes if isinstance(route, Generating)}
ASK = parse_generation(sent(stream=True, quality="high", background="transparent"))
PLAIN = parse_generation(sent(stream=True))
TOKENS = Usage(images=2, text_in=10, image_out=50)


def streaming(route: str) -> Streaming:
    found = ROUTES[f"/v1/images/{route}"].streaming
    assert found is not None
    return found


def frames(pieces: Sequence[Any]) -> list[tuple[str | None, dict[str, Any]]]:
    """Events as the official client decodes them: name and data."""
    body = b"".join(pieces)
    assert body.endswith(b"\n\n")
    decoded = SSEDecoder().iter_bytes(iter([body]))
    return [(event.event, msgspec.json.decode(event.data)) for event in decoded]


def required(event: type[openai.BaseModel]) -> set[str]:
    return {name for name, field in event.model_fields.items() if field.is_required()}


def served(count: int, usage: Usage = TOKENS, **fields: Any) -> Served:
    pictures = tuple([Shown(image=Image(PHOTO)) for _ in range(count)])
    return Served(request_id="r", created=1_620_000_000, model="m", pictures=pictures, usage=usage, **fields)


@pytest.mark.parametrize(
    ("route", "kind", "event"),
    [
        ("generations", "image_generation", ImageGenPartialImageEvent),
        ("edits", "image_edit", ImageEditPartialImageEvent),
    ],
)
def test_an_unfinished_picture_is_an_event_with_every_listed_field(
    route: str, kind: str, event: type[openai.BaseModel]
) -> None:
    [(name, told)] = frames(streaming(route).preview(ASK, Image(PHOTO), 0, 1_620_000_000))
    assert name == f"{kind}.partial_image"
    assert told == {
        "type": f"{kind}.partial_image",
        "b64_json": TEXT,
        "created_at": 1_620_000_000,
        "size": "40x30",
        "quality": "high",
        "background": "transparent",
        "output_format": "png",
        "partial_image_index": 0,
    }
    assert required(event) <= set(told)


def test_unfinished_pictures_are_counted_from_zero_as_they_come() -> None:
    preview = streaming("generations").preview
    told = [frames(preview(PLAIN, Image(jpeg()), index, 1))[0][1] for index in range(3)]
    assert [each["partial_image_index"] for each in told] == [0, 1, 2]
    assert {each["output_format"] for each in told} == {"jpeg"}
    assert {(each["quality"], each["background"]) for each in told} == {("auto", "auto")}


@pytest.mark.parametrize(
    ("route", "kind", "event"),
    [
        ("generations", "image_generation", ImageGenCompletedEvent),
        ("edits", "image_edit", ImageEditCompletedEvent),
    ],
)
def test_the_finished_picture_is_an_event_with_its_usage(route: str, kind: str, event: type[openai.BaseModel]) -> None:
    [(name, told)] = frames(streaming(route).finished(ASK, served(1, quality="medium", background="opaque")))
    assert name == f"{kind}.completed"
    assert told.pop("usage")["total_tokens"] == 60
    assert told == {
        "type": f"{kind}.completed",
        "b64_json": TEXT,
        "created_at": 1_620_000_000,
        "size": "40x30",
        "quality": "medium",
        "background": "opaque",
        "output_format": "png",
    }
    assert required(event) <= {*told, "usage"}


def test_of_several_pictures_each_is_completed_and_the_tokens_are_told_once() -> None:
    told = [data for _, data in frames(streaming("generations").finished(PLAIN, served(3)))]
    assert [each["type"] for each in told] == ["image_generation.completed"] * 3
    assert [each["usage"]["total_tokens"] for each in told] == [0, 0, 60]
    assert sum(each["usage"]["output_tokens"] for each in told) == 50


@pytest.mark.parametrize("route", ["generations", "edits"])
def test_a_safety_identifier_is_echoed_when_a_picture_is_finished(route: str) -> None:
    ask = parse_generation(sent(stream=True, safety_identifier="s-1"))
    assert [data["safety_identifier"] for _, data in frames(streaming(route).finished(ask, served(2)))] == ["s-1"] * 2
    assert "safety_identifier" not in frames(streaming(route).finished(PLAIN, served(1)))[0][1]


def test_usage_is_told_where_no_token_was_counted() -> None:
    [(_, told)] = frames(streaming("edits").finished(parse_edit(edit(("stream", "true"))), served(1, Usage(images=1))))
    assert told["usage"] == {
        "total_tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
    }


def test_a_failure_in_the_middle_is_an_event_that_clients_raise() -> None:
    failure = Failure(Fault.MODERATED, "Line one\nline two", field="prompt")
    [(name, told)] = frames(streaming("generations").failed(failure))
    assert name == "error"
    assert told == {
        "type": "error",
        "error": {
            "message": "Line one\nline two",
            "type": "image_generation_user_error",
            "param": "prompt",
            "code": "moderation_blocked",
        },
    }


@pytest.mark.parametrize("code", [None, *Code])
def test_a_failure_in_the_middle_always_has_its_four_keys(code: Code | None) -> None:
    [(_, told)] = frames(streaming("edits").failed(Failure(Fault.UNAVAILABLE, "gone", code=code)))
    assert set(told["error"]) == {"message", "type", "param", "code"}


def test_the_text_of_a_picture_is_passed_on_and_never_copied() -> None:
    text = memoryview(bytearray(TEXT.encode()))
    image = Image.from_base64(text)
    pieces = streaming("generations").preview(PLAIN, image, 0, 1)
    assert any(piece is text for piece in pieces)


@pytest.mark.parametrize("route", ["generations", "edits"])
def test_nothing_is_heard_of_what_keeps_a_stream_alive(route: str) -> None:
    spoken = streaming(route)
    pieces = [spoken.alive, *spoken.finished(PLAIN, served(1)), spoken.alive]
    assert len(frames(pieces)) == 1


def test_a_variation_does_not_stream() -> None:
    assert ROUTES["/v1/images/variations"].streaming is None
