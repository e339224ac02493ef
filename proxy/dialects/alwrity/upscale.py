"""`POST /upscale`: a picture made larger, to a size or by as much as the model does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from providers.contract import Code, Format, Image, ImageRequest, Note, Upscale, UpscaleKind
from proxy.dialects.alwrity.asking import PROMPT_LIMIT, ignored, needed
from proxy.dialects.alwrity.edit import one_picture
from proxy.dialects.alwrity.pictures import decode, size_of, source
from proxy.dialects.alwrity.replies import worded
from proxy.dialects.contract import Ask, Generating, Incoming, Outgoing, Route, Served
from proxy.dialects.fields import Table, choice, integer, read, read_json, rejected, text

IMAGE = "image_base64"
PRESETS = {"web": 2048, "print": 3072, "social": 1080}
"""The longest side each makes, in pixels."""
SIDE_MOST = 16_384
PIXELS_MOST = 64_000_000
LARGE = 3000
"""The longest side from which `auto` is careful instead of fast."""
PROMPTS = {
    UpscaleKind.CONSERVATIVE: "The same picture with every detail kept, sharper and larger",
    UpscaleKind.CREATIVE: "The same picture, larger, with finer detail and richer texture",
}
"""What is said where the caller says nothing: these ways of enlarging want words."""
MODES = {"auto": None} | {str(kind): kind for kind in UpscaleKind}

UPSCALE: Table = {
    IMAGE: (IMAGE, decode),
    "mode": ("mode", choice(MODES)),
    "target_width": ("width", integer(1, SIDE_MOST)),
    "target_height": ("height", integer(1, SIDE_MOST)),
    "preset": ("preset", choice({name: name for name in PRESETS})),
    "prompt": ("prompt", text(PROMPT_LIMIT)),
}


class Echo(Struct, frozen=True, kw_only=True):
    """What an answer repeats of its request."""

    mode: UpscaleKind
    preset: str | None
    width: int
    """Of the picture that was sent."""
    height: int
    target: tuple[int | None, int | None]
    """As the caller said it."""
    prompt: str


def parse(incoming: Incoming) -> Ask:
    """A request to enlarge a picture. One that would not enlarge it is refused before it costs anything."""
    known, unknown = read(read_json(incoming.body), UPSCALE)
    needed(known, [IMAGE], "Primary image is required for upscaling")
    body: bytes = known[IMAGE]
    width, height = size_of(IMAGE, body)
    notes = ignored(unknown)
    preset = known.get("preset")
    target = known.get("width"), known.get("height")
    size = _target(width, height, *target, preset, notes)
    kind = known.get("mode") or (
        UpscaleKind.CONSERVATIVE if size is not None and max(size) >= LARGE else UpscaleKind.FAST
    )
    prompt = known.get("prompt", "")
    if kind is UpscaleKind.FAST and prompt:
        notes.append(Note("prompt", "fast upscaling takes no prompt"))
        prompt = ""
    prompt = prompt or PROMPTS.get(kind, "")
    return Ask(
        compose=_composing(kind, size, prompt),
        sources=(source(IMAGE, body),),
        base64=True,
        notes=tuple(notes),
        echo=Echo(mode=kind, preset=preset, width=width, height=height, target=target, prompt=prompt),
    )


def _target(
    width: int, height: int, across: int | None, down: int | None, preset: str | None, notes: list[Note]
) -> tuple[int, int] | None:
    """The size to make: as said, a side left open in the picture's own shape; by preset; or None, the model's own."""
    if across or down:
        if preset is not None:
            notes.append(Note("preset", "the target size goes before it", lossy=False))
        field = "target_width" if across else "target_height"
        scale = (across or 0) / width or (down or 0) / height
        size = across or round(width * scale), down or round(height * scale)
    elif preset is not None:
        field, scale = "preset", PRESETS[preset] / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
    else:
        return None
    if max(size[0] / width, size[1] / height) <= 1:
        detail = f"The image is {width}x{height} already, and {field} asks for {size[0]}x{size[1]}: choose a larger one"
        raise rejected(detail, Code.INVALID, field)
    if size[0] * size[1] > PIXELS_MOST:
        raise rejected(f"An image of {size[0]}x{size[1]} is larger than any made here", Code.ABOVE_MAXIMUM, field)
    return size


def _composing(
    kind: UpscaleKind, size: tuple[int, int] | None, prompt: str
) -> Callable[[Sequence[Image]], ImageRequest]:
    wanted: dict[str, Any] = {} if size is None else {"width": size[0], "height": size[1], "exact": True}

    def compose(pictures: Sequence[Image]) -> ImageRequest:
        return Upscale(model="upscale", kind=kind, picture=pictures[0], prompt=prompt, format=Format.PNG, **wanted)

    return compose


def render(ask: Ask, served: Served) -> Outgoing:
    """The picture, and how much larger it is."""
    echo: Echo = ask.echo
    image = served.pictures[0].image
    metadata: dict[str, Any] = {
        "preset": echo.preset,
        "original_width": echo.width,
        "original_height": echo.height,
        "upscale_factor": round(image.width / echo.width, 3),
        "target_width": echo.target[0],
        "target_height": echo.target[1],
        "prompt": echo.prompt or None,
        "processing_time": round(served.seconds, 3),
        "provider": served.provider,
        "model": served.drawn_by or served.model,
    }
    if served.notes:
        metadata["notes"] = worded(served.notes)
    return one_picture({"success": True, "mode": str(echo.mode)}, image, metadata)


ROUTES: tuple[Route, ...] = (
    Generating(path="/api/image-studio/upscale", operation="upscale", parse=parse, render=render),
)
