"""Pictures to work on, and looking at what came of them."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

from PIL import Image as Pillow
from PIL import ImageCms, ImageDraw

from proxy.retouch import Encoding, Retouched, Shape, retouch

MANY = 10_000_000
"""Pixels: more than any picture here has."""
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def file(picture: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    target = BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def made(body: bytes, shape: Shape | None = None, **encoding: Any) -> Retouched:
    """A picture retouched."""
    return retouch(body, Encoding(**encoding), shape, pixels=MANY)


def seen(result: Retouched) -> Pillow.Image:
    """What came of it, opened again: everything it says of itself is true."""
    picture = Pillow.open(BytesIO(result.body))
    picture.load()
    assert picture.format == result.format.upper()
    assert picture.size == (result.width, result.height)
    return picture


def color(picture: Pillow.Image, x: int, y: int) -> tuple[int, ...]:
    """A pixel, as red, green and blue."""
    found = picture.convert("RGB").getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def near(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 6) -> bool:
    """Whether two colors look the same."""
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def noise(width: int, height: int, mode: str = "RGB") -> Pillow.Image:
    """What no encoder can make small; the same each time."""
    body = random.Random(7).randbytes(width * height * 3)
    return Pillow.frombytes("RGB", (width, height), body).convert(mode)


def quarters(width: int = 80, height: int = 60) -> Pillow.Image:
    """Red, green, blue and white, from the top left, row by row."""
    picture = Pillow.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), "red")
    draw.rectangle((width // 2, 0, width - 1, height // 2 - 1), (0, 255, 0))
    draw.rectangle((0, height // 2, width // 2 - 1, height - 1), "blue")
    return picture


def hole(mode: str = "RGBA") -> Pillow.Image:
    """Blue outside, nothing inside: what is hidden there is red."""
    picture = Pillow.new("RGBA", (40, 40), (0, 0, 255, 255))
    picture.paste((255, 0, 0, 0), (10, 10, 30, 30))
    if mode == "P":
        flat = Pillow.new("P", (40, 40), 0)
        flat.putpalette([0, 0, 255, 255, 0, 0])
        flat.paste(1, (10, 10, 30, 30))
        return flat
    return picture.convert(mode)


def scene(width: int, height: int, x: int, y: int) -> Pillow.Image:
    """Somebody before an evening sky, the face at a place."""
    sky = Pillow.linear_gradient("L").resize((width, height))
    bands = (sky.point(lambda v: 120 + v // 4), sky.point(lambda v: 160 + v // 4), sky.point(lambda v: 235 - v // 3))
    picture = Pillow.merge("RGB", bands)
    draw, r = ImageDraw.Draw(picture), min(width, height) // 8
    draw.rectangle((x - r, y + r, x + r, y + 3 * r), (170, 30, 40))
    draw.ellipse((x - r, y - r, x + r, y + r), (214, 160, 120))
    for side in (-1, 1):
        eye = x + side * r // 2
        draw.ellipse((eye - r // 8, y - r // 3, eye + r // 8, y - r // 12), (30, 20, 20))
    return picture


def skin(picture: Pillow.Image) -> int:
    """How many pixels are of the face of a `scene`."""
    bands = picture.convert("RGB").split()
    masks = [
        band.point(lambda v, wanted=wanted: 255 if abs(v - wanted) < 12 else 0)
        for band, wanted in zip(bands, (214, 160, 120), strict=True)
    ]
    both = Pillow.composite(masks[0], Pillow.new("L", picture.size), masks[1])
    return Pillow.composite(both, Pillow.new("L", picture.size), masks[2]).histogram()[255]


def exif(orientation: int | None = None, **told: Any) -> bytes:
    """EXIF with a camera, a place and an exposure, and an orientation where one is given."""
    tags = Pillow.Exif()
    tags[0x010F] = told.get("camera", "Brownie")
    tags[0x8769] = {0x9003: "2024:05:01 10:00:00"}
    tags[0x8825] = {1: "N", 2: (48.0, 12.0, 30.0)}
    if orientation is not None:
        tags[0x0112] = orientation
    return tags.tobytes()
