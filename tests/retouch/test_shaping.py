"""Bringing pictures to a size: what is kept, what is padded, where the subject is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageChops, ImageDraw

from proxy.retouch import How, Shape, Zone
from proxy.retouch.shaping import _window
from tests.properties import FEW
from tests.retouch.pictures import color, file, hole, made, near, noise, quarters, scene, seen, skin

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
HOWS: tuple[How, ...] = ("cover", "contain", "smart")


def shaped(picture: Pillow.Image, width: int, height: int, how: How = "cover", **more: object) -> Pillow.Image:
    """A picture in another shape."""
    return seen(made(file(picture), Shape(width=width, height=height, how=how, **more)))  # type: ignore[arg-type]


def stripes() -> Pillow.Image:
    """Three equal parts, from the left: red, green, blue."""
    picture = Pillow.new("RGB", (90, 30), RED)
    picture.paste(GREEN, (30, 0, 60, 30))
    picture.paste(BLUE, (60, 0, 90, 30))
    return picture


def test_cover_keeps_the_middle_and_cuts_off_the_rest() -> None:
    wide = shaped(stripes(), 60, 60)
    assert all(near(color(wide, x, 30), GREEN) for x in (2, 30, 57))
    high = shaped(stripes().rotate(90, expand=True), 60, 60)
    assert all(near(color(high, 30, y), GREEN) for y in (2, 30, 57))


def test_cover_keeps_everything_where_the_shape_is_the_same() -> None:
    assert ImageChops.difference(shaped(quarters(), 80, 60), quarters()).getbbox() is None
    small = shaped(quarters(), 40, 30)
    assert [color(small, *at) for at in ((5, 5), (35, 5), (5, 25), (35, 25))] == [RED, GREEN, BLUE, WHITE]


def test_contain_shows_everything_and_pads_with_the_picture_itself() -> None:
    padded = shaped(stripes(), 90, 90, "contain")
    assert [color(padded, x, 45) for x in (5, 45, 85)] == [RED, GREEN, BLUE]
    assert near(color(padded, 45, 4), GREEN)
    assert near(color(padded, 45, 86), GREEN)
    assert shaped(stripes(), 180, 60, "contain").size == (180, 60)


def test_contain_pads_with_nothing_where_the_picture_is_transparent() -> None:
    padded = shaped(hole(), 80, 40, "contain")
    assert padded.mode == "RGBA"
    assert padded.getpixel((22, 5)) == (0, 0, 255, 255)
    assert [padded.getpixel(at)[3] for at in ((5, 20), (75, 20), (40, 20))] == [0, 0, 0]  # type: ignore[index]


@pytest.mark.parametrize(("focal", "seen_there"), [((0.0, 0.5), RED), ((0.5, 0.5), GREEN), ((1.0, 0.5), BLUE)])
@pytest.mark.parametrize("how", ["cover", "smart"])
def test_a_focal_point_says_where_to_cut(
    how: How, focal: tuple[float, float], seen_there: tuple[int, int, int]
) -> None:
    cut = shaped(stripes(), 30, 30, how, focal=focal)
    assert all(near(color(cut, x, 15), seen_there) for x in (1, 15, 28))


def test_a_focal_point_goes_before_what_is_found() -> None:
    picture = scene(1600, 900, 1350, 350)
    assert skin(shaped(picture, 400, 400, "smart", focal=(0.1, 0.5))) == 0


@pytest.mark.parametrize(
    ("size", "face"),
    [
        ((1600, 900), (1350, 350)),
        ((1600, 900), (200, 400)),
        ((900, 1600), (450, 1250)),
        ((900, 1600), (450, 250)),
    ],
)
@pytest.mark.parametrize("target", [(400, 400), (480, 251), (216, 384)])
def test_smart_finds_somebody_who_is_not_in_the_middle(
    size: tuple[int, int], face: tuple[int, int], target: tuple[int, int]
) -> None:
    picture = scene(*size, *face)
    scale = min(size[0] / target[0], size[1] / target[1])
    whole = skin(picture) / scale**2
    assert skin(shaped(picture, *target, "smart")) > 0.93 * whole
    if size[0] / size[1] > 1.2 * target[0] / target[1] or size[1] / size[0] > 1.2 * target[1] / target[0]:
        assert skin(shaped(picture, *target)) < 0.9 * whole


def test_smart_looks_through_what_is_transparent() -> None:
    picture = Pillow.new("RGBA", (900, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((620, 60, 820, 260), "white")
    cut = shaped(picture, 300, 300, "smart")
    assert cut.getchannel("A").histogram()[255] > 28_000


@pytest.mark.parametrize(
    ("picture", "kept"),
    [
        (Pillow.new("RGB", (900, 300), "grey"), (300, 0, 600, 300)),
        (Pillow.new("L", (300, 900), 90), (0, 300, 300, 600)),
        (quarters(900, 6), (447, 0, 453, 6)),
    ],
    ids=["wide", "high", "too flat to look at"],
)
def test_smart_keeps_the_middle_where_nothing_stands_out(
    picture: Pillow.Image, kept: tuple[int, int, int, int]
) -> None:
    assert _window(picture, (300, 300), Shape(width=300, height=300, how="smart")) == kept


@FEW
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 120), st.integers(1, 120), st.sampled_from(HOWS))
def test_any_picture_comes_out_at_the_very_size(width: int, height: int, across: int, down: int, how: How) -> None:
    assert shaped(noise(width, height), across, down, how).size == (across, down)


@FEW
@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 60)),
    st.tuples(st.integers(1, 3000), st.integers(1, 60)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.booleans(),
)
def test_long_ones_too(
    source: tuple[int, int], target: tuple[int, int], focal: tuple[float, float], turned: bool
) -> None:
    picture = Pillow.new("L", source[::-1] if turned else source, 90)
    assert shaped(picture, *target, focal=focal).size == target
    assert shaped(picture, *target, "smart").size == target
    assert shaped(picture, *target, "contain").size == target


def test_a_zone_is_framed_and_darkened_outside() -> None:
    plain = Pillow.new("RGB", (200, 100), (200, 200, 200))
    framed = shaped(plain, 200, 100, zone=Zone(top=0.2, bottom=0.1, left=0.3, right=0.4))
    for inside in ((65, 25), (115, 85), (90, 50)):
        assert color(framed, *inside) == (200, 200, 200)
    for outside in ((10, 50), (190, 50), (90, 10), (90, 95)):
        assert near(color(framed, *outside), (129, 129, 129))
    for edge in ((60, 50), (119, 50), (90, 20), (90, 89)):
        assert min(color(framed, *edge)) > 240


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_zone_leaves_the_colors_as_many_as_they_were(mode: str) -> None:
    framed = shaped(Pillow.new("RGB", (50, 50), "red").convert(mode), 50, 50, zone=Zone(0.1, 0.1, 0.1, 0.1))
    assert framed.mode == ("RGB" if mode == "RGBA" else mode)


def test_a_zone_that_covers_everything_is_no_failure() -> None:
    assert shaped(quarters(), 3, 3, zone=Zone(0.9, 0.9, 0.9, 0.9)).size == (3, 3)
