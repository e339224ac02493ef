from __future__ import annotations

import pytest

from providers.contract import Edit, EditKind
from proxy.dialects.openai.parse import parse_variation
from tests.dialects.openai.asking import CUT, OTHER, PHOTO, Part, carrying, composed, form, refusal


def test_the_picture_alone_is_enough() -> None:
    ask = parse_variation(form(("image", ("upload", PHOTO))))
    request = composed(ask)
    assert isinstance(request, Edit)
    assert request == Edit(kind=EditKind.VARIATION, model="", pictures=request.pictures)
    assert [picture.body for picture in request.pictures] == [PHOTO]
    assert (ask.links, ask.base64, ask.streams, ask.notes) == (True, False, False, ())


def test_what_a_client_always_writes_is_no_wish() -> None:
    parts: list[Part] = [("n", "0"), ("size", ""), ("response_format", ""), ("user", "")]
    ask = parse_variation(form(("image", ("image.png", PHOTO)), *parts))
    assert composed(ask).n == 1
    assert (composed(ask).width, ask.links) == (None, True)


def test_what_is_said_counts() -> None:
    parts: list[Part] = [("n", "3"), ("size", "512x512"), ("response_format", "b64_json"), ("model", "dall-e-2")]
    ask = parse_variation(form(("image", ("image.png", PHOTO)), *parts))
    request = composed(ask)
    assert (request.n, request.width, request.model) == (3, 512, "dall-e-2")
    assert (ask.links, ask.base64) == (False, True)


def test_one_picture_is_varied_and_everything_beside_it_is_noted() -> None:
    ask = parse_variation(form(("image[]", ("a", PHOTO)), ("image[]", ("b", OTHER)), ("mask", ("m", CUT)), ("x", "1")))
    assert [source.body for source in ask.sources] == [PHOTO]
    assert [note.field for note in ask.notes] == ["x", "mask", "image[1]"]


@pytest.mark.parametrize(
    ("parts", "code", "param"),
    [
        ((("n", "1"),), "missing_required_parameter", "image"),
        ((("image", "https://pictures.example/a.png"),), "invalid_type", "image"),
        ((("image", ("f", b"")),), "invalid_image", "image"),
        ((("image", ("f", PHOTO)), ("n", "11")), "integer_above_max_value", "n"),
        ((("image", ("f", PHOTO)), ("size", "big")), "invalid_value", "size"),
    ],
)
def test_a_variation_that_cannot_be_made_is_refused(parts: tuple[Part, ...], code: str, param: str) -> None:
    found = refusal(parse_variation, form(*parts))
    assert (found.status, found.code, found.param) == (400, code, param)


def test_a_variation_is_asked_for_with_a_form() -> None:
    found = refusal(parse_variation, carrying(b'{"image":"x"}'))
    assert (found.status, found.code, found.param) == (400, None, None)
    assert "multipart/form-data" in found.message
