"""What becomes of the pictures a generation points at."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import ControlKind, EditKind, Generate, Polarity
from tests.dialects.leonardo.asking import (
    CLIENTS_OWN,
    KINO,
    KONTEXT,
    LIGHTNING,
    ONE,
    THREE,
    TWO,
    asked,
    assets,
    composed,
    controlled,
    edited,
    noted,
    refused,
)
from tests.pictures import png

STYLE, CHARACTER, CONTENT = 67, 133, 100


def cn(picture: str, number: int | None = STYLE, **more: Any) -> dict[str, Any]:
    return {"initImageId": picture, "initImageType": "UPLOADED", "preprocessorId": number, **more}


# Leaning on pictures.


@pytest.mark.parametrize("name", ["init_image_id", "init_generation_image_id"])
def test_an_init_image_is_leant_on_as_closely_as_it_says(name: str) -> None:
    ask = asked(**{name: ONE}, init_strength=0.3, modelId=KINO)
    assert assets(ask) == [(name, ONE)]
    request = composed(ask)
    assert isinstance(request, Generate)
    assert (request.operation, request.strength, request.model) == ("generate.reference", 0.7, KINO)
    assert ask.notes == ()


def test_an_init_image_without_a_strength_leaves_it_to_the_model() -> None:
    request = composed(asked(init_image_id=ONE))
    assert isinstance(request, Generate)
    assert request.strength is None


def test_image_prompts_are_references_and_their_weight_says_how_closely() -> None:
    ask = asked(imagePrompts=[ONE, None, TWO, ""], imagePromptWeight=0.25)
    assert assets(ask) == [("imagePrompts[0]", ONE), ("imagePrompts[1]", TWO)]
    request = composed(ask)
    assert isinstance(request, Generate)
    assert request.strength == 0.75
    assert ask.notes == ()


@pytest.mark.parametrize(
    ("fields", "lossy"),
    [({"imagePromptWeight": 3}, True), ({"imagePromptWeight": 0.5, "init_image_id": TWO}, True)],
)
def test_a_weight_that_has_no_meaning_is_told(fields: dict[str, Any], lossy: bool) -> None:
    assert noted(asked(imagePrompts=[ONE], **fields).notes) == {"imagePromptWeight": lossy}


def test_everything_that_is_pointed_at_is_leant_on_once() -> None:
    ask = asked(init_image_id=ONE, imagePrompts=[TWO], controlnets=[cn(THREE), cn(ONE)])
    assert [asset for _, asset in assets(ask)] == [ONE, TWO, THREE]
    assert len(composed(ask).images) == 3
    assert all(noted(ask.notes).values())


# One picture that steers.


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        *[(number, ControlKind.STYLE) for number in (67, 166, 299, 298, 431)],
        *[(number, ControlKind.STRUCTURE) for number in (100, 364, 233, 232, 430)],
        (20, ControlKind.STRUCTURE),
        (None, ControlKind.STRUCTURE),
    ],
)
def test_one_controlnet_steers(number: int | None, kind: ControlKind) -> None:
    ask = asked(controlnets=[cn(ONE, number, strengthType="High")], seed=3)
    assert assets(ask) == [("controlnets[0].initImageId", ONE)]
    request = controlled(ask)
    assert (request.kind, request.model, request.seed, request.width) == (kind, "control", 3, 1024)
    strong = request.fidelity if kind is ControlKind.STYLE else request.strength
    assert strong == 0.7
    known = {} if number not in (20, None) else {"controlnets[0].preprocessorId": number is not None}
    assert noted(ask.notes) == known


@pytest.mark.parametrize(("word", "strength"), [("Low", 0.3), ("Mid", 0.5), ("Ultra", 0.85), ("Max", 1.0)])
def test_a_strength_in_a_word_goes_before_the_weight(word: str, strength: float) -> None:
    ask = asked(controlnets=[cn(ONE, strengthType=word, weight=1.7)])
    assert controlled(ask).fidelity == strength
    assert ask.notes == ()


@pytest.mark.parametrize(("weight", "strength", "told"), [(None, None, False), (0.4, 0.4, False), (1.5, 1.0, True)])
def test_a_weight_is_a_strength_up_to_one(weight: float | None, strength: float | None, told: bool) -> None:
    ask = asked(controlnets=[cn(ONE, CONTENT, weight=weight)])
    assert controlled(ask).strength == strength
    assert noted(ask.notes) == ({"controlnets[0].weight": True} if told else {})


def test_a_character_is_a_reference() -> None:
    ask = asked(controlnets=[cn(ONE, CHARACTER)])
    request = composed(ask)
    assert isinstance(request, Generate)
    assert (len(request.references), request.model) == (1, LIGHTNING)
    assert not any(noted(ask.notes).values())
    assert all(noted(asked(controlnets=[cn(ONE, CHARACTER, strengthType="Low")]).notes).values())


@pytest.mark.parametrize("turned", [False, True])
def test_a_style_and_a_content_are_a_transfer_of_style(turned: bool) -> None:
    both = [cn(ONE, CONTENT, weight=0.5), cn(TWO, STYLE, strengthType="Max")]
    ask = asked(controlnets=both[::-1] if turned else both)
    assert [asset for _, asset in assets(ask)] == [ONE, TWO]
    request = controlled(ask)
    assert (request.kind, request.composition_fidelity, request.style_strength) == ("style_transfer", 0.5, 1.0)
    assert request.looks is not None
    assert ask.notes == ()


@pytest.mark.parametrize(
    "controlnets",
    [[cn(ONE), cn(TWO)], [cn(ONE, CONTENT), cn(TWO, CHARACTER)], [cn(ONE), cn(TWO, CONTENT), cn(THREE, CONTENT)]],
)
def test_more_than_that_are_references_and_that_is_told(controlnets: list[dict[str, Any]]) -> None:
    ask = asked(controlnets=controlnets)
    request = composed(ask)
    assert isinstance(request, Generate)
    assert len(request.references) == len(controlnets)
    assert any(noted(ask.notes).values())


def test_an_influence_is_told() -> None:
    assert noted(asked(controlnets=[cn(ONE, influence=0.4)]).notes) == {"controlnets[0].influence": True}


@pytest.mark.parametrize(("kind", "told"), [("POSE", True), ("CANNY", False), ("DEPTH", False), (None, False)])
def test_the_old_way_to_steer_still_does(kind: str | None, told: bool) -> None:
    ask = asked(controlNet=True, controlNetType=kind, init_image_id=ONE, weighting=0.75)
    request = controlled(ask)
    assert (request.kind, request.strength, assets(ask)) == (ControlKind.STRUCTURE, 0.75, [("init_image_id", ONE)])
    assert noted(ask.notes) == ({"controlNetType": True} if told else {})


def test_the_old_way_beside_other_pictures_is_one_reference_more() -> None:
    ask = asked(controlNet=True, init_image_id=ONE, init_strength=0.4, imagePrompts=[TWO])
    request = composed(ask)
    assert isinstance(request, Generate)
    assert ([asset for _, asset in assets(ask)], request.strength) == ([ONE, TWO], 0.6)


def test_settings_of_pictures_to_lean_on_are_told_where_one_steers() -> None:
    ask = asked(controlnets=[cn(ONE)], init_strength=0.4, imagePromptWeight=0.4)
    assert noted(ask.notes) == {"init_strength": False, "imagePromptWeight": False}
    assert controlled(ask).strength is None


# Changing a picture.

CANVAS = {"canvasRequest": True, "canvasInitId": ONE}


@pytest.mark.parametrize("kind", ["INPAINT", "OUTPAINT"])
def test_a_mask_is_white_where_the_picture_changes(kind: str) -> None:
    ask = asked(**CANVAS, canvasRequestType=kind, canvasMaskId=TWO, init_strength=0.2, num_images=2)
    assert assets(ask) == [("canvasInitId", ONE), ("canvasMaskId", TWO)]
    request = edited(ask, png(64, 48), png(64, 48, "white"))
    assert (request.kind, request.model, request.n, request.strength) == (EditKind.INPAINT, "inpaint", 2, 0.8)
    assert request.mask is not None
    assert request.mask.changes is Polarity.WHITE
    assert (request.width, request.height, request.exact) == (64, 48, True)
    assert ask.notes == ()


def test_what_is_outside_is_drawn_where_there_is_no_mask() -> None:
    ask = asked(**CANVAS, canvasRequestType="OUTPAINT", width=128, height=56)
    request = edited(ask, png(65, 48))
    assert (request.kind, request.model, request.width) == (EditKind.OUTPAINT, "outpaint", None)
    assert (request.left, request.right, request.up, request.down) == (31, 32, 4, 4)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (64, 40), (56, 96)])
def test_there_must_be_something_outside(width: int, height: int) -> None:
    ask = asked(**CANVAS, canvasRequestType="OUTPAINT", width=width, height=height)
    found = refused(lambda: composed(ask, png(64, 48)))
    assert (found.status, "invalid dimensions" in found.error) == (400, True)


def test_a_sketch_steers() -> None:
    ask = asked(**CANVAS, canvasRequestType="SKETCH2IMG", init_strength=0.3)
    request = controlled(ask)
    assert (request.kind, request.model, request.strength) == (ControlKind.SKETCH, "control", 0.3)
    assert controlled(asked(**CANVAS, canvasRequestType="SKETCH2IMG")).strength is None


def test_a_canvas_may_be_leant_on() -> None:
    ask = asked(**CANVAS, canvasRequestType="IMG2IMG", init_strength=0.3, modelId=KINO)
    request = composed(ask)
    assert isinstance(request, Generate)
    assert (request.strength, request.model, assets(ask)) == (0.7, KINO, [("canvasInitId", ONE)])


@pytest.mark.parametrize("kind", ["SKETCH2IMG", "IMG2IMG"])
def test_a_mask_that_is_not_used_is_told(kind: str) -> None:
    ask = asked(**CANVAS, canvasRequestType=kind, canvasMaskId=TWO)
    assert noted(ask.notes) == {"canvasMaskId": True}
    assert len(ask.sources) == 1


def test_pictures_that_a_canvas_does_not_use_are_told() -> None:
    more = {"init_image_id": TWO, "imagePrompts": [TWO], "controlnets": [cn(TWO)], "contextImages": [{"id": TWO}]}
    ask = asked(**CANVAS, canvasRequestType="IMG2IMG", **more)
    assert noted(ask.notes) == dict.fromkeys(more, True)
    assert len(ask.sources) == 1


def test_an_unzoom_adds_its_share_on_all_sides() -> None:
    ask = asked(unzoom=True, unzoomAmount=0.5, init_image_id=ONE, init_strength=0.5, imagePrompts=[TWO])
    assert assets(ask) == [("init_image_id", ONE)]
    request = edited(ask, png(40, 32))
    assert (request.kind, request.model, request.width) == (EditKind.OUTPAINT, "outpaint", None)
    assert (request.left, request.right, request.up, request.down) == (10, 10, 8, 8)
    assert noted(ask.notes) == {"imagePrompts": True, "init_strength": False, "unzoomAmount": False}


def test_an_unzoom_adds_something_to_the_smallest_picture() -> None:
    request = edited(asked(unzoom=True, unzoomAmount=0.01, init_image_id=ONE), png(2, 2))
    assert (request.left, request.right, request.up, request.down) == (1, 1, 1, 1)


def test_context_images_are_changed_as_the_prompt_says() -> None:
    ask = asked(contextImages=[{"id": ONE, "type": "UPLOADED"}, {"id": TWO}], modelId=KONTEXT, width=832, height=1248)
    assert assets(ask) == [("contextImages[0].id", ONE), ("contextImages[1].id", TWO)]
    request = edited(ask)
    assert (request.kind, request.model, len(request.pictures)) == (EditKind.GENERAL, KONTEXT, 2)
    assert (request.width, request.height) == (832, 1248)
    assert ask.notes == ()


def test_other_pictures_are_drawn_from_beside_context_images_and_that_is_told() -> None:
    ask = asked(contextImages=[{"id": ONE}], init_image_id=TWO, init_strength=0.5, controlnets=[cn(THREE)])
    assert [asset for _, asset in assets(ask)] == [ONE, TWO, THREE]
    assert (edited(ask).model, len(edited(ask).pictures)) == ("edit", 3)
    assert noted(ask.notes) == {"init_image_id": True, "controlnets[0].initImageId": True, "init_strength": False}


# Who does it.

WORK: list[dict[str, Any]] = [
    {**CANVAS, "canvasRequestType": "INPAINT", "canvasMaskId": TWO},
    {**CANVAS, "canvasRequestType": "OUTPAINT"},
    {**CANVAS, "canvasRequestType": "SKETCH2IMG"},
    {"contextImages": [{"id": ONE}]},
    {"controlnets": [cn(ONE)]},
]


@pytest.mark.parametrize("fields", WORK, ids=str)
def test_another_model_than_the_one_chosen_is_told(fields: dict[str, Any]) -> None:
    assert noted(asked(**fields, modelId=KINO).notes) == {"modelId": False}
    assert asked(**fields, **CLIENTS_OWN).notes == asked(**fields).notes == ()
