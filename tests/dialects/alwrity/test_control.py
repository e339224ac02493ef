"""`POST /control/process`: a picture steered by another."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from providers.contract import Control, ControlKind, Format
from tests.dialects.alwrity.asking import PHOTO, answer, composed, named, parse, refusal, served, url
from tests.pictures import png

CONTROL = "/control/process"
LOOKS = png(20, 10, "blue")


def body(operation: str, **fields: Any) -> dict[str, Any]:
    looks = {"style_image_base64": url(LOOKS)} if operation == "style_transfer" else {}
    return {"control_image_base64": url(PHOTO), "operation": operation, "prompt": "An office", **looks, **fields}


@pytest.mark.parametrize("kind", ControlKind)
def test_an_operation_is_a_way_of_steering(kind: ControlKind) -> None:
    ask = parse(CONTROL, body(str(kind)))
    request = composed(ask)
    assert isinstance(request, Control)
    assert (request.kind, request.model, request.prompt, request.format) == (kind, "control", "An office", Format.PNG)
    assert request.picture.body == PHOTO
    assert (request.looks.body if request.looks else None) == (LOOKS if kind is ControlKind.STYLE_TRANSFER else None)
    assert (ask.notes, ask.providers) == ((), ())


STRENGTHS = [
    ("sketch", "control_strength", "strength"),
    ("structure", "control_strength", "strength"),
    ("style", "fidelity", "fidelity"),
    ("style_transfer", "style_strength", "style_strength"),
    ("style_transfer", "composition_fidelity", "composition_fidelity"),
    ("style_transfer", "change_strength", "change_strength"),
]


@pytest.mark.parametrize(("operation", "field", "ours"), STRENGTHS)
@pytest.mark.parametrize("value", [0.0, 0, 0.8, 1, "0.5"])
def test_a_strength_is_a_number_and_nothing_is_one_too(operation: str, field: str, ours: str, value: Any) -> None:
    ask = parse(CONTROL, body(operation, **{field: value}))
    assert getattr(composed(ask), ours) == float(value)
    assert answer(CONTROL, ask, served(PHOTO))["metadata"][field] == float(value)


@pytest.mark.parametrize(("operation", "field", "ours"), STRENGTHS)
def test_a_strength_not_said_is_left_to_the_model(operation: str, field: str, ours: str) -> None:
    ask = parse(CONTROL, body(operation, **{field: None}))
    assert getattr(composed(ask), ours) is None
    assert field not in answer(CONTROL, ask, served(PHOTO))["metadata"]


@pytest.mark.parametrize(("operation", "field", "ours"), STRENGTHS)
@pytest.mark.parametrize("value", [-0.1, 1.1, "strong", True])
def test_a_strength_is_of_0_to_1(operation: str, field: str, ours: str, value: Any) -> None:
    status, detail = refusal(CONTROL, body(operation, **{field: value}))
    assert status == 400
    assert field in detail


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("sketch", {"fidelity": 0.0, "style_strength": 0.5, "aspect_ratio": "1:1", "style_image_base64": url(LOOKS)}),
        ("style", {"control_strength": 0.0}),
        ("style_transfer", {"control_strength": 0.5, "aspect_ratio": "1:1"}),
    ],
)
def test_what_an_operation_has_no_use_for_is_noted_as_lost(operation: str, fields: dict[str, Any]) -> None:
    ask = parse(CONTROL, body(operation, **fields))
    assert named(ask.notes) == dict.fromkeys(fields, True)
    sent, bare = composed(ask), composed(parse(CONTROL, body(operation)))
    assert replace(sent, picture=bare.picture, looks=bare.looks) == bare
    assert (sent.looks is None) is (bare.looks is None)


@pytest.mark.parametrize(
    ("ratio", "size"), [("1:1", (1024, 1024)), ("16:9", (1365, 768)), ("9:16", (768, 1365)), ("4:1", (2048, 512))]
)
def test_a_shape_is_about_a_megapixel(ratio: str, size: tuple[int, int]) -> None:
    request = composed(parse(CONTROL, body("style", aspect_ratio=ratio)))
    assert (request.width, request.height, request.exact) == (*size, True)


def test_settings_reach_it() -> None:
    said = {"negative_prompt": "fog", "style_preset": "anime", "seed": 4, "output_format": "webp", "model": "m"}
    ask = parse(CONTROL, body("sketch", **said, provider="stability"))
    request = composed(ask)
    assert (request.negative, request.style, request.seed, request.format) == ("fog", "anime", 4, Format.WEBP)
    assert (request.model, ask.providers) == ("m", ("stability",))


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (body("sketch", control_image_base64=None), "Control image payload is required"),
        (body("sketch", control_image_base64="@@@"), "Invalid base64 image payload"),
        (body("style_transfer", style_image_base64=None), "Style image is required for style transfer"),
        (body("style_transfer", style_image_base64="@"), "Invalid base64 image payload"),
        (body("sketch", prompt=None), "Prompt is required for control operations"),
        ({"control_image_base64": url(PHOTO)}, "Missing required parameter: 'operation'."),
    ],
)
def test_what_is_missing_is_said(sent: dict[str, Any], detail: str) -> None:
    assert refusal(CONTROL, sent) == (400, detail)


def test_a_transfer_of_style_may_do_without_words() -> None:
    assert composed(parse(CONTROL, body("style_transfer", prompt=""))).prompt == ""
