"""A plain request of every kind, in the terms of the model that is to do it."""

from __future__ import annotations

from typing import Any

from providers.contract import (
    Control,
    ControlKind,
    Edit,
    EditKind,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Model,
    Polarity,
    Upscale,
    UpscaleKind,
)
from tests.pictures import png
from tests.providers.recording import picture


def sides(model: Model) -> tuple[int, int]:
    """A small size that pictures sent to a model may have, in the shape 4:3 if it takes that."""
    accepts = model.accepts
    for scale in range(16, 400):
        for size in ((scale * 4, scale * 3), (scale * 4, scale * 4)):
            if accepts.against(Image.to_come(*size)) is None:
                return size
    raise AssertionError(f"{model.name} accepts no picture")


def request_for(model: Model, operation: str, **fields: Any) -> ImageRequest:
    """A plain request of a kind."""
    does, _, kind = operation.partition(".")
    common: dict[str, Any] = {"model": model.name, "prompt": "a red boat", **fields}
    width, height = sides(model)
    one = Image(png(width, height))
    if does == "edit":
        masked = kind == "inpaint" or "mask" in model.needs
        mask = Mask(Image(picture(f"white+black-{width}x{height}.png")), Polarity.WHITE) if masked else None
        search = "a boat" if kind in ("search_replace", "search_recolor") else None
        left = 64 if kind == "outpaint" else 0
        edit = {"kind": EditKind(kind), "pictures": (one,), "mask": mask, "search": search, "left": left}
        return Edit(**{**edit, **common})
    if does == "upscale":
        return Upscale(kind=UpscaleKind(kind), picture=one, **common)
    if does == "control":
        looks = Image(png(width, height + 1)) if kind == "style_transfer" else None
        return Control(kind=ControlKind(kind), picture=one, looks=looks, **common)
    return Generate(references=(one,) if kind else (), **common)
