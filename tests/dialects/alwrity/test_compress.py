"""Fewer bytes for a finished picture."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Code, Failure, Fault
from proxy.dialects.alwrity import finished
from proxy.dialects.contract import Talking
from tests.dialects.alwrity.asking import route, talked, text, url
from tests.dialects.alwrity.finishing import Finishing, got, posted, refused, shown
from tests.pictures import jpeg, png
from tests.retouch.pictures import exif, file, hole, noise, quarters

PATH, BATCH, ESTIMATE = "/compress", "/compress/batch", "/compress/estimate"
HARD = file(noise(90, 60))
KEYS = {
    *("success", "image_base64", "original_size_kb", "compressed_size_kb", "compression_ratio", "format", "width"),
    *("height", "quality_used", "metadata_stripped"),
}


def body(**fields: Any) -> dict[str, Any]:
    """A request that says nothing but the picture, and what else is given."""
    return {"image_base64": url(HARD), **fields}


def test_little_is_enough() -> None:
    world = Finishing()
    told = posted(PATH, body(), world)
    assert set(told) == KEYS
    picture = shown(told["image_base64"], "jpeg")
    assert picture.size == (told["width"], told["height"]) == (90, 60)
    assert (told["success"], told["format"], told["quality_used"], told["metadata_stripped"]) == (
        True,
        "jpeg",
        85,
        True,
    )
    assert told["original_size_kb"] == round(len(HARD) / 1024, 2)
    share = told["compressed_size_kb"] / told["original_size_kb"]
    assert told["compression_ratio"] == pytest.approx((1 - share) * 100, abs=0.1)
    [done] = world.retouched
    assert (done.encoding.progressive, done.encoding.optimize, done.encoding.bytes_most) == (True, True, None)


def test_what_its_front_end_sends() -> None:
    sent = {"quality": 70, "format": "webp", "target_size_kb": 200, "strip_metadata": False, "progressive": False}
    world = Finishing()
    told = posted(PATH, body(**sent, optimize=False), world)
    assert set(told) == KEYS
    shown(told["image_base64"], "webp")
    assert (told["format"], told["quality_used"], told["metadata_stripped"]) == ("webp", 70, False)
    encoding = world.retouched[0].encoding
    assert (encoding.quality, encoding.bytes_most, encoding.strip) == (70, 200 * 1024, False)
    assert (encoding.progressive, encoding.optimize) == (False, False)


@pytest.mark.parametrize(
    ("said", "kind"),
    [("jpeg", "jpeg"), ("jpg", "jpeg"), ("JPG", "jpeg"), ("png", "png"), ("WebP", "webp"), ("", "jpeg")],
)
def test_formats(said: str, kind: str) -> None:
    told = posted(PATH, body(format=said))
    shown(told["image_base64"], kind)
    assert told["format"] == (said.lower() or "jpeg")


def test_a_size_that_is_asked_for_is_met() -> None:
    told = posted(PATH, body(image_base64=url(file(noise(200, 160))), target_size_kb=15, quality=95))
    assert 10 < told["compressed_size_kb"] <= 15
    assert told["quality_used"] < 95
    assert "notes" not in told


def test_a_size_that_cannot_be_met_is_said() -> None:
    large = file(noise(900, 700))
    told = posted(PATH, body(image_base64=url(large), target_size_kb=10))
    assert told["quality_used"] == 5
    [note] = told["notes"]
    assert note.startswith("target_size_kb: is not reached at the lowest quality (5); it is ")
    told = posted(PATH, body(image_base64=url(large), target_size_kb=10, format="png"))
    assert told["quality_used"] == 100
    [note] = told["notes"]
    assert note.startswith("target_size_kb: is not reached: a png loses nothing; it is ")


def test_what_becomes_larger_is_said() -> None:
    told = posted(PATH, body(image_base64=url(file(noise(90, 60), "JPEG", quality=20)), quality=100))
    assert told["compression_ratio"] < 0
    assert told["notes"] == ["quality: the picture is larger than it was: it had been compressed better"]


def test_transparency_and_animations_that_are_lost_are_said() -> None:
    lost = "format: 'jpeg' cannot be transparent: the picture stands on white"
    assert lost in posted(PATH, body(image_base64=url(file(hole()))))["notes"]
    moving = file(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(90)])
    told = posted(PATH, body(image_base64=url(moving), format="png"))
    assert "image_base64: is an animation, of which only the first frame was taken" in told["notes"]


def test_metadata_is_stripped_unless_it_is_to_stay() -> None:
    sent = url(file(quarters(), "JPEG", exif=exif()))
    assert not dict(shown(posted(PATH, body(image_base64=sent))["image_base64"], "jpeg").getexif())
    told = posted(PATH, body(image_base64=sent, strip_metadata=False))
    assert shown(told["image_base64"], "jpeg").getexif()[0x010F] == "Brownie"


REFUSED = [
    ({"image_base64": None}, "Missing required parameter: 'image_base64'."),
    ({"image_base64": 5}, "Invalid type for 'image_base64': expected a string"),
    ({"quality": 0}, "Invalid 'quality': integer below minimum value. Expected a value >= 1, but got 0."),
    ({"quality": 101}, "Invalid 'quality': integer above maximum value."),
    ({"quality": "high"}, "Invalid type for 'quality': expected an integer"),
    ({"target_size_kb": 9}, "Invalid 'target_size_kb': integer below minimum value."),
    ({"format": "avif"}, "Invalid value: 'avif'. Supported values are: 'jpeg', 'jpg', 'png', 'webp'."),
    ({"format": 7}, "Invalid type for 'format': expected a string"),
    ({"strip_metadata": "perhaps"}, "Invalid type for 'strip_metadata': expected a boolean"),
]


@pytest.mark.parametrize(("fields", "detail"), REFUSED)
def test_refusals(fields: dict[str, Any], detail: str) -> None:
    world = Finishing()
    status, said = refused(PATH, body(**fields), world=world)
    assert (status, said[: len(detail)]) == (400, detail)
    status, said = refused(BATCH, {"images": [body(), body(**fields)]}, world=world)
    assert (status, said[: 11 + len(detail)]) == (400, f"images[1]: {detail}")
    assert not world.retouched


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ("@@@", "Invalid base64 image payload"),
        (text(b"no picture"), "Invalid image in 'image_base64': it is no picture in a format that is known"),
        (text(HARD[:900]), "Invalid image in 'image_base64': it is damaged and cannot be decoded."),
        (url(png(1001, 1000)), "Invalid image in 'image_base64': it has 1001x1000 pixels; at most 1000000 are taken."),
    ],
)
def test_what_is_no_picture_is_refused_alone(sent: str, detail: str) -> None:
    for path in (PATH, ESTIMATE):
        status, said = refused(path, {"image_base64": sent})
        assert (status, said[: len(detail)]) == (400, detail)
    told = posted(BATCH, {"images": [body(), {"image_base64": sent}, body(format="png")]})
    assert (told["success"], told["total_images"], told["successful"], told["failed"]) == (False, 3, 2, 1)
    first, second, third = told["results"]
    assert first["success"] is third["success"] is True
    assert second.pop("error").startswith(detail)
    assert set(second) == KEYS
    assert (second["success"], second["image_base64"], second["width"]) == (False, "", 0)


def test_a_batch_has_settings_for_each() -> None:
    told = posted(BATCH, {"images": [body(), body(format="png"), body(format="webp", quality=10, mood="sunny")]})
    assert {name: value for name, value in told.items() if name != "results"} == {
        "success": True,
        "total_images": 3,
        "successful": 3,
        "failed": 0,
    }
    kinds = [shown(each["image_base64"], each["format"]).format for each in told["results"]]
    assert kinds == ["JPEG", "PNG", "WEBP"]
    assert [set(each) - KEYS for each in told["results"]] == [set(), set(), {"notes"}]
    assert told["results"][2]["notes"] == ["mood: is not known here and was ignored"]


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({}, "Missing required parameter: 'images'."),
        ({"images": []}, "Missing required parameter: 'images'."),
        ({"images": {}}, "Invalid type for 'images': expected an array"),
        ({"images": ["x"]}, "images[0]: Invalid type for 'it': expected an object"),
        ({"images": [{}] * 51}, "At most 50 images can be sent at once, not 51."),
    ],
)
def test_batches_that_are_none(sent: Any, detail: str) -> None:
    status, said = refused(BATCH, sent)
    assert (status, said[: len(detail)]) == (400, detail)


def test_a_batch_ends_before_its_answer_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished, "BATCH_BYTES", 10_000)
    world = Finishing()
    told = posted(BATCH, {"images": [body(format="png")] * 3}, world)
    assert (told["successful"], told["failed"], len(world.retouched)) == (1, 2, 1)
    assert told["results"][2]["error"] == "The answer is too large already: send this one again by itself."


def test_a_batch_is_no_excuse_for_a_failure_of_ours() -> None:
    def world(_: object) -> Any:
        raise Failure(Fault.UNAVAILABLE, "no thread is left", code=Code.BUSY)

    with pytest.raises(Failure, match="no thread is left"):
        talked(BATCH, {"images": [body()]}, world=world)


def test_an_estimate_is_what_it_will_be() -> None:
    for fields in ({}, {"format": "png"}, {"format": "webp", "quality": 40}):
        told = posted(ESTIMATE, body(**fields))
        done = posted(PATH, body(**fields))
        assert told == {
            "original_size_kb": done["original_size_kb"],
            "estimated_size_kb": done["compressed_size_kb"],
            "estimated_reduction_percent": round(done["compression_ratio"], 1),
            "width": 90,
            "height": 60,
            "format": fields.get("format", "jpeg"),
        }


def test_formats_and_presets_say_what_a_front_end_reads() -> None:
    formats = got("/compress/formats")["formats"]
    assert [each["id"] for each in formats] == ["jpeg", "png", "webp"]
    for each in formats:
        assert set(each) == {
            *("id", "name", "extension", "description", "supports_transparency", "quality_range"),
            *("recommended_quality", "use_cases"),
        }
        assert each["quality_range"] == [1, 100]
        told = posted(PATH, {"image_base64": url(file(hole())), "format": each["id"]})
        lost = any("transparent" in note for note in told.get("notes", []))
        assert lost is not each["supports_transparency"]
    presets = {each["id"]: each for each in got("/compress/presets")["presets"]}
    assert [(each["format"], each["quality"], each["strip_metadata"]) for each in presets.values()] == [
        ("webp", 80, True),
        ("jpeg", 70, True),
        ("jpeg", 85, True),
        ("png", 95, False),
        ("webp", 60, True),
    ]
    assert list(presets) == ["web", "email", "social", "high_quality", "maximum"]
    assert presets["email"]["target_size_kb"] == 200
    assert "target_size_kb" not in presets["web"]
    for preset in presets.values():
        settings = {name: value for name, value in preset.items() if name not in ("id", "name", "description")}
        assert posted(PATH, {"image_base64": url(jpeg(40, 30)), **settings})["success"] is True


def test_what_costs_no_work_needs_no_key() -> None:
    public = {each: route(each, "GET").public for each in ("/compress/formats", "/compress/presets")}
    assert set(public.values()) == {True}
    for each in (PATH, BATCH, ESTIMATE):
        found = route(each)
        assert isinstance(found, Talking)
        assert not found.public
