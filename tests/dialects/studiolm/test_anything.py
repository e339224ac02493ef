"""Whatever comes in: a request, or the dialect's own refusal; never another exception."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Failure, Fault, Format
from proxy.dialects.contract import Incoming
from proxy.dialects.studiolm.claims import claims
from proxy.dialects.studiolm.parse import FIELDS, SETTLED, parse
from proxy.dialects.studiolm.render import render_error
from tests.dialects.outcome import outcome
from tests.dialects.studiolm.asking import carrying, composed, error_of, sent
from tests.properties import MANY

words = st.sampled_from(
    ["vivid", "preview", "upscaled", "square", "portrait", "url", "hxd", "auto", "true", "data:", "https://a/b", "AAAA"]
)
numbers = st.integers() | st.integers(-1, 2) | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | numbers.map(str) | words | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(sorted({*FIELDS, *SETTLED})) | st.text(max_size=6)
SIZES = {(1024, 1024), (832, 1216), (1216, 832)}


def attempt(incoming: Incoming) -> bool:
    """Whether it is a request, held against what every request must be."""
    claims(incoming)
    ask = outcome(parse, incoming)
    if isinstance(ask, Failure):
        assert ask.fault is Fault.REJECTED
        status, error = error_of(render_error(ask))
        assert status == 400
        assert 0 < len(error["message"]) < 10_000
        return False
    request = composed(ask)
    assert request.prompt.strip()
    assert request.model
    assert (request.n, request.exact, request.format) == (1, True, Format.PNG)
    assert (request.width, request.height) in SIZES
    assert (request.strength is None) is (not request.references)
    assert request.strength is None or 0 <= request.strength <= 1
    assert request.seed is None or request.seed >= 0
    assert ask.links or ask.base64 or ask.pixels
    assert len(request.references) == len(ask.sources) <= 1
    return True


@MANY
@given(st.dictionaries(names, values, max_size=8))
def test_any_object_is_a_request_or_a_refusal(fields: dict[str, Any]) -> None:
    attempt(carrying(msgspec.json.encode(fields)))


@MANY
@given(st.dictionaries(names.filter(lambda name: name != "prompt"), values, max_size=3))
def test_any_object_with_a_prompt_is_a_request_or_a_refusal(fields: dict[str, Any]) -> None:
    attempt(sent(**fields))


@MANY
@given(st.binary(max_size=200))
def test_any_bytes_are_a_refusal(body: bytes) -> None:
    assert not attempt(carrying(body))


@MANY
@given(st.dictionaries(st.text(max_size=6).filter(lambda name: name not in {*FIELDS, *SETTLED}), values, max_size=5))
def test_what_is_not_known_changes_nothing_but_the_notes(unknown: dict[str, Any]) -> None:
    ask, plain = parse(sent(**unknown)), parse(sent())
    assert composed(ask) == composed(plain)
    assert not any(note.lossy for note in ask.notes)


def test_a_refusal_never_repeats_a_body() -> None:
    for field in FIELDS:
        if field != "reference_image":  # 100 000 characters of valid base64
            assert not attempt(sent(**{field: "x" * 100_001}))
