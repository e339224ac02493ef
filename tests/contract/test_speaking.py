"""What adapters share: pictures in calls and replies, pauses, and error bodies that cannot break their reading."""

from __future__ import annotations

from base64 import b64encode

import pytest
from msgspec import Struct

from providers.contract import (
    Failure,
    Fault,
    Fetch,
    Image,
    Reply,
    as_data_url,
    as_file,
    as_text,
    from_body,
    from_link,
    from_text,
    pause,
    told,
)
from tests.pictures import png

BODY = png(8, 6)
TEXT = b64encode(BODY).decode()


def test_a_picture_stands_in_a_call_as_text_as_a_link_or_as_a_file() -> None:
    image = Image(BODY)
    assert as_text(image) == TEXT
    assert as_data_url(image) == f"data:image/png;base64,{TEXT}"
    part = as_file("image", image)
    assert (part.name, part.filename, part.mime, part.value) == ("image", "image.png", "image/png", BODY)
    assert as_file("image[]", image, "image-2").filename == "image-2.png"


@pytest.mark.parametrize("text", [TEXT, TEXT.encode(), f"data:image/png;base64,{TEXT}"])
def test_a_picture_is_read_from_text_bare_or_as_a_link(text: str | bytes) -> None:
    assert from_text(text).body == BODY


@pytest.mark.parametrize(
    "text", ["", "data:", "data:image/png;base64,", "nonsense!", "é" * 8, b64encode(b"words").decode()]
)
def test_what_is_no_picture_in_text_breaks_the_contract(text: str) -> None:
    with pytest.raises(Failure) as failed:
        from_text(text)
    assert failed.value.fault is Fault.MALFORMED


def test_a_reply_may_be_the_picture() -> None:
    assert from_body(Reply(body=bytearray(BODY))).body == BODY
    with pytest.raises(Failure) as failed:
        from_body(Reply(body=b"<html>"))
    assert failed.value.fault is Fault.MALFORMED


def test_a_link_is_fetched_unless_it_is_the_picture_itself() -> None:
    fetching = from_link("https://cdn.example/1.png")
    assert next(fetching) == Fetch("https://cdn.example/1.png")
    with pytest.raises(StopIteration) as end:
        fetching.send(Image(BODY))
    assert end.value.value.body == BODY
    with pytest.raises(StopIteration) as end:
        next(from_link(f"data:image/png;base64,{TEXT}"))
    assert end.value.value.body == BODY


def test_pauses_grow_to_their_most_and_no_number_of_tries_breaks_them() -> None:
    assert [round(pause(tries), 3) for tries in (0, 1, 2, 10**6)] == [0.5, 0.665, 0.884, 4.0]
    assert [pause(tries, first=10, most=10) for tries in (0, 5)] == [10, 10]


class _Error(Struct):
    error: str


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": 1}', b"\xff", b"[" * 100_000, b'{"error": ' + b"[" * 100_000])
def test_an_error_body_that_is_not_as_documented_tells_nothing(body: bytes) -> None:
    assert told(Reply(body=body), _Error) is None


def test_an_error_body_as_documented_is_told() -> None:
    assert told(Reply(body=b'{"error": "no"}'), _Error) == _Error(error="no")
