"""Fit a request to a model: what it would really be asked, and a note for everything it would not do as asked. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers.contract.failure import Note
from providers.contract.image import Format
from providers.contract.model import Model, Sizes, parse_size
from providers.contract.request import Edit, ImageRequest, Upscale
from providers.contract.words import EditKind

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
    misfit = _missing(request, model) or _pictures(request, model)
    if misfit is not None:
        return misfit
    changes: dict[str, Any] = {}
    notes: list[Note] = []
    for step in (_size, _quality, _format, _options, _style, _ranges):
        misfit = step(request, model, changes, notes, any_area)
        if misfit is not None:
            return misfit
    if request.previews > model.previews:
        changes["previews"] = model.previews
        notes.append(Note("previews", f"{model.name} shows {model.previews or 'no'} unfinished pictures", lossy=False))
    return Fit(replace(request, **changes) if changes else request, tuple(notes))


def _missing(request: ImageRequest, model: Model) -> Misfit | None:
    for name in sorted(model.needs):
        if name == "prompt" and isinstance(request, Edit) and request.kind is EditKind.VARIATION:
            continue  # that is asked for without words
        if getattr(request, name, None) in (None, "") and hasattr(request, name):
            return Misfit(f"needs a {name}", name)
    return None


def _pictures(request: ImageRequest, model: Model) -> Misfit | None:
    masked = isinstance(request, Edit) and request.mask is not None
    pictures = request.images[:-1] if masked else request.images
    if len(pictures) > model.inputs:
        return Misfit(f"takes at most {model.inputs} pictures, not {len(pictures)}", "image")
    for image in pictures:
        against = model.accepts.against(image)
        if against is not None:
            return Misfit(against, "image")
    return None


def _size(
    request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], any_area: bool
) -> Misfit | None:
    sizes = model.sizes
    if sizes.follows_input:
        if request.width is not None:
            changes["width"] = changes["height"] = None
            chosen = "chooses the size" if isinstance(request, Upscale) else "keeps the size of the picture it is given"
            brought = f", which is brought to {request.width}x{request.height}" if request.exact else ""
            notes.append(Note("size", f"{model.name} {chosen}{brought}", lossy=not request.exact))
        return None
    if request.width is None or request.height is None:
        if not sizes.auto and not isinstance(request, Upscale):
            changes["width"], changes["height"] = _own_size(request, sizes) or parse_size(sizes.default)
        return None
    if sizes.draws(request.width, request.height):
        return None
    nearest = sizes.nearest(request.width, request.height)
    if (request.exact or sizes.scaled) and nearest is not None:
        changes["width"], changes["height"] = nearest
        made = f"drawn at {nearest[0]}x{nearest[1]} and brought to {request.width}x{request.height}"
        notes.append(Note("size", made, lossy=not request.exact))
        return None
    if nearest is None or not sizes.near(nearest, (request.width, request.height), any_area=any_area):
        return Misfit(f"does not draw {request.width}x{request.height} ({_offer(sizes)})", "size")
    changes["width"], changes["height"] = nearest
    notes.append(Note("size", f"{nearest[0]}x{nearest[1]} is the nearest size {model.name} draws"))
    return None


def _own_size(request: ImageRequest, sizes: Sizes) -> tuple[int, int] | None:
    """Of an edit without a size: the one nearest to its picture's, which it is to keep."""
    if not isinstance(request, Edit) or not request.pictures[0].width:
        return None
    picture = request.pictures[0]
    return sizes.nearest(picture.width + request.left + request.right, picture.height + request.up + request.down)


def _offer(sizes: Sizes) -> str:
    if sizes.listed:
        return "it draws " + ", ".join(sizes.listed)
    sides = f"sides of {sizes.min_side} to {sizes.max_side} pixels" if sizes.max_side < 1_000_000 else "sides"
    return f"it draws {sides} in steps of {sizes.step}"


def _quality(request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], _: bool) -> Misfit | None:
    wanted = request.quality
    if wanted is None:
        if model.quality is not None:
            changes["quality"] = model.quality
        return None
    if wanted in model.qualities:
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


def _style(request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], _: bool) -> Misfit | None:
    if request.style is None or not model.styles or "style" in changes or request.style in model.styles.values():
        return None
    theirs = model.styles.get("-".join(request.style.lower().replace("_", " ").replace("-", " ").split()))
    changes["style"] = theirs
    if theirs is None:
        notes.append(Note("style", f"{model.name} has no style {request.style!r}"))
    return None


def _ranges(request: ImageRequest, model: Model, changes: dict[str, Any], notes: list[Note], _: bool) -> Misfit | None:
    for name, (least, most) in model.ranges.items():
        asked = getattr(request, name, None)
        if name == "seed":
            most -= request.n - 1  # those of further pictures count on from it
        if asked is None or name in changes or least <= asked <= most:
            continue
        if name == "seed":
            taken = int(least) + (asked - int(least)) % (int(most) - int(least) + 1)
        else:
            taken = type(asked)(min(max(asked, least), most))
        changes[name] = taken
        notes.append(Note(name, f"{model.name} takes {least:g} to {most:g}; {taken:g} is used"))
    return None
