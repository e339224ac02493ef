"""Pictures shaped and encoded anew, with Pillow. Plain functions: whoever calls them keeps them off the event loop.

What is to be done is said as values, which dialects may hand on; nothing here knows who asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from proxy.retouch.colors import in_srgb, on_ground, plain
from proxy.retouch.reading import read
from proxy.retouch.shaping import shaped
from proxy.retouch.words import DamagedError, Encoding, How, Retouched, Shape, Zone
from proxy.retouch.writing import written

__all__ = ["DamagedError", "Encoding", "How", "Retouched", "Shape", "Zone", "retouch", "rgb_rows"]

IN_RGB = frozenset({"P", "RGB", "RGBA"})
"""Modes whose profile still fits what is written; every other one may be turned into RGB on the way."""


def retouch(body: bytes, encoding: Encoding, shape: Shape | None = None, *, pixels: int) -> Retouched:
    """Shape a picture and write it.

    Raises DamagedError, also where it has more than `pixels` or is too long for the format.
    """
    picture, told = read(body, pixels)
    profile = told.profile
    if profile is not None and (encoding.strip or encoding.srgb or picture.mode not in IN_RGB):
        picture, profile = in_srgb(picture, profile), None
    if shape is not None:
        picture = shaped(picture, shape)
    kept = {} if encoding.strip else {"exif": told.exif, "icc_profile": profile}
    made = written(picture, encoding, kept)
    return replace(
        made,
        source=told.format,
        moving=told.moving,
        was_clear=told.clear,
        was_described=told.exif is not None or told.profile is not None,
    )


def rgb_rows(body: bytes, pixels: int) -> tuple[int, int, bytes]:
    """Width, height and pixels of a picture, three bytes each, row by row from the top. Raises DamagedError.

    What is transparent is shown on white.
    """
    picture = on_ground(plain(read(body, pixels)[0])).convert("RGB")
    return picture.width, picture.height, picture.tobytes()
