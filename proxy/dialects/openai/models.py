"""`GET /v1/models` and `/v1/models/{model}`: OpenAI's four keys, and beside them what a model can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Card, Incoming, Outgoing
from proxy.dialects.openai.render import JSON

TYPES = frozenset({"image", "image_generation"})
"""What `?type=` may ask for and find: every model here makes images."""
CREATED = 1_735_689_600
"""2025-01-01. Clients want a number; no vendor says when its models were made."""


def list_models(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """Every model that could be asked for."""
    kind = incoming.query.get("type")
    shown = [_model(card) for card in cards if card.model.shows] if not kind or kind in TYPES else []
    return Outgoing(headers=JSON, body=(msgspec.json.encode({"object": "list", "data": shown}),))


def retrieve_model(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """One model by its name, slashes in it written as they are or as %2F. Raises REJECTED for an unknown one."""
    name = unquote(incoming.parts["model"]).strip("/")
    for card in cards:
        if card.name == name:
            return Outgoing(headers=JSON, body=(msgspec.json.encode(_model(card)),))
    detail = f"The model '{name}' does not exist or you do not have access to it."
    raise Failure(Fault.REJECTED, detail, code=Code.UNKNOWN_MODEL, field="model")


def _model(card: Card) -> dict[str, Any]:
    model = card.model
    sizes = model.sizes
    return {
        "id": card.name,
        "object": "model",
        "created": CREATED,
        "owned_by": card.providers[0] if card.providers else "darkroom",
        "shutdown_date": None,
        "type": "image",
        "display_name": model.title or card.name,
        "description": model.description,
        "served_by": card.served_by,
        "retired": card.retired,
        "capabilities": {
            "operations": sorted(model.operations),
            "sizes": list(sizes.listed),
            "any_size_in_steps_of": sizes.step or None,
            "default_size": sizes.default,
            "qualities": list(model.qualities),
            "output_formats": list(model.formats),
            "parameters": sorted(model.honours),
            "images_per_request": 10,
            "images_sent_along": model.inputs,
            "partial_images": model.previews,
            "transparent_background": "background" in model.honours,
        },
    }
