"""What was bought, brought to what was asked for: the size a caller must get, the format a caller wants.

It is paid for by then. What cannot be done is said in a note, and the picture stays as the vendor made it.
"""

from __future__ import annotations

from providers.contract import Failure, Image, ImageRequest, Note
from providers.contract.fit import RASTER
from proxy.pictures import Studio


async def as_asked(studio: Studio, image: Image, request: ImageRequest, *, exact: bool) -> tuple[Image, list[Note]]:
    """The picture as the request wants it; the very picture, where that is what it is already."""
    notes: list[Note] = []
    width, height = request.width, request.height
    if exact and width is not None and height is not None and (image.width, image.height) != (width, height):
        try:
            image = await studio.cut(image, width, height)
        except Failure as failure:
            notes.append(Note("size", f"stays {image.width}x{image.height}: {failure.detail}"))
    wanted = request.format
    if wanted is not None and image.format is not wanted and image.format in RASTER:
        try:
            image = await studio.encode(image, wanted, request.compression)
        except Failure as failure:
            notes.append(Note("format", f"stays {image.format}: {failure.detail}"))
    return image, notes
