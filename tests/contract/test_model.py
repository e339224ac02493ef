from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from providers.contract import Sizes
from providers.contract.model import parse_size
from tests.properties import MANY

LISTED = Sizes(listed=("1024x1024", "1536x1024", "1024x1536"))
GRID = Sizes(step=16, max_side=3840, min_pixels=655_360, max_pixels=3840 * 2160, max_ratio=3.0)
SQUARE_GRID = Sizes(step=32, min_side=256, max_side=1440)

steps = st.sampled_from([1, 8, 16, 32, 64])
grids = st.builds(
    Sizes,
    step=steps,
    min_side=st.sampled_from([1, 64, 256]),
    max_side=st.sampled_from([1024, 1440, 4096, 1_000_000]),
    min_pixels=st.sampled_from([1, 262_144, 655_360]),
    max_pixels=st.sampled_from([1_048_576, 4_000_000, 8_294_400]),
    max_ratio=st.sampled_from([1.0, 2.5, 3.0, 1_000_000.0]),
    listed=st.lists(st.sampled_from(["512x512", "1024x1024", "1536x1024", "3000x1000"]), max_size=3).map(tuple),
)
sides = st.integers(1, 10_000)


@pytest.mark.parametrize(("size", "drawn"), [((1024, 1024), True), ((1536, 1024), True), ((1024, 1535), False)])
def test_listed_sizes_are_drawn_and_no_others(size: tuple[int, int], drawn: bool) -> None:
    assert LISTED.draws(*size) is drawn


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((1024, 1024), True),
        ((1040, 1008), True),
        ((1032, 1024), False),
        ((1024, 1032), False),
        ((3840, 2160), True),
        ((2160, 3840), True),
        ((3856, 2144), False),
        ((3840, 2176), False),
        ((1024, 640), True),
        ((1008, 640), False),
        ((1536, 512), True),
        ((512, 1536), True),
        ((1552, 512), False),
        ((512, 1552), False),
    ],
)
def test_a_grid_is_bounded_by_step_side_area_and_ratio(size: tuple[int, int], drawn: bool) -> None:
    assert GRID.draws(*size) is drawn


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((256, 256), True), ((224, 1024), False), ((1024, 224), False), ((1440, 256), True), ((1472, 1024), False)],
)
def test_a_grid_is_bounded_by_its_shortest_and_longest_side(size: tuple[int, int], drawn: bool) -> None:
    assert SQUARE_GRID.draws(*size) is drawn


def test_a_listed_size_is_drawn_beside_a_grid_it_is_not_on() -> None:
    both = Sizes(step=64, listed=("1000x1000",))
    assert both.draws(1000, 1000)
    assert both.draws(1024, 1024)
    assert not both.draws(1000, 1024)


def test_a_model_that_says_nothing_draws_no_size_that_is_asked_for() -> None:
    assert not Sizes().draws(1024, 1024)
    assert Sizes().nearest(1024, 1024) is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1500, 1000), (1536, 1024)),
        ((1000, 1500), (1024, 1536)),
        ((900, 1000), (1024, 1024)),
        ((4096, 100), (1536, 1024)),
    ],
)
def test_the_nearest_listed_size_is_that_of_the_nearest_shape(asked: tuple[int, int], found: tuple[int, int]) -> None:
    assert LISTED.nearest(*asked) == found


@pytest.mark.parametrize(("asked", "found"), [((500, 500), (256, 256)), ((520, 520), (1024, 1024))])
def test_of_the_same_shape_the_nearest_area_is_taken(asked: tuple[int, int], found: tuple[int, int]) -> None:
    assert Sizes(listed=("1024x1024", "256x256")).nearest(*asked) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((1000, 1000), (1008, 1008)),
        ((1000, 500), (1152, 576)),
        ((8192, 8192), (2880, 2880)),
        ((7680, 4320), (3840, 2160)),
        ((64, 64), (816, 816)),
        ((1920, 1080), (1936, 1088)),
    ],
)
def test_the_nearest_size_on_a_grid_is_within_its_bounds(asked: tuple[int, int], found: tuple[int, int]) -> None:
    assert GRID.nearest(*asked) == found


def test_a_side_too_short_is_stretched_and_one_too_long_shrunk_in_shape() -> None:
    assert SQUARE_GRID.nearest(100, 200) == (256, 512)
    assert SQUARE_GRID.nearest(4000, 2000) == (1408, 704)


def test_there_is_no_nearest_size_for_a_shape_far_out_of_the_grid() -> None:
    assert GRID.nearest(4000, 400) is None
    assert SQUARE_GRID.nearest(4000, 100) is None


@MANY
@given(grids, sides, sides)
def test_the_nearest_size_is_always_drawn(sizes: Sizes, width: int, height: int) -> None:
    nearest = sizes.nearest(width, height)
    assume(nearest is not None)
    assert nearest is not None
    assert sizes.draws(*nearest)


@MANY
@given(grids, sides, sides)
def test_a_size_that_is_drawn_is_its_own_nearest(sizes: Sizes, width: int, height: int) -> None:
    drawn = sizes.nearest(width, height)
    assume(drawn is not None)
    assert drawn is not None
    assert sizes.nearest(*drawn) == drawn


@MANY
@given(sides, sides)
def test_every_shape_that_a_grid_allows_has_a_nearest_size_on_it(width: int, height: int) -> None:
    assume(max(width, height) <= GRID.max_ratio * min(width, height))
    assert GRID.nearest(width, height) is not None


@MANY
@given(steps, sides, sides)
def test_on_an_unbounded_grid_no_side_moves_further_than_two_steps(step: int, width: int, height: int) -> None:
    nearest = Sizes(step=step).nearest(width, height)
    assert nearest is not None
    assert abs(nearest[0] - width) <= 2 * step
    assert abs(nearest[1] - height) <= 2 * step


@MANY
@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=6), sides, sides)
def test_no_listed_size_is_nearer_in_shape_than_the_nearest(
    sizes: list[tuple[int, int]], width: int, height: int
) -> None:
    nearest = Sizes(listed=tuple(f"{across}x{down}" for across, down in sizes)).nearest(width, height)
    assert nearest in sizes

    def distance(size: tuple[int, int]) -> float:
        ratio = size[0] * height / (size[1] * width)
        return max(ratio, 1 / ratio)

    assert nearest is not None
    assert distance(nearest) <= min(map(distance, sizes)) + 1e-6


@MANY
@given(sides, sides)
def test_a_size_is_read_as_it_is_written(width: int, height: int) -> None:
    assert parse_size(f"{width}x{height}") == (width, height)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1024",
        "1024x",
        "x1024",
        "1024*768",
        "1024X768",
        "1024x768x3",
        "-1x5",
        "1.5x2",
        " 1x2",
        "auto",
        "0x5",
        "5x0",
    ],
)
def test_what_is_no_size_is_refused_in_its_own_words(text: str) -> None:
    with pytest.raises(ValueError, match="a size is WIDTHxHEIGHT, not ") as refused:
        parse_size(text)
    assert repr(text) in str(refused.value)
