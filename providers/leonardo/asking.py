"""What Leonardo is asked: one job, once the pictures it is about have been left with the vendor.

https://docs.leonardo.ai/reference/creategeneration
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from msgspec import Struct

from providers.contract import (
    Account,
    Background,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Format,
    Generate,
    Image,
    ImageRequest,
    Model,
    Note,
    Quality,
    Sampler,
    Sizes,
    Step,
    Upscale,
)
from providers.contract.model import parse_size
from providers.leonardo.models import FAMILIES, KONTEXT, SDXL, UPSCALES_ULTRA, Family
from providers.leonardo.uploads import laid_out, uploaded

GENERATIONS = "/v1/generations"
STEP = 8
"""Sides of a picture on the canvas are multiples of it."""
STAYS = 0.5
"""How much of a picture stays where nobody says: what every example of the vendor's says."""
CONTRAST = 3.5
"""Required by the newer models; likewise the vendor's own medium."""
CLEAR = 2.5
"""The least contrast that Alchemy draws."""
STYLE_STRENGTHS = {"Low": 0.3, "Mid": 0.5, "High": 0.7, "Ultra": 0.85, "Max": 1.0}
CONTENT_STRENGTHS = {"Low": 0.3, "Mid": 0.5, "High": 0.7}
"""The vendor's steps on our scale of 0 to 1."""
SCHEDULERS = {
    Sampler.EULER: "EULER_DISCRETE",
    Sampler.EULER_ANCESTRAL: "EULER_ANCESTRAL_DISCRETE",
    Sampler.DDIM: "DDIM",
    Sampler.DPM: "DPM_SOLVER",
    Sampler.PNDM: "PNDM",
    Sampler.LMS: "KLMS",
}
NAMES = {
    "negative": "negative_prompt",
    "seed": "seed",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "tiling": "tiling",
}
"""Our field, the wire's."""
Body = dict[str, Any]


class Order(Struct, frozen=True, kw_only=True):
    """A job to be asked for."""

    body: Body
    path: str = GENERATIONS
    varies: bool = False
    """It is polled as a variation."""
    n: int = 1
    notes: tuple[Note, ...] = ()


Preparing = Generator[Step, Any, Order]


def prepared(request: ImageRequest, model: Model, account: Account) -> Preparing:
    """Leave the pictures of a request with the vendor, and say what is to be done with them."""
    if isinstance(request, Edit) and request.mask is not None:
        return (yield from _inpainting(request, request.mask.image, model, account))
    ids = yield from uploaded(request.images, account)
    if isinstance(request, Upscale):
        return _upscaling(request, model, ids[0])
    if isinstance(request, Edit) and request.kind is EditKind.REMOVE_BACKGROUND:
        return _cutting_out(request, model, ids[0])
    return _drawing(request, model, ids)


def _inpainting(request: Edit, mask: Image, model: Model, account: Account) -> Preparing:
    """Part of a picture drawn anew, on the canvas. Whatever its guide does not name is not compatible with it.

    https://docs.leonardo.ai/docs/generate-images-using-canvas-inpainting
    """
    picture = request.pictures[0]
    picture_id, mask_id = yield from laid_out(picture, mask, account)
    body = _basics(request, model) | {
        "canvasRequest": True,
        "canvasRequestType": "INPAINT",
        "canvasInitId": picture_id,
        "canvasMaskId": mask_id,
    }
    if request.strength is not None:
        body["init_strength"] = round(1 - request.strength, 2)
    return Order(body=body, n=request.n)


def _upscaling(request: Upscale, model: Model, picture: str) -> Order:
    body: Body = {"initImageId": picture}
    notes: tuple[Note, ...] = ()
    if model.vendor_name == UPSCALES_ULTRA:
        body["ultraUpscaleStyle"] = request.style or "REALISTIC"
        notes = _unspoken(request, model)
    else:
        body |= {"upscalerStyle": request.style or "GENERAL", "prompt": request.prompt}
    if request.factor is not None:
        body["upscaleMultiplier"] = request.factor
    knobs = (("creativity", "creativityStrength"), ("detail", "detailContrast"), ("resemblance", "similarity"))
    for ours, theirs in knobs:
        value = getattr(request, ours)
        if value is not None:  # tenths, and there is no 0
            body[theirs] = max(1, round(value * 10))
    return Order(path="/v1/variations/universal-upscaler", body=body, varies=True, notes=notes)


def _cutting_out(request: Edit, model: Model, picture: str) -> Order:
    """Version 2 of the API, whose jobs are polled as those of version 1.

    https://docs.leonardo.ai/docs/background-removal
    """
    source = [{"image": {"id": picture, "type": "UPLOADED"}}]
    parameters = {"format": str(request.format or Format.PNG), "guidances": {"image_reference": source}}
    body = {"model": model.vendor_name, "public": False, "parameters": parameters}
    return Order(path="/v2/generations", body=body, notes=_unspoken(request, model))


def _unspoken(request: ImageRequest, model: Model) -> tuple[Note, ...]:
    return (Note("prompt", f"{model.name} takes no words", lossy=False),) if request.prompt else ()


def _drawing(request: ImageRequest, model: Model, ids: list[str]) -> Order:
    family = FAMILIES.get(model.vendor_name, SDXL)
    width, height = _size(request, model)
    body = _basics(request, model) | {"width": width, "height": height}
    if request.background is not None:
        body["transparency"] = "foreground_only" if request.background is Background.TRANSPARENT else "disabled"
    if request.sampler is not None:
        body["scheduler"] = SCHEDULERS[request.sampler]
    if request.style is not None:
        body[family.preset] = request.style
    for adapter in request.adapters or ():  # one's own are numbered, Leonardo's have an id
        kind, told = (
            ("userElements", {"userLoraId": int(adapter.name)})
            if adapter.name.isdecimal()
            else ("elements", {"akUUID": adapter.name})
        )
        body.setdefault(kind, []).append(told | {"weight": adapter.weight})
    notes = _mode(request, family, body)
    if family is KONTEXT and ids:
        body["contextImages"] = [{"id": each, "type": "UPLOADED"} for each in ids]
    elif isinstance(request, Control):
        notes += _steered(request, family, body, ids)
    elif isinstance(request, Generate) and ids:
        notes += _leaning(request, family, body, ids)
    return Order(body=body, n=request.n, notes=tuple(notes))


def _basics(request: ImageRequest, model: Model) -> Body:
    body: Body = {"modelId": model.vendor_name, "prompt": request.prompt, "num_images": request.n, "public": False}
    return body | {
        theirs: getattr(request, ours) for ours, theirs in NAMES.items() if getattr(request, ours) is not None
    }


def _size(request: ImageRequest, model: Model) -> tuple[int, int]:
    """Where no size is asked for, the shape of the picture sent along: the vendor would deform it to any other."""
    if request.width is not None and request.height is not None:
        return request.width, request.height
    sizes = model.sizes
    likely = (
        Sizes(listed=sizes.auto).nearest(request.images[0].width, request.images[0].height) if request.images else None
    )
    return likely or parse_size(sizes.default)


def _mode(request: ImageRequest, family: Family, body: Body) -> list[Note]:
    """Alchemy, Ultra and contrast, which depend on one another."""
    ultra = family.ultra and request.quality is Quality.HIGH
    alchemy = bool(family.alchemy) and not ultra and request.quality is not Quality.LOW
    if family.alchemy is not None:
        body["alchemy"] = alchemy
    if family.ultra:
        body["ultra"] = ultra
    if not family.contrasts:
        return []
    wanted = CONTRAST if request.contrast is None else request.contrast
    contrasts = [each for each in family.contrasts if each >= CLEAR or not alchemy]
    body["contrast"] = min(contrasts, key=lambda each: abs(each - wanted))
    if request.contrast is None or body["contrast"] == request.contrast:
        return []
    return [Note("contrast", f"{body['contrast']:g} is the nearest it draws")]


def _leaning(request: Generate, family: Family, body: Body, ids: list[str]) -> list[Note]:
    stays = STAYS if request.strength is None else round(1 - request.strength, 2)
    body |= {"init_image_id": ids[0], "init_strength": stays}
    if len(ids) == 1:
        return []
    body["controlnets"] = [_guide(each, family.style, STYLE_STRENGTHS, None) for each in ids[1:]]
    return [Note("image", "only the first picture is started from; the other lends its style", lossy=False)]


def _steered(request: Control, family: Family, body: Body, ids: list[str]) -> list[Note]:
    """Pictures that steer. What is said of their strength is known by the name other vendors have for it, too."""
    if request.kind is ControlKind.STYLE_TRANSFER:
        content, notes = _knob(request, "composition_fidelity", "strength")
        style, more = _knob(request, "style_strength", "fidelity")
        body["controlnets"] = [
            _guide(ids[0], family.content, CONTENT_STRENGTHS, content),
            *[_guide(each, family.style, STYLE_STRENGTHS, style) for each in ids[1:]],
        ]
        return notes + more
    if request.kind is ControlKind.STYLE:
        value, notes = _knob(request, "fidelity", "style_strength", "strength", "composition_fidelity")
        guide = _guide(ids[0], family.style, STYLE_STRENGTHS, value)
    else:
        value, notes = _knob(request, "strength", "composition_fidelity", "fidelity", "style_strength")
        guide = _guide(ids[0], family.content, CONTENT_STRENGTHS, value)
        if request.kind is ControlKind.SKETCH:  # lines have a weight in its place
            weight = STAYS if value is None else value
            guide = _source(ids[0], family.edges) | {"weight": weight}
    body["controlnets"] = [guide]
    return notes


def _knob(request: Control, *names: str) -> tuple[float | None, list[Note]]:
    """The first of these that is given, and what is said of the others."""
    given = [name for name in names if getattr(request, name) is not None]
    if not given:
        return None, []
    return getattr(request, given[0]), [Note(name, f"{given[0]} says it already") for name in given[1:]]


def _guide(picture: str, preprocessor: int, steps: dict[str, float], strength: float | None) -> Body:
    """A picture that steers by one of the vendor's steps, the middle one where nobody says."""
    wanted = STAYS if strength is None else strength
    step = min(steps, key=lambda name: abs(steps[name] - wanted))
    return _source(picture, preprocessor) | {"strengthType": step}


def _source(picture: str, preprocessor: int) -> Body:
    return {"initImageId": picture, "initImageType": "UPLOADED", "preprocessorId": preprocessor}
