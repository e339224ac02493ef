"""`POST /edit/process`: every operation, what it needs, what it has no use for."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Edit, EditKind, Format, Note, Polarity
from tests.dialects.alwrity.asking import PHOTO, answer, composed, named, parse, refusal, served, text, url
from tests.pictures import jpeg, png

EDIT = "/edit/process"
MASK = png(40, 30, "white")
OTHER = png(20, 10, "blue")
LAMP = png(10, 10, "yellow")


def body(operation: str, **fields: Any) -> dict[str, Any]:
    return {"image_base64": url(PHOTO), "operation": operation, **fields}


ENOUGH: dict[str, dict[str, Any]] = {
    "remove_background": {},
    "inpaint": {"prompt": "A hat", "mask_base64": url(MASK)},
    "outpaint": {"expand_left": 100},
    "search_replace": {"prompt": "A cat", "search_prompt": "the dog"},
    "search_recolor": {"prompt": "Red", "select_prompt": "the car"},
    "relight": {"background_image_base64": url(OTHER)},
    "general_edit": {"prompt": "Make it night"},
}
"""By operation, as little as it takes."""


@pytest.mark.parametrize(
    ("operation", "kind", "role"),
    [
        ("remove_background", EditKind.REMOVE_BACKGROUND, "remove-background"),
        ("inpaint", EditKind.INPAINT, "inpaint"),
        ("outpaint", EditKind.OUTPAINT, "outpaint"),
        ("search_replace", EditKind.SEARCH_REPLACE, "search-replace"),
        ("search_recolor", EditKind.SEARCH_RECOLOR, "search-recolor"),
        ("relight", EditKind.REPLACE_BACKGROUND, "replace-background"),
        ("general_edit", EditKind.GENERAL, "edit"),
    ],
)
def test_an_operation_is_an_edit_by_a_model_of_its_role(operation: str, kind: EditKind, role: str) -> None:
    ask = parse(EDIT, body(operation, **ENOUGH[operation]))
    request = composed(ask)
    assert isinstance(request, Edit)
    assert (request.kind, request.model, request.format, request.n) == (kind, role, Format.PNG, 1)
    assert request.pictures[0].body == PHOTO
    assert (ask.notes, ask.providers, ask.base64) == ((), (), True)


def test_what_each_needs_reaches_it() -> None:
    inpaint = composed(parse(EDIT, body("inpaint", **ENOUGH["inpaint"])))
    assert inpaint.prompt == "A hat"
    assert (inpaint.mask.image.body, inpaint.mask.changes) == (MASK, Polarity.WHITE)
    assert composed(parse(EDIT, body("search_replace", **ENOUGH["search_replace"]))).search == "the dog"
    assert composed(parse(EDIT, body("search_recolor", **ENOUGH["search_recolor"]))).search == "the car"
    sides = {"expand_left": 1, "expand_right": 2, "expand_up": 3, "expand_down": 4}
    outpaint = composed(parse(EDIT, body("outpaint", prompt="Sea", **sides)))
    assert (outpaint.left, outpaint.right, outpaint.up, outpaint.down, outpaint.prompt) == (1, 2, 3, 4, "Sea")
    relight = composed(parse(EDIT, body("relight", **ENOUGH["relight"], lighting_image_base64=url(LAMP))))
    assert [picture.body for picture in relight.pictures] == [PHOTO, OTHER, LAMP]


@pytest.mark.parametrize("operation", ENOUGH)
def test_settings_reach_every_edit(operation: str) -> None:
    said = {"negative_prompt": "fog", "style_preset": "anime", "guidance_scale": 5, "steps": 30, "seed": 4}
    request = composed(parse(EDIT, body(operation, **ENOUGH[operation], **said)))
    assert (request.negative, request.style, request.guidance, request.steps, request.seed) == (
        "fog",
        "anime",
        5,
        30,
        4,
    )
    assert composed(parse(EDIT, body(operation, **ENOUGH[operation], seed=-1))).seed is None


@pytest.mark.parametrize(
    ("operation", "fields", "detail"),
    [
        ("inpaint", {}, "Prompt is required for inpainting"),
        ("inpaint", {"prompt": "  "}, "Prompt is required for inpainting"),
        ("search_replace", {"prompt": "A cat"}, "Both prompt and search_prompt are required for search & replace"),
        ("search_replace", {"search_prompt": "a"}, "Both prompt and search_prompt are required for search & replace"),
        ("search_recolor", {"prompt": "Red"}, "Both prompt and select_prompt are required for search & recolor"),
        ("search_recolor", {"select_prompt": "a"}, "Both prompt and select_prompt are required for search & recolor"),
        ("general_edit", {}, "Prompt is required for general edits"),
        ("relight", {}, "At least one reference (background or lighting) is required for relight"),
        (
            "relight",
            {"lighting_image_base64": url(LAMP)},
            "A background reference is required beside the lighting reference for relight",
        ),
        (
            "outpaint",
            {},
            "At least one of expand_left, expand_right, expand_up, expand_down is required for outpainting",
        ),
        (
            "outpaint",
            {"expand_left": 0, "expand_up": 0},
            "At least one of expand_left, expand_right, expand_up, expand_down is required for outpainting",
        ),
    ],
)
def test_what_is_missing_is_said_in_the_documents_words(operation: str, fields: dict[str, Any], detail: str) -> None:
    assert refusal(EDIT, body(operation, **fields)) == (400, detail)


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({"operation": "inpaint"}, "Primary image payload is required"),
        ({"image_base64": "", "operation": "inpaint"}, "Primary image payload is required"),
        ({"image_base64": "@@@", "operation": "inpaint"}, "Invalid base64 image payload"),
        ({"image_base64": text(b"hello"), "operation": "inpaint"}, "Invalid base64 image payload"),
        (body("inpaint", prompt="A", mask_base64="no"), "Invalid base64 image payload"),
        (body("relight", background_image_base64="no"), "Invalid base64 image payload"),
        ({"image_base64": url(PHOTO)}, "Missing required parameter: 'operation'."),
    ],
)
def test_pictures_and_operation_are_checked(sent: dict[str, Any], detail: str) -> None:
    assert refusal(EDIT, sent) == (400, detail)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("operation", "vectorize"),
        ("expand_left", -1),
        ("expand_left", 4097),
        ("expand_left", "wide"),
        ("output_format", "tiff"),
        ("options", []),
        ("prompt", 3),
    ],
)
def test_what_makes_no_sense_is_refused(field: str, value: Any) -> None:
    status, detail = refusal(EDIT, {**body("general_edit", prompt="A"), field: value})
    assert status == 400
    assert field in detail or "Supported values" in detail


@pytest.mark.parametrize(
    ("said", "meant"),
    [(None, Format.PNG), ("png", Format.PNG), ("jpg", Format.JPEG), ("jpeg", Format.JPEG), ("webp", Format.WEBP)],
)
def test_a_format_is_asked_for(said: str | None, meant: Format) -> None:
    assert composed(parse(EDIT, body("remove_background", output_format=said))).format is meant


def test_a_mask_makes_an_edit_by_prompt_one_within_the_mask() -> None:
    request = composed(parse(EDIT, body("general_edit", prompt="A hat", mask_base64=text(MASK))))
    assert (request.kind, request.model) == (EditKind.INPAINT, "inpaint")
    assert request.mask.image.body == MASK


def test_inpainting_without_a_mask_may_change_anything_and_says_so() -> None:
    ask = parse(EDIT, body("inpaint", prompt="A hat"))
    request = composed(ask)
    assert (request.kind, request.model, request.mask) == (EditKind.GENERAL, "edit", None)
    assert named(ask.notes) == {"mask_base64": False}
    assert answer(EDIT, ask, served(PHOTO))["operation"] == "inpaint"


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("remove_background", {"prompt": "A", "mask_base64": url(MASK), "expand_up": 5}),
        ("search_replace", {"mask_base64": url(MASK), "select_prompt": "b"}),
        ("search_recolor", {"mask_base64": url(MASK), "search_prompt": "b"}),
        ("general_edit", {"background_image_base64": url(OTHER), "lighting_image_base64": url(LAMP)}),
        ("relight", {"mask_base64": url(MASK)}),
    ],
)
def test_what_an_operation_has_no_use_for_is_noted_as_lost(operation: str, fields: dict[str, Any]) -> None:
    ask = parse(EDIT, body(operation, **{**ENOUGH[operation], **fields}))
    assert named(ask.notes) == dict.fromkeys(fields, True)
    bare = composed(parse(EDIT, body(operation, **ENOUGH[operation])))
    request = composed(ask)
    assert [picture.body for picture in request.images] == [picture.body for picture in bare.images]
    assert (request.prompt, request.search, request.up) == (bare.prompt, bare.search, bare.up)


def test_options_are_noted_and_nothing_else_is_made_of_them() -> None:
    ask = parse(EDIT, body("remove_background", options={"grow_mask": 5}))
    assert named(ask.notes) == {"options.grow_mask": True}
    assert parse(EDIT, body("remove_background", options={})).notes == ()


# Providers and models.


def test_a_provider_and_a_model_that_are_named_hold() -> None:
    ask = parse(EDIT, body("inpaint", **ENOUGH["inpaint"], provider="stability", model="m"))
    assert (ask.providers, composed(ask).model) == (("stability",), "m")
    ask = parse(EDIT, body("inpaint", **ENOUGH["inpaint"], provider="wavespeed"))
    assert (ask.providers, composed(ask).model) == (("wavespeed",), "inpaint")


def test_the_model_a_front_end_picked_for_edits_by_prompt_binds_those_alone() -> None:
    picked = {"provider": "wavespeed", "model": "gpt-image-2"}
    ask = parse(EDIT, body("general_edit", prompt="A", **picked))
    assert (ask.providers, composed(ask).model, ask.notes) == ((), "gpt-image-2", ())
    ask = parse(EDIT, body("remove_background", **picked))
    assert (ask.providers, composed(ask).model) == ((), "remove-background")
    assert named(ask.notes) == {"model": True}


# Answers.


def test_an_answer_carries_a_data_url_of_the_format_it_really_is() -> None:
    ask = parse(EDIT, body("general_edit", prompt="A", output_format="jpg", style_preset="anime"))
    made = jpeg(64, 48)
    told = answer(EDIT, ask, served(made, notes=(Note("seed", "is not taken"),)))
    assert told == {
        "success": True,
        "operation": "general_edit",
        "provider": "wavespeed",
        "image_base64": url(made, "image/jpeg"),
        "width": 64,
        "height": 48,
        "metadata": {
            "operation": "general_edit",
            "processing_time": 2.512,
            "width": 64,
            "height": 48,
            "provider": "wavespeed",
            "model": "ideogram-v3-turbo",
            "style_preset": "anime",
            "seed": 0,
            "notes": ["seed: is not taken"],
        },
    }
