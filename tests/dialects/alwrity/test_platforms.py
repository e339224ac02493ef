"""What is told of platforms, against what the studio states of them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.alwrity.platforms import PLACES
from tests.dialects.alwrity.finishing import got, refused

FORMATS, SPECS = "/social/platforms/{platform:str}/formats", "/platform-specs/{platform:str}"
STATED: dict[str, tuple[Any, ...]] = {
    "instagram": (
        ("Instagram", ["JPG", "PNG"], "30MB"),
        ("Feed Post (Square)", 1080, 1080, "1:1", (0.15, 0.15, 0.1, 0.1)),
        ("Feed Post (Portrait)", 1080, 1350, "4:5", (0.2, 0.2, 0.1, 0.1)),
        ("Story", 1080, 1920, "9:16", (0.25, 0.15, 0.1, 0.1)),
        ("Reel", 1080, 1920, "9:16", (0.25, 0.15, 0.1, 0.1)),
    ),
    "facebook": (
        ("Facebook", ["JPG", "PNG"], "30MB"),
        ("Feed Post", 1200, 630, "1.91:1", (0.15, 0.15, 0.1, 0.1)),
        ("Feed Post (Square)", 1080, 1080, "1:1", (0.15, 0.15, 0.1, 0.1)),
        ("Story", 1080, 1920, "9:16", (0.25, 0.15, 0.1, 0.1)),
        ("Cover Photo", 820, 312, "16:9", (0.2, 0.1, 0.15, 0.15)),
    ),
    "twitter": (
        ("Twitter/X", ["JPG", "PNG", "GIF"], "5MB"),
        ("Post", 1200, 675, "16:9", (0.15, 0.15, 0.1, 0.1)),
        ("Card", 1200, 600, "2:1", (0.15, 0.15, 0.1, 0.1)),
        ("Header", 1500, 500, "3:1", (0.2, 0.1, 0.15, 0.15)),
    ),
    "linkedin": (
        ("LinkedIn", ["JPG", "PNG"], "8MB"),
        ("Feed Post", 1200, 628, "1.91:1", (0.15, 0.15, 0.1, 0.1)),
        ("Feed Post (Square)", 1080, 1080, "1:1", (0.15, 0.15, 0.1, 0.1)),
        ("Article", 1200, 627, "2:1", (0.15, 0.15, 0.1, 0.1)),
        ("Company Cover", 1128, 191, "4:1", (0.2, 0.1, 0.15, 0.15)),
    ),
    "youtube": (
        ("YouTube", ["JPG", "PNG"], "2MB"),
        ("Thumbnail", 1280, 720, "16:9", (0.15, 0.15, 0.1, 0.1)),
        ("Channel Art", 2560, 1440, "16:9", (0.2, 0.1, 0.15, 0.15)),
    ),
    "pinterest": (
        ("Pinterest", ["JPG", "PNG"], "20MB"),
        ("Pin", 1000, 1500, "2:3", (0.2, 0.2, 0.1, 0.1)),
        ("Story Pin", 1080, 1920, "9:16", (0.25, 0.15, 0.1, 0.1)),
    ),
    "tiktok": (
        ("TikTok", ["JPG", "PNG"], "10MB"),
        ("Video Cover", 1080, 1920, "9:16", (0.25, 0.15, 0.1, 0.1)),
    ),
}
"""Title, file types and limit; then formats: name, size, ratio, and the zone from the top, bottom, left and right."""


@pytest.mark.parametrize("platform", STATED)
def test_formats_are_as_stated(platform: str) -> None:
    _, *sizes = STATED[platform]
    assert got(FORMATS, parts={"platform": platform}) == {
        "formats": [
            {
                "name": name,
                "width": width,
                "height": height,
                "ratio": ratio,
                "safe_zone": dict(zip(("top", "bottom", "left", "right"), zone, strict=True)),
                "file_type": "PNG",
                "max_size_mb": 5.0,
            }
            for name, width, height, ratio, zone in sizes
        ]
    }


@pytest.mark.parametrize("platform", STATED)
def test_specs_are_as_stated(platform: str) -> None:
    (title, types, most), *sizes = STATED[platform]
    assert got(SPECS, parts={"platform": platform}) == {
        "name": title,
        "formats": [
            {"name": name, "ratio": ratio, "size": f"{width}x{height}"} for name, width, height, ratio, _ in sizes
        ],
        "file_types": types,
        "max_file_size": most,
    }


def test_there_is_no_other_platform() -> None:
    assert set(PLACES) == set(STATED)


@pytest.mark.parametrize("path", [FORMATS, SPECS])
def test_any_case_will_do(path: str) -> None:
    assert got(path, parts={"platform": "Instagram"}) == got(path, parts={"platform": "instagram"})
    assert got(path, parts={"platform": "X"}) == got(path, parts={"platform": "twitter"})


@pytest.mark.parametrize("path", [FORMATS, SPECS])
def test_an_unknown_platform_is_refused(path: str) -> None:
    assert refused(path, method="GET", parts={"platform": "myspace"}) == (400, "Invalid platform: myspace")


@pytest.mark.parametrize("platform", ["blog", "email", "website"])
def test_what_is_no_place_of_its_own_has_no_formats(platform: str) -> None:
    assert got(FORMATS, parts={"platform": platform}) == {"formats": []}
    detail = f"Specifications not found for platform: {platform}"
    assert refused(SPECS, method="GET", parts={"platform": platform}) == (404, detail)
