from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Billable
from providers.contract import (
    Background,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Fidelity,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Polarity,
    Quality,
    Upscale,
    UpscaleKind,
)
from providers.contract.request import split
from tests.pictures import png, svg
from tests.properties import MANY

FIRST, SECOND = Image(png(40, 30)), Image(png(20, 10))
MASK = Mask(Image(png(64, 48)), Polarity.BLACK)

EVERY: list[tuple[ImageRequest, str, tuple[Image, ...]]] = [
    (Generate(model="m"), "generate", ()),
    (Generate(model="m", references=(FIRST, SECOND)), "generate.reference", (FIRST, SECOND)),
    (Edit(model="m", kind=EditKind.INPAINT, pictures=(FIRST,)), "edit.inpaint", (FIRST,)),
    (
        Edit(model="m", kind=EditKind.REMOVE_BACKGROUND, pictures=(FIRST, SECOND), mask=MASK),
        "edit.remove_background",
        (FIRST, SECOND, MASK.image),
    ),
    (Upscale(model="m", kind=UpscaleKind.FAST, picture=FIRST), "upscale.fast", (FIRST,)),
    (Control(model="m", kind=ControlKind.STYLE_TRANSFER, picture=FIRST), "control.style_transfer", (FIRST,)),
]


@pytest.mark.parametrize(("request_", "operation", "images"), EVERY, ids=[operation for _, operation, _ in EVERY])
def test_every_request_says_what_it_asks_for_and_what_it_sends_along_with_the_mask_last(
    request_: ImageRequest, operation: str, images: tuple[Image, ...]
) -> None:
    assert request_.operation == operation
    assert request_.images == images
    assert request_.billable().operation == operation
    assert request_.billable().inputs == tuple((image.width, image.height) for image in images)


def test_a_price_hears_everything_it_can_depend_on() -> None:
    edit = Edit(
        model="m",
        prompt="a cat",
        kind=EditKind.GENERAL,
        n=3,
        width=640,
        height=480,
        quality=Quality.HIGH,
        fidelity=Fidelity.HIGH,
        pictures=(FIRST, SECOND),
        mask=MASK,
        previews=2,
    )
    assert edit.billable() == Billable(
        operation="edit.general",
        n=3,
        width=640,
        height=480,
        quality="high",
        fidelity="high",
        prompt_bytes=5,
        inputs=((40, 30), (20, 10), (64, 48)),
        previews=2,
    )


def test_a_price_hears_nothing_that_was_not_asked_for() -> None:
    assert Generate(model="m").billable() == Billable()


def test_a_drawing_is_sent_along_without_a_size() -> None:
    assert Generate(model="m", references=(Image(svg()),)).billable().inputs == ((0, 0),)


@MANY
@given(st.text())
def test_a_prompt_is_measured_in_bytes(prompt: str) -> None:
    assert Generate(model="m", prompt=prompt).billable().prompt_bytes == len(prompt.encode("utf-8"))


def test_qualities_are_ranked_least_first() -> None:
    assert [quality.rank for quality in Quality] == [0, 1, 2, 3, 4]
    assert sorted(Quality, key=lambda quality: quality.rank) == ["low", "medium", "high", "xhigh", "max"]


def test_a_request_that_fits_in_one_call_is_not_split() -> None:
    request = Generate(model="m", n=4, seed=7)
    assert split(request, 4) == [request]


def test_a_request_is_split_into_full_calls_and_a_rest() -> None:
    assert [part.n for part in split(Generate(model="m", n=10), 4)] == [4, 4, 2]


def test_seeds_count_on_over_the_parts() -> None:
    assert [part.seed for part in split(Generate(model="m", n=5, seed=100), 2)] == [100, 102, 104]
    assert [part.seed for part in split(Generate(model="m", n=2, seed=0), 1)] == [0, 1]


@MANY
@given(
    st.sampled_from([request for request, _, _ in EVERY]),
    st.integers(1, 40),
    st.integers(1, 12),
    st.one_of(st.none(), st.integers(0, 2**32)),
)
def test_the_parts_of_a_request_make_up_the_whole(
    request_: ImageRequest, n: int, at_once: int, seed: int | None
) -> None:
    whole = replace(request_, n=n, seed=seed, prompt="a cat")
    parts = split(whole, at_once)
    assert sum(part.n for part in parts) == n
    assert all(1 <= part.n <= at_once for part in parts)
    assert len(parts) == -(-n // at_once)
    seeds = [part.seed + place for part in parts for place in range(part.n) if part.seed is not None]
    assert seeds == ([] if seed is None else list(range(seed, seed + n)))
    assert all(replace(part, n=n, seed=seed) == whole for part in parts)


@pytest.mark.parametrize(
    ("picture", "fields", "size"),
    [
        (FIRST, {"factor": 2.0}, (80, 60)),
        (FIRST, {"factor": 1.26}, (51, 38)),
        (FIRST, {"factor": 2.0, "width": 100, "height": 75}, (100, 75)),
        (FIRST, {}, (None, None)),
        (Image(svg()), {"factor": 2.0}, (None, None)),
    ],
)
def test_an_upscale_by_a_factor_is_priced_at_the_size_it_comes_to(
    picture: Image, fields: dict[str, Any], size: tuple[int | None, int | None]
) -> None:
    facts = Upscale(model="m", kind=UpscaleKind.FAST, picture=picture, **fields).billable()
    assert (facts.width, facts.height) == size


def test_a_price_hears_of_a_background() -> None:
    assert Generate(model="m", background=Background.TRANSPARENT).billable().background == "transparent"
