"""`POST /control/process`: a picture from words, steered by another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt
from typing import Any

from msgspec.structs import replace

from providers.contract import Control, ControlKind, Format, Image, ImageRequest
from proxy.dialects.alwrity.asking import (
    IMAGE_FORMAT,
    PROMPT_LIMIT,
    SHARED,
    allowed,
    ignored,
    needed,
    seeded,
    settings,
    unused,
)
from proxy.dialects.alwrity.edit import Echo, render
from proxy.dialects.alwrity.operations import STEERED
from proxy.dialects.alwrity.pictures import picture, source
from proxy.dialects.alwrity.sizes import of_shape, ratio
from proxy.dialects.contract import Ask, Generating, Incoming, Route
from proxy.dialects.fields import Table, choice, number, read, read_json, text

IMAGE, LOOKS = "control_image_base64", "style_image_base64"
STRENGTHS = {
    "control_strength": "strength",
    "fidelity": "fidelity",
    "style_strength": "style_strength",
    "composition_fidelity": "composition_fidelity",
    "change_strength": "change_strength",
}
"""How strongly something counts, 0 to 1, and its name here. 0 is a wish like any other."""
SPECIAL = (LOOKS, "aspect_ratio", *STRENGTHS)
AREA = 1024 * 1024
"""Pixels of a picture of which only the shape is said."""

CONTROL: Table = {
    **SHARED,
    "operation": ("operation", choice({name: name for name in STEERED})),
    "prompt": ("prompt", text(PROMPT_LIMIT)),
    IMAGE: (IMAGE, picture),
    LOOKS: (LOOKS, picture),
    **{name: (name, number(0.0, 1.0)) for name in STRENGTHS},
    "aspect_ratio": ("aspect_ratio", ratio),
    "output_format": ("format", IMAGE_FORMAT),
}


def parse(incoming: Incoming) -> Ask:
    """A request for a picture that another steers."""
    known, unknown = read(read_json(incoming.body), CONTROL)
    needed(known, [IMAGE], "Control image payload is required")
    needed(known, ["operation"], "Missing required parameter: 'operation'.")
    seeded(known)
    name = known.pop("operation")
    steering = STEERED[name]
    notes = ignored(unknown)
    notes += unused(known, [each for each in SPECIAL if each not in steering.takes], name)
    if steering.kind is ControlKind.STYLE_TRANSFER:
        needed(known, [LOOKS], "Style image is required for style transfer")
    else:
        needed(known, ["prompt"], "Prompt is required for control operations")
    providers, said = allowed(known.pop("provider", None), settings(incoming.options))
    strengths = {theirs: known[theirs] for theirs in STRENGTHS if theirs in known}
    sources = [source(each, known.pop(each)) for each in (IMAGE, LOOKS) if each in known]
    for theirs, ours in STRENGTHS.items():
        known[ours] = known.pop(theirs, None)
    if "aspect_ratio" in known:
        known["width"], known["height"] = _shaped(known.pop("aspect_ratio"))
        known["exact"] = True
    known.setdefault("model", "control")
    known.setdefault("format", Format.PNG)
    return Ask(
        compose=_composing(steering.kind, known),
        sources=tuple(sources),
        base64=True,
        providers=providers,
        notes=(*notes, *said),
        echo=Echo(operation=name, style=known.get("style"), strengths=strengths),
    )


def _shaped(shape: float) -> tuple[int, int]:
    """A size of that shape and of about a megapixel, which is what models for control draw."""
    return of_shape(shape, isqrt(round(AREA * max(shape, 1 / shape))))


def _composing(kind: ControlKind, known: dict[str, Any]) -> Callable[[Sequence[Image]], ImageRequest]:
    def compose(pictures: Sequence[Image]) -> ImageRequest:
        request = Control(kind=kind, picture=pictures[0], **known)
        return request if len(pictures) == 1 else replace(request, looks=pictures[1])

    return compose


ROUTES: tuple[Route, ...] = (
    Generating(path="/api/image-studio/control/process", operation="control", parse=parse, render=render),
)
