"""What parameters demand of one another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.leonardo.asking import (
    CLIENTS_OWN,
    DREAMSHAPER,
    FLUX,
    KINO,
    LIGHTNING,
    ONE,
    PHOENIX,
    TWO,
    asked,
    refused,
)

CANVAS = {"canvasRequest": True, "canvasInitId": ONE}
GOOD: list[dict[str, Any]] = [
    {"num_images": 8, "width": 768, "height": 768},
    {"num_images": 8, "width": 512, "height": 512},
    {"num_images": 4, "width": 1536, "height": 1536},
    {"modelId": PHOENIX, "contrast": 2.5},
    {"modelId": PHOENIX, "contrast": 1.0, "alchemy": False},
    {"modelId": PHOENIX},
    {"modelId": PHOENIX, "contrast": 1.3, "ultra": True},
    {"modelId": FLUX, "contrast": 1.0},
    {"sd_version": "PHOENIX", "contrast": 4},
    {"ultra": True},
    {"ultra": True, "alchemy": False},
    {"ultra": False, "alchemy": True},
    {"photoReal": True},
    {"photoReal": True, "photoRealVersion": "v2", "modelId": KINO, "presetStyle": "DYNAMIC"},
    {"photoReal": True, "modelId": None},
    {"photoReal": True, **CLIENTS_OWN},
    {"photoReal": False, "alchemy": False},
    {"presetStyle": "CINEMATIC_CLOSEUP", "alchemy": False},
    {"guidance_scale": 30, "modelId": DREAMSHAPER},
    {"guidance_scale": 20},
    {"guidance_scale": 7, "scheduler": "LEONARDO", "alchemy": False},
    {"guidance_scale": 20, "scheduler": "LEONARDO"},
    {"seed": 2_147_483_637, "modelId": FLUX},
    {"seed": 9_999_999_998},
    {"unzoom": True, "unzoomAmount": 0.5, "init_image_id": ONE},
    {"unzoom": False},
    {"controlNet": True, "init_image_id": ONE},
    {"controlNet": True, "init_generation_image_id": ONE, "controlNetType": "CANNY"},
    {**CANVAS, "canvasRequestType": "INPAINT", "canvasMaskId": TWO},
    {**CANVAS, "canvasRequestType": "OUTPAINT"},
    {**CANVAS, "canvasRequestType": "SKETCH2IMG"},
    {**CANVAS, "canvasRequestType": "IMG2IMG"},
    {"canvasRequest": False},
    {"contextImages": [{"id": ONE}] * 4},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"num_images": 5}, "too many images"),  # the default width is over 768
    ({"num_images": 5, "width": 776, "height": 512}, "too many images"),
    ({"num_images": 8, "width": 512, "height": 776}, "too many images"),
    ({"modelId": PHOENIX, "contrast": 1.8}, "contrast"),
    ({"modelId": PHOENIX, "contrast": 1.0, "alchemy": True}, "contrast"),
    ({"sd_version": "PHOENIX", "contrast": 1.3}, "contrast"),
    ({"ultra": True, "alchemy": True}, "ultra"),
    ({"ultra": True, **CLIENTS_OWN}, "ultra"),
    ({"photoReal": True, "alchemy": False}, "alchemy"),
    ({"photoReal": True, "ultra": True}, "alchemy"),
    ({"photoReal": True, "modelId": KINO}, "modelId"),
    ({"photoReal": True, "photoRealVersion": "v1", "modelId": KINO}, "modelId"),
    ({"guidance_scale": 20.5}, "guidance_scale"),
    ({"guidance_scale": 21, "modelId": FLUX}, "guidance_scale"),
    ({"guidance_scale": 21, "modelId": DREAMSHAPER, "alchemy": False}, "guidance_scale"),
    ({"guidance_scale": 7.1, "scheduler": "LEONARDO", "alchemy": False}, "LEONARDO"),
    ({"seed": 2_147_483_638, "modelId": FLUX}, "seed"),
    ({"seed": 2_147_483_638, "sd_version": "FLUX"}, "seed"),
    ({"init_image_id": ONE, "init_generation_image_id": TWO}, "init_generation_image_id"),
    ({"unzoom": True, "init_image_id": ONE}, "unzoomAmount"),
    ({"unzoom": True, "unzoomAmount": 0.5}, "init_image_id"),
    ({"unzoom": True, "unzoomAmount": 0.5, "init_generation_image_id": ONE}, "init_image_id"),
    ({"unzoomAmount": 0.5, "init_image_id": ONE}, "unzoomAmount"),
    ({"unzoom": True, "unzoomAmount": 0, "init_image_id": ONE}, "unzoomAmount"),
    ({"unzoom": True, "unzoomAmount": 9, "init_image_id": ONE}, "unzoomAmount"),
    ({"controlNet": True}, "init_image_id"),
    ({"canvasRequest": True}, "canvasRequestType"),
    ({"canvasRequest": True, "canvasRequestType": "IMG2IMG"}, "canvasInitId"),
    (CANVAS, "canvasRequestType"),
    ({**CANVAS, "canvasRequestType": "INPAINT"}, "canvasMaskId"),
    ({**CANVAS, "canvasRequestType": "PAINT"}, "canvasRequestType"),
    ({"canvasInitId": ONE}, "canvasRequest"),
    ({"canvasRequest": False, "canvasMaskId": ONE}, "canvasRequest"),
    ({"canvasRequestType": "IMG2IMG"}, "canvasRequest"),
    (
        {
            **CANVAS,
            "canvasRequestType": "IMG2IMG",
            "unzoom": True,
            "unzoomAmount": 1,
            "init_image_id": ONE,
        },
        "unzoom",
    ),
    ({"contextImages": [{"id": ONE}] * 5}, "contextImages"),
]


@pytest.mark.parametrize("fields", GOOD, ids=str)
def test_what_goes_together_is_taken(fields: dict[str, Any]) -> None:
    assert asked(**fields).recall


@pytest.mark.parametrize(("fields", "said"), BAD, ids=lambda value: str(value)[:80])
def test_what_does_not_go_together_is_refused_before_it_costs_anything(fields: dict[str, Any], said: str) -> None:
    found = refused(lambda: asked(**fields))
    assert found.status == 400
    assert said in found.error


def test_the_clients_own_constants_are_no_choice() -> None:
    assert asked(**CLIENTS_OWN).notes == ()
    assert asked(**CLIENTS_OWN, photoReal=True).notes == ()
    assert asked(modelId=LIGHTNING, photoReal=True).notes == ()
