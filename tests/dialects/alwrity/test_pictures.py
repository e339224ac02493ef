"""Pictures in a field: bare base64 or a data URL, and nothing that a lenient decoder would make something of."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Code, Failure, Image
from proxy.dialects.alwrity.pictures import data_url, decode, invalid, size_of, source, stand_in
from tests.dialects.alwrity.asking import PHOTO, text, url
from tests.dialects.outcome import outcome
from tests.pictures import gif, jpeg, png, svg, webp
from tests.properties import MANY


@pytest.mark.parametrize(
    "value",
    [
        text(PHOTO),
        f"  {text(PHOTO)}\n",
        url(PHOTO),
        url(PHOTO, "image/jpeg"),
        f"DATA:image/PNG;BASE64,{text(PHOTO)}",
        f"data:;base64,{text(PHOTO)}",
        f"data:image/png;charset=x;base64,{text(PHOTO)}",
        base64.encodebytes(PHOTO).decode(),
        "\r\n".join([text(PHOTO)[:20], text(PHOTO)[20:]]),
    ],
)
def test_a_picture_is_read_however_it_is_wrapped(value: str) -> None:
    assert decode("image_base64", value) == PHOTO


@pytest.mark.parametrize(
    "value",
    [
        *("@@@", "", " ", "data:image/png;base64,", "data:image/png;base64", "data:image/png,abcd", "not base64!"),
        *(text(PHOTO)[:-1] + "*", f"{text(PHOTO)[:8]}!{text(PHOTO)[8:]}", "abc", "abcde", "é", "https://x.test/a.png"),
        f"data:{'x' * 200};base64,{text(PHOTO)}",
    ],
)
def test_what_is_no_base64_is_refused_in_the_documents_words(value: str) -> None:
    with pytest.raises(Failure) as caught:
        decode("mask_base64", value)
    failure = caught.value
    assert (failure.detail, failure.code, failure.field) == (
        *("Invalid base64 image payload", Code.NOT_AN_IMAGE),
        "mask_base64",
    )
    assert invalid("mask_base64").detail == failure.detail


@pytest.mark.parametrize("value", [3, None, [], {}, True])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(Failure) as caught:
        decode("image_base64", value)
    assert caught.value.code is Code.WRONG_TYPE


@MANY
@given(st.text(max_size=40) | st.binary(max_size=40).map(text))
def test_any_text_is_bytes_or_a_refusal(value: str) -> None:
    found = outcome(decode, "image_base64", value)
    assert found
    assert not isinstance(found, Failure) or found.detail == "Invalid base64 image payload"


@MANY
@given(st.binary(min_size=1, max_size=300), st.sampled_from(["", "data:image/png;base64,"]))
def test_what_was_encoded_comes_back(body: bytes, head: str) -> None:
    assert decode("image_base64", head + text(body)) == body


def test_a_size_is_read_from_the_header_or_refused() -> None:
    for body in (png(40, 30), jpeg(40, 30), webp(40, 30), gif(40, 30)):
        assert size_of("image_base64", body) == (40, 30)
    for body in (b"nothing", svg(), png()[:20]):
        with pytest.raises(Failure):
            size_of("image_base64", body)


def test_a_picture_is_written_as_what_it_is() -> None:
    for body, mime in ((png(), "image/png"), (jpeg(), "image/jpeg"), (webp(), "image/webp")):
        assert b"".join(data_url(Image(body))).decode() == f'"{url(body, mime)}"'


def test_a_stand_in_has_a_size_and_a_source_its_field() -> None:
    image = stand_in(1200, 628)
    assert (image.width, image.height) == (1200, 628)
    assert (source("a", b"b").field, source("a", b"b").body) == ("a", b"b")
