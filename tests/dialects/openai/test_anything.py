"""Whatever comes in: a request, or the dialect's own refusal; never another exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Edit, Failure, Fault, Format, Generate, ImageRequest
from proxy.dialects.contract import Ask, Incoming
from proxy.dialects.openai.parse import EDIT_JSON, SHARED, parse_edit, parse_generation, parse_variation
from proxy.dialects.openai.render import render_error
from tests.dialects.openai.asking import PHOTO, Part, carrying, composed, error_of, form
from tests.dialects.openai.test_edits import CUT_URL, LINK, PNG_URL
from tests.dialects.outcome import outcome
from tests.properties import MANY

words = st.sampled_from(
    ["auto", "low", "high", "hd", "vivid", "opaque", "transparent", "jpeg", "png", "gif", "url", "b64_json", "true"]
)
numbers = st.integers() | st.integers(0, 12) | st.floats(allow_nan=False, allow_infinity=False)
written_numbers = numbers.map(str) | st.sampled_from(["0", "1", "2.0", "1024x1024", "256x 256", "x", "1e5", "NaN"])
references = st.fixed_dictionaries(
    {}, optional={"image_url": st.sampled_from([PNG_URL, CUT_URL, LINK, "data:x", ""]), "file_id": st.just("f")}
)
leaves = st.none() | st.booleans() | numbers | written_numbers | words | st.text(max_size=8) | references
values = st.recursive(
    leaves,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(sorted({*EDIT_JSON, "image", "image[]", "mask[]", "model_"})) | st.text(max_size=6)
objects = st.builds(
    lambda first, rest: first | rest,
    st.fixed_dictionaries({}, optional={"prompt": st.just("A boat"), "images": st.lists(references, max_size=2)}),
    st.dictionaries(names, values, max_size=8),
)
sensible = st.fixed_dictionaries(
    {"prompt": st.just("A boat")},
    optional={
        "images": st.lists(st.just({"image_url": PNG_URL}), min_size=1, max_size=3),
        "mask": st.none() | st.just({"image_url": CUT_URL}),
        "n": st.integers(1, 10) | st.just("3"),
        "size": st.sampled_from(["auto", "64x48", ""]),
        "quality": st.sampled_from(["auto", "hd", "max", None]),
        "output_format": st.sampled_from([*map(str, Format), ""]),
        "output_compression": st.integers(0, 100),
        "background": st.sampled_from(["auto", "transparent", "opaque"]),
        "stream": st.booleans() | st.sampled_from(["true", "false"]),
        "partial_images": st.integers(0, 3),
        "response_format": st.sampled_from(["url", "b64_json", "", None]),
        "svg": st.dictionaries(st.sampled_from(["model", "reasoning"]), st.text(max_size=3)),
        "model": st.sampled_from(["dall-e-3", "gpt-image-1", ""]),
        "odd": values,
    },
)


def attempt(parse: Callable[[Incoming], Ask], incoming: Incoming) -> ImageRequest | None:
    """The request, held against what every request must be; or None for a refusal that its caller can read."""
    ask = outcome(parse, incoming)
    if isinstance(ask, Failure):
        assert ask.fault is Fault.REJECTED
        status, error = error_of(render_error(ask))
        assert status in (400, 413)
        assert 0 < len(error["message"]) < 10_000
        return None
    request = composed(ask)
    assert isinstance(request, Generate | Edit)
    assert 1 <= request.n <= 10
    assert (request.width is None) is (request.height is None)
    assert request.previews == 0 or ask.streams
    assert ask.links or ask.base64
    assert len(request.images) == len(ask.sources)
    assert not (ask.streams and ask.links)
    assert request.compression is None or request.format in (Format.JPEG, Format.WEBP)
    assert request.billable().n == request.n
    assert not any(note.lossy for note in ask.notes)
    return request


PARSERS = [parse_generation, parse_edit, parse_variation]
TYPES = [
    "application/json",
    "multipart/form-data",
    "multipart/form-data; boundary=b",
    'multipart/form-data; boundary="',
    "\x00",
]


@MANY
@given(st.sampled_from(PARSERS), objects)
def test_any_object_is_a_request_or_a_refusal(parse: Callable[[Incoming], Ask], body: dict[str, Any]) -> None:
    attempt(parse, carrying(msgspec.json.encode(body)))


@MANY
@given(st.sampled_from([parse_generation, parse_edit]), sensible)
def test_a_sensible_object_is_a_request_or_a_refusal(parse: Callable[[Incoming], Ask], body: dict[str, Any]) -> None:
    attempt(parse, carrying(msgspec.json.encode(body)))


@MANY
@given(st.sampled_from(PARSERS), st.binary(max_size=200), st.sampled_from(TYPES))
def test_any_bytes_are_a_refusal(parse: Callable[[Incoming], Ask], body: bytes, content_type: str) -> None:
    assert attempt(parse, carrying(body, content_type)) is None


@MANY
@given(
    st.sampled_from([parse_edit, parse_variation]),
    st.lists(
        st.tuples(names, st.text(max_size=8) | words | written_numbers)
        | st.tuples(st.sampled_from(["image", "image[]", "mask", "markup"]), st.just(("f", PHOTO))),
        max_size=6,
    ),
)
def test_any_form_is_a_request_or_a_refusal(parse: Callable[[Incoming], Ask], parts: list[Part]) -> None:
    attempt(parse, form(("prompt", "A boat"), *parts))


@MANY
@given(st.dictionaries(st.text(min_size=1, max_size=6).filter(lambda name: name not in SHARED), values, max_size=5))
def test_what_is_not_known_changes_nothing_but_the_notes(unknown: dict[str, Any]) -> None:
    request = attempt(parse_generation, carrying(msgspec.json.encode({**unknown, "prompt": "A boat"})))
    assert request == Generate(model="", prompt="A boat")


@pytest.mark.parametrize("parse", PARSERS)
def test_a_refusal_never_repeats_a_body(parse: Callable[[Incoming], Ask]) -> None:
    long = "x" * 100_000
    for field in ("size", "quality", "n", "prompt", "model", "response_format", "stream"):
        assert attempt(parse, carrying(msgspec.json.encode({"prompt": "A boat", field: long}))) is None
        assert attempt(parse, form(("prompt", "A boat"), ("image", ("f", PHOTO)), (field, long))) is None
