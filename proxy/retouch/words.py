"""What can be asked for, and what comes of it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

How = Literal["cover", "contain", "smart"]
MODES: Mapping[str, tuple[str, ...]] = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpeg": ("L", "RGB"),
    "webp": ("RGB", "RGBA"),
    "gif": ("L", "P"),
    "bmp": ("1", "L", "P", "RGB"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
}
"""What each format can store; anything else is turned into 8 bits of grey or RGB, or RGBA where it is transparent."""
LOSSY = frozenset({"jpeg", "webp"})
SEE_THROUGH = frozenset({"png", "webp", "gif", "tiff"})
"""Formats that can be transparent."""
SIDES: Mapping[str, int] = {"jpeg": 65_500, "webp": 16_383, "gif": 65_535}
"""The longest side a format can have, in pixels, where it has a limit that could be met."""


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
    """A lossy picture's quality is lowered until it fits, as far as it goes."""
    strip: bool = True
    """Leave out metadata: EXIF, comments, and the profile, whose colors are then turned into sRGB."""
    progressive: bool = True
    optimize: bool = True
    opaque: bool = False
    """On white, also where the format could be transparent."""
    srgb: bool = False
    """Colors turned into sRGB, though metadata is kept."""


class Retouched(Struct, frozen=True, kw_only=True):
    """A picture made anew."""

    body: bytes
    format: str
    width: int
    height: int
    quality: int | None = None
    """Used in the end; None where the format has none."""
    source: str = ""
    """Format of what came, one of MODES."""
    moving: bool = False
    """What came has several frames, of which this is the first."""
    clear: bool = False
    """Some of it can be seen through."""
    was_clear: bool = False
    """Some of what came could be."""
    described: bool = False
    """Metadata was carried over."""
    was_described: bool = False
    """There was some that could have been."""


class DamagedError(ValueError):
    """What came is no picture, is damaged, or is too large to decode or to encode; says why in words for callers."""
