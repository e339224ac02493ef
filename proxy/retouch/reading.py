"""From bytes to pixels: the only place that meets what strangers made. Nothing is decoded that is too large."""

from __future__ import annotations

import io
import struct

from msgspec import Struct
from PIL import Image as Pillow
from PIL import ImageOps

from proxy.retouch.colors import clear
from proxy.retouch.words import MODES, DamagedError

BROKEN = (
    *(OSError, ValueError, SyntaxError, TypeError, AttributeError, LookupError, ArithmeticError, EOFError),
    *(struct.error, Pillow.DecompressionBombError),
)
"""What decoders raise for damaged pictures, as mutating some millions of them has shown: few expect to be lied to."""
TOLD = frozenset(
    {
        *(
            0x010E,
            0x010F,
            0x0110,
            0x0131,
            0x0132,
            0x013B,
            0x8298,
        ),  # description, camera, software, date, artist, rights
        *(0x011A, 0x011B, 0x0128),  # resolution
        *(0x8769, 0x8825),  # the directories of the exposure and of the place
        *(0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F),  # title, comment, author, keywords, subject
    }
)
"""Tags that tell of the picture. The others describe how the file was laid out, which is no longer true."""
EXIF_MOST = 65_000
"""Bytes: more does not fit into a JPEG."""


class Told(Struct, frozen=True, kw_only=True):
    """What a file told of its picture."""

    format: str
    """One of MODES."""
    moving: bool
    """It has several frames."""
    clear: bool
    """Some of it is seen through."""
    exif: bytes | None
    profile: bytes | None


def read(body: bytes, pixels: int) -> tuple[Pillow.Image, Told]:
    """A picture upright and without its file, and what the file told of it; of several frames, the first.

    Its `info` speaks of transparency and of nothing else: what else is there would be written in silence.
    Raises DamagedError, also where it has over `pixels`.
    """
    opened = _opened(body, pixels)
    try:
        opened.load()
    except BROKEN as error:
        raise DamagedError("it is damaged and cannot be decoded") from error
    picture = _upright(opened)
    picture.info = {name: value for name, value in opened.info.items() if name == "transparency"}
    profile = opened.info.get("icc_profile")
    told = Told(
        format="jpeg" if opened.format == "MPO" else str(opened.format).lower(),
        moving=_moving(opened),
        clear=clear(picture),
        exif=_exif(opened),
        profile=profile if isinstance(profile, bytes) and profile else None,
    )
    return picture, told


def _opened(body: bytes, pixels: int) -> Pillow.Image:
    try:
        picture = Pillow.open(io.BytesIO(body), formats=[name.upper() for name in MODES])
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise DamagedError(f"it has too many pixels; at most {pixels} are taken") from error
    except BROKEN as error:
        raise DamagedError(f"it is no picture in a format that is known ({', '.join(MODES)})") from error
    if picture.width * picture.height > pixels:
        raise DamagedError(f"it has {picture.width}x{picture.height} pixels; at most {pixels} are taken")
    return picture


def _upright(opened: Pillow.Image) -> Pillow.Image:
    """A copy, turned as its orientation says; where that cannot be read, as it lies."""
    try:
        return ImageOps.exif_transpose(opened)
    except BROKEN:
        return opened.copy()


def _moving(opened: Pillow.Image) -> bool:
    """Whether it has several frames; a camera's second picture, beside the first, is none."""
    try:
        return opened.format != "MPO" and bool(getattr(opened, "is_animated", False))
    except BROKEN:
        return False


def _exif(opened: Pillow.Image) -> bytes | None:
    """What the EXIF tells of the picture; the orientation is not among it, for the picture is upright by now."""
    try:
        exif = opened.getexif()
        for tag in set(exif) - TOLD:
            del exif[tag]
        body = exif.tobytes() if len(exif) else None
    except BROKEN:
        return None
    return body if body is not None and len(body) <= EXIF_MOST else None
