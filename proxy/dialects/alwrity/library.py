"""`/save-to-library`: finished pictures kept for the team, under an id of their own."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Note
from proxy.dialects.alwrity.finished import PICTURE, fields_of
from proxy.dialects.alwrity.pictures import decode
from proxy.dialects.alwrity.replies import reply, worded
from proxy.dialects.contract import Incoming, Route, Talk, Talking
from proxy.dialects.fields import Table, number, read_json, rejected, text
from proxy.dialects.wants import Asset, Drop, Find, Keep

KIND = "library"
UNDECODABLE = "Invalid base64 image data"
"""What this route says where the others speak of a payload."""


def _picture(name: str, value: Any) -> bytes:
    try:
        return decode(name, value)
    except Failure as failure:
        if failure.code is not Code.NOT_AN_IMAGE:
            raise
        raise rejected(UNDECODABLE, Code.NOT_AN_IMAGE, name) from failure


SAVE: Table = {
    PICTURE: (PICTURE, _picture),
    "prompt": ("prompt", text(32_000)),
    "provider": ("provider", text(128)),
    "model": ("model", text(128)),
    "cost": ("cost", number(0.0, 1e9)),
    "operation": ("operation", text(64)),
    "output_format": ("format", text(16)),
}


class Facts(Struct, frozen=True, kw_only=True):
    """What is kept beside a picture, as its caller told it."""

    prompt: str | None = None
    provider: str | None = None
    model: str | None = None
    cost: float | None = None
    """In whatever the caller counts."""
    operation: str = "image-generation"


def save(incoming: Incoming) -> Talk:
    """`POST /save-to-library`."""
    known, notes = fields_of(read_json(incoming.body), SAVE, PICTURE)
    body, said = known.pop(PICTURE), known.pop("format", None)
    facts = msgspec.json.encode(Facts(**known)).decode()
    try:
        asset: Asset = yield Keep(kind=KIND, body=body, facts=facts)
    except Failure as failure:
        if failure.code is not Code.NOT_AN_IMAGE:
            raise
        detail = f"{UNDECODABLE}: it is no PNG, JPEG or WebP picture, or a damaged one"
        raise rejected(detail, Code.NOT_AN_IMAGE, PICTURE) from failure
    told = {"success": True, **_told(asset)}
    if said is not None and asset.format is not None and said.lower() not in (asset.format, asset.format.suffix):
        notes.append(Note("output_format", f"the picture is a {asset.format} and is kept as it is", lossy=False))
    return reply({**told, "notes": worded(notes)} if notes else told)


def show(incoming: Incoming) -> Talk:
    """`GET /library/{asset}`: a picture kept before, with a link that works again."""
    asset: Asset | None = yield Find(KIND, incoming.parts["asset"])
    if asset is None:
        raise _missing(incoming)
    facts = msgspec.json.decode(asset.facts, type=Facts)
    return reply({"success": True, **_told(asset), "created_at": asset.created, **msgspec.structs.asdict(facts)})


def forget(incoming: Incoming) -> Talk:
    """`DELETE /library/{asset}`."""
    there: bool = yield Drop(KIND, incoming.parts["asset"])
    if not there:
        raise _missing(incoming)
    return reply({"success": True, "asset_id": incoming.parts["asset"]})


def _missing(incoming: Incoming) -> Failure:
    return rejected(f"Asset not found: {incoming.parts['asset'][:60]}", Code.UNKNOWN_ASSET, "asset_id")


def _told(asset: Asset) -> dict[str, Any]:
    suffix = "" if asset.format is None else f".{asset.format.suffix}"
    return {
        "asset_id": asset.id,
        "file_url": asset.link,
        "filename": f"generated_{asset.id}{suffix}",
        "file_size": asset.bytes,
    }


ROUTES: tuple[Route, ...] = (
    Talking(method="POST", path="/api/image-studio/save-to-library", talk=save),
    Talking(path="/api/image-studio/library/{asset:str}", talk=show),
    Talking(method="DELETE", path="/api/image-studio/library/{asset:str}", talk=forget),
)
