"""Colors: the many ways pixels are kept, brought to grey, RGB or RGBA in 8 bits, and profiles to sRGB."""

from __future__ import annotations

import io

from PIL import Image as Pillow
from PIL import ImageCms

PLAIN = frozenset({"L", "RGB", "RGBA"})
WHITE = (255, 255, 255)


def plain(picture: Pillow.Image) -> Pillow.Image:
    """The same in 8 bits of grey, RGB, or RGBA where it is transparent."""
    if picture.mode in PLAIN and "transparency" not in picture.info:
        return picture
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _in_eight_bits(picture)
    if transparent(picture):
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def transparent(picture: Pillow.Image) -> bool:
    """Whether it may be seen through somewhere."""
    return picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info


def clear(picture: Pillow.Image) -> bool:
    """Whether some of it is seen through."""
    if not transparent(picture):
        return False
    if picture.mode not in ("RGBA", "LA"):
        picture = picture.convert("RGBA")
    return any(picture.getchannel("A").histogram()[:255])


def on_ground(picture: Pillow.Image, color: tuple[int, int, int] = WHITE) -> Pillow.Image:
    """A plain picture, in front of a color where it is transparent."""
    if picture.mode != "RGBA":
        return picture
    ground = Pillow.new("RGB", picture.size, color)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def in_srgb(picture: Pillow.Image, profile: bytes) -> Pillow.Image:
    """The same colors without need of a profile; as they stand, where the profile is broken or not of this picture."""
    alpha = None
    if transparent(picture):
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    base = picture if picture.mode in ("L", "RGB", "CMYK", "LAB") else plain(picture).convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if picture.mode in ("P", "RGB", "RGBA") and "srgb" in ImageCms.getProfileDescription(source).lower():
            return picture
        made = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    assert made is not None
    made.info = {}  # where the profile that was turned to would be kept, and written
    if alpha is not None:
        made.putalpha(alpha)
    return made.convert("L") if base.mode == "L" else made


def _in_eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """Grey of 16 or 32 bits: as shares of the smallest usual range that it fits in, else of its own."""
    wide = picture if picture.mode in ("I", "F") else picture.convert("I")
    lowest, highest = wide.getextrema()
    assert isinstance(lowest, int | float)
    assert isinstance(highest, int | float)
    usual = (1.0, 255.0) if picture.mode == "F" else (255.0,) if picture.mode == "I" else ()
    fitting = [top for top in (*usual, 65_535.0) if lowest >= 0 and highest <= top]
    bottom, span = (0.0, fitting[0]) if fitting else (float(lowest), float(highest) - float(lowest) or 1.0)
    return wide.point(lambda value: value * (255.0 / span) - bottom * 255.0 / span).convert("L")
