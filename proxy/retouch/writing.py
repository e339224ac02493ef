"""From pixels to bytes: modes each format can store, and a size in bytes that is to be met."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image as Pillow

from proxy.retouch.colors import clear, on_ground, plain, transparent
from proxy.retouch.words import LOSSY, MODES, SEE_THROUGH, SIDES, DamagedError, Encoding, Retouched

LOWEST = 5
"""The quality below which a picture is no longer worth its bytes."""
DESCRIBED = frozenset({"png", "jpeg", "webp", "tiff"})
"""Formats that can carry metadata."""


def written(picture: Pillow.Image, encoding: Encoding, told: Mapping[str, Any]) -> Retouched:
    """A picture encoded, with what is told of it. Raises DamagedError where the format cannot be as large."""
    most = SIDES.get(encoding.format)
    if most is not None and max(picture.size) > most:
        detail = f"it is {picture.width}x{picture.height}; a {encoding.format} has at most {most} pixels a side"
        raise DamagedError(detail)
    kept = {name: value for name, value in told.items() if value and encoding.format in DESCRIBED}
    stored = _storable(picture, encoding)
    lossy = encoding.format in LOSSY and not encoding.lossless
    quality = encoding.quality
    body = _encoded(stored, encoding, quality, kept)
    if lossy and encoding.bytes_most is not None and len(body) > encoding.bytes_most:
        body, quality = _squeezed(stored, encoding, encoding.bytes_most, kept)
    return Retouched(
        body=body,
        format=encoding.format,
        width=stored.width,
        height=stored.height,
        quality=quality if lossy else None,
        clear=clear(stored),
        described=bool(kept),
    )


def _squeezed(picture: Pillow.Image, encoding: Encoding, most: int, kept: Mapping[str, Any]) -> tuple[bytes, int]:
    """The best quality that fits, found by halving; the lowest there is where none does."""
    lowest = min(LOWEST, encoding.quality)
    found = _encoded(picture, encoding, lowest, kept), lowest
    low, high = lowest + 1, encoding.quality - 1
    while low <= high:
        middle = (low + high) // 2
        body = _encoded(picture, encoding, middle, kept)
        if len(body) <= most:
            found, low = (body, middle), middle + 1
        else:
            high = middle - 1
    return found


def _encoded(picture: Pillow.Image, encoding: Encoding, quality: int, kept: Mapping[str, Any]) -> bytes:
    settings: dict[str, Any] = dict(kept)
    match encoding.format:
        case "jpeg":
            settings |= {"quality": quality, "progressive": encoding.progressive, "optimize": encoding.optimize}
        case "webp":
            settings |= {"quality": quality, "lossless": encoding.lossless, "method": 4}
        case "png" | "gif":
            settings |= {"optimize": encoding.optimize}
        case "tiff":
            # libtiff, which compresses, cannot write the directories that EXIF has inside.
            settings |= {"compression": "raw" if "exif" in kept else "tiff_lzw"}
    target = io.BytesIO()
    picture.save(target, encoding.format.upper(), **settings)
    return target.getvalue()


def _storable(picture: Pillow.Image, encoding: Encoding) -> Pillow.Image:
    """A picture in a mode its format can store; on white, where it may not be transparent."""
    modes = MODES[encoding.format]
    if picture.mode in ("RGBA", "LA") and not clear(picture):
        picture = picture.convert("RGB" if picture.mode == "RGBA" else "L")
    if not transparent(picture):
        if picture.mode in modes:
            return picture
        picture = plain(picture)
        if picture.mode in modes:
            return picture
        return picture.convert("RGB") if "RGB" in modes else picture.quantize(256)
    if encoding.opaque or encoding.format not in SEE_THROUGH:
        return on_ground(picture.convert("RGBA"))
    if encoding.format == "gif":
        return _with_holes(picture.convert("RGBA"))
    return picture if encoding.format == "png" and picture.mode in modes else picture.convert("RGBA")


def _with_holes(layer: Pillow.Image) -> Pillow.Image:
    """256 colors, one of which is none: what is more than half transparent is a hole, the rest stands on white."""
    made = on_ground(layer).quantize(255)
    made.paste(255, mask=layer.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0))
    made.info["transparency"] = 255
    return made
