from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Background, Format, Generate, Image, Moderation, Note, Quality
from proxy.dialects.openai.parse import UNKNOWN_MOST, parse_generation
from tests.dialects.openai.asking import PHOTO, Refused, carrying, composed, generate, refusal, sent

BARE = Generate(model="", prompt="A boat")

FIELDS: list[tuple[str, Any, str, Any]] = [
    ("model", "gpt-image-2", "model", "gpt-image-2"),
    ("model", "black-forest-labs/flux-dev", "model", "black-forest-labs/flux-dev"),
    ("prompt", "  Ein Schiff  ", "prompt", "  Ein Schiff  "),
    ("prompt", "ü" * 32_000, "prompt", "ü" * 32_000),
    ("n", 1, "n", 1),
    ("n", 10, "n", 10),
    ("n", "2", "n", 2),
    ("n", 3.0, "n", 3),
    ("quality", "auto", "quality", None),
    ("quality", "low", "quality", Quality.LOW),
    ("quality", "medium", "quality", Quality.MEDIUM),
    ("quality", "high", "quality", Quality.HIGH),
    ("quality", "xhigh", "quality", Quality.XHIGH),
    ("quality", "max", "quality", Quality.MAX),
    ("quality", "standard", "quality", Quality.MEDIUM),
    ("quality", "hd", "quality", Quality.HIGH),
    ("style", "vivid", "style", "vivid"),
    ("style", "natural", "style", "natural"),
    ("background", "auto", "background", None),
    ("background", "transparent", "background", Background.TRANSPARENT),
    ("background", "opaque", "background", Background.OPAQUE),
    ("output_format", "png", "format", Format.PNG),
    ("output_format", "jpeg", "format", Format.JPEG),
    ("output_format", "webp", "format", Format.WEBP),
    ("output_format", "gif", "format", Format.GIF),
    ("output_format", "svg", "format", Format.SVG),
    ("moderation", "auto", "moderation", None),
    ("moderation", "low", "moderation", Moderation.LOW),
    ("complexity", "low", "complexity", "low"),
    ("complexity", "medium", "complexity", "medium"),
    ("complexity", "high", "complexity", "high"),
    ("frame_count", 2, "frames", 2),
    ("frame_count", 64, "frames", 64),
    ("frame_duration_ms", 20, "frame_ms", 20),
    ("frame_duration_ms", 2000, "frame_ms", 2000),
    ("svg", {"model": "v3"}, "vector_model", "v3"),
    ("svg", {"reasoning": {"effort": "high"}}, "vector_effort", "high"),
    ("svg", {}, "vector_model", None),
    ("svg", {"model": "", "reasoning": {"effort": ""}}, "vector_model", None),
    ("svg", {"model": "", "reasoning": {"effort": ""}}, "vector_effort", None),
    ("svg", {"model": None, "reasoning": None}, "vector_effort", None),
    ("user", "u-1", "user", "u-1"),
    ("safety_identifier", "s-1", "user", "s-1"),
    ("seed", 0, "seed", 0),
    ("seed", 2**63 - 1, "seed", 2**63 - 1),
    ("negative_prompt", "fog", "negative", "fog"),
    ("num_inference_steps", 30, "steps", 30),
    ("guidance_scale", 7, "guidance", 7.0),
    ("guidance_scale", 0, "guidance", 0.0),
]


@pytest.mark.parametrize(("field", "value", "ours", "meaning"), FIELDS)
def test_a_field_reaches_the_request(field: str, value: Any, ours: str, meaning: Any) -> None:
    found = getattr(generate(**{field: value}), ours)
    assert found == meaning
    assert type(found) is type(meaning)


SIZES: list[tuple[str, tuple[int | None, int | None]]] = [
    ("auto", (None, None)),
    ("1024x1024", (1024, 1024)),
    ("1536x1024", (1536, 1024)),
    ("1024x1536", (1024, 1536)),
    ("256x256", (256, 256)),
    ("512x512", (512, 512)),
    ("1792x1024", (1792, 1024)),
    ("1152x896", (1152, 896)),
    ("3840x2160", (3840, 2160)),
    ("16384x1", (16384, 1)),
]


@pytest.mark.parametrize(("size", "sides"), SIZES)
def test_a_size_becomes_pixels_and_auto_leaves_the_choice(size: str, sides: tuple[int | None, int | None]) -> None:
    request = generate(size=size)
    assert (request.width, request.height) == sides


def test_nothing_is_asked_for_that_was_not_sent() -> None:
    assert generate() == BARE


@pytest.mark.parametrize("value", [None, ""])
def test_nulls_and_empty_strings_are_fields_not_sent(value: object) -> None:
    names = {field for field, *_ in FIELDS} - {"prompt"} | {"size", "stream", "partial_images", "response_format"}
    ask = parse_generation(sent(**dict.fromkeys(names, value), unknown=value))
    assert composed(ask) == BARE
    assert ask.notes == ()
    assert (ask.links, ask.base64, ask.streams) == (True, False, False)


REFUSED: list[tuple[str, Any, str]] = [
    ("model", 5, "invalid_type"),
    ("model", "m" * 129, "string_above_max_length"),
    ("prompt", None, "missing_required_parameter"),
    ("prompt", "", "missing_required_parameter"),
    ("prompt", " \n", "missing_required_parameter"),
    ("prompt", ["A boat"], "invalid_type"),
    ("prompt", "x" * 32_001, "string_above_max_length"),
    ("n", 0, "integer_below_min_value"),
    ("n", -1, "integer_below_min_value"),
    ("n", 11, "integer_above_max_value"),
    ("n", "11", "integer_above_max_value"),
    ("n", 10**30, "integer_above_max_value"),
    ("n", 1.5, "invalid_type"),
    ("n", True, "invalid_type"),
    ("n", [1], "invalid_type"),
    ("size", "huge", "invalid_value"),
    ("size", "1024", "invalid_value"),
    ("size", "1024x", "invalid_value"),
    ("size", "0x1024", "invalid_value"),
    ("size", "1024x0", "invalid_value"),
    ("size", "-1x5", "invalid_value"),
    ("size", "1024x1024x1", "invalid_value"),
    ("size", "1024.5x1024", "invalid_value"),
    ("size", "16385x16", "invalid_value"),
    ("size", "9" * 5000 + "x1", "invalid_value"),
    ("size", 1024, "invalid_value"),
    ("size", [1024, 1024], "invalid_value"),
    ("size", {"width": 1}, "invalid_value"),
    ("quality", "best", "invalid_value"),
    ("quality", 5, "invalid_type"),
    ("style", "bold", "invalid_value"),
    ("background", "green", "invalid_value"),
    ("output_format", "bmp", "invalid_value"),
    ("output_compression", 101, "integer_above_max_value"),
    ("output_compression", -1, "integer_below_min_value"),
    ("moderation", "none", "invalid_value"),
    ("response_format", "json", "invalid_value"),
    ("stream", "yes", "invalid_type"),
    ("partial_images", 4, "integer_above_max_value"),
    ("partial_images", -1, "integer_below_min_value"),
    ("complexity", "extreme", "invalid_value"),
    ("frame_count", 1, "integer_below_min_value"),
    ("frame_duration_ms", 2001, "integer_above_max_value"),
    ("svg", "v3", "invalid_type"),
    ("user", 7, "invalid_type"),
    ("user", "u" * 513, "string_above_max_length"),
    ("safety_identifier", "s" * 513, "string_above_max_length"),
    ("seed", -1, "integer_below_min_value"),
    ("seed", 2**63, "integer_above_max_value"),
    ("negative_prompt", 1, "invalid_type"),
    ("num_inference_steps", 0, "integer_below_min_value"),
    ("guidance_scale", "much", "invalid_type"),
]


@pytest.mark.parametrize(("field", "value", "code"), REFUSED)
def test_a_field_out_of_bounds_is_refused_by_its_own_name(field: str, value: Any, code: str) -> None:
    found = refusal(parse_generation, sent(**{field: value}))
    assert (found.status, found.code, found.param) == (400, code, field)
    assert field in found.message or "Invalid value" in found.message
    assert len(found.message) < 400


@pytest.mark.parametrize(
    ("svg", "code", "param"),
    [
        ({"model": 5}, "invalid_type", "svg.model"),
        ({"reasoning": "high"}, "invalid_type", "svg.reasoning"),
        ({"reasoning": {"effort": 3}}, "invalid_type", "svg.reasoning.effort"),
    ],
)
def test_what_is_wrong_inside_svg_is_named_by_its_path(svg: object, code: str, param: str) -> None:
    found = refusal(parse_generation, sent(svg=svg))
    assert (found.code, found.param) == (code, param)


@pytest.mark.parametrize("body", [b"", b"{not json", b"[]", b'"a"', b"\xff"])
def test_a_body_that_is_no_object_is_refused_without_a_parameter(body: bytes) -> None:
    found = refusal(parse_generation, carrying(body))
    assert (found.status, found.code, found.param) == (400, None, None)


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/JSON"])
def test_a_json_body_is_read_under_any_content_type(content_type: str) -> None:
    assert composed(parse_generation(carrying(b'{"prompt":"A boat"}', content_type))) == BARE


# Settings that depend on one another.


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"background": "transparent", "output_format": "gif"}, "background"),
        ({"output_compression": 50}, "output_compression"),
        ({"output_compression": 0, "output_format": "png"}, "output_compression"),
        ({"output_compression": 99, "output_format": "gif"}, "output_compression"),
        ({"output_compression": 50, "output_format": "svg"}, "output_compression"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(fields: dict[str, Any], param: str) -> None:
    found = refusal(parse_generation, sent(**fields))
    assert (found.status, found.code, found.param) == (400, "invalid_value", param)


@pytest.mark.parametrize(
    ("fields", "compression"),
    [
        ({"output_compression": 50, "output_format": "jpeg"}, 50),
        ({"output_compression": 0, "output_format": "webp"}, 0),
        ({"output_compression": 100, "output_format": "png"}, None),
        ({"output_compression": 100}, None),
    ],
)
def test_compression_is_for_jpeg_and_webp_and_its_default_is_taken_for_every_format(
    fields: dict[str, Any], compression: int | None
) -> None:
    assert generate(**fields).compression == compression


@pytest.mark.parametrize("fields", [{}, {"output_format": "png"}, {"output_format": "webp"}, {"output_format": "svg"}])
def test_a_transparent_background_is_taken_where_the_format_has_one(fields: dict[str, Any]) -> None:
    assert generate(background="transparent", **fields).background is Background.TRANSPARENT


def test_the_user_is_not_replaced_by_the_safety_identifier() -> None:
    assert generate(user="u-1", safety_identifier="s-1").user == "u-1"


# How to answer.

ANSWERS: list[tuple[str | None, str | None, tuple[bool, bool]]] = [
    (None, None, (True, False)),
    ("dall-e-3", None, (True, False)),
    ("flux-dev", None, (True, False)),
    ("gpt-image-1", None, (False, True)),
    ("gpt-image-2.6-flare", None, (False, True)),
    ("chatgpt-image-latest", None, (False, True)),
    ("my-gpt-image-2", None, (True, False)),
    ("dall-e-3", "b64_json", (False, True)),
    ("dall-e-3", "url", (True, False)),
    ("gpt-image-1", "url", (True, False)),
    ("gpt-image-1", "b64_json", (False, True)),
]


@pytest.mark.parametrize(("model", "said", "answers"), ANSWERS)
def test_the_answer_is_as_said_and_else_as_the_models_clients_expect(
    model: str | None, said: str | None, answers: tuple[bool, bool]
) -> None:
    ask = parse_generation(sent(model=model, response_format=said))
    assert (ask.links, ask.base64) == answers


@pytest.mark.parametrize("stream", [True, "true", "1"])
@pytest.mark.parametrize("said", [None, "url", "b64_json"])
def test_a_stream_carries_the_pictures_themselves(stream: object, said: str | None) -> None:
    ask = parse_generation(sent(model="dall-e-3", stream=stream, partial_images=2, response_format=said))
    assert (ask.streams, ask.links, ask.base64) == (True, False, True)
    assert composed(ask).previews == 2


@pytest.mark.parametrize("fields", [{}, {"stream": False}, {"stream": None}])
def test_unfinished_pictures_are_not_paid_for_where_nobody_would_see_them(fields: dict[str, Any]) -> None:
    assert generate(partial_images=3, **fields).previews == 0


# What is not known.


def test_unknown_fields_are_tolerated_and_noted_as_no_loss() -> None:
    ask = parse_generation(sent(user_id=7, extra={"a": [1]}, input_fidelity="high", svg={"color": "red"}))
    assert composed(ask) == BARE
    assert ask.notes == tuple(
        Note(name, "is not known here and was ignored", lossy=False)
        for name in ("user_id", "extra", "input_fidelity", "svg.color")
    )


def test_a_body_full_of_unknown_fields_does_not_become_as_many_notes() -> None:
    ask = parse_generation(sent(**{f"{place}" * 100: place for place in range(1000)}))
    assert len(ask.notes) == UNKNOWN_MOST + 1
    assert ask.notes[-1].detail == f"{1000 - UNKNOWN_MOST} more fields are not known here and were ignored"
    assert max(len(note.field) for note in ask.notes) == 64


def test_a_generation_takes_no_pictures() -> None:
    ask = parse_generation(sent())
    assert ask.sources == ()
    assert ask.compose([]) == ask.compose([Image(PHOTO)]) == BARE


def test_a_refusal_on_the_wire_says_everything() -> None:
    assert refusal(parse_generation, sent(n=11)) == Refused(
        400,
        "integer_above_max_value",
        "n",
        "Invalid 'n': integer above maximum value. Expected a value <= 10, but got 11.",
    )
