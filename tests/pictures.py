"""Pictures as files, made by Pillow, so that nothing here repeats what the code under test believes of a format."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image as Pillow

Color = str | tuple[int, int, int] | tuple[int, int, int, int]


def png(width: int = 8, height: int = 6, color: Color = "red") -> bytes:
    """A PNG; with transparency where the color has four parts."""
    return _encode("PNG", width, height, color)


def jpeg(width: int = 8, height: int = 6, color: Color = "red", **options: Any) -> bytes:
    """A JPEG; `options` are Pillow's: `progressive`, `comment`, `exif`, `icc_profile`."""
    return _encode("JPEG", width, height, color, **options)


def webp(width: int = 8, height: int = 6, color: Color = "red", **options: Any) -> bytes:
    """A WebP; `lossless=True` for the other codec, a color of four parts for the extended header."""
    return _encode("WEBP", width, height, color, **options)


def gif(width: int = 8, height: int = 6, color: Color = "red") -> bytes:
    """A GIF."""
    return _encode("GIF", width, height, color)


def svg(width: int = 8, height: int = 6, color: str = "red") -> bytes:
    """A drawing: it has no size in pixels, whatever it says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" fill="{color}"/></svg>'
    ).encode()


def _encode(kind: str, width: int, height: int, color: Color, **options: Any) -> bytes:
    mode = "RGBA" if isinstance(color, tuple) and len(color) == 4 else "RGB"
    body = BytesIO()
    Pillow.new(mode, (width, height), color).save(body, kind, **options)
    return body.getvalue()
