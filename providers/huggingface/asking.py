"""What each partner is asked: bodies, and the words in them.

Sources: https://github.com/huggingface/huggingface_hub and huggingface.js (`providers`), and the partners' own pages.
"""

from __future__ import annotations

from typing import Any

from providers.contract import Edit, Format, ImageRequest, Model, as_data_url, as_text

NAMES = {
    "negative": "negative_prompt",
    "seed": "seed",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "strength",
    "compression": "output_quality",
}
"""Our field, the word of the router's own schema, which most partners share."""
OURS = {theirs: ours for ours, theirs in NAMES.items()} | dict.fromkeys(("image_size", "size", "aspect_ratio"), "size")
RATIOS = {
    "1024x1024": "1:1",
    "1344x768": "16:9",
    "768x1344": "9:16",
    "1216x832": "3:2",
    "832x1216": "2:3",
    "1152x896": "4:3",
    "896x1152": "3:4",
    "1536x640": "21:9",
    "640x1536": "9:21",
}
"""The sizes FLUX.1 draws a shape in at Replicate, which is told no pixels."""


def _fields(request: ImageRequest, model: Model, **other: str) -> dict[str, Any]:
    names = {**NAMES, **other}
    found = {names.get(ours, ours): getattr(request, ours, None) for ours in sorted(model.honours)}
    return {theirs: value for theirs, value in found.items() if value is not None}


def _format(request: ImageRequest, model: Model, *, jpeg: str = "jpeg") -> dict[str, Any]:
    chosen = request.format or model.formats[0]
    spelled = jpeg if chosen is Format.JPEG else str(chosen)
    return {"output_format": spelled} if len(model.formats) > 1 else {}


def _size(request: ImageRequest) -> dict[str, Any]:
    return {} if request.width is None else {"width": request.width, "height": request.height}


def _count(request: ImageRequest, model: Model, name: str) -> dict[str, Any]:
    return {name: request.n} if model.at_once > 1 else {}


def _pictures(request: ImageRequest, model: Model, one: str, several: str, mask: str) -> dict[str, Any]:
    """What is sent along, under the partner's names for one picture, for several and for the mask."""
    marked = request.mask if isinstance(request, Edit) else None
    links = [as_data_url(image) for image in (request.images if marked is None else request.images[:-1])]
    found: dict[str, Any] = {}
    if links:
        found = {several: links} if model.inputs > 1 else {one: links[0]}
    return found if marked is None else found | {mask: as_data_url(marked.image)}


def plain(request: ImageRequest, model: Model, theirs: str) -> dict[str, Any]:
    """hf-inference: the schema of the task. An edit's picture is its input, and the prompt a parameter."""
    parameters = _fields(request, model)
    size = _size(request)
    if not request.images:
        return {"inputs": request.prompt, "parameters": parameters | size}
    target = {"target_size": size} if size else {}
    return {"inputs": as_text(request.images[0]), "parameters": {"prompt": request.prompt, **parameters, **target}}


def fal(request: ImageRequest, model: Model, theirs: str) -> dict[str, Any]:
    """fal-ai: the model's own input."""
    body = {"prompt": request.prompt, **_fields(request, model), **_count(request, model, "num_images")}
    size = _size(request)
    body |= {"image_size": size} if size else {}
    body |= _format(request, model)
    return body | _pictures(request, model, "image_url", "image_urls", "mask_url")


def replicate(request: ImageRequest, model: Model, theirs: str) -> dict[str, Any]:
    """replicate: an input in the words of FLUX; the shape of a size it draws, else the size itself."""
    asked = {"prompt": request.prompt, **_fields(request, model, guidance="guidance", strength="prompt_strength")}
    asked |= _count(request, model, "num_outputs")
    ratio = RATIOS.get(f"{request.width}x{request.height}")
    asked |= {"aspect_ratio": ratio} if ratio else _size(request)
    asked |= _format(request, model, jpeg="jpg")
    asked |= _pictures(request, model, "image", "images", "mask")
    version = theirs.partition(":")[2]
    return {"version": version, "input": asked} if version else {"input": asked}


def wavespeed(request: ImageRequest, model: Model, theirs: str) -> dict[str, Any]:
    """wavespeed: the model's own input, sizes with an asterisk."""
    body = {"prompt": request.prompt, **_fields(request, model), **_count(request, model, "num_images")}
    body |= {"size": f"{request.width}*{request.height}"} if request.width is not None else {}
    body |= _format(request, model)
    return body | _pictures(request, model, "image", "images", "mask_image")


def together(request: ImageRequest, model: Model, theirs: str) -> dict[str, Any]:
    """together: one route for all models, a word of its own for steps."""
    body = {"model": theirs, "prompt": request.prompt, **_fields(request, model, steps="steps")}
    body |= _count(request, model, "n") | {"response_format": "base64"} | _size(request)
    return body | _pictures(request, model, "image_url", "reference_images", "mask")


def nscale(request: ImageRequest, model: Model, theirs: str) -> dict[str, Any]:
    """nscale: as OpenAI's API."""
    body = {"model": theirs, "prompt": request.prompt, **_fields(request, model)}
    body |= {"size": f"{request.width}x{request.height}"} if request.width is not None else {}
    return body | _count(request, model, "n") | {"response_format": "b64_json"}
