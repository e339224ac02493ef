"""A request made again from the facts that the ledger kept of it: not its words, but of their length. Pure."""

from __future__ import annotations

from math import ceil
from typing import Any

from pricing import Billable
from providers.contract import (
    Background,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Fidelity,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Model,
    Polarity,
    Quality,
    Sizes,
    Upscale,
    UpscaleKind,
)

LETTER = "x"
MASKED = frozenset({EditKind.INPAINT, EditKind.ERASE})
"""Edits whose last picture is a mask, where they have more than one."""


def asked(facts: Billable, model: str, served: Model | None = None) -> ImageRequest:
    """A request that has these facts, and so the same quote everywhere. Raises ValueError for an unknown operation.

    `served` is the model that did serve it, if one did: what the facts leave open was such that it could. A prompt is
    taken to be of one byte a letter, but for no longer than that model takes. Where more pictures were sent along than
    it takes, the last was a mask. A size that it draws and that nobody can ask it for was not asked for. What no price
    depends on is not kept, and not asked for again: formats, seeds, styles.
    """
    letters = min(facts.prompt_bytes, served.prompt_limit if served is not None else facts.prompt_bytes)
    does, _, kind = facts.operation.partition(".")
    sized = facts.width is not None and not (served is not None and _unasked(facts, served.sizes))
    shared: dict[str, Any] = {
        "model": model,
        "prompt": LETTER * letters,
        "grows": facts.prompt_bytes - letters,
        "n": facts.n,
        "width": facts.width if sized else None,
        "height": facts.height if sized else None,
        "quality": Quality(facts.quality) if facts.quality is not None else None,
        "background": Background(facts.background) if facts.background is not None else None,
        "previews": facts.previews,
    }
    pictures = tuple([Image.to_come(width, height) for width, height in facts.inputs])
    match does:
        case "generate":
            return Generate(references=pictures, **shared)
        case "edit" if pictures:
            return _edit(EditKind(kind), facts, pictures, shared, served)
        case "upscale" if pictures:
            return _upscale(UpscaleKind(kind), facts, pictures[0], shared)
        case "control" if pictures:
            looks = pictures[1] if len(pictures) > 1 else None
            return Control(kind=ControlKind(kind), picture=pictures[0], looks=looks, **shared)
    raise ValueError(f"nothing here does {facts.operation!r} with {len(pictures)} pictures")


def _unasked(facts: Billable, sizes: Sizes) -> bool:
    """Whether a size is one that a model chooses and that nobody can ask it for."""
    assert facts.width is not None
    assert facts.height is not None
    return f"{facts.width}x{facts.height}" == sizes.default and not sizes.draws(facts.width, facts.height)


def _edit(
    kind: EditKind, facts: Billable, pictures: tuple[Image, ...], shared: dict[str, Any], served: Model | None
) -> Edit:
    masked = kind in MASKED or (served is not None and len(pictures) > served.inputs)
    mask = Mask(pictures[-1], Polarity.WHITE) if masked and len(pictures) > 1 else None
    return Edit(
        kind=kind,
        pictures=pictures if mask is None else pictures[:-1],
        mask=mask,
        fidelity=Fidelity(facts.fidelity) if facts.fidelity is not None else None,
        search=LETTER if kind in {EditKind.SEARCH_REPLACE, EditKind.SEARCH_RECOLOR} else None,
        **shared,
    )


def _upscale(kind: UpscaleKind, facts: Billable, picture: Image, shared: dict[str, Any]) -> Upscale:
    """A size that is the picture's own, multiplied, was asked for as a factor: models without sizes take that alone."""
    factor = None
    if facts.width is not None and facts.height is not None and picture.width:
        times = facts.width / picture.width
        if times >= 1 and (ceil(picture.width * times), ceil(picture.height * times)) == (facts.width, facts.height):
            factor = times
            shared = shared | {"width": None, "height": None}
    return Upscale(kind=kind, picture=picture, factor=factor, **shared)
