"""Forms that are handed out, and the bucket that takes them filled in."""

from __future__ import annotations

from hashlib import sha256
from json import dumps
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from providers.contract import sniff
from proxy.stub.contract import Answer, Asked
from proxy.stub.vendors.leonardo.fields import Fields, Wrong, checked
from proxy.stub.world import World


def _form(key: str) -> dict[str, str]:
    """The fields of a presigned form, which the bucket wants back as they are."""
    kind = PurePosixPath(key).suffix[1:]
    return {
        "Content-Type": "image/jpeg" if kind == "jpg" else f"image/{kind}",
        "bucket": "image-inputs-prod",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "key": key,
        "Policy": "eyJjb25kaXRpb25zIjpbXX0=",
        "X-Amz-Signature": sha256(key.encode()).hexdigest(),
    }


def _announced(world: World, kind: str, extension: Any, prefix: str = "") -> dict[str, str]:
    """What is told of an upload that is to come, under names with a prefix."""
    if extension not in ("png", "jpg", "jpeg", "webp"):
        raise Wrong("invalid file extension")
    name = str(uuid4())
    world.fill(f"{kind} {name}", b"")
    key = f"users/stub/initImages/{name}.{extension}"
    told = {"fields": dumps(_form(key)), "key": key, "url": f"{world.elsewhere}/bucket"}
    told["imageId" if prefix else "id"] = name
    return {f"{prefix}{part[0].upper()}{part[1:]}" if prefix else part: value for part, value in told.items()}


def announce(asked: Asked, world: World) -> Answer:
    """A form to upload a picture with."""
    try:
        body = checked(asked.json, {"extension": ("String", None)}, "uploadInitImage", "extension")
        return Answer(json={"uploadInitImage": _announced(world, "UPLOADED", body["extension"])})
    except Wrong as wrong:
        return wrong.answer


def announce_canvas(asked: Asked, world: World) -> Answer:
    """Two forms, for a picture and its mask, whose names begin with `masks` as the vendor's own recipe reads them.

    https://docs.leonardo.ai/docs/generate-images-using-canvas-inpainting  The reference has `mask` instead.
    """
    fields: Fields = {"initExtension": ("String", None), "maskExtension": ("String", None)}
    try:
        body = checked(asked.json, fields, "uploadCanvasInitImage", "initExtension")
        told = _announced(world, "CANVAS", body["initExtension"], "init")
        told |= _announced(world, "CANVAS", body.get("maskExtension"), "masks")
    except Wrong as wrong:
        return wrong.answer
    return Answer(json={"uploadCanvasInitImage": told})


def receive(asked: Asked, world: World) -> Answer:
    """Take an upload, as the bucket does: what comes behind the file is not read, and no key is wanted."""
    names = [name for name, _ in asked.fields]
    before = dict(asked.fields[: names.index("file")]) if "file" in names else {}
    key = before.get("key")
    if "authorization" in asked.headers or not isinstance(key, str) or before != _form(key) or not asked.files("file"):
        return Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>", mime="application/xml")
    body, path = asked.files("file")[0].body, PurePosixPath(key)
    sniffed = sniff(body)
    # A picture that is not in the format it was announced in cannot be used, which only shows when it is.
    fits = sniffed is not None and path.suffix[1:] in (sniffed.suffix, str(sniffed))
    for kind in ("UPLOADED", "CANVAS"):
        if world.kept(f"{kind} {path.stem}") is not None:
            world.fill(f"{kind} {path.stem}", body if fits else b"unreadable")
    return Answer(status=204)
