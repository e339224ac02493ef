from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from providers.contract import (
    Adapter,
    Background,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Fidelity,
    Fit,
    Format,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Misfit,
    Model,
    Moderation,
    Note,
    Polarity,
    Quality,
    Sampler,
    Sizes,
    Upscale,
    UpscaleKind,
    fit,
)
from providers.contract.request import OPTIONAL
from tests.pictures import png
from tests.properties import MANY

PICTURE = Image(png(40, 30))
MASK = Mask(Image(png(40, 30)), Polarity.WHITE)
SQUARES = Sizes(listed=("1024x1024", "1536x1024"), default="1024x1024")
GRID = Sizes(step=64, min_side=256, max_side=2048, default="1024x1024")
LOSSLESS_TO_DROP = {"user", "moderation"}

OPTIONS: dict[str, object] = {
    "negative": "text",
    "seed": 0,
    "style": "vivid",
    "steps": 30,
    "guidance": 0.0,
    "sampler": Sampler.EULER,
    "tiling": False,
    "contrast": 1.0,
    "adapters": (Adapter("lora", 0.5),),
    "background": Background.TRANSPARENT,
    "compression": 0,
    "moderation": Moderation.LOW,
    "complexity": "low",
    "frames": 4,
    "frame_ms": 100,
    "vector_model": "v3",
    "vector_effort": "high",
    "user": "u-1",
}
"""A value for every optional field, the false ones among them: asked for is not the same as true."""


def fitted(request: ImageRequest, model: Model, *, any_area: bool = False) -> Fit:
    found = fit(request, model, any_area=any_area)
    assert isinstance(found, Fit), found
    return found


def refused(request: ImageRequest, model: Model, *, any_area: bool = False) -> Misfit:
    found = fit(request, model, any_area=any_area)
    assert isinstance(found, Misfit), found
    return found


def test_a_request_that_asks_for_nothing_special_fits_as_it_is() -> None:
    request = Generate(model="m", prompt="a cat", width=1024, height=1024)
    found = fitted(request, Model(name="m", sizes=SQUARES))
    assert found.request is request
    assert found.notes == ()


def test_an_operation_the_model_does_not_do_does_not_fit() -> None:
    request = Upscale(model="m", kind=UpscaleKind.FAST, picture=PICTURE)
    assert refused(request, Model(name="m", inputs=1)) == Misfit("does not do upscale.fast", "model")


def test_a_prompt_may_be_as_long_as_the_limit_and_no_longer() -> None:
    model = Model(name="m", prompt_limit=5)
    assert fitted(Generate(model="m", prompt="äöüß!"), model).notes == ()
    assert refused(Generate(model="m", prompt="a cat!"), model) == Misfit(
        "takes a prompt of at most 5 characters", "prompt"
    )


def test_as_many_pictures_as_the_model_takes_fit_and_no_more() -> None:
    model = Model(name="m", inputs=2, operations=frozenset({"generate.reference"}))
    assert fitted(Generate(model="m", references=(PICTURE,) * 2), model).notes == ()
    assert refused(Generate(model="m", references=(PICTURE,) * 3), model) == Misfit(
        "takes at most 2 pictures, not 3", "image"
    )


def test_the_mask_does_not_count_among_the_pictures() -> None:
    model = Model(name="m", inputs=1, operations=frozenset({"edit.inpaint"}))
    edit = Edit(model="m", kind=EditKind.INPAINT, pictures=(PICTURE,), mask=MASK)
    assert fitted(edit, model).notes == ()
    assert refused(replace(edit, pictures=(PICTURE,) * 2), model).field == "image"


def test_without_a_size_the_default_is_drawn() -> None:
    found = fitted(Generate(model="m"), Model(name="m", sizes=Sizes(default="1536x1024")))
    assert (found.request.width, found.request.height, found.notes) == (1536, 1024, ())


@pytest.mark.parametrize(("width", "height"), [(512, None), (None, 512)])
def test_half_a_size_is_no_size(width: int | None, height: int | None) -> None:
    found = fitted(Generate(model="m", width=width, height=height), Model(name="m", sizes=SQUARES))
    assert (found.request.width, found.request.height) == (1024, 1024)


def test_without_a_size_the_choice_is_left_to_a_vendor_that_chooses() -> None:
    request = Generate(model="m")
    assert fitted(request, Model(name="m", sizes=Sizes(auto=("1024x1024",)))).request is request


def test_a_size_near_a_listed_one_becomes_that_one_with_a_note() -> None:
    found = fitted(Generate(model="m", width=1000, height=1000), Model(name="m", sizes=SQUARES))
    assert (found.request.width, found.request.height) == (1024, 1024)
    assert found.notes == (Note("size", "1024x1024 is the nearest size m draws", lossy=True),)


@pytest.mark.parametrize(
    ("width", "height", "near"),
    [
        (1050, 1000, True),
        (1000, 1050, True),
        (1051, 1000, False),
        (1000, 1051, False),
        (1098, 1098, True),
        (1099, 1099, False),
        (955, 955, True),
        (954, 954, False),
    ],
)
def test_near_is_a_twentieth_in_shape_and_three_twentieths_in_area(width: int, height: int, near: bool) -> None:
    model = Model(name="m", sizes=Sizes(listed=("1024x1024",)))
    assert isinstance(fit(Generate(model="m", width=width, height=height), model), Fit) is near


def test_any_area_replaces_a_size_of_the_same_shape_only() -> None:
    model = Model(name="m", sizes=SQUARES)
    small, odd = Generate(model="m", width=256, height=256), Generate(model="m", width=256, height=512)
    assert refused(small, model).field == "size"
    assert fitted(small, model, any_area=True).request.width == 1024
    assert len(fitted(small, model, any_area=True).notes) == 1
    assert refused(odd, model, any_area=True).field == "size"


@pytest.mark.parametrize(
    ("sizes", "offer"),
    [
        (SQUARES, "it draws 1024x1024, 1536x1024"),
        (GRID, "it draws sides of 256 to 2048 pixels in steps of 64"),
        (Sizes(step=16, max_ratio=3.0), "it draws sides in steps of 16"),
    ],
)
def test_a_size_that_is_not_drawn_is_refused_with_those_that_are(sizes: Sizes, offer: str) -> None:
    request = Generate(model="m", width=8000, height=100)
    assert refused(request, Model(name="m", sizes=sizes)) == Misfit(f"does not draw 8000x100 ({offer})", "size")


def test_a_result_that_follows_its_input_has_no_size_of_its_own() -> None:
    model = Model(
        name="m", inputs=1, operations=frozenset({"upscale.fast"}), sizes=Sizes(follows_input=True, default="64x64")
    )
    request = Upscale(model="m", kind=UpscaleKind.FAST, picture=PICTURE)
    assert fitted(request, model).request is request
    found = fitted(replace(request, width=512, height=256), model)
    assert found.request == request
    assert found.notes == (Note("size", "m chooses the size", lossy=True),)
    exact = fitted(replace(request, width=512, height=256, exact=True), model)
    assert exact.notes == (Note("size", "m chooses the size, which is brought to 512x256", lossy=False),)
    edits = replace(model, operations=frozenset({"edit.general"}))
    edit = Edit(model="m", kind=EditKind.GENERAL, pictures=(PICTURE,), width=512, height=256)
    assert fitted(edit, edits).notes == (Note("size", "m keeps the size of the picture it is given", lossy=True),)


@pytest.mark.parametrize(
    ("asked", "known", "given", "note"),
    [
        (None, (Quality.LOW,), None, None),
        (Quality.LOW, (Quality.LOW, Quality.HIGH), Quality.LOW, None),
        (Quality.HIGH, (), None, "m has one quality"),
        (Quality.MAX, (Quality.LOW, Quality.HIGH), Quality.HIGH, "high is the nearest quality of m"),
        (Quality.LOW, (Quality.MEDIUM, Quality.HIGH), Quality.MEDIUM, "medium is the nearest quality of m"),
        (Quality.MEDIUM, (Quality.LOW, Quality.HIGH), Quality.LOW, "low is the nearest quality of m"),
    ],
)
def test_a_quality_becomes_the_nearest_there_is_and_of_two_the_lower(
    asked: Quality | None, known: tuple[Quality, ...], given: Quality | None, note: str | None
) -> None:
    found = fitted(Generate(model="m", quality=asked), Model(name="m", qualities=known))
    assert found.request.quality == given
    assert found.notes == (() if note is None else (Note("quality", note, lossy=True),))


@pytest.mark.parametrize(
    ("asked", "made", "given"),
    [
        (None, (Format.JPEG,), None),
        (Format.JPEG, (Format.PNG, Format.JPEG), Format.JPEG),
        (Format.WEBP, (Format.JPEG, Format.PNG), Format.JPEG),
        (Format.PNG, (Format.SVG, Format.WEBP), Format.WEBP),
        (Format.SVG, (Format.SVG,), Format.SVG),
        (Format.GIF, (Format.GIF, Format.PNG), Format.GIF),
    ],
)
def test_a_format_that_can_be_made_from_another_needs_no_note(
    asked: Format | None, made: tuple[Format, ...], given: Format | None
) -> None:
    found = fitted(Generate(model="m", format=asked), Model(name="m", formats=made))
    assert found.request.format == given
    assert found.notes == ()


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        (Format.SVG, (Format.PNG,)),
        (Format.GIF, (Format.PNG, Format.WEBP)),
        (Format.PNG, (Format.SVG,)),
        (Format.JPEG, (Format.GIF, Format.SVG)),
    ],
)
def test_a_format_that_cannot_be_made_does_not_fit(asked: Format, made: tuple[Format, ...]) -> None:
    found = refused(Generate(model="m", format=asked), Model(name="m", formats=made))
    assert found == Misfit(f"does not make {asked}", "format")


def test_the_optional_fields_are_those_this_file_knows() -> None:
    assert set(Generate.OPTIONAL) == {*OPTIONS, "strength"}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_optional_field_is_kept_where_it_is_honoured_and_noted_where_it_is_not(name: str) -> None:
    request = replace(Generate(model="m", width=1024, height=1024), **{name: OPTIONS[name]})
    kept = fitted(request, Model(name="m", sizes=SQUARES, honours=frozenset({name})))
    assert kept == Fit(request)
    dropped = fitted(request, Model(name="m", sizes=SQUARES))
    assert dropped.request == Generate(model="m", width=1024, height=1024)
    assert dropped.notes == (Note(name, "m does not take it", lossy=name not in LOSSLESS_TO_DROP),)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (Edit(model="m", kind=EditKind.GENERAL, pictures=(PICTURE,), fidelity=Fidelity.HIGH), "fidelity"),
        (Generate(model="m", references=(PICTURE,), strength=0.0), "strength"),
        (Control(model="m", kind=ControlKind.SKETCH, picture=PICTURE, strength=0.5), "strength"),
    ],
)
def test_a_field_that_only_some_requests_have_is_kept_or_noted_too(request_: ImageRequest, name: str) -> None:
    request_ = replace(request_, width=1024, height=1024)
    model = Model(name="m", inputs=1, sizes=SQUARES, operations=frozenset({request_.operation}))
    assert fitted(request_, replace(model, honours=frozenset({name}))) == Fit(request_)
    found = fitted(request_, model)
    assert getattr(found.request, name) is None
    assert found.notes == (Note(name, "m does not take it", lossy=True),)


@pytest.mark.parametrize(
    ("asked", "shown", "given", "note"),
    [
        (0, 0, 0, None),
        (2, 2, 2, None),
        (1, 3, 1, None),
        (3, 2, 2, "m shows 2 unfinished pictures"),
        (1, 0, 0, "m shows no unfinished pictures"),
    ],
)
def test_previews_are_limited_to_those_the_model_shows_which_is_no_loss(
    asked: int, shown: int, given: int, note: str | None
) -> None:
    found = fitted(Generate(model="m", previews=asked), Model(name="m", previews=shown))
    assert found.request.previews == given
    assert found.notes == (() if note is None else (Note("previews", note, lossy=False),))


def test_a_request_has_as_many_notes_as_it_has_differences() -> None:
    request = Generate(model="m", width=1000, height=1000, quality=Quality.MAX, seed=1, user="u", previews=1)
    found = fitted(request, Model(name="m", sizes=SQUARES, qualities=(Quality.LOW,)))
    assert [note.field for note in found.notes] == ["size", "quality", "seed", "user", "previews"]
    assert [note.lossy for note in found.notes] == [True, True, True, False, False]


sizes = st.one_of(st.none(), st.tuples(st.integers(200, 2500), st.integers(200, 2500)), st.just((1024, 1024)))
common: dict[str, Any] = {
    "model": st.just("m"),
    "prompt": st.text(max_size=5),
    "n": st.integers(1, 5),
    "quality": st.sampled_from([None, *Quality]),
    "format": st.sampled_from([None, None, Format.PNG, Format.JPEG, Format.WEBP, Format.SVG]),
    "previews": st.integers(0, 3),
    **{name: st.sampled_from([None, value]) for name, value in OPTIONS.items()},
}
strengths = st.sampled_from([None, 0.0, 0.5])
made: st.SearchStrategy[ImageRequest] = st.one_of(
    st.builds(Generate, references=st.sampled_from([(), (PICTURE,)]), strength=strengths, **common),
    st.builds(
        Edit,
        kind=st.just(EditKind.INPAINT),
        pictures=st.just((PICTURE,)),
        mask=st.sampled_from([None, MASK]),
        fidelity=st.sampled_from([None, *Fidelity]),
        **common,
    ),
    st.builds(Upscale, kind=st.just(UpscaleKind.FAST), picture=st.just(PICTURE), **common),
    st.builds(Control, kind=st.just(ControlKind.SKETCH), picture=st.just(PICTURE), strength=strengths, **common),
)
requests = st.builds(
    lambda request, size: request if size is None else replace(request, width=size[0], height=size[1]), made, sizes
)
models = st.builds(
    Model,
    name=st.just("m"),
    operations=st.just(frozenset({"generate", "generate.reference", "edit.inpaint", "upscale.fast", "control.sketch"})),
    inputs=st.just(1),
    sizes=st.sampled_from(
        [SQUARES, GRID, Sizes(follows_input=True), Sizes(step=16, auto=("1024x1024",)), Sizes(step=1)]
    ),
    qualities=st.sets(st.sampled_from(Quality)).map(lambda found: tuple(sorted(found, key=lambda each: each.rank))),
    formats=st.sampled_from(
        [(Format.PNG,), (Format.JPEG, Format.WEBP), (Format.SVG, Format.PNG), (Format.GIF, Format.JPEG)]
    ),
    honours=st.sets(st.sampled_from(OPTIONAL)).map(frozenset),
    previews=st.integers(0, 2),
)


@MANY
@given(requests, models, st.booleans())
def test_a_fitted_request_fits_again_as_it_is(request_: ImageRequest, model: Model, any_area: bool) -> None:
    found = fit(request_, model, any_area=any_area)
    assume(isinstance(found, Fit))
    assert isinstance(found, Fit)
    again = fitted(found.request, model)
    assert again.request is found.request
    assert again.notes == ()


@MANY
@given(requests, models)
def test_every_optional_field_is_honoured_or_has_exactly_one_note(request_: ImageRequest, model: Model) -> None:
    found = fit(request_, model)
    assume(isinstance(found, Fit))
    assert isinstance(found, Fit)
    noted = [note.field for note in found.notes]
    for name in OPTIONAL:
        asked = getattr(request_, name, None)
        dropped = asked is not None and name not in model.honours
        assert noted.count(name) == dropped
        assert getattr(found.request, name, None) == (None if dropped else asked)


@MANY
@given(requests, models, st.booleans())
def test_nothing_that_was_asked_for_changes_without_exactly_one_note(
    request_: ImageRequest, model: Model, any_area: bool
) -> None:
    found = fit(request_, model, any_area=any_area)
    assume(isinstance(found, Fit))
    assert isinstance(found, Fit)
    before, after = asdict(request_), asdict(found.request)
    changed = {
        "size" if name in {"width", "height"} else name
        for name, value in before.items()
        if value is not None and after[name] != value and name != "format"
    }
    assert sorted(note.field for note in found.notes) == sorted(changed)


@MANY
@given(requests, models)
def test_a_fitted_request_asks_only_for_what_the_model_has(request_: ImageRequest, model: Model) -> None:
    found = fit(request_, model)
    assume(isinstance(found, Fit))
    assert isinstance(found, Fit)
    request = found.request
    assert request.quality is None or request.quality in model.qualities
    assert request.format is None or request.format in model.formats
    assert request.previews <= model.previews
    if request.width is not None and request.height is not None:
        assert model.sizes.draws(request.width, request.height)
    else:
        assert model.sizes.follows_input or model.sizes.auto or isinstance(request, Upscale)


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([SQUARES, GRID]))
def test_an_exact_size_is_drawn_near_it_and_brought_to_it_without_loss(width: int, height: int, sizes: Sizes) -> None:
    found = fit(Generate(model="m", width=width, height=height, exact=True), Model(name="m", sizes=sizes))
    if isinstance(found, Misfit):
        assert sizes.nearest(width, height) is None
        return
    assert found.request.width is not None
    assert found.request.height is not None
    assert sizes.draws(found.request.width, found.request.height)
    if found.notes:
        assert not found.notes[0].lossy
        assert f"brought to {width}x{height}" in found.notes[0].detail


@pytest.mark.parametrize(("exact", "lossy"), [(False, True), (True, False)])
def test_a_model_that_scales_takes_any_size_and_says_what_it_drew(exact: bool, lossy: bool) -> None:
    model = Model(name="m", sizes=Sizes(default="192x192", listed=("192x192",), scaled=True))
    found = fitted(Generate(model="m", width=1536, height=1024, exact=exact), model)
    assert (found.request.width, found.request.height) == (192, 192)
    assert found.notes == (Note("size", "drawn at 192x192 and brought to 1536x1024", lossy=lossy),)
    assert fitted(Generate(model="m", width=192, height=192), model).notes == ()


def test_an_upscale_without_a_size_leaves_it_to_the_model() -> None:
    model = Model(name="m", operations=frozenset({"upscale.fast"}), inputs=1)
    assert fitted(Upscale(model="m", kind=UpscaleKind.FAST, picture=PICTURE), model).request.width is None


@MANY
@given(requests, models)
def test_a_misfit_names_the_field_that_was_asked_too_much_of(request_: ImageRequest, model: Model) -> None:
    found = fit(request_, model)
    if isinstance(found, Misfit):
        assert found.field in {"size", "format"}
        assert found.reason


@MANY
@given(st.sampled_from([SQUARES, GRID]), st.integers(1, 40), st.integers(1, 40))
def test_a_size_that_is_drawn_is_never_replaced(drawn: Sizes, across: int, down: int) -> None:
    width, height = across * 64, down * 64
    found = fit(Generate(model="m", width=width, height=height), Model(name="m", sizes=drawn))
    if drawn.draws(width, height):
        assert found == Fit(Generate(model="m", width=width, height=height))
    else:
        assert isinstance(found, Misfit) or found.notes[0].field == "size"
