"""Fit a request to a model: what it would really be asked, and a note for everything it would not do as asked. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers.contract.failure import Note
from providers.contract.image import Format
from providers.contract.model import AREA_SLACK, RATIO_SLACK, Model, Sizes, parse_size
from providers.contract.request import ImageRequest, Upscale

RASTER = frozenset({Format.PNG, Format.JPEG, Format.WEBP})
"""Formats one can be turned into another here, so that any of them will do."""


class Fit(Struct, frozen=True):
    """The request as this model can serve it."""

    request: ImageRequest
    notes: tuple[Note, ...] = ()


class Misfit(Struct, frozen=True):
    """Why this model cannot serve the request, and the field that says so."""

    reason: str
    field: str


def fit(request: ImageRequest, model: Model, *, any_area: bool = False) -> Fit | Misfit:
    """The request in the terms of `model`.

    `any_area` lets a size be replaced by one of the same shape however much larger: for names of retired models, whose
    sizes nothing draws any more.
    """
    if request.operation not in model.operations:
        return Misfit(f"does not do {request.operation}", "model")
    if len(request.prompt) > model.prompt_limit:
        return Misfit(f"takes a prompt of at most {model.prompt_limit} characters", "prompt")
    pictures = len(request.images) - (getattr(request, "mask", None) is not None)
    if pictures > model.inputs:
        return Misfit(f"takes at most {model.inputs} pictures, not {pictures}", "image")
    changes: dict[str, Any] = {}
    notes: list[Note] = []
    for step in (_size, _quality, _format, _options):
        misfit = step(request, model, changes, notes, any_area)
        if misfit is not None:
            return misfit
    if request.previews > model.previews:
        changes["previews"] = model.previews
        notes.append(Note("previews", f"{model.name} shows {model.previews or 'no'} unfinished pictures", lossy=False))
    return Fit(replace(request, **changes) if changes else request, tuple(notes))


def _size(
    request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], any_area: bool
) -> Misfit | None:
    sizes = model.sizes
    if sizes.follows_input:
        if request.width is not None:
            changes["width"] = changes["height"] = None
            notes.append(Note("size", f"{model.name} keeps the size of the picture it is given"))
        return None
    if request.width is None or request.height is None:
        if not sizes.auto and not isinstance(request, Upscale):
            changes["width"], changes["height"] = parse_size(sizes.default)
        return None
    if sizes.draws(request.width, request.height):
        return None
    nearest = sizes.nearest(request.width, request.height)
    if request.exact and nearest is not None:
        changes["width"], changes["height"] = nearest
        made = f"drawn at {nearest[0]}x{nearest[1]} and brought to {request.width}x{request.height}"
        notes.append(Note("size", made, lossy=False))
        return None
    if nearest is None or not _near(nearest, (request.width, request.height), any_area):
        return Misfit(f"does not draw {request.width}x{request.height} ({_offer(sizes)})", "size")
    changes["width"], changes["height"] = nearest
    notes.append(Note("size", f"{nearest[0]}x{nearest[1]} is the nearest size {model.name} draws"))
    return None


def _near(found: tuple[int, int], asked: tuple[int, int], any_area: bool) -> bool:
    ratio = found[0] * asked[1] / (found[1] * asked[0])
    area = found[0] * found[1] / (asked[0] * asked[1])
    return max(ratio, 1 / ratio) <= RATIO_SLACK and (any_area or max(area, 1 / area) <= AREA_SLACK)


def _offer(sizes: Sizes) -> str:
    if sizes.listed:
        return "it draws " + ", ".join(sizes.listed)
    sides = f"sides of {sizes.min_side} to {sizes.max_side} pixels" if sizes.max_side < 1_000_000 else "sides"
    return f"it draws {sides} in steps of {sizes.step}"


def _quality(request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], _: bool) -> Misfit | None:
    wanted = request.quality
    if wanted is None or wanted in model.qualities:
        return None
    if not model.qualities:
        changes["quality"] = None
        notes.append(Note("quality", f"{model.name} has one quality"))
        return None
    nearest = min(model.qualities, key=lambda quality: abs(quality.rank - wanted.rank))
    changes["quality"] = nearest
    notes.append(Note("quality", f"{nearest} is the nearest quality of {model.name}"))
    return None


def _format(request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], _: bool) -> Misfit | None:
    wanted = request.format
    if wanted is None or wanted in model.formats:
        return None
    if wanted not in RASTER or RASTER.isdisjoint(model.formats):
        return Misfit(f"does not make {wanted}", "format")
    changes["format"] = next(each for each in model.formats if each in RASTER)  # and re-encoded on the way back
    return None


def _options(request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], _: bool) -> Misfit | None:
    for name in request.OPTIONAL:
        if getattr(request, name) is not None and name not in model.honours:
            changes[name] = None
            notes.append(Note(name, f"{model.name} does not take it", lossy=name not in {"user", "moderation"}))
    return None
