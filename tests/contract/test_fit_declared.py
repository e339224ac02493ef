"""What a model declares of the numbers, styles and pictures it takes, and how a request is brought to that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import (
    Control,
    ControlKind,
    Edit,
    EditKind,
    Fit,
    Format,
    Generate,
    Image,
    ImageRequest,
    Inputs,
    Mask,
    Misfit,
    Model,
    Polarity,
    Quality,
    Sizes,
    fit,
)
from providers.contract.request import split
from tests.pictures import png, svg
from tests.properties import MANY

EDITS = frozenset({"edit.general", "edit.inpaint", "edit.search_replace"})
BANNERS = Sizes(listed=("1024x1024", "1152x896", "1344x768"), default="1024x1024", by_shape=True)


def fitted(request: ImageRequest, model: Model) -> Fit:
    found = fit(request, model)
    assert isinstance(found, Fit), found
    return found


def refused(request: ImageRequest, model: Model) -> Misfit:
    found = fit(request, model)
    assert isinstance(found, Misfit), found
    return found


def edit(kind: EditKind = EditKind.GENERAL, image: Image | None = None, **fields: object) -> Edit:
    return Edit(**{"model": "m", "kind": kind, "pictures": (image or Image(png(64, 64)),), **fields})  # type: ignore[arg-type]


# What cannot be done without.


@pytest.mark.parametrize(
    ("needs", "request_"),
    [
        ("prompt", edit()),
        ("mask", edit(EditKind.INPAINT, prompt="a cat")),
        ("search", edit(EditKind.SEARCH_REPLACE, prompt="a cat")),
    ],
)
def test_a_request_without_what_the_model_needs_does_not_fit(needs: str, request_: ImageRequest) -> None:
    model = Model(name="m", operations=EDITS, inputs=1, needs=frozenset({needs}))
    assert refused(request_, model) == Misfit(f"needs a {needs}", needs)


def test_what_is_needed_and_given_fits() -> None:
    model = Model(name="m", operations=EDITS, inputs=1, needs=frozenset({"prompt", "mask", "search"}))
    mask = Mask(Image(png(64, 64)), Polarity.WHITE)
    assert fitted(edit(prompt="a cat", mask=mask, search="a dog"), model).notes == ()


def test_a_variation_is_asked_for_without_words() -> None:
    model = Model(name="m", operations=frozenset({"edit.variation"}), inputs=1, needs=frozenset({"prompt"}))
    assert fitted(edit(EditKind.VARIATION), model).notes == ()


@pytest.mark.parametrize(
    ("picture", "margins", "drawn"),
    [
        ((640, 480), {}, (640, 480)),
        ((641, 483), {}, (656, 496)),
        ((640, 480), {"left": 128, "down": 32}, (768, 512)),
        ((8192, 4096), {}, (2048, 1024)),
        ((4096, 64), {}, (1024, 1024)),
    ],
)
def test_an_edit_without_a_size_keeps_that_of_its_picture_as_far_as_the_model_draws_it(
    picture: tuple[int, int], margins: dict[str, Any], drawn: tuple[int, int]
) -> None:
    grid = Sizes(step=16, min_side=256, max_side=2048, default="1024x1024")
    model = Model(name="m", operations=EDITS, inputs=1, sizes=grid)
    found = fitted(edit(image=Image.to_come(*picture), **margins), model)
    assert (found.request.width, found.request.height) == drawn
    assert found.notes == ()


def test_an_edit_of_a_drawing_has_no_size_to_keep() -> None:
    model = Model(name="m", operations=EDITS, inputs=1, sizes=Sizes(step=16, default="512x512"))
    assert fitted(edit(image=Image(svg(10, 10, "red"))), model).request.width == 512


def test_a_need_that_a_request_of_another_kind_cannot_have_is_none() -> None:
    model = Model(name="m", operations=EDITS | {"generate"}, inputs=1, needs=frozenset({"mask"}))
    assert fitted(Generate(model="m", prompt="a cat"), model).notes == ()


def test_the_style_of_a_second_picture_can_be_needed() -> None:
    model = Model(name="m", operations=frozenset({"control.style_transfer"}), inputs=2, needs=frozenset({"looks"}))
    request = Control(model="m", kind=ControlKind.STYLE_TRANSFER, picture=Image(png(64, 64)))
    assert refused(request, model).field == "looks"


# Numbers.


@pytest.mark.parametrize(
    ("name", "asked", "taken"),
    [("steps", 80, 50), ("steps", 1, 10), ("guidance", 0.5, 1.5), ("guidance", 9.0, 5.0)],
)
def test_a_number_out_of_range_is_moved_to_its_end_with_a_note(name: str, asked: float, taken: float) -> None:
    model = Model(name="m", honours=frozenset({"steps", "guidance"}), ranges={"steps": (10, 50), "guidance": (1.5, 5)})
    found = fitted(Generate(model="m", prompt="a cat", **{name: asked}), model)  # type: ignore[arg-type]
    assert getattr(found.request, name) == taken
    assert type(getattr(found.request, name)) is type(asked)
    assert [note.field for note in found.notes] == [name]
    assert f"{taken:g} is used" in found.notes[0].detail


@pytest.mark.parametrize("steps", [10, 30, 50, None])
def test_a_number_within_its_range_is_left_alone(steps: int | None) -> None:
    model = Model(name="m", honours=frozenset({"steps"}), ranges={"steps": (10, 50)})
    assert fitted(Generate(model="m", prompt="a cat", steps=steps), model).notes == ()


def test_a_number_the_model_does_not_take_has_one_note_for_that() -> None:
    found = fitted(Generate(model="m", prompt="a cat", steps=80), Model(name="m", ranges={"steps": (10, 50)}))
    assert [note.detail for note in found.notes] == ["m does not take it"]


@MANY
@given(seed=st.integers(0, 2**70), n=st.integers(1, 8), most=st.integers(100, 2**32), at_once=st.integers(1, 4))
def test_seeds_beyond_the_range_are_folded_into_it_and_stay_apart(seed: int, n: int, most: int, at_once: int) -> None:
    model = Model(name="m", honours=frozenset({"seed"}), ranges={"seed": (0, most)})
    found = fitted(Generate(model="m", prompt="a cat", seed=seed, n=n), model)
    seeds = [part.seed for part in split(found.request, at_once)]
    assert all(part is not None and 0 <= part <= most for part in seeds)
    assert len(set(seeds)) == len(seeds)
    assert (found.notes == ()) == (found.request.seed == seed)


# Styles.


@pytest.mark.parametrize("asked", ["digital-art", "Digital Art", "digital_art", " DIGITAL-ART "])
def test_a_style_becomes_the_vendors_word_for_it_however_it_is_spelt(asked: str) -> None:
    model = Model(name="m", sizes=BANNERS, honours=frozenset({"style"}), styles={"digital-art": "DIGITAL"})
    found = fitted(Generate(model="m", prompt="a cat", style=asked), model)
    assert (found.request.style, found.notes) == ("DIGITAL", ())
    assert fitted(found.request, model) == found


def test_a_style_the_vendor_does_not_have_is_dropped_with_a_note() -> None:
    model = Model(name="m", honours=frozenset({"style"}), styles={"anime": "ANIME"})
    found = fitted(Generate(model="m", prompt="a cat", style="etching"), model)
    assert found.request.style is None
    assert [(note.field, note.lossy) for note in found.notes] == [("style", True)]


def test_a_style_that_is_not_taken_at_all_has_one_note() -> None:
    found = fitted(Generate(model="m", prompt="a cat", style="anime"), Model(name="m", styles={"anime": "ANIME"}))
    assert [note.detail for note in found.notes] == ["m does not take it"]


# Pictures sent along.


@pytest.mark.parametrize(
    ("accepts", "size", "said"),
    [
        (Inputs(formats=frozenset({Format.JPEG})), (64, 64), "takes no png picture"),
        (Inputs(max_bytes=10), (64, 64), "takes pictures of at most 10 bytes"),
        (Inputs(min_side=65), (64, 80), "takes pictures with sides of 65 to 1000000 pixels, not 64x80"),
        (Inputs(max_side=79), (64, 80), "takes pictures with sides of 1 to 79 pixels"),
        (Inputs(min_pixels=4097), (64, 64), "takes pictures of 4097 to"),
        (Inputs(max_pixels=4095), (64, 64), "takes pictures of 0 to 4095 pixels, not 64x64"),
        (Inputs(step=8), (64, 100), "takes pictures with sides that are multiples of 8, not 64x100"),
        (Inputs(max_ratio=2.5), (64, 161), "takes pictures up to 2.5 times as long as wide, not 64x161"),
    ],
)
def test_a_picture_beyond_what_the_model_accepts_does_not_fit(
    accepts: Inputs, size: tuple[int, int], said: str
) -> None:
    model = Model(name="m", operations=EDITS, inputs=1, accepts=accepts)
    found = refused(edit(image=Image(png(*size))), model)
    assert found.field == "image"
    assert found.reason.startswith(said)


def test_a_picture_at_the_very_ends_of_what_is_accepted_fits() -> None:
    image = Image(png(64, 160))
    accepts = Inputs(
        min_side=64, max_side=160, min_pixels=64 * 160, max_pixels=64 * 160, max_ratio=2.5, max_bytes=image.size
    )
    assert fitted(edit(image=image), Model(name="m", operations=EDITS, inputs=1, accepts=accepts)).notes == ()


def test_a_drawing_has_no_size_in_pixels_to_be_refused_for() -> None:
    drawing = Image(svg(10, 10, "red"))
    model = Model(name="m", operations=EDITS, inputs=1, accepts=Inputs(min_side=64))
    assert fitted(edit(image=drawing), model).notes == ()


def test_the_mask_follows_its_picture_and_is_not_looked_at() -> None:
    model = Model(name="m", operations=EDITS, inputs=1, accepts=Inputs(min_side=64))
    assert fitted(edit(EditKind.INPAINT, mask=Mask(Image(png(8, 8)), Polarity.WHITE)), model).notes == ()


# Shapes.


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ((1024, 768), "1152x896"),
        ((1536, 1024), None),
        ((1920, 1080), "1344x768"),
        ((512, 512), None),
        ((730, 730), "1024x1024"),
    ],
)
def test_where_a_vendor_is_told_a_shape_alone_one_near_it_will_do_at_up_to_half_as_much_again_a_side(
    asked: tuple[int, int], drawn: str | None
) -> None:
    found = fit(Generate(model="m", prompt="a cat", width=asked[0], height=asked[1]), Model(name="m", sizes=BANNERS))
    if drawn is None:
        assert isinstance(found, Misfit)
    else:
        assert isinstance(found, Fit)
        assert f"{found.request.width}x{found.request.height}" == drawn
        assert [note.field for note in found.notes] == ["size"]


def test_a_model_may_have_a_quality_of_its_own_where_none_is_asked_for() -> None:
    model = Model(name="m", sizes=BANNERS, qualities=(Quality.LOW, Quality.MEDIUM), quality=Quality.MEDIUM)
    assert fitted(Generate(model="m", prompt="a cat"), model).request.quality is Quality.MEDIUM
    assert fitted(Generate(model="m", prompt="a cat"), model).notes == ()
    assert fitted(Generate(model="m", prompt="a cat", quality=Quality.LOW), model).request.quality is Quality.LOW
