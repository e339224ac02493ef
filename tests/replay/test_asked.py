"""A request made again from its facts: it has the same facts, and so the same quote everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Billable
from providers.contract import ControlKind, Edit, EditKind, Fit, Model, Sizes, Upscale, UpscaleKind, fit
from proxy.replay.asked import asked

SIDES = st.integers(1, 4096)
PAIRS = st.tuples(SIDES, SIDES)
OPERATIONS = [
    "generate",
    "generate.reference",
    *(f"edit.{kind}" for kind in EditKind),
    *(f"upscale.{kind}" for kind in UpscaleKind),
    *(f"control.{kind}" for kind in ControlKind),
]
SHORT = Model(name="m", prompt_limit=100, inputs=1, sizes=Sizes(step=1))
PICTURES = {"generate": (0, 0), "generate.reference": (1, 4), "edit": (1, 4), "upscale": (1, 1), "control": (1, 2)}


@st.composite
def billables(draw: st.DrawFn) -> Billable:
    operation = draw(st.sampled_from(OPERATIONS))
    least, most = PICTURES.get(operation) or PICTURES[operation.partition(".")[0]]
    size = draw(st.one_of(st.just((None, None)), PAIRS))
    return Billable(
        operation=operation,
        n=draw(st.integers(1, 10)),
        width=size[0],
        height=size[1],
        quality=draw(st.sampled_from([None, "low", "high"])),
        fidelity=draw(st.sampled_from([None, "high"])) if operation.startswith("edit") else None,
        prompt_bytes=draw(st.integers(0, 5000)),
        inputs=tuple(draw(st.lists(PAIRS, min_size=least, max_size=most))),
        previews=draw(st.integers(0, 3)),
        background=draw(st.sampled_from([None, "transparent"])),
    )


@given(facts=billables(), served=st.sampled_from([None, SHORT]))
def test_it_has_the_facts_it_was_made_from(facts: Billable, served: Model | None) -> None:
    assert asked(facts, "photo", served).billable() == facts


@pytest.mark.parametrize(
    "wrong",
    [
        {"operation": "dance"},
        {"operation": "edit.dance", "inputs": ((1, 1),)},
        {"operation": "edit.general"},
        {"operation": "upscale.fast"},
        {"operation": "control.sketch"},
        {"operation": "generate", "quality": "splendid"},
    ],
)
def test_facts_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"dance|with 0 pictures|splendid"):
        asked(Billable(**wrong), "photo")


def test_a_prompt_is_no_longer_in_letters_than_the_model_takes_that_served_it() -> None:
    facts = Billable(prompt_bytes=900)  # 300 letters of three bytes
    short = Model(name="m", prompt_limit=300, sizes=Sizes(step=16))
    assert not isinstance(fit(asked(facts, "m"), short), Fit)
    request = asked(facts, "m", short)
    assert isinstance(fit(request, short), Fit)
    assert request.billable().prompt_bytes == 900


@pytest.mark.parametrize(
    ("operation", "takes", "masked"),
    [("edit.inpaint", 1, True), ("edit.erase", 1, True), ("edit.general", 2, False), ("edit.general", 1, True)],
)
def test_the_last_picture_is_a_mask_where_the_edit_has_one_or_the_model_takes_no_more(
    operation: str, takes: int, masked: bool
) -> None:
    model = Model(
        name="m", operations=frozenset({operation}), inputs=takes, needs=frozenset({"mask"} if masked else ())
    )
    facts = Billable(operation=operation, inputs=((64, 64), (64, 64)))
    request = asked(facts, "m", model)
    assert isinstance(request, Edit)
    assert (request.mask is not None, len(request.pictures)) == (masked, 1 if masked else 2)
    fitted = fit(request, model)
    assert isinstance(fitted, Fit)


@pytest.mark.parametrize(("size", "factor"), [((2048, 1024), 2.0), ((2048, 2048), None), ((512, 256), None)])
def test_a_size_that_is_the_pictures_own_multiplied_is_asked_for_as_a_factor(
    size: tuple[int, int], factor: float | None
) -> None:
    facts = Billable(operation="upscale.fast", width=size[0], height=size[1], inputs=((1024, 512),))
    request = asked(facts, "m")
    assert isinstance(request, Upscale)
    assert request.factor == factor
    assert asked(replace(facts, inputs=((0, 0),)), "m").width == size[0]  # a drawing has no size to multiply


def test_a_size_that_only_its_model_chooses_was_not_asked_for() -> None:
    facts = Billable(width=1024, height=1024)
    chooses, asks = (Model(name="m", sizes=Sizes(step=step)) for step in (0, 16))
    assert asked(facts, "m", chooses).width is None
    assert asked(facts, "m", asks).width == 1024
    fitted = fit(asked(facts, "m", chooses), chooses)
    assert isinstance(fitted, Fit)
    assert fitted.request.billable() == facts
