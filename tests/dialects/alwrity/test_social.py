"""One picture for many platforms."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.dialects.alwrity.platforms import PLACES, size_named
from proxy.dialects.wants import Retouch
from proxy.retouch import Retouched, Zone
from tests.dialects.alwrity.asking import talked, text, url
from tests.dialects.alwrity.finishing import Finishing, posted, refused, shown
from tests.pictures import jpeg, png
from tests.retouch.pictures import file, noise, quarters, scene, skin

PATH = "/social/optimize"
WIDE = png(64, 32)
EXAMPLE = {
    "platforms": ["instagram", "facebook", "linkedin"],
    "format_names": {"instagram": "Feed Post (Square)", "facebook": "Feed Post", "linkedin": "Post"},
    "show_safe_zones": False,
    "crop_mode": "smart",
    "focal_point": None,
    "output_format": "png",
}


def body(**fields: Any) -> dict[str, Any]:
    """A request for one platform, and what else is given."""
    return {"image_base64": url(WIDE), "platforms": ["twitter"], **fields}


def wanted(**fields: Any) -> list[Retouch]:
    """What is to be done for a request."""
    world = Finishing()
    posted(PATH, body(**fields), world)
    return world.retouched


def test_the_documents_example() -> None:
    told = posted(PATH, {"image_base64": url(WIDE), **EXAMPLE})
    assert {name: value for name, value in told.items() if name != "results"} == {"success": True, "total_optimized": 3}
    first, second, third = told["results"]
    assert set(first) == {"platform", "format", "image_base64", "width", "height", "ratio", "safe_zone"}
    documented = ("platform", "format", "width", "height")
    assert [first[name] for name in documented] == ["instagram", "Feed Post (Square)", 1080, 1080]
    assert [second[name] for name in documented] == ["facebook", "Feed Post", 1200, 630]
    assert [third[name] for name in documented] == ["linkedin", "Feed Post", 1200, 628]
    assert (third["ratio"], third["safe_zone"]) == ("1.91:1", {"top": 0.15, "bottom": 0.15, "left": 0.1, "right": 0.1})
    for result in told["results"]:
        assert shown(result["image_base64"], "png").size == (result["width"], result["height"])


def test_little_is_enough() -> None:
    [done] = wanted()
    assert done.shape is not None
    assert (done.shape.width, done.shape.height, done.shape.how) == (1200, 675, "smart")
    assert (done.shape.focal, done.shape.zone) == (None, None)
    assert (done.body, done.encoding.format, done.field) == (WIDE, "png", "image_base64")


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Instagram", "instagram"), (" TIKTOK ", "tiktok"), ("x", "twitter"), ("Twitter/X", "twitter")],
)
def test_platforms_in_any_spelling(said: str, meant: str) -> None:
    told = posted(PATH, body(platforms=[said]))
    assert [each["platform"] for each in told["results"]] == [meant]
    assert "notes" not in told


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"image_base64": None}, "Missing required parameter: 'image_base64'."),
        ({"image_base64": "@@@"}, "Invalid base64 image payload"),
        ({"image_base64": 5}, "Invalid type for 'image_base64': expected a string, but got an integer instead."),
        ({"image_base64": text(b"no picture")}, "Invalid image in 'image_base64': it is no picture in a format"),
        ({"platforms": []}, "No valid platforms provided"),
        ({"platforms": None}, "No valid platforms provided"),
        ({"platforms": ["blog", "email", "website"]}, "No valid platforms provided"),
        ({"platforms": ["twitter", "myspace"]}, "Invalid platform: myspace"),
        ({"platforms": "twitter"}, "Invalid type for 'platforms': expected an array"),
        ({"platforms": ["twitter", 5]}, "Invalid type for 'platforms': expected an array of strings"),
        ({"platforms": ["twitter"] * 51}, "At most 50 platforms can be named."),
        ({"format_names": ["Post"]}, "Invalid type for 'format_names': expected an object"),
        ({"format_names": {"twitter": "Billboard"}}, "'Billboard' is no format of Twitter/X. It has 'Post', 'Card', "),
        ({"format_names": {"myspace": "Post"}}, "Invalid platform: myspace"),
        ({"format_names": {"twitter": 5}}, "Invalid type for 'format_names.twitter': expected a string"),
        ({"crop_mode": "stretch"}, "Invalid value: 'stretch'. Supported values are: 'smart', 'center', "),
        ({"crop_mode": 1}, "Invalid type for 'crop_mode': expected a string"),
        ({"output_format": "webp"}, "Invalid value: 'webp'. Supported values are: 'png', 'jpg', 'jpeg'."),
        ({"show_safe_zones": "maybe"}, "Invalid type for 'show_safe_zones': expected a boolean"),
        ({"focal_point": [0.5, 0.5]}, "Invalid type for 'focal_point': expected an object"),
        ({"focal_point": {"x": 0.5}}, "Missing required parameter: 'focal_point.y'."),
        ({"focal_point": {}}, "Missing required parameter: 'focal_point.x'."),
        ({"focal_point": {"x": 0.5, "y": 1.01}}, "Invalid 'focal_point.y': decimal above maximum value."),
        ({"focal_point": {"x": -1, "y": 0}}, "Invalid 'focal_point.x': decimal below minimum value."),
        ({"focal_point": {"x": "left", "y": 0}}, "Invalid type for 'focal_point.x': expected a number"),
    ],
)
def test_refusals(fields: dict[str, Any], detail: str) -> None:
    status, said = refused(PATH, body(**fields))
    assert status == 400
    assert said.startswith(detail)


@pytest.mark.parametrize("junk", [b"", b"[]", b"{", b"\xff", b'{"image_base64":1}'])
def test_junk_is_refused(junk: bytes) -> None:
    assert refused(PATH, junk)[0] == 400


def test_what_is_left_out_is_said() -> None:
    told = posted(
        PATH,
        body(
            platforms=["blog", "twitter", "X"],
            format_names={"tiktok": "Video Cover", "facebook": "", "youtube": None},
            mood="sunny",
        ),
    )
    assert told["total_optimized"] == 1
    assert told["notes"] == [
        "mood: is not known here and was ignored",
        "platforms: names a platform more than once; it is made once",
        "platforms: 'blog' has no formats of its own and was left out",
        "format_names: 'tiktok' is not among the platforms",
    ]


@pytest.mark.parametrize(
    ("platform", "said", "meant"),
    [
        ("linkedin", "Post", "Feed Post"),
        ("linkedin", "LinkedIn Post", "Feed Post"),
        ("linkedin", "company_cover", "Company Cover"),
        ("linkedin", "cover", "Company Cover"),
        ("linkedin", "1128x191", "Company Cover"),
        ("instagram", "feed post square", "Feed Post (Square)"),
        ("instagram", "SQUARE", "Feed Post (Square)"),
        ("instagram", "1:1", "Feed Post (Square)"),
        ("instagram", "4:5", "Feed Post (Portrait)"),
        ("instagram", "portrait", "Feed Post (Portrait)"),
        ("instagram", "Instagram Stories", "Story"),
        ("instagram", "reels", "Reel"),
        ("facebook", "Facebook Feed Post (Square)", "Feed Post (Square)"),
        ("facebook", "cover", "Cover Photo"),
        ("twitter", "Twitter Card", "Card"),
        ("pinterest", "Pin", "Pin"),
        ("pinterest", "Story", "Story Pin"),
        ("pinterest", "Pinterest Pin", "Pin"),
        ("youtube", "thumbnail", "Thumbnail"),
        ("youtube", "channel-art", "Channel Art"),
        ("tiktok", "cover", "Video Cover"),
    ],
)
def test_formats_in_any_spelling(platform: str, said: str, meant: str) -> None:
    assert size_named(platform, said).name == meant


@pytest.mark.parametrize("platform", PLACES)
def test_every_format_is_found_by_its_own_name(platform: str) -> None:
    for size in PLACES[platform].sizes:
        assert size_named(platform, size.name) is size
        assert size_named(platform, f" {size.name.upper()} ") is size
        assert size_named(platform, f"{platform} {size.name}") is size


@pytest.mark.parametrize("said", ["Twitter", "?", "Feed Pots"])
def test_a_name_that_means_no_format_is_refused_with_those_there_are(said: str) -> None:
    status, detail = refused(PATH, body(format_names={"twitter": said}))
    assert status == 400
    assert detail == f"'{said}' is no format of Twitter/X. It has 'Post', 'Card', 'Header'."


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ("smart", "smart"),
        ("center", "cover"),
        ("Centre", "cover"),
        ("fit", "contain"),
        (" FIT ", "contain"),
        ("", "smart"),
    ],
)
def test_ways_to_crop(said: str, how: str) -> None:
    [done] = wanted(crop_mode=said)
    assert done.shape is not None
    assert done.shape.how == how


def test_a_focal_point_steers_smart_cropping_and_nothing_else() -> None:
    [done] = wanted(focal_point={"x": 0, "y": "0.25"})
    assert done.shape is not None
    assert done.shape.focal == (0.0, 0.25)
    told = posted(PATH, body(focal_point={"x": 0.1, "y": 0.2, "z": 0.3}, crop_mode="center"))
    assert told["notes"] == ["focal_point: is only looked at where crop_mode is 'smart'"]


def test_smart_finds_the_subject_and_fit_shows_everything() -> None:
    picture = scene(800, 450, 680, 180)
    results = {}
    for mode in ("smart", "center", "fit"):
        told = posted(PATH, body(image_base64=url(file(picture)), platforms=["instagram"], crop_mode=mode))
        results[mode] = skin(shown(told["results"][0]["image_base64"], "png"))
    whole = skin(picture) * (1080 / 450) ** 2
    assert results["smart"] > 0.9 * whole
    assert results["center"] < 0.3 * whole
    assert results["fit"] == pytest.approx(skin(picture) * (1080 / 800) ** 2, rel=0.1)


def test_safe_zones_are_drawn_as_they_are_told() -> None:
    told = posted(PATH, body(image_base64=url(png(9, 16, "white")), platforms=["instagram"], show_safe_zones=True))
    [result] = told["results"]
    zone, picture = result["safe_zone"], shown(result["image_base64"], "png").convert("L")
    inside = (round(zone["left"] * 1080) + 9, round(zone["top"] * 1080) + 9)
    assert picture.getpixel(inside) == 255
    assert picture.getpixel((9, 540)) < 200  # type: ignore[operator]
    [done] = wanted(show_safe_zones=True)
    assert done.shape is not None
    assert done.shape.zone == Zone(0.15, 0.15, 0.1, 0.1)


@pytest.mark.parametrize("said", ["jpg", "jpeg", "JPG"])
def test_jpegs_are_called_what_they_are(said: str) -> None:
    told = posted(PATH, body(output_format=said))
    assert shown(told["results"][0]["image_base64"], "jpeg").size == (1200, 675)


@pytest.mark.parametrize("sent", [text(WIDE), url(jpeg(64, 32), "image/jpeg"), url(WIDE, "image/anything")])
def test_pictures_bare_and_as_data_urls(sent: str) -> None:
    assert posted(PATH, body(image_base64=sent))["success"] is True


def test_an_animation_is_said_to_stand_still() -> None:
    moving = file(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(90)])
    told = posted(PATH, body(image_base64=url(moving), platforms=["twitter", "tiktok"]))
    assert told["notes"] == ["image_base64: is an animation, of which only the first frame was taken"]


def test_a_file_larger_than_the_platform_takes_is_said_to_be() -> None:
    def world(size: int, quality: int | None) -> Any:
        kind = "png" if quality is None else "jpeg"
        return lambda _: Retouched(body=bytes(size), format=kind, width=1280, height=720, quality=quality)

    def notes(size: int, quality: int | None) -> Any:
        return talked(PATH, body(platforms=["youtube"]), world=world(size, quality)).get("notes")

    assert notes(2_000_000, None) is None
    assert notes(2_000_000, 95) is None
    assert notes(2_340_000, None) == [
        "output_format: the png is 2.3 MB, more than YouTube takes (2): a jpg would be made to fit"
    ]
    assert notes(1_900_000, 71) == ["output_format: quality 71 is the best that YouTube takes at this size"]


def test_a_jpeg_is_made_to_fit_what_the_platform_takes() -> None:
    [done] = wanted(platforms=["youtube"], output_format="jpg")
    assert (done.encoding.quality, done.encoding.bytes_most) == (95, 2_000_000)
    hard = url(file(noise(1280, 720), "JPEG", quality=95))
    told = posted(PATH, body(image_base64=hard, platforms=["youtube"], output_format="jpg", crop_mode="center"))
    assert len(told["results"][0]["image_base64"]) * 3 / 4 < 2_000_100


def test_every_format_of_every_platform_can_be_made() -> None:
    for platform, place in PLACES.items():
        for size in place.sizes:
            told = posted(PATH, body(platforms=[platform], format_names={platform: size.name}))
            [result] = told["results"]
            assert (result["format"], result["width"], result["height"]) == (size.name, size.width, size.height)
            assert shown(result["image_base64"], "png").size == (size.width, size.height)


def test_answers_are_json_however_many_there_are() -> None:
    told = posted(PATH, body(platforms=list(PLACES)))
    assert told["total_optimized"] == len(told["results"]) == 7
    assert msgspec.json.decode(msgspec.json.encode(told)) == told
