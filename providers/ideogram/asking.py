"""How Ideogram is asked: the endpoint for a request, what it takes, and the body in its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from providers.contract import (
    Account,
    Background,
    Call,
    Edit,
    EditKind,
    ImageRequest,
    Model,
    Note,
    Part,
    Quality,
    Upscale,
    as_file,
)
from providers.contract.model import parse_size
from providers.ideogram.models import PINNED, SHAPES, SPEEDS, TYPES, V2_SHAPES, V3_SIZES


class Route(Struct, frozen=True, kw_only=True):
    """An endpoint, and what it takes."""

    path: str
    takes: frozenset[str] = frozenset()
    """Which optional request fields it is told."""
    implies: frozenset[str] = frozenset()
    """Those that it stands for itself."""
    words: str = "prompt"
    """What it calls the prompt; empty where it takes none."""
    picture: str = ""
    """What it calls the file of a picture sent along."""
    speeds: bool = False
    """It draws fast or well, as it is told."""
    nested: bool = False
    """Its fields stand in `image_request`."""
    form: bool = False
    """It takes a form even where no file is sent along."""


_DRAWN = frozenset({"seed", "negative", "style"})
_WEIGHED = _DRAWN | {"strength"}
_STYLED = frozenset({"seed", "style"})
_PLAIN = frozenset({"seed", "negative"})

TRANSPARENT = Route(
    path="/v1/ideogram-v3/generate-transparent", takes=_PLAIN, implies=frozenset({"background"}), speeds=True
)
ROUTES: Mapping[str, Route] = {
    "generate": Route(path="/v1/ideogram-v3/generate", takes=_DRAWN, speeds=True),
    "generate.reference": Route(path="/v1/ideogram-v3/remix", takes=_WEIGHED, picture="image", speeds=True),
    # A style by its name and one by a picture exclude each other.
    "control.style": Route(
        path="/v1/ideogram-v3/generate", takes=_PLAIN, picture="style_reference_images", speeds=True
    ),
    "edit.general": Route(path="/v1/edit", takes=frozenset({"seed", "background"}), picture="images"),
    "edit.inpaint": Route(path="/v1/ideogram-v3/inpaint", takes=_STYLED, picture="image", speeds=True),
    "edit.outpaint": Route(path="/v1/ideogram-v3/reframe", takes=_STYLED, words="", picture="image", speeds=True),
    "edit.replace_background": Route(
        path="/v1/ideogram-v3/replace-background", takes=_STYLED, picture="image", speeds=True
    ),
    "edit.remove_background": Route(path="/v1/remove-background", words="", picture="image"),
    "upscale.creative": Route(
        path="/upscale", takes=frozenset({"seed", "resemblance", "detail"}), picture="image_file", nested=True
    ),
}
"""By what is to be done; of the versions that do it, the third."""
V4_ROUTES: Mapping[str, Route] = {
    "generate": Route(path="/v1/ideogram-v4/generate", words="text_prompt", speeds=True, form=True),
    "generate.reference": Route(
        path="/v1/ideogram-v4/remix",
        takes=frozenset({"strength"}),
        words="text_prompt",
        picture="image",
        speeds=True,
    ),
}
V2_ROUTES: Mapping[str, Route] = {
    "generate": Route(path="/generate", takes=_DRAWN, nested=True),
    "generate.reference": Route(path="/remix", takes=_WEIGHED, picture="image_file", nested=True),
}


def route_for(request: ImageRequest, model: Model) -> Route:
    """Where a request goes."""
    if _older(model):
        return V2_ROUTES[request.operation]
    if model.vendor_name == "ideogram-v4":
        return V4_ROUTES[request.operation]
    if request.operation == "generate" and request.background is Background.TRANSPARENT:
        return TRANSPARENT
    return ROUTES[request.operation]


def _older(model: Model) -> bool:
    """Whether it is named in the body, as `V_2` and the like are, and not by its endpoint."""
    return model.wire.startswith("V_")


def call(request: ImageRequest, model: Model, route: Route, account: Account) -> Call:
    """The one call that pays: JSON, or a form where files are sent along."""
    url, fields = account.base + route.path, _fields(request, model, route)
    if route.nested:
        fields = {"image_request": fields}
    if not route.form and not request.images:
        return Call(method="POST", url=url, json=fields, pays=True)
    texts = [Part(name=name, value=_text(value)) for name, value in fields.items()]
    return Call(method="POST", url=url, form=(*texts, *_files(request, route)), pays=True)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _files(request: ImageRequest, route: Route) -> list[Part]:
    mask = request.mask if isinstance(request, Edit) else None
    pictures = request.images if mask is None else request.images[:-1]
    files = [as_file(route.picture, image, f"image-{place}") for place, image in enumerate(pictures, 1)]
    return files if mask is None else [*files, as_file("mask", mask.image)]


def _fields(request: ImageRequest, model: Model, route: Route) -> dict[str, Any]:
    fields: dict[str, Any] = {route.words: request.prompt} if route.words and request.prompt else {}
    if _older(model):
        fields["model"] = model.wire
    for ours in sorted(route.takes & model.honours):
        value = getattr(request, ours, None)
        if value is not None:
            name, theirs = _option(ours, value)
            fields[name] = theirs
    fields |= _size(request, model, route)
    if route.speeds:
        fields["rendering_speed"] = SPEEDS[PINNED.get(model.name) or request.quality or Quality.MEDIUM]
    if request.n > 1:
        fields["num_images"] = request.n
    return fields


def _option(ours: str, value: Any) -> tuple[str, Any]:
    """A field of ours as the vendor names it, and what it says there."""
    match ours:
        case "negative":
            return "negative_prompt", value
        case "style":
            return ("style_type" if value in TYPES else "style_preset"), value
        case "background":
            return "transparent_background", value is Background.TRANSPARENT
        case "strength":
            return "image_weight", round(100 * (1 - value))
        case "resemblance" | "detail":
            return ours, round(100 * value)
    return ours, value


def _size(request: ImageRequest, model: Model, route: Route) -> dict[str, str]:
    wanted = _wanted(request, model)
    if wanted is None:
        return {}
    width, height = wanted
    if route is TRANSPARENT:
        return {"aspect_ratio": _closest(wanted, SHAPES)}
    if not _older(model):
        return {"resolution": f"{width}x{height}"}
    if model.sizes.by_shape:
        return {"aspect_ratio": "ASPECT_" + _closest(wanted, V2_SHAPES).replace("x", "_")}
    return {"resolution": f"RESOLUTION_{width}_{height}"}


def _wanted(request: ImageRequest, model: Model) -> tuple[int, int] | None:
    """The size to ask for; None where it is left to the vendor, or follows from what is sent along."""
    if isinstance(request, Edit) and request.kind is EditKind.OUTPAINT:
        return _reframed(request)
    if request.width is not None and request.height is not None:
        return request.width, request.height
    if model.sizes.follows_input or not request.images:
        return None
    picture = request.images[0]
    return parse_size(_closest((picture.width, picture.height), model.sizes.listed))


def _reframed(request: Edit) -> tuple[int, int]:
    """The size nearest in shape to what the margins make of the picture."""
    picture = request.pictures[0]
    across, down = picture.width + request.left + request.right, picture.height + request.up + request.down
    return parse_size(_closest((across, down), V3_SIZES))


def _closest(size: tuple[int, int], among: Iterable[str]) -> str:
    """The one nearest in shape, then in area."""

    def distance(other: str) -> tuple[float, float]:
        width, height = parse_size(other)
        shape, area = size[0] * height / (size[1] * width), size[0] * size[1] / (width * height)
        return round(max(shape, 1 / shape), 6), max(area, 1 / area)

    return min(among, key=distance)


def left_out(request: ImageRequest, model: Model, route: Route) -> list[Note]:
    """What was asked for and is not done as asked: the model takes it, this endpoint of it does not."""
    notes = [
        Note(ours, f"Ideogram does not take it for {request.operation}")
        for ours in sorted(model.honours - route.takes - route.implies)
        if getattr(request, ours, None) not in (None, Background.OPAQUE)
    ]
    if request.prompt and not route.words:
        notes.append(Note("prompt", f"Ideogram takes no words for {request.operation}", lossy=False))
    if route is TRANSPARENT and request.width is not None:
        shape = _size(request, model, route)["aspect_ratio"]
        notes.append(Note("size", f"without a background, Ideogram draws the shape {shape} as large as it can"))
    if isinstance(request, Edit) and request.kind is EditKind.OUTPAINT:
        width, height = _reframed(request)
        said = f"the picture is fitted into {width}x{height} where Ideogram sees fit, not grown by so many pixels"
        notes.append(Note("size", said))
    if isinstance(request, Upscale) and request.factor is not None:
        notes.append(Note("factor", "Ideogram chooses how much larger the picture gets"))
    return notes
