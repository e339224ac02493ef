"""Links are permissions: nobody can make one, change one, use one too late, or lead one out of the store."""

from __future__ import annotations

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from providers.contract import Format
from proxy.store import Links, Stored
from tests.properties import MANY

SECRET = b"s" * 32
STORED = Stored("ab" * 32, Format.PNG)
NOW = 1_800_000_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STORABLE = st.builds(Stored, st.binary(min_size=32, max_size=32).map(bytes.hex), st.sampled_from(Format))


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


def links(secret: bytes = SECRET, live_s: int = 60, clock: Clock | None = None) -> Links:
    return Links(secret, live_s, clock or Clock())


def name(made: Links, stored: Stored = STORED) -> str:
    """The part of a link that is read again."""
    return made.token(stored)


@MANY
@given(STORABLE)
def test_a_link_leads_to_its_picture_whatever_ending_it_is_given(stored: Stored) -> None:
    made = links()
    for ending in ("", f".{stored.format.suffix}", ".tar.gz"):
        assert made.read(name(made, stored) + ending) == stored


def test_a_link_needs_nothing_in_a_url_to_be_escaped() -> None:
    for byte in range(256):
        assert set(links().token(Stored(f"{byte:02x}" * 32, Format.WEBP))) <= set(ALPHABET)


@pytest.mark.parametrize(
    ("later", "works"), [(0, True), (59, True), (59.9, True), (60, False), (61, False), (1e9, False)]
)
def test_a_link_works_for_as_long_as_it_was_made_for(later: float, works: bool) -> None:
    clock = Clock()
    made = links(clock=clock)
    link = name(made)
    clock.now = NOW + later
    assert (made.read(link) == STORED) is works


def test_a_link_made_later_works_longer_and_the_earlier_one_does_not() -> None:
    clock = Clock()
    made = links(clock=clock)
    early = name(made)
    clock.now += 30
    late = name(made)
    assert early != late
    clock.now += 45
    assert (made.read(early), made.read(late)) == (None, STORED)


@MANY
@given(STORABLE, st.integers(0, 71), st.sampled_from(ALPHABET + ".+/= é\x00"))
def test_a_link_that_was_altered_leads_nowhere(stored: Stored, place: int, letter: str) -> None:
    made = links()
    link = name(made, stored)
    altered = link[:place] + letter + link[place + 1 :]
    assume(altered != link)
    assert made.read(altered) in ((None, stored) if letter in "+/" else (None,))  # read like - and _


@MANY
@given(STORABLE, st.integers(0, 8 * 54 - 1))
def test_no_single_bit_of_a_link_can_be_turned(stored: Stored, bit: int) -> None:
    made = links()
    token = name(made, stored)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[bit // 8] ^= 1 << bit % 8
    assert made.read(base64.urlsafe_b64encode(raw).decode().rstrip("=")) is None


def test_a_link_cannot_be_lengthened_in_time_or_pointed_elsewhere_with_the_signature_of_another() -> None:
    clock = Clock()
    made = links(clock=clock)

    def raw(link: str) -> bytes:
        return base64.urlsafe_b64decode(link)

    early = raw(name(made))
    clock.now += 1000
    late = raw(name(made))
    other = raw(name(made, Stored("cd" * 32, Format.PNG)))
    for said, signature in ((late[:38], early[38:]), (early[:5] + other[5:38], early[38:]), (late[:38], other[38:])):
        assert made.read(base64.urlsafe_b64encode(said + signature).decode().rstrip("=")) is None


@pytest.mark.parametrize("kind", [kind for kind in Format if kind is not STORED.format])
def test_another_ending_does_not_make_another_format_of_it(kind: Format) -> None:
    """An SVG served as what it is not, or the other way round, is how scripts get in."""
    made = links()
    assert made.read(f"{name(made)}.{kind.suffix}") == STORED


def test_a_link_of_another_secret_leads_nowhere() -> None:
    assert links(b"t" * 32).read(name(links())) is None
    assert links(b"").read(name(links())) is None


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", ".png", "/", "a", "a.png", "AAAA.png", "../../etc/passwd", "..%2f..%2fetc%2fpasswd.png"),
        *("ab" * 32, f"{'ab' * 32}.png", "A" * 71 + ".png", "A" * 100_000 + ".png", "é.png", "\x00.png", "A.png.png"),
        *("====.png", "-" * 71 + ".png", "_" * 71 + ".svg", "ab/../cd.png", "links.secret"),
    ],
)
def test_what_was_not_made_here_leads_nowhere(path: str) -> None:
    assert links().read(path) is None


@MANY
@given(st.text(max_size=90) | st.text(ALPHABET, min_size=71, max_size=71).map(lambda token: f"{token}.png"))
def test_nothing_guessed_leads_anywhere(path: str) -> None:
    assert links().read(path) is None


@pytest.mark.parametrize(("later", "left"), [(0, 60), (0.5, 60), (59, 1), (59.9, 1), (60, None)])
def test_a_link_says_for_how_long_it_works(later: float, left: int | None) -> None:
    clock = Clock()
    made = links(clock=clock)
    link = name(made)
    clock.now = NOW + later
    assert made.lives(link) == (None if left is None else (STORED, left))
