"""The pictures sent along with an edit or a variation, and the mask: as files of a form, or as links in JSON."""

from __future__ import annotations

import binascii
from typing import Any

import pybase64

from providers.contract import Code
from proxy.dialects.contract import Source
from proxy.dialects.fields import rejected, required, wrong_type
from proxy.dialects.forms import Form

IMAGES_MOST = 16
IMAGE_BYTES = 50_000_000
DATA_URL_MOST = 20_971_520


def from_form(form: Form) -> tuple[list[Source], Source | None]:
    """The files of a form. Raises REJECTED."""
    images = form.files_named("image")
    if not images:
        raise rejected("Missing required parameter: 'image'.", Code.MISSING, "image")
    if len(images) > IMAGES_MOST:
        raise rejected(f"At most {IMAGES_MOST} images can be sent.", Code.ABOVE_MAXIMUM, "image")
    sources: list[Source] = []
    for place, file in enumerate(images):
        field = "image" if len(images) == 1 else f"image[{place}]"
        sources.append(_sized(Source(field=field, body=file.body)))
    masks = form.files_named("mask")
    if len(masks) > 1:
        raise rejected("At most one mask can be sent.", Code.INVALID, "mask")
    return sources, _sized(Source(field="mask", body=masks[0].body)) if masks else None


def _sized(source: Source) -> Source:
    if not source.body:
        raise rejected(f"Invalid file '{source.field}': the file is empty.", Code.NOT_AN_IMAGE, source.field)
    if len(source.body) > IMAGE_BYTES:
        raise rejected(f"Invalid file '{source.field}': it is larger than 50 MB.", Code.TOO_LARGE, source.field)
    return source


def from_json(known: dict[str, Any]) -> tuple[list[Source], Source | None]:
    """Taken out of the fields of a body. Raises REJECTED."""
    images = required(known, "images", "images")
    if not 1 <= len(images) <= IMAGES_MOST:
        raise rejected(f"'images' takes 1 to {IMAGES_MOST} images.", Code.INVALID, "images")
    sources = [_reference(image, f"images[{place}]") for place, image in enumerate(known.pop("images"))]
    mask = known.pop("mask", None)
    return sources, None if mask is None else _reference(mask, "mask")


def _reference(value: Any, field: str) -> Source:
    """A picture given as `{"image_url": ...}`: a link, or a data URL."""
    if not isinstance(value, dict):
        raise wrong_type(field, "an object", value)
    for name in value:
        if name not in ("image_url", "file_id"):
            raise rejected(f"Unknown parameter: '{field}.{name}'.", Code.UNKNOWN_FIELD, f"{field}.{name}")
    if value.get("file_id"):
        detail = "Files are not kept here: send the picture itself, or a link to it, as 'image_url'."
        raise rejected(detail, Code.INVALID, f"{field}.file_id")
    url = value.get("image_url")
    if not isinstance(url, str) or not url:
        raise rejected(f"Missing required parameter: '{field}.image_url'.", Code.MISSING, f"{field}.image_url")
    if len(url) > DATA_URL_MOST:
        raise rejected(f"Invalid '{field}.image_url': string too long.", Code.TOO_LONG, f"{field}.image_url")
    if not url.startswith("data:"):
        return Source(field=field, url=url)
    try:
        return _sized(Source(field=field, body=pybase64.b64decode(url.partition(",")[2], validate=True)))
    except (binascii.Error, ValueError) as error:
        raise rejected(f"Invalid base64 in '{field}.image_url'.", Code.NOT_AN_IMAGE, f"{field}.image_url") from error
