"""Pictures shaped and encoded anew, with Pillow. Plain functions: whoever calls them keeps them off the event loop.

What is to be done is said as values, which dialects may hand on; nothing here knows who asked.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageOps

How = Literal["cover", "contain", "smart"]
LOWEST = 5
SCORED = 400
"""Longest side, in pixels, that the subject is looked for at."""
LOSSY = frozenset({"jpeg", "webp"})
MODES: Mapping[str, tuple[str, ...]] = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpeg": ("L", "RGB"),
    "webp": ("RGB", "RGBA"),
    "gif": ("L", "P"),
    "bmp": ("1", "L", "P", "RGB"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA"),
}
"""What each format can store; anything else is turned into RGB, or RGBA where it may be transparent."""


class Zone(Struct, frozen=True):
    """Shares of the sides, 0 to 1, that other things may cover."""

    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0


class Shape(Struct, frozen=True, kw_only=True):
    """A size to bring a picture to."""

    width: int
    height: int
    how: How = "cover"
    """Fill it and cut off the rest; show everything and pad; or cut where the subject is not."""
    focal: tuple[float, float] | None = None
    """Where the subject is, in shares of width and height; goes before what `smart` finds."""
    zone: Zone | None = None
    """Drawn over the picture: the frame inside which nothing is covered."""


class Encoding(Struct, frozen=True, kw_only=True):
    """How to write a picture."""

    format: str = "png"
    """One of MODES."""
    quality: int = 85
    """1 to 100, of the lossy formats."""
    lossless: bool = False
    """WebP without loss."""
    bytes_most: int | None = None
    """A lossy picture's quality is lowered until it fits."""
    strip: bool = True
    """Leave out metadata: EXIF, profiles, comments."""
    progressive: bool = True
    optimize: bool = True


class Retouched(Struct, frozen=True, kw_only=True):
    """A picture made anew."""

    body: bytes
    format: str
    width: int
    height: int
    quality: int | None = None
    """Used in the end; None where the format has none."""
    zone: Zone | None = None


class DamagedError(ValueError):
    """What came is no picture, is damaged, or is too large to decode."""


def retouch(body: bytes, encoding: Encoding, shape: Shape | None = None, *, pixels: int) -> Retouched:
    """Shape a picture and write it. Raises DamagedError, also where it has more than `pixels`."""
    picture = opened(body, pixels)
    kept = {} if encoding.strip else _metadata(picture)
    try:
        upright = ImageOps.exif_transpose(picture)
        if shape is not None:
            upright = shaped(upright, shape)
        return _encoded(upright, encoding, kept)
    except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise DamagedError("the picture is damaged and cannot be decoded") from error


def opened(body: bytes, pixels: int) -> Pillow.Image:
    """A picture, its size checked before anything is decoded. Raises DamagedError."""
    try:
        picture = Pillow.open(io.BytesIO(body), formats=[name.upper() for name in MODES])
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise DamagedError("not a picture in a format that is known") from error
    if picture.width * picture.height > pixels:
        raise DamagedError(f"it has {picture.width}x{picture.height} pixels; at most {pixels} are taken")
    return picture


def shaped(picture: Pillow.Image, shape: Shape) -> Pillow.Image:
    """A picture at exactly the size asked for."""
    size = (shape.width, shape.height)
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if _transparent(picture) else "RGB")
    if shape.how == "contain":
        made = _padded(picture, size)
    else:
        box = _window(picture, size, shape)
        made = picture.resize(size, Pillow.Resampling.LANCZOS, box=box)
    return made if shape.zone is None else _framed(made, shape.zone)


def rgb_rows(body: bytes, pixels: int) -> tuple[int, int, bytes]:
    """Width, height and pixels of a picture, three bytes each, row by row from the top. Raises DamagedError."""
    try:
        picture = ImageOps.exif_transpose(opened(body, pixels)).convert("RGB")
    except (OSError, SyntaxError) as error:
        raise DamagedError("the picture is damaged and cannot be decoded") from error
    return picture.width, picture.height, picture.tobytes()


def _window(picture: Pillow.Image, size: tuple[int, int], shape: Shape) -> tuple[float, float, float, float]:
    """The part of a picture, in its shape, that is kept."""
    scale = min(picture.width / size[0], picture.height / size[1])
    width, height = size[0] * scale, size[1] * scale
    if shape.focal is not None:
        x, y = shape.focal[0] * picture.width, shape.focal[1] * picture.height
    elif shape.how == "smart":
        x, y = _subject(picture, size)
    else:
        x, y = picture.width / 2, picture.height / 2
    left = min(max(0.0, x - width / 2), picture.width - width)
    top = min(max(0.0, y - height / 2), picture.height - height)
    return left, top, left + width, top + height


def _subject(picture: Pillow.Image, size: tuple[int, int]) -> tuple[float, float]:
    """The middle of what is worth keeping, by edges, skin and saturation."""
    from smartcrop import SmartCrop  # brings numpy along: tens of megabytes that most servers never need

    small = picture.convert("RGB")
    small.thumbnail((SCORED, SCORED))
    scale = min(small.width / size[0], small.height / size[1])
    window = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    found: dict[str, Any] = SmartCrop().crop(small, *window)["top_crop"]
    x, y = found["x"] + found["width"] / 2, found["y"] + found["height"] / 2
    return x / small.width * picture.width, y / small.height * picture.height


def _padded(picture: Pillow.Image, size: tuple[int, int]) -> Pillow.Image:
    """All of a picture, in front of itself, filled and blurred; on nothing, where it is transparent."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    inside = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    whole = picture.resize(inside, Pillow.Resampling.LANCZOS)
    place = (size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2
    if picture.mode == "RGBA":
        ground = Pillow.new("RGBA", size, (0, 0, 0, 0))
    else:
        ground = ImageOps.fit(picture, size, Pillow.Resampling.BILINEAR)
        ground = ground.filter(ImageFilter.GaussianBlur(max(size) / 40))
    ground.paste(whole, place)
    return ground


def _framed(picture: Pillow.Image, zone: Zone) -> Pillow.Image:
    """The zone's frame drawn over a picture, what lies outside of it darkened."""
    base = picture.convert("RGBA")
    width, height = base.size
    box = (zone.left * width, zone.top * height, (1 - zone.right) * width - 1, (1 - zone.bottom) * height - 1)
    veil = Pillow.new("RGBA", base.size, (0, 0, 0, 90))
    draw = ImageDraw.Draw(veil)
    draw.rectangle(box, fill=(0, 0, 0, 0), outline=(255, 255, 255, 220), width=max(1, min(base.size) // 200))
    return Pillow.alpha_composite(base, veil).convert(picture.mode)


def _encoded(picture: Pillow.Image, encoding: Encoding, kept: dict[str, Any]) -> Retouched:
    picture = _storable(picture, encoding.format)
    lossy = encoding.format in LOSSY and not encoding.lossless
    quality = encoding.quality
    body = _written(picture, encoding, quality, kept)
    if lossy and encoding.bytes_most is not None and len(body) > encoding.bytes_most:
        body, quality = _squeezed(picture, encoding, encoding.bytes_most, kept)
    return Retouched(
        body=body,
        format=encoding.format,
        width=picture.width,
        height=picture.height,
        quality=quality if lossy else None,
    )


def _squeezed(picture: Pillow.Image, encoding: Encoding, most: int, kept: dict[str, Any]) -> tuple[bytes, int]:
    """The best quality that fits, found by halving; the lowest there is where none does."""
    found = _written(picture, encoding, LOWEST, kept), LOWEST
    low, high = LOWEST + 1, encoding.quality - 1
    while low <= high:
        middle = (low + high) // 2
        body = _written(picture, encoding, middle, kept)
        if len(body) <= most:
            found, low = (body, middle), middle + 1
        else:
            high = middle - 1
    return found


def _written(picture: Pillow.Image, encoding: Encoding, quality: int, kept: dict[str, Any]) -> bytes:
    settings: dict[str, Any] = dict(kept)
    match encoding.format:
        case "jpeg":
            settings |= {"quality": quality, "progressive": encoding.progressive, "optimize": encoding.optimize}
        case "webp":
            settings |= {"quality": quality, "lossless": encoding.lossless, "method": 4}
        case "png" | "gif":
            settings |= {"optimize": encoding.optimize}
        case "tiff":
            settings |= {"compression": "tiff_lzw"}
    target = io.BytesIO()
    picture.save(target, encoding.format.upper(), **settings)
    return target.getvalue()


def _storable(picture: Pillow.Image, name: str) -> Pillow.Image:
    """A picture in a mode its format can store; on white, where the format has no transparency."""
    modes = MODES[name]
    if picture.mode in modes and not (name == "jpeg" and _transparent(picture)):
        return picture
    if _transparent(picture):
        layer = picture.convert("RGBA")
        if "RGBA" in modes:
            return layer
        if name == "gif":
            return layer.quantize(255, Pillow.Quantize.FASTOCTREE)
        ground = Pillow.new("RGB", layer.size, "white")
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return picture.convert("RGB") if "RGB" in modes else picture.convert("RGB").quantize(256)


def _transparent(picture: Pillow.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def _metadata(picture: Pillow.Image) -> dict[str, Any]:
    """What can be carried over; the orientation is not, for the picture is put upright."""
    exif = picture.getexif()
    exif.pop(0x0112, None)
    kept: dict[str, Any] = {"exif": exif.tobytes()} if len(exif) else {}
    profile = picture.info.get("icc_profile")
    return kept | ({"icc_profile": profile} if profile else {})
