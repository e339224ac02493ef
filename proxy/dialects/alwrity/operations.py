"""What can be done to a picture and steered by one: a row each, and the routes that tell of those configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from providers.contract import ControlKind, EditKind
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Card, Incoming, Informing, Outgoing, Route

EDIT_FIELDS = (
    *("prompt", "mask", "negative_prompt", "search_prompt"),
    *("select_prompt", "background", "lighting", "expansion"),
)
CONTROL_FIELDS = ("control_image", "style_image", "control_strength", "fidelity", "style_strength", "aspect_ratio")


class Editing(Struct, frozen=True, kw_only=True):
    """An edit as this dialect knows it."""

    kind: EditKind
    role: str
    """The name of a model that does it."""
    label: str
    description: str
    shown: frozenset[str]
    """The fields that a form for it shows, of EDIT_FIELDS."""
    takes: frozenset[str]
    """Fields of this dialect's own that it has a use for, by their names in the body."""
    needs: tuple[str, ...] = ()
    missing: str = ""
    """Said where one of those is missing."""


class Steering(Struct, frozen=True, kw_only=True):
    """A way a picture steers a new one."""

    kind: ControlKind
    label: str
    description: str
    shown: frozenset[str]
    takes: frozenset[str]


EDITS: Mapping[str, Editing] = {
    "remove_background": Editing(
        kind=EditKind.REMOVE_BACKGROUND,
        role="remove-background",
        label="Remove Background",
        description="Cuts the main subject out and leaves nothing behind it",
        shown=frozenset(),
        takes=frozenset(),
    ),
    "inpaint": Editing(
        kind=EditKind.INPAINT,
        role="inpaint",
        label="Inpaint & Fix",
        description="Draws what the prompt says where the mask is white; anywhere, without a mask",
        shown=frozenset({"prompt", "mask", "negative_prompt"}),
        takes=frozenset({"prompt", "mask_base64"}),
        needs=("prompt",),
        missing="Prompt is required for inpainting",
    ),
    "outpaint": Editing(
        kind=EditKind.OUTPAINT,
        role="outpaint",
        label="Outpaint",
        description="Adds canvas on any side and goes on with the scene there",
        shown=frozenset({"negative_prompt", "expansion"}),
        takes=frozenset({"prompt", "expand_left", "expand_right", "expand_up", "expand_down"}),
    ),
    "search_replace": Editing(
        kind=EditKind.SEARCH_REPLACE,
        role="search-replace",
        label="Search & Replace",
        description="Finds a thing by its name and puts another in its place",
        shown=frozenset({"prompt", "search_prompt"}),
        takes=frozenset({"prompt", "search_prompt"}),
        needs=("prompt", "search_prompt"),
        missing="Both prompt and search_prompt are required for search & replace",
    ),
    "search_recolor": Editing(
        kind=EditKind.SEARCH_RECOLOR,
        role="search-recolor",
        label="Search & Recolor",
        description="Finds a thing by its name and gives it other colors",
        shown=frozenset({"prompt", "select_prompt"}),
        takes=frozenset({"prompt", "select_prompt"}),
        needs=("prompt", "select_prompt"),
        missing="Both prompt and select_prompt are required for search & recolor",
    ),
    "relight": Editing(
        kind=EditKind.REPLACE_BACKGROUND,
        role="replace-background",
        label="Replace Background & Relight",
        description="Puts the subject before another background and into its light",
        shown=frozenset({"background", "lighting"}),
        takes=frozenset({"prompt", "background_image_base64", "lighting_image_base64"}),
    ),
    "general_edit": Editing(
        kind=EditKind.GENERAL,
        role="edit",
        label="Prompt-based Edit",
        description="Changes the picture as the prompt says, within a mask if there is one",
        shown=frozenset({"prompt", "mask", "negative_prompt"}),
        takes=frozenset({"prompt", "mask_base64"}),
        needs=("prompt",),
        missing="Prompt is required for general edits",
    ),
}
STEERED: Mapping[str, Steering] = {
    "sketch": Steering(
        kind=ControlKind.SKETCH,
        label="Sketch to Image",
        description="Makes a finished picture of a drawing",
        shown=frozenset({"control_image", "control_strength"}),
        takes=frozenset({"control_strength"}),
    ),
    "structure": Steering(
        kind=ControlKind.STRUCTURE,
        label="Structure Control",
        description="Keeps how a picture is built and draws something else",
        shown=frozenset({"control_image", "control_strength"}),
        takes=frozenset({"control_strength"}),
    ),
    "style": Steering(
        kind=ControlKind.STYLE,
        label="Style Control",
        description="Draws the prompt in the style of a picture",
        shown=frozenset({"control_image", "fidelity", "aspect_ratio"}),
        takes=frozenset({"fidelity", "aspect_ratio"}),
    ),
    "style_transfer": Steering(
        kind=ControlKind.STYLE_TRANSFER,
        label="Style Transfer",
        description="Redraws one picture in the style of another",
        shown=frozenset({"control_image", "style_image", "style_strength"}),
        takes=frozenset({"style_image_base64", "style_strength", "composition_fidelity", "change_strength"}),
    ),
}


def list_edits(_: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /edit/operations`: every edit that a configured model does, and the fields of its form."""
    found: dict[str, Any] = {}
    for name, editing in EDITS.items():
        card = doing(f"edit.{editing.kind}", editing.role, cards)
        if card is not None:
            fields = {field: field in editing.shown for field in EDIT_FIELDS}
            found[name] = {**_told(editing, card), "async": False, "fields": fields}  # the caller never has to poll
    return reply({"operations": found})


def list_controls(_: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /control/operations`: the same for control."""
    found: dict[str, Any] = {}
    for name, steering in STEERED.items():
        card = doing(f"control.{steering.kind}", "control", cards)
        if card is not None:
            fields = {field: field in steering.shown for field in CONTROL_FIELDS}
            found[name] = {**_told(steering, card), "fields": fields}
    return reply({"operations": found})


def doing(operation: str, role: str, cards: Sequence[Card]) -> Card | None:
    """A model that does an operation and has somebody to serve it: the one by its role before any other."""
    able = [card for card in cards if operation in card.model.operations and card.providers]
    return next((card for card in able if card.name == role), able[0] if able else None)


def _told(operation: Editing | Steering, card: Card) -> dict[str, Any]:
    return {"label": operation.label, "description": operation.description, "provider": card.providers[0]}


ROUTES: tuple[Route, ...] = (
    Informing(path="/api/image-studio/edit/operations", answer=list_edits),
    Informing(path="/api/image-studio/control/operations", answer=list_controls),
)
