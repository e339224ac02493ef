"""Laying out text: it fits, it keeps its words, and nothing is too strange to be drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from proxy.renderer import lettering
from proxy.renderer.lettering import ELLIPSIS, Lettering, readable
from tests.properties import MANY

SIZES = (40, 28, 20, 14)


def test_the_font_has_what_it_is_said_to_have() -> None:
    font = ImageFont.load_default(32)
    assert isinstance(font, ImageFont.FreeTypeFont)
    lacking = font.getmask("\uffff")
    for each in lettering._FONT_HAS - {" "}:
        mask = font.getmask(each)
        assert (mask.size, bytes(mask)) != (lacking.size, bytes(lacking)), each


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("  two\n\twords ", "two words"),
        ("café crème naïve Łódź Straße", "cafe creme naive Lodz Strasse"),
        ("well\u2014made \N{MULTIPLICATION SIGN} \N{LEFT SINGLE QUOTATION MARK}so\u2019", "well-made x 'so'"),
        ("zero\u200bwidth\u202e\ufe0f", "zerowidth"),
        ("\ud800", ""),
        ("猫", "猫"),
    ],
)
def test_readable(text: str, seen: str) -> None:
    assert readable(text) == seen


@MANY
@given(st.text(max_size=400), st.integers(40, 800), st.integers(30, 400))
def test_text_fits_whatever_it_is(text: str, width: int, height: int) -> None:
    letters = Lettering()
    block = letters.fit(text, SIZES, width, height)
    assert block.height <= max(height, block.leading)
    assert all(letters.width(line, block.size) <= width for line in block.lines)


@MANY
@given(st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=30))
def test_no_word_is_lost_where_there_is_room(words: list[str]) -> None:
    block = Lettering().fit(" ".join(words), SIZES, 400, 4_000)
    assert " ".join(block.lines).split() == words


def test_the_largest_size_that_fits_is_taken() -> None:
    letters = Lettering()
    assert letters.fit("short", SIZES, 400, 100).size == SIZES[0]
    assert letters.fit("rather longer than that " * 5, SIZES, 400, 100).size < SIZES[0]


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    block = Lettering().fit("word " * 2_000, SIZES, 200, 60)
    assert block.size == SIZES[-1]
    assert block.lines[-1].endswith(ELLIPSIS)
    assert not any(line.endswith(ELLIPSIS) for line in block.lines[:-1])
