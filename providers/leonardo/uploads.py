"""Pictures left with Leonardo: it names a place in a foreign storage, and they are put there.

https://docs.leonardo.ai/docs/how-to-upload-an-image-using-a-presigned-url
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from msgspec import Struct

from providers.contract import Account, Call, Failure, Fault, Image, Part, Reply, Step, as_file

STORED = 204


class _Place(Struct, rename="camel"):
    """Where a picture may be left."""

    id: str
    url: str
    fields: str


class _Offered(Struct, rename="camel"):
    upload_init_image: _Place


class _Canvas(Struct, rename="camel"):
    init_image_id: str
    init_url: str
    init_fields: str
    # The description says `mask`, the vendor's own recipe reads `masks`: either is taken.
    mask_image_id: str = ""
    mask_url: str = ""
    mask_fields: str = ""
    masks_image_id: str = ""
    masks_url: str = ""
    masks_fields: str = ""


class _CanvasOffered(Struct, rename="camel"):
    upload_canvas_init_image: _Canvas


def uploaded(images: Sequence[Image], account: Account) -> Generator[Step, Any, list[str]]:
    """Leave pictures; the vendor's ids of them."""
    ids: list[str] = []
    for image in images:
        asks = {"extension": image.format.suffix}
        reply: Reply = yield Call(method="POST", url=f"{account.base}/v1/init-image", json=asks)
        place = reply.read(_Offered).upload_init_image
        yield from _put(image, place.url, place.fields)
        ids.append(place.id)
    return ids


def laid_out(picture: Image, mask: Image, account: Account) -> Generator[Step, Any, tuple[str, str]]:
    """Leave a picture and its mask for the canvas; the vendor's ids of both."""
    asks = {"initExtension": picture.format.suffix, "maskExtension": mask.format.suffix}
    reply: Reply = yield Call(method="POST", url=f"{account.base}/v1/canvas-init-image", json=asks)
    canvas = reply.read(_CanvasOffered).upload_canvas_init_image
    mask_id = canvas.mask_image_id or canvas.masks_image_id
    if not mask_id:
        raise Failure(Fault.MALFORMED, "the vendor has no place for the mask")
    yield from _put(picture, canvas.init_url, canvas.init_fields)
    yield from _put(mask, canvas.mask_url or canvas.masks_url, canvas.mask_fields or canvas.masks_fields)
    return canvas.init_image_id, mask_id


def _put(image: Image, url: str, fields: str) -> Generator[Step, Any, None]:
    """Every field goes before the file. The storage is not the vendor's API: its 403 says nothing of our key."""
    texts = Reply(body=fields.encode("utf-8", "replace")).read(dict[str, str])
    form = (*[Part(name=name, value=value) for name, value in texts.items()], as_file("file", image, "image"))
    reply: Reply = yield Call(method="POST", url=url, form=form, reads=(400, 403))
    if reply.status != STORED:
        fault = Fault.UNAVAILABLE if reply.status >= 400 else Fault.MALFORMED
        raise Failure(fault, f"the vendor's storage answered {reply.status} to a picture")
