"""A finished picture in another format."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.alwrity.asking import route, text, url
from tests.dialects.alwrity.finishing import Finishing, got, posted, refused, shown
from tests.pictures import png
from tests.retouch.pictures import exif, file, hole, near, quarters

PATH, BATCH = "/convert-format", "/convert-format/batch"
KEYS = {
    *("success", "image_base64", "original_format", "target_format", "original_size_kb", "converted_size_kb", "width"),
    *("height", "transparency_preserved", "metadata_preserved", "color_space"),
}
WORDS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp", "gif": "gif", "bmp": "bmp", "tiff": "tiff"}
CLEAR = {"png", "webp", "gif", "tiff"}


def body(**fields: Any) -> dict[str, Any]:
    """A request for a PNG, and what else is given."""
    return {"image_base64": url(file(quarters(), "JPEG")), "target_format": "png", **fields}


@pytest.mark.parametrize("word", WORDS)
def test_every_format_from_every_format(word: str) -> None:
    for kind in set(WORDS.values()):
        told = posted(PATH, body(image_base64=url(file(quarters(), kind.upper())), target_format=word))
        assert set(told) == KEYS
        assert (told["original_format"], told["target_format"]) == (kind, word)
        assert shown(told["image_base64"], WORDS[word]).size == (told["width"], told["height"]) == (80, 60)
        assert told["transparency_preserved"] is False
        assert told["metadata_preserved"] is True
        assert told["color_space"] is None


def test_little_is_enough() -> None:
    world = Finishing()
    told = posted(PATH, body(target_format="JPG"), world)
    assert told["target_format"] == "jpg"
    encoding = world.retouched[0].encoding
    assert (encoding.quality, encoding.strip, encoding.progressive, encoding.optimize) == (95, False, True, True)
    assert (encoding.opaque, encoding.srgb) == (False, False)
    posted(PATH, body(target_format="webp"), world)
    assert world.retouched[1].encoding.quality == 80


def test_what_its_front_end_sends() -> None:
    world = Finishing()
    sent = {"preserve_transparency": True, "quality": 85, "strip_metadata": True, "optimize": False}
    told = posted(PATH, body(target_format="webp", **sent, progressive=False, color_space="srgb"), world)
    assert (told["metadata_preserved"], told["color_space"]) == (False, "sRGB")
    encoding = world.retouched[0].encoding
    assert (encoding.quality, encoding.strip, encoding.srgb) == (85, True, True)
    assert (encoding.progressive, encoding.optimize) == (False, False)


@pytest.mark.parametrize("word", WORDS)
def test_transparency_stays_where_it_can_and_is_wanted(word: str) -> None:
    sent = url(file(hole()))
    told = posted(PATH, body(image_base64=sent, target_format=word))
    assert told["transparency_preserved"] is (word in CLEAR)
    lost = f"preserve_transparency: a {word} cannot be transparent: it stands on white"
    assert told.get("notes") == (None if word in CLEAR else [lost])
    told = posted(PATH, body(image_base64=sent, target_format=word, preserve_transparency=False))
    assert told["transparency_preserved"] is False
    assert "notes" not in told
    found = shown(told["image_base64"], WORDS[word]).convert("RGB").getpixel((20, 20))
    assert isinstance(found, tuple)
    assert near(found, (255, 255, 255))


@pytest.mark.parametrize("word", WORDS)
def test_metadata_stays_where_it_can_and_is_wanted(word: str) -> None:
    sent = url(file(quarters(), "JPEG", exif=exif()))
    told = posted(PATH, body(image_base64=sent, target_format=word))
    kept = word not in ("gif", "bmp")
    assert told["metadata_preserved"] is kept
    assert told.get("notes") == (None if kept else ["strip_metadata: the metadata could not be carried over"])
    assert (0x010F in shown(told["image_base64"], WORDS[word]).getexif()) is kept
    told = posted(PATH, body(image_base64=sent, target_format=word, strip_metadata=True))
    assert told["metadata_preserved"] is False
    assert "notes" not in told


def test_what_is_not_done_is_said() -> None:
    told = posted(PATH, body(quality=50, mood="sunny"))
    assert told["notes"] == [
        "mood: is not known here and was ignored",
        "quality: a png has none: nothing is lost",
    ]
    moving = file(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(90)])
    told = posted(PATH, body(image_base64=url(moving)))
    assert told["notes"] == ["image_base64: is an animation, of which only the first frame was taken"]


REFUSED = [
    ({"image_base64": ""}, "Missing required parameter: 'image_base64'."),
    ({"target_format": None}, "Missing required parameter: 'target_format'."),
    ({"target_format": "avif"}, "Invalid value: 'avif'. Supported values are: 'png', 'jpeg', 'jpg', 'webp', 'gif', "),
    ({"target_format": "webp", "quality": 0}, "Invalid 'quality': integer below minimum value."),
    ({"color_space": "Adobe RGB"}, "Invalid color_space: 'Adobe RGB'. Pictures can be turned into sRGB only."),
    ({"color_space": 5}, "Invalid type for 'color_space': expected a string"),
    ({"optimize": []}, "Invalid type for 'optimize': expected a boolean"),
]


@pytest.mark.parametrize(("fields", "detail"), REFUSED)
def test_refusals(fields: dict[str, Any], detail: str) -> None:
    world = Finishing()
    status, said = refused(PATH, body(**fields), world=world)
    assert (status, said[: len(detail)]) == (400, detail)
    status, said = refused(BATCH, {"images": [body(), body(**fields)]}, world=world)
    assert (status, said[: 11 + len(detail)]) == (400, f"images[1]: {detail}")
    assert not world.retouched


@pytest.mark.parametrize("space", ["sRGB", "SRGB", "s-rgb", "s RGB"])
def test_the_one_space_in_any_spelling(space: str) -> None:
    assert posted(PATH, body(color_space=space))["color_space"] == "sRGB"


def test_a_format_that_cannot_be_as_long_says_so() -> None:
    status, detail = refused(PATH, body(image_base64=url(png(20_000, 1)), target_format="webp"))
    assert (status, detail) == (
        400,
        "Invalid image in 'image_base64': it is 20000x1; a webp has at most 16383 pixels a side.",
    )


def test_a_batch_goes_on_after_what_is_no_picture() -> None:
    sent = [body(), body(image_base64=text(b"no picture")), body(target_format="bmp")]
    told = posted(BATCH, {"images": sent})
    assert (told["success"], told["total_images"], told["successful"], told["failed"]) == (False, 3, 2, 1)
    failed = told["results"][1]
    assert failed.pop("error").startswith("Invalid image in 'image_base64': it is no picture")
    assert set(failed) == KEYS
    shown(told["results"][2]["image_base64"], "bmp")
    assert posted(BATCH, {"images": [body()]})["success"] is True


def test_supported_formats_say_what_is_true_of_them() -> None:
    formats = {each["id"]: each for each in got("/convert-format/supported")["formats"]}
    assert list(formats) == list(WORDS)
    for word, told in formats.items():
        assert set(told) == {"id", "name", "description", "supports_transparency", "supports_lossy", "mime_type"}
        assert told["supports_transparency"] is (word in CLEAR)
        assert told["supports_lossy"] is (WORDS[word] in ("jpeg", "webp"))
        assert told["mime_type"] == f"image/{WORDS[word]}"


@pytest.mark.parametrize(
    ("source", "formats"),
    [
        ("png", ["webp", "jpeg"]),
        ("jpeg", ["webp", "png"]),
        ("JPG", ["webp", "png"]),
        ("image/jpeg", ["webp", "png"]),
        ("webp", ["png", "jpeg"]),
        ("gif", ["png", "webp"]),
        ("bmp", ["png", "jpeg"]),
        ("tiff", ["png", "jpeg"]),
        ("heic", []),
    ],
)
def test_recommendations(source: str, formats: list[str]) -> None:
    told = got("/convert-format/recommendations", query={"source_format": source})["recommendations"]
    assert [each["format"] for each in told] == formats
    assert all(set(each) == {"format", "reason"} and each["reason"] for each in told)


def test_a_recommendation_for_nothing_is_refused() -> None:
    for query in ({}, {"source_format": " "}):
        status, detail = refused("/convert-format/recommendations", method="GET", query=query)
        assert (status, detail) == (400, "Missing required query parameter: 'source_format'.")


def test_what_costs_no_work_needs_no_key() -> None:
    assert route("/convert-format/supported", "GET").public
    assert route("/convert-format/recommendations", "GET").public
    assert not route(PATH).public
    assert not route(BATCH).public
