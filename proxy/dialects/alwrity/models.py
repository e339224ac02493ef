"""`GET /edit/models` and `POST /edit/recommend`: which model to have a picture changed by."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from providers.contract import Code, EditKind
from proxy.dialects.alwrity.cost import edit_of, offers_of
from proxy.dialects.alwrity.listing import largest_of, named_here
from proxy.dialects.alwrity.operations import EDITS
from proxy.dialects.alwrity.pictures import stand_in
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Card, Incoming, Route, Talk, Talking
from proxy.dialects.fields import Table, choice, flag, integer, mapping, read, read_json, rejected, text
from proxy.dialects.wants import Cards, Want

TIERS = {"budget": Decimal("0.03"), "mid": Decimal("0.10"), "premium": Decimal("Infinity")}
"""What an edit by each costs at most, in USD. The words are the front end's, and it knows no others."""
SIDE = 1024
"""Pixels a side of the picture that prices are for."""
ALTERNATIVES = 3

RECOMMEND: Table = {
    "operation": ("operation", choice({name: name for name in EDITS})),
    "image_resolution": ("resolution", mapping),
    "user_tier": ("tier", text(32)),
    "preferences": ("preferences", mapping),
}
RESOLUTION: Table = {"width": ("width", integer(1, 100_000)), "height": ("height", integer(1, 100_000))}
PREFERENCES: Table = {"prioritize_cost": ("cost", flag), "prioritize_quality": ("quality", flag)}


class Editor(Struct, frozen=True):
    """A model that changes pictures."""

    card: Card
    usd: Decimal
    """For a picture of the usual size."""
    names: tuple[str, ...]
    """The edits it does, by their names here."""

    @property
    def tier(self) -> str:
        """What class of price it is of."""
        return next(tier for tier, most in TIERS.items() if self.usd <= most)

    @property
    def side(self) -> int:
        """The longest side it draws."""
        return max(largest_of(self.card.model))


def list_models(incoming: Incoming) -> Talk:
    """Every model that changes pictures, cheapest first; of an operation or a tier, where one is asked for."""
    operation = _one_of(incoming.query, "operation", EDITS)
    tier = _one_of(incoming.query, "tier", TIERS)
    editors = yield from _editors(operation)
    told = [_told(editor) for editor in editors if tier is None or editor.tier == tier]
    return reply({"models": told, "total": len(told)})


def recommend(incoming: Incoming) -> Talk:
    """The model for an edit: one that draws the picture's size, and the cheapest unless quality is preferred."""
    known, _ = read(read_json(incoming.body), RECOMMEND)
    if "operation" not in known:
        raise rejected("Missing required parameter: 'operation'.", Code.MISSING, "operation")
    size, _ = read(known.get("resolution", {}), RESOLUTION)
    wishes, _ = read(known.get("preferences", {}), PREFERENCES)
    side = max(size.get("width", 0), size.get("height", 0))
    editors = yield from _editors(known["operation"])
    if known.get("tier") in TIERS:
        editors = [editor for editor in editors if editor.tier == known["tier"]] or editors
    if not editors:
        detail = f"No model is configured for {known['operation']}."
        raise rejected(detail, Code.INVALID, "operation")
    fitting = [editor for editor in editors if editor.side >= side]
    ranked = fitting or sorted(editors, key=lambda editor: -editor.side)[:1]
    dearest = bool(wishes.get("quality")) and not wishes.get("cost")
    ranked = sorted(ranked, key=lambda editor: editor.usd, reverse=dearest)
    first, *others = ranked
    return reply(
        {
            "recommended_model": first.card.name,
            "reason": _reason(first, side, dearest=dearest, fits=bool(fitting)),
            "alternatives": [_alternative(each, first) for each in others[:ALTERNATIVES]],
        }
    )


def _editors(operation: str | None) -> Generator[Want, Any, list[Editor]]:
    """Models with a price: one whose price is not known is not offered, rather than offered for nothing."""
    cards: Sequence[Card] = yield Cards()
    found: list[Editor] = []
    for card in cards:
        names = tuple([name for name, editing in EDITS.items() if f"edit.{editing.kind}" in card.model.operations])
        if not names or not card.providers or not named_here(card) or operation not in (None, *names):
            continue
        kind = EDITS[operation].kind if operation else _usual(names)
        offers = yield from offers_of(edit_of(card.name, kind, stand_in(SIDE, SIDE)))
        if offers:
            assert offers[0].usd is not None
            found.append(Editor(card, offers[0].usd, names))
    return sorted(found, key=lambda editor: editor.usd)


def _usual(names: Sequence[str]) -> EditKind:
    """The edit a model's price is told for where none is named."""
    return EDITS["general_edit" if "general_edit" in names else names[0]].kind


def _told(editor: Editor) -> dict[str, Any]:
    card = editor.card
    several = card.model.inputs > 1
    return {
        "id": card.name,
        "name": card.title or card.model.title or card.name,
        "description": card.description or card.model.description,
        "cost": float(editor.usd),
        "cost_8k": None,
        "tier": editor.tier,
        "max_resolution": list(largest_of(card.model)),
        "capabilities": list(editor.names),
        "use_cases": [EDITS[name].description for name in editor.names],
        "features": [EDITS[name].label for name in editor.names] + ["Several pictures at once"] * several,
        "supports_multi_image": several,
        "supports_controlnet": any(name.startswith("control.") for name in card.model.operations),
        "languages": ["en"],
        "provider": card.providers[0],
    }


def _reason(editor: Editor, side: int, *, dearest: bool, fits: bool) -> str:
    why = "the dearest, taken for the best" if dearest else "the cheapest"
    if not fits:
        return f"None draws {side} pixels; {editor.card.name} comes nearest with {editor.side}"
    return f"{editor.card.name} is {why} that does this" + (f" at {side} pixels" if side else "")


def _alternative(editor: Editor, first: Editor) -> dict[str, Any]:
    word = "Costs more" if editor.usd > first.usd else "Costs less" if editor.usd < first.usd else "Costs the same"
    return {
        "model_id": editor.card.name,
        "name": editor.card.title or editor.card.model.title or editor.card.name,
        "cost": float(editor.usd),
        "reason": f"{word}; draws up to {editor.side} pixels a side",
    }


def _one_of(query: Mapping[str, str], name: str, choices: Mapping[str, Any]) -> str | None:
    said = query.get(name) or None
    if said is not None and said not in choices:
        raise rejected(f"Invalid {name}: '{said[:40]}'. It is one of {', '.join(choices)}.", Code.INVALID, name)
    return said


ROUTES: tuple[Route, ...] = (
    Talking(path="/api/image-studio/edit/models", talk=list_models),
    Talking(method="POST", path="/api/image-studio/edit/recommend", talk=recommend),
)
