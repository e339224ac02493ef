"""Work on pixels: checking what callers send, turning masks and formats. In a few threads, never on the event loop."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from msgspec.structs import replace
from PIL import Image as Pillow
from PIL import ImageChops

from providers.contract import Code, Edit, Failure, Fault, Format, Image, ImageRequest, Mask, Polarity
from proxy.retouch import Encoding, Retouched, Shape, retouch, rgb_rows

T = TypeVar("T")
ACCEPTED = (Format.PNG, Format.JPEG, Format.WEBP)
MIMES = ", ".join(f"'{each.mime}'" for each in ACCEPTED)


class Studio:
    """A bounded number of threads for pixels."""

    def __init__(self, pixels: int, threads: int = 2) -> None:
        """`pixels`: the largest picture that is decoded."""
        self.most = pixels
        """Pixels of the largest picture that is decoded."""
        self._threads = ThreadPoolExecutor(threads, "pictures")
        self._patient = ThreadPoolExecutor(threads, "retouch")
        """For work that callers ask for by itself: pictures that are paid for never wait behind it."""

    def adopt(self, pixels: int) -> None:
        """Decode pictures of up to so many pixels from now on."""
        self.most = pixels

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown()
        self._patient.shutdown()

    async def inspect(self, body: bytes, field: str) -> Image:
        """A picture as a caller sent it, decoded once to be sure of it. Raises REJECTED for anything else.

        The size in the header is checked before the decoder sees the picture: a small file can claim a huge one.
        """
        try:
            image = Image(body)
        except ValueError as error:
            detail = f"Invalid file '{field}': {error}. Supported file formats are {MIMES}."
            raise Failure(Fault.REJECTED, detail, code=Code.NOT_AN_IMAGE, field=field) from error
        if image.format not in ACCEPTED:
            detail = f"Invalid file '{field}': unsupported mimetype ('{image.format.mime}'). Supported are {MIMES}."
            raise Failure(Fault.REJECTED, detail, code=Code.NOT_AN_IMAGE, field=field)
        if image.width * image.height > self.most:
            detail = f"'{field}' has {image.width}x{image.height} pixels; at most {self.most} are taken."
            raise Failure(Fault.REJECTED, detail, code=Code.TOO_LARGE, field=field)
        try:
            await self._run(lambda: _decode(image).close())
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            detail = f"Invalid file '{field}': it is damaged and cannot be decoded."
            raise Failure(Fault.REJECTED, detail, code=Code.NOT_AN_IMAGE, field=field) from error
        return image

    async def encode(self, image: Image, wanted: Format, compression: int | None = None) -> Image:
        """The picture in another format. Raises MALFORMED where the vendor's picture cannot be decoded."""
        if image.width * image.height > self.most:
            raise Failure(Fault.MALFORMED, f"the vendor's picture has {image.width}x{image.height} pixels: too many")
        try:
            return await self._run(lambda: _encode(image, wanted, compression))
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            raise Failure(Fault.MALFORMED, "the vendor's picture is damaged and cannot be decoded") from error

    async def cut(self, image: Image, width: int, height: int) -> Image:
        """The picture filled into a size, what is over cut off evenly. Raises MALFORMED as `encode` does."""
        shape = Shape(width=width, height=height)
        encoding = Encoding(format=str(image.format), quality=95, strip=False)
        try:
            made = await self._run(lambda: retouch(image.body, encoding, shape, pixels=self.most))
        except ValueError as error:
            raise Failure(Fault.MALFORMED, "the vendor's picture is damaged and cannot be decoded") from error
        return Image(made.body)

    async def retouch(self, body: bytes, encoding: Encoding, shape: Shape | None) -> Retouched:
        """A caller's picture shaped and encoded anew. Raises DamagedError."""
        work = partial(retouch, body, encoding, shape, pixels=self.most)
        return await asyncio.get_running_loop().run_in_executor(self._patient, work)

    async def pixels(self, image: Image) -> tuple[int, int, bytes]:
        """Width, height and pixels of a picture, three bytes each, row by row. Raises DamagedError."""
        return await self._run(lambda: rgb_rows(image.body, self.most))

    async def look(self, image: Image, seen: Callable[[bytes, str], T]) -> T:
        """What is seen in a picture's bytes of a format. Raises MALFORMED where it cannot be decoded."""
        try:
            return await self._run(lambda: seen(image.body, image.format))
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            raise Failure(Fault.MALFORMED, "the vendor's picture is damaged and cannot be decoded") from error

    async def turn_mask(self, request: ImageRequest, wanted: Polarity) -> ImageRequest:
        """The request with its mask in the polarity a model wants; the very request where there is nothing to turn."""
        if not isinstance(request, Edit) or request.mask is None or request.mask.changes is wanted:
            return request
        mask = request.mask
        return replace(request, mask=Mask(await self._run(lambda: _turn(mask, wanted)), wanted))

    def _run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


def check_mask(picture: Image, mask: Image, polarity: Polarity) -> None:
    """Raises REJECTED where a mask does not fit its picture."""
    if (picture.width, picture.height) != (mask.width, mask.height):
        detail = f"The mask is {mask.width}x{mask.height}, the image {picture.width}x{picture.height}: they must match."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="mask")
    if polarity is Polarity.TRANSPARENT and mask.format is Format.JPEG:
        detail = "The mask is a JPEG, which has no transparency to mark the area with: send a PNG."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="mask")


def _decode(image: Image) -> Pillow.Image:
    opened = Pillow.open(io.BytesIO(image.body), formats=(image.format.upper(),))
    if opened.size != (image.width, image.height):  # a second header, which nobody has checked
        raise ValueError("the picture claims two sizes")
    opened.load()
    return opened


def _encode(image: Image, wanted: Format, compression: int | None) -> Image:
    opened = _decode(image)
    target = io.BytesIO()
    if wanted is Format.PNG:
        opened.save(target, "PNG", compress_level=3)
    elif wanted is Format.JPEG:
        if opened.mode in ("RGBA", "LA", "PA", "P"):
            layer = opened.convert("RGBA")
            opened = Pillow.new("RGB", layer.size, "white")
            opened.paste(layer, mask=layer.getchannel("A"))
        opened.convert("RGB").save(target, "JPEG", quality=95 if compression is None else compression)
    else:
        opened.save(target, "WEBP", quality=90 if compression is None else compression)
    return Image(target.getvalue())


def _turn(mask: Mask, wanted: Polarity) -> Image:
    changing = _changing(mask)
    if wanted is Polarity.TRANSPARENT:
        turned = Pillow.new("RGBA", changing.size, (0, 0, 0, 255))
        turned.putalpha(ImageChops.invert(changing))
    else:
        turned = changing if wanted is Polarity.WHITE else ImageChops.invert(changing)
    target = io.BytesIO()
    turned.save(target, "PNG", compress_level=1)
    return Image(target.getvalue())


def _changing(mask: Mask) -> Pillow.Image:
    """The mask as grey, white where the picture may change."""
    opened = _decode(mask.image)
    if mask.changes is Polarity.TRANSPARENT:
        return ImageChops.invert(opened.convert("RGBA").getchannel("A"))
    grey = opened.convert("L")
    return grey if mask.changes is Polarity.WHITE else ImageChops.invert(grey)
