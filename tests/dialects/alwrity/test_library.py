"""Finished pictures kept for a team."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Code, Failure, Fault
from tests.dialects.alwrity.asking import talked, text, url
from tests.dialects.alwrity.finishing import Finishing, posted, refused
from tests.pictures import jpeg, png

PATH, ONE = "/save-to-library", "/library/{asset:str}"
PHOTO = png(40, 30)


def test_what_its_front_end_sends() -> None:
    world = Finishing()
    sent = {
        "image_base64": text(PHOTO),
        "prompt": "A boat",
        "provider": "wavespeed",
        "model": "qwen-image",
        "cost": 0.05,
    }
    told = posted(PATH, {**sent, "operation": "image-generation", "output_format": "png"}, world)
    assert told == {
        "success": True,
        "asset_id": "a1",
        "file_url": "http://here/a1",
        "filename": "generated_a1.png",
        "file_size": len(PHOTO),
    }
    found = talked(ONE, method="GET", world=world, parts={"asset": "a1"})
    assert found == {
        **told,
        "created_at": 1_700_000_000_000,
        "prompt": "A boat",
        "provider": "wavespeed",
        "model": "qwen-image",
        "cost": 0.05,
        "operation": "image-generation",
    }


def test_a_picture_alone_is_enough() -> None:
    world = Finishing()
    told = posted(PATH, {"image_base64": url(jpeg(), "image/jpeg"), "prompt": None, "output_format": ""}, world)
    assert told["filename"] == "generated_a1.jpg"
    assert "notes" not in told
    found = talked(ONE, method="GET", world=world, parts={"asset": "a1"})
    assert (found["prompt"], found["cost"], found["operation"]) == (None, None, "image-generation")


@pytest.mark.parametrize(("said", "notes"), [("jpg", 0), ("JPEG", 0), ("png", 1), ("webp", 1)])
def test_a_picture_is_kept_as_what_it_is(said: str, notes: int) -> None:
    told = posted(PATH, {"image_base64": text(jpeg()), "output_format": said})
    expected = ["output_format: the picture is a jpeg and is kept as it is"] * notes
    assert told.get("notes", []) == expected
    assert told["filename"].endswith(".jpg")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"image_base64": None}, "Missing required parameter: 'image_base64'."),
        ({"image_base64": "@@@"}, "Invalid base64 image data"),
        ({"image_base64": 7}, "Invalid type for 'image_base64': expected a string"),
        ({"image_base64": text(b"no picture")}, "Invalid base64 image data: it is no PNG, JPEG or WebP picture"),
        ({"cost": -1}, "Invalid 'cost': decimal below minimum value."),
        ({"cost": "cheap"}, "Invalid type for 'cost': expected a number"),
        ({"prompt": ["A boat"]}, "Invalid type for 'prompt': expected a string"),
        ({"output_format": "p" * 17}, "Invalid 'output_format': string too long."),
    ],
)
def test_refusals(fields: dict[str, Any], detail: str) -> None:
    world = Finishing()
    status, said = refused(PATH, {"image_base64": text(PHOTO), **fields}, world=world)
    assert (status, said[: len(detail)]) == (400, detail)
    assert not world.kept


def test_what_is_deleted_is_gone() -> None:
    world = Finishing()
    posted(PATH, {"image_base64": text(PHOTO)}, world)
    parts = {"asset": "a1"}
    assert talked(ONE, method="DELETE", world=world, parts=parts) == {"success": True, "asset_id": "a1"}
    for method in ("GET", "DELETE"):
        assert refused(ONE, method=method, world=world, parts=parts) == (404, "Asset not found: a1")


def test_a_failure_of_ours_is_no_refusal() -> None:
    def world(_: object) -> Any:
        raise Failure(Fault.UNAVAILABLE, "the disk is full", code=Code.INTERNAL)

    with pytest.raises(Failure, match="the disk is full"):
        talked(PATH, {"image_base64": text(PHOTO)}, world=world)
