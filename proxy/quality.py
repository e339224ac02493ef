"""Pictures that are paid for and of no use: of one colour, or far smaller than asked. Looked for only if configured.

Never on the event loop: a picture is decoded for it, small, in the studio's threads.
"""

from __future__ import annotations

import io
from typing import cast

from PIL import Image as Pillow

from providers.contract import Failure, Image, ImageRequest
from providers.contract.fit import RASTER
from proxy.config import QualityRow
from proxy.pictures import Studio

THUMBNAIL = 64
"""Pixels of the longer side of what is looked at first."""
TOLERANCE = 4
"""By how many of 255 steps pixels of one colour may differ: codecs that lose something are not exact."""
SHARE = 2
"""A side shorter than asked by more than this is too small: vendors round sizes, and never to the half."""


class Inspector:
    """Looks at what vendors delivered."""

    def __init__(self, studio: Studio, row: QualityRow) -> None:
        self._studio = studio
        self._row = row
        self.reroutes = row.reroutes if row.blank or row.small else 0
        """How often a request may be bought again because of what is found."""

    async def flaw(self, image: Image, asked: ImageRequest) -> str | None:
        """Why a picture is of no use for what a vendor was asked, `small` or `blank`; None where nothing is wrong."""
        if self._row.small and too_small(image, asked):
            return "small"
        if self._row.blank and image.format in RASTER and image.width * image.height <= self._studio.most:
            try:
                return "blank" if await self._studio.look(image, blank) else None
            except Failure:  # damaged, and delivered as it is: a note says so where it matters
                return None
        return None


def too_small(image: Image, asked: ImageRequest) -> bool:
    """Whether a side is less than half of what was asked for; where no size was, nothing is too small."""
    if asked.width is None or asked.height is None or not image.width:
        return False
    return image.width * SHARE < asked.width or image.height * SHARE < asked.height


def blank(body: bytes, kind: str) -> bool:
    """Whether a picture has one colour. Raises OSError, ValueError or SyntaxError where it cannot be decoded.

    A thumbnail tells nearly always that it has not; what looks blank in small is looked at whole, because a fine
    pattern is as grey in small as a wall.
    """
    with Pillow.open(io.BytesIO(body), formats=(kind.upper(),)) as small:
        if small.mode in ("L", "LA", "RGB", "RGBA"):  # others are rare, and not all can be made smaller
            small.draft(small.mode, (THUMBNAIL, THUMBNAIL))  # a JPEG is decoded at a fraction of its size
            small.thumbnail((THUMBNAIL, THUMBNAIL), reducing_gap=2.0)
            if not _uniform(small):
                return False
    with Pillow.open(io.BytesIO(body), formats=(kind.upper(),)) as opened:
        return _uniform(opened)


def _uniform(opened: Pillow.Image) -> bool:
    if opened.mode in ("P", "PA", "1", "CMYK"):
        opened = opened.convert("RGBA")
    bands = opened.getbands()
    ranges = [_range(opened.getchannel(band)) for band in bands] if len(bands) > 1 else [_range(opened)]
    if opened.mode in ("LA", "RGBA") and ranges[-1][1] <= TOLERANCE:
        return True  # wholly transparent, whatever colours nobody sees
    return all(high - low <= TOLERANCE for low, high in ranges)


def _range(band: Pillow.Image) -> tuple[float, float]:
    """The lowest and the highest value of a picture of one band."""
    return cast("tuple[float, float]", band.getextrema())
