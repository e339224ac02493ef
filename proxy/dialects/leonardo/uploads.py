"""Pictures of a caller's own: a slot is asked for, filled as a bucket of a cloud's is, and named in later requests.

The way to fill a slot is public and takes no key: whoever has its address may, once, for two minutes. It answers as
such a bucket does, in XML.

https://docs.leonardo.ai/docs/how-to-upload-an-image-using-a-presigned-url
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

from providers.contract import Failure
from proxy.dialects.contract import Incoming, Outgoing, Talk
from proxy.dialects.fields import Table
from proxy.dialects.forms import read_form
from proxy.dialects.leonardo.generations import told
from proxy.dialects.leonardo.reading import missing, read_body, word
from proxy.dialects.leonardo.shapes import moment, user_id
from proxy.dialects.wants import Asset, Drop, Fill, Find, Money, Offer, Purse, Slot, Want

OPEN_S = 120
PICTURE, CANVAS, MASK = "init-image", "canvas-init", "canvas-mask"
MIMES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
EXTENSION = word(*MIMES)
ONE: Table = {"extension": ("extension", EXTENSION)}
TWO: Table = {"initExtension": ("initExtension", EXTENSION), "maskExtension": ("maskExtension", EXTENSION)}
XML = {"content-type": "application/xml"}
PATH = "/api/rest/v1/uploads"


def offer(incoming: Incoming) -> Talk:
    """`POST /init-image`."""
    asked = read_body(incoming.body, ONE)
    if "extension" not in asked:
        raise missing("extension")
    slot = yield from _slot(PICTURE, asked["extension"])
    return told(uploadInitImage=slot)


def offer_canvas(incoming: Incoming) -> Talk:
    """`POST /canvas-init-image`: a slot for a picture, one for its mask."""
    asked = read_body(incoming.body, TWO)
    for name in TWO:
        if name not in asked:
            raise missing(name)
    body: dict[str, str] = {}
    for part, kind in (("init", CANVAS), ("mask", MASK)):
        slot = yield from _slot(kind, asked[f"{part}Extension"])
        names = {"id": "ImageId", "fields": "Fields", "key": "Key", "url": "Url"}
        body |= {f"{part}{names[name]}": value for name, value in slot.items()}
    return told(uploadCanvasInitImage=body)


def show(incoming: Incoming) -> Talk:
    """`GET /init-image/{id}`; null where the team has none of that id. Without its link while nothing was put in."""
    asset: Asset | None = yield Find(PICTURE, incoming.parts["id"].lower())
    if asset is None:
        return told(init_images_by_pk=None)
    shown = {"id": asset.id, "createdAt": moment(asset.created)}
    return told(init_images_by_pk=shown if asset.link is None else shown | {"url": asset.link})


def remove(incoming: Incoming) -> Talk:
    """`DELETE /init-image/{id}`; null where the team has none of that id."""
    wanted = incoming.parts["id"].lower()
    gone = yield Drop(PICTURE, wanted)
    return told(delete_init_images_by_pk={"id": wanted} if gone else None)


def fill(incoming: Incoming) -> Talk:
    """`POST /uploads/{token}`: a form with what the slot said, and the picture as `file`."""
    if "authorization" in incoming.headers:
        return _refused(403, "AccessDenied", "An upload is sent without an Authorization header.")
    try:
        files = read_form(incoming.headers, incoming.body).files_named("file")
        if len(files) != 1:
            return _refused(400, "InvalidArgument", "A form with one picture in its field 'file' is expected.")
        filled = yield Fill(token=incoming.parts["token"], body=files[0].body)
    except Failure as failure:
        return _refused(400, "InvalidArgument", failure.detail)
    if not filled:
        return _refused(403, "AccessDenied", "This upload has expired, was used, or never was one.")
    return Outgoing(status=204, headers=XML)


def _slot(kind: str, extension: str) -> Generator[Want, Any, dict[str, str]]:
    """An open slot, under the names of an init image's."""
    purse: Purse = yield Money()
    slot: Slot = yield Offer(kind=kind, suffix=extension, seconds=OPEN_S)
    key = f"users/{user_id(purse.team)}/initImages/{slot.id}.{extension}"
    fields = {"Content-Type": MIMES[extension], "key": key}
    return {
        "id": slot.id,
        "fields": msgspec.json.encode(fields).decode(),
        "key": key,
        "url": f"{slot.origin}{PATH}/{slot.token}",
    }


def _refused(status: int, code: str, why: str) -> Outgoing:
    for plain, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        why = why.replace(plain, written)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{why}</Message></Error>'
    return Outgoing(status=status, headers=XML, body=(body.encode(),))
