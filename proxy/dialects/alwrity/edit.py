"""`POST /edit/process`: one picture changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Code, Edit, EditKind, Format, Image, ImageRequest, Mask, Note, Polarity
from providers.contract.image import Buffer
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
from proxy.dialects.alwrity.operations import EDITS, Editing
from proxy.dialects.alwrity.pictures import data_url, picture, source
from proxy.dialects.alwrity.replies import JSON, members, worded
from proxy.dialects.contract import Ask, Generating, Incoming, Outgoing, Route, Served, Source
from proxy.dialects.fields import Table, choice, integer, mapping, read, read_json, rejected, text

IMAGE, MASK = "image_base64", "mask_base64"
BACKGROUND, LIGHTING = "background_image_base64", "lighting_image_base64"
SIDES = {"expand_left": "left", "expand_right": "right", "expand_up": "up", "expand_down": "down"}
EXPANSION = integer(0, 4096)
SPECIAL = ("prompt", "search_prompt", "select_prompt", MASK, BACKGROUND, LIGHTING, *SIDES)
"""Fields that not every edit has a use for."""
NO_REFERENCE = "At least one reference (background or lighting) is required for relight"
ALONE = "A background reference is required beside the lighting reference for relight"
"""Nothing could tell a lighting reference that comes alone from a background."""
FRONT_END = "wavespeed"
"""The provider a front end names beside whichever model was picked for edits by prompt, and sends with every edit."""


def _expansion(name: str, value: Any) -> int | None:
    """Pixels to add; 0, which clients send for every side, is nothing asked for."""
    return EXPANSION(name, value) or None


EDIT: Table = {
    **SHARED,
    "operation": ("operation", choice({name: name for name in EDITS})),
    "prompt": ("prompt", text(PROMPT_LIMIT)),
    "search_prompt": ("search_prompt", text(PROMPT_LIMIT)),
    "select_prompt": ("select_prompt", text(PROMPT_LIMIT)),
    IMAGE: (IMAGE, picture),
    MASK: (MASK, picture),
    BACKGROUND: (BACKGROUND, picture),
    LIGHTING: (LIGHTING, picture),
    **{name: (name, _expansion) for name in SIDES},
    "output_format": ("format", IMAGE_FORMAT),
    "options": ("options", mapping),
}


class Echo(Struct, frozen=True, kw_only=True):
    """What an answer repeats of its request."""

    operation: str
    style: str | None = None
    strengths: Mapping[str, float] = {}


def parse(incoming: Incoming) -> Ask:
    """A request to change a picture."""
    known, unknown = read(read_json(incoming.body), EDIT)
    needed(known, [IMAGE], "Primary image payload is required")
    needed(known, ["operation"], "Missing required parameter: 'operation'.")
    seeded(known)
    name = known.pop("operation")
    editing = EDITS[name]
    notes = ignored(unknown)
    notes += [Note(f"options.{key[:64]}", "is not passed on") for key in known.pop("options", {})]
    notes += unused(known, [each for each in SPECIAL if each not in editing.takes], name)
    needed(known, editing.needs, editing.missing)
    providers = _served_by(known, editing, incoming, notes)
    kind, role = _kind(editing, known, notes)
    known.setdefault("model", role)
    known.setdefault("format", Format.PNG)
    sources, masked = _sources(known)
    known["search"] = known.pop("search_prompt", None) or known.pop("select_prompt", None)
    for theirs, ours in SIDES.items():
        known[ours] = known.pop(theirs, 0)
    request = Edit(kind=kind, pictures=(), **known)
    return Ask(
        compose=_composing(request, masked=masked),
        sources=tuple(sources),
        base64=True,
        providers=providers,
        notes=tuple(notes),
        echo=Echo(operation=name, style=request.style),
    )


def _served_by(known: dict[str, Any], editing: Editing, incoming: Incoming, notes: list[Note]) -> tuple[str, ...]:
    """The only providers that may serve it. What the front end sends by itself binds nobody."""
    provider = known.pop("provider", None)
    if provider == FRONT_END and "model" in known:
        provider = None
        if editing.kind is not EditKind.GENERAL:
            picked = known.pop("model")
            notes.append(Note("model", f"'{picked}' was picked for edits by prompt; this one goes to {editing.role}"))
    providers, said = allowed(provider, settings(incoming.options))
    notes += said
    return providers


def _kind(editing: Editing, known: Mapping[str, Any], notes: list[Note]) -> tuple[EditKind, str]:
    """What the edit is in our words, and the name of a model for it: a mask is what makes the difference."""
    masked = EDITS["inpaint"]
    if editing.kind is EditKind.GENERAL and MASK in known:
        return masked.kind, masked.role
    if editing.kind is EditKind.INPAINT and MASK not in known:
        notes.append(Note(MASK, "was not sent: anything in the picture may change", lossy=False))
        return EDITS["general_edit"].kind, EDITS["general_edit"].role
    if editing.kind is EditKind.OUTPAINT and not any(known.get(side) for side in SIDES):
        raise rejected(f"At least one of {', '.join(SIDES)} is required for outpainting", Code.MISSING, "expand_left")
    if editing.kind is EditKind.REPLACE_BACKGROUND and BACKGROUND not in known:
        raise rejected(ALONE if LIGHTING in known else NO_REFERENCE, Code.MISSING, BACKGROUND)
    return editing.kind, editing.role


def _sources(known: dict[str, Any]) -> tuple[list[Source], bool]:
    """The pictures in the order they are composed in, the mask last; and whether there is one."""
    sent = [(name, known.pop(name, None)) for name in (IMAGE, BACKGROUND, LIGHTING, MASK)]
    return [source(name, body) for name, body in sent if body is not None], sent[-1][1] is not None


def _composing(request: Edit, *, masked: bool) -> Callable[[Sequence[Image]], ImageRequest]:
    def compose(pictures: Sequence[Image]) -> ImageRequest:
        if not masked:
            return replace(request, pictures=tuple(pictures))
        return replace(request, pictures=tuple(pictures[:-1]), mask=Mask(pictures[-1], Polarity.WHITE))

    return compose


def render(ask: Ask, served: Served) -> Outgoing:
    """The picture, where it comes from and what it took."""
    echo: Echo = ask.echo
    image = served.pictures[0].image
    metadata: dict[str, Any] = {
        "operation": echo.operation,
        "processing_time": round(served.seconds, 3),
        "width": image.width,
        "height": image.height,
        "provider": served.provider,
        "model": served.drawn_by or served.model,
        "style_preset": echo.style,
        "seed": served.pictures[0].seed,
        **echo.strengths,
    }
    if served.notes:
        metadata["notes"] = worded(served.notes)
    before = {"success": True, "operation": echo.operation, "provider": served.provider}
    return one_picture(before, image, metadata)


def one_picture(before: Mapping[str, Any], image: Image, metadata: Mapping[str, Any]) -> Outgoing:
    """An answer with one picture in it, as a data URL."""
    after = {"width": image.width, "height": image.height, "metadata": metadata}
    body: list[Buffer] = [b"{" + members(before) + b',"image_base64":', *data_url(image)]
    body.append(b"," + members(after) + b"}")
    return Outgoing(headers=JSON, body=tuple(body))


ROUTES: tuple[Route, ...] = (
    Generating(path="/api/image-studio/edit/process", operation="edit", parse=parse, render=render),
)
