"""How fal's endpoints are asked: each takes its own fields, and what differs stands in tables beside the models."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from providers.contract import Edit, EditKind, ImageRequest, Model, Moderation, Note, as_data_url
from providers.fal.models import CLOSENESS, NAMED, PATHS, PRESETS, SEVERAL, SHAPES, SPEEDS, TIERED

NAMES = {
    "seed": "seed",
    "negative": "negative_prompt",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "strength",
    "style": "style",
}
"""Our field, the wire's. A model is only ever asked for what it honours."""
FIELDS = {theirs: ours for ours, theirs in NAMES.items()} | {
    "prompt": "prompt",
    "image_size": "size",
    "aspect_ratio": "size",
    "resolution": "size",
    "num_images": "n",
    "output_format": "format",
    "image_url": "image",
    "image_urls": "image",
    "mask_url": "mask",
    "rendering_speed": "quality",
    "image_prompt_strength": "strength",
    "safety_tolerance": "moderation",
}
TOLERANCE = {Moderation.LOW: "5", Moderation.OFF: "6"}
"""From 1, the strictest; a text, for all that it looks like a number."""


def asked(request: ImageRequest, model: Model) -> tuple[str, dict[str, Any], tuple[Note, ...]]:
    """The endpoint, its input and what that leaves out. Fields that a model pins follow its endpoint, like a query."""
    endpoint, _, pinned = model.vendor_name.partition("?")
    path = PATHS.get(endpoint, {}).get(request.operation, "")
    if endpoint in SEVERAL and len(request.images) > 1:
        path = "multi"
    fields, notes = _fields(request, model, endpoint)
    body = fields | dict(parse_qsl(pinned)) | _size(request, model, endpoint) | _pictures(request, model, endpoint)
    return f"{endpoint}/{path}" if path else endpoint, body, notes


def _fields(request: ImageRequest, model: Model, endpoint: str) -> tuple[dict[str, Any], tuple[Note, ...]]:
    wordless = isinstance(request, Edit) and request.kind is EditKind.REMOVE_BACKGROUND
    body: dict[str, Any] = {} if wordless else {"prompt": request.prompt}
    notes = (Note("prompt", "is not taken: this is done without words"),) if wordless and request.prompt else ()
    for ours in sorted(model.honours & NAMES.keys()):
        value = getattr(request, ours, None)
        if ours == "strength" and value is not None and endpoint in CLOSENESS:
            body[CLOSENESS[endpoint]] = round(1 - value, 6)
        elif value is not None:
            body[NAMES[ours]] = value
    if request.moderation is not None:
        body["safety_tolerance"] = TOLERANCE[request.moderation]
    if request.quality is not None:
        body["rendering_speed"] = SPEEDS[request.quality]
    if request.n > 1:
        body["num_images"] = request.n
    if len(model.formats) > 1:
        body["output_format"] = request.format or model.formats[0]
    return body, notes


def _size(request: ImageRequest, model: Model, endpoint: str) -> dict[str, Any]:
    if request.width is None or request.height is None:
        return {}
    if endpoint in NAMED:
        return {"image_size": _nearest(request.width / request.height, PRESETS)}
    if not model.sizes.by_shape:
        return {"image_size": {"width": request.width, "height": request.height}}
    shape = {"aspect_ratio": _nearest(request.width / request.height, SHAPES)}
    if endpoint not in TIERED:
        return shape
    pixels = request.width * request.height
    return shape | {"resolution": "4K" if pixels > 8_000_000 else "2K" if pixels > 2_000_000 else "1K"}


def _nearest(shape: float, known: dict[str, float]) -> str:
    return min(known, key=lambda name: max(shape / known[name], known[name] / shape))


def _pictures(request: ImageRequest, model: Model, endpoint: str) -> dict[str, Any]:
    """Pictures as `data:` URLs, which every field for a link takes."""
    mask = request.mask if isinstance(request, Edit) else None
    links = [as_data_url(image) for image in (request.images if mask is None else request.images[:-1])]
    if not links:
        return {}
    single = model.inputs == 1 or (endpoint in SEVERAL and len(links) == 1)
    body: dict[str, Any] = {"image_url": links[0]} if single else {"image_urls": links}
    return body if mask is None else body | {"mask_url": as_data_url(mask.image)}
