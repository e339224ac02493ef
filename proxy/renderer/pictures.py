"""Between the contract's encoded images and Pillow's decoded ones.

Nothing is drawn here. Whatever Pillow raises about a picture leaves as a `Failure`.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image as Pillow
from PIL import ImageChops, ImageOps

from providers.contract import Code, Failure, Fault, Format, Image, Mask, Polarity

MOST_PIXELS = 64_000_000
"""Of a picture sent along: more is refused by its header, before memory is given to it."""
DEFAULT_QUALITY = 90
"""Of JPEG and WebP, 0 to 100."""
_DECODED = ("PNG", "JPEG", "WEBP", "GIF")


def decode(image: Image, field: str = "image", *, near: tuple[int, int] | None = None) -> Pillow.Image:
    """The picture upright, as RGB or RGBA. `near` allows a JPEG to be decoded smaller, not below that size.

    Raises REJECTED, naming `field`, where it is an SVG, damaged, or of more than `MOST_PIXELS`.
    """
    if image.format is Format.SVG:
        raise Failure(
            Fault.REJECTED, "an SVG cannot be drawn on; send PNG, JPEG or WebP", code=Code.NOT_AN_IMAGE, field=field
        )
    if image.width * image.height > MOST_PIXELS:
        raise Failure(
            Fault.REJECTED,
            f"the picture is {image.width}x{image.height}; at most {MOST_PIXELS // 1_000_000} megapixels are read",
            code=Code.TOO_LARGE,
            field=field,
        )
    try:
        with Pillow.open(BytesIO(image.body), formats=_DECODED) as opened:
            if near is not None:
                opened.draft("RGB", near)
            upright = ImageOps.exif_transpose(opened)
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except Exception as error:  # a decoder raises whatever it trips over; each means the picture is damaged
        raise Failure(
            Fault.REJECTED, f"the picture cannot be decoded: {error}", code=Code.NOT_AN_IMAGE, field=field
        ) from error


def changing(mask: Mask, size: tuple[int, int]) -> Pillow.Image:
    """The mask as 8-bit grey of that size, white where the picture may change, whatever polarity it came in.

    Raises REJECTED where it cannot be decoded, or marks by transparency and has none.
    """
    picture = decode(mask.image, "mask")
    if mask.changes is Polarity.TRANSPARENT:
        if "A" not in picture.getbands():
            raise Failure(Fault.REJECTED, "the mask has no transparent pixels", code=Code.INVALID, field="mask")
        grey = ImageChops.invert(picture.getchannel("A"))
    else:
        grey = picture.convert("L")
        if mask.changes is Polarity.BLACK:
            grey = ImageChops.invert(grey)
    return grey if grey.size == size else grey.resize(size, Pillow.Resampling.BILINEAR)


def encode(picture: Pillow.Image, wanted: Format | None, compression: int | None) -> Image:
    """The picture encoded, as PNG where no format is asked for. `compression` is the quality of JPEG and WebP.

    Raises REJECTED for a format that is not a raster format.
    """
    quality = DEFAULT_QUALITY if compression is None else min(100, max(1, compression))  # 0 is "default" to Pillow
    options: dict[str, Any]
    match wanted:
        case None | Format.PNG:
            options = {"format": "PNG", "compress_level": 1}  # four times as fast as the default, a tenth larger
        case Format.JPEG:
            options = {"format": "JPEG", "quality": quality}
            picture = flat(picture)
        case Format.WEBP:
            options = {"format": "WEBP", "quality": quality, "method": 2}
        case _:
            detail = f"a picture is made as png, jpeg or webp, not {wanted}"
            raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="format")
    target = BytesIO()
    picture.save(target, **options)
    return Image(target.getvalue())


def flat(picture: Pillow.Image) -> Pillow.Image:
    """The picture as RGB, on white where it is transparent."""
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    paper = Pillow.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    return paper
