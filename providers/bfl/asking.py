"""How Black Forest Labs is asked: the body of a submission, and what it leaves out."""

from __future__ import annotations

from typing import Any

from providers.bfl.models import ERASE, OUTPAINTING
from providers.contract import (
    Edit,
    EditKind,
    Format,
    ImageRequest,
    Model,
    Moderation,
    Note,
    Quality,
    as_text,
)

TOLERANT = 4
"""For a caller who wants little filtered: the vendor's own choice is 2, of at most 5 or, before FLUX.2, 6."""
MODES = {Quality.LOW: "fast", Quality.HIGH: "high"}
INPUTS = {
    **dict.fromkeys(("flux-pro-1.1", "flux-pro-1.1-ultra", "flux-dev"), ("image_prompt", "")),
    **dict.fromkeys(("flux-pro-1.0-fill", "flux-pro-1.0-expand", ERASE), ("image", "")),
}
"""What a model calls the first picture sent along, and the further ones."""
NEWER = ("input_image", "input_image_{}")
"""So does every model since, those the operator adds among them."""
RATIOS = {
    f"{across}:{down}": across / down
    for across, down in ((21, 9), (16, 9), (3, 2), (4, 3), (1, 1), (3, 4), (2, 3), (9, 16), (9, 21))
}


def body(request: ImageRequest, model: Model) -> dict[str, Any]:
    """What a submission says."""
    name = model.vendor_name
    fields: dict[str, Any] = {} if name == ERASE else {"prompt": request.prompt}
    fields |= _size(request, model)
    for ours in ("seed", "steps", "guidance", "user"):
        value = getattr(request, ours)
        if value not in (None, ""):
            fields[ours] = value
    if request.moderation is not None:
        fields["safety_tolerance"] = TOLERANT if request.moderation is Moderation.LOW else _most_tolerant(name)
    if request.quality is not None:
        fields["mode"] = MODES[request.quality]
    fields["output_format"] = str(request.format or Format.PNG)
    strength = getattr(request, "strength", None)
    if strength is not None and request.images:  # theirs says how much the picture counts, ours how little
        fields["image_prompt_strength"] = round(1 - strength, 6)
    return fields | _pictures(request, name)


def left_out(request: ImageRequest, model: Model) -> tuple[Note, ...]:
    """What was asked for and is not in the body."""
    notes = []
    if request.moderation is Moderation.OFF:
        notes.append(Note("moderation", "cannot be switched off; it is as tolerant as can be", lossy=False))
    if model.vendor_name == ERASE and request.prompt:
        notes.append(Note("prompt", "is not taken: the mask alone says what goes", lossy=False))
    return tuple(notes)


def _pictures(request: ImageRequest, name: str) -> dict[str, str]:
    mask = request.mask if isinstance(request, Edit) else None
    pictures = request.images if mask is None else request.images[:-1]
    first, further = INPUTS.get(name, NEWER)
    fields = {first if place == 1 else further.format(place): as_text(image) for place, image in enumerate(pictures, 1)}
    return fields if mask is None else fields | {"mask": as_text(mask.image)}


def _size(request: ImageRequest, model: Model) -> dict[str, Any]:
    """How large the result is to be, in the words of the model."""
    if isinstance(request, Edit) and request.kind is EditKind.OUTPAINT:
        left, right, up, down = request.left, request.right, request.up, request.down
        if model.vendor_name != OUTPAINTING:
            return {"top": up, "bottom": down, "left": left, "right": right}
        width, height = request.pictures[0].width + left + right, request.pictures[0].height + up + down
        return {"width": width, "height": height, "reference_offset_x": left, "reference_offset_y": up}
    if request.width is None or request.height is None:
        return {}
    if not model.sizes.by_shape:
        return {"width": request.width, "height": request.height}
    wanted = request.width / request.height
    return {"aspect_ratio": min(RATIOS, key=lambda ratio: max(RATIOS[ratio] / wanted, wanted / RATIOS[ratio]))}


def _most_tolerant(name: str) -> int:
    return 5 if name.startswith(("flux-2-", "flux-tools/")) else 6
