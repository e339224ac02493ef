"""`GET /v1/models` and `/v1/models/{model}`: OpenAI's four keys, and beside them what a model can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault, Model
from proxy.dialects.contract import Card, Incoming, Outgoing, Sold
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


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a model takes and gives, as data: what `fit` and the policy go by."""

    operations: list[str]
    sizes: tuple[str, ...]
    any_size_in_steps_of: int | None
    smallest_side: int | None
    """Of any size, where any is drawn; likewise below."""
    largest_side: int | None
    most_pixels: int | None
    default_size: str
    qualities: tuple[str, ...]
    output_formats: tuple[str, ...]
    parameters: list[str]
    """Optional fields it takes; any other is dropped with a note, or refused where the request is strict."""
    required: list[str]
    ranges: Mapping[str, tuple[float, float]]
    styles: list[str]
    prompt_limit: int
    """Characters."""
    images_per_request: int
    images_sent_along: int
    input_formats: list[str]
    partial_images: int
    transparent_background: bool


class Priced(Struct, frozen=True, kw_only=True):
    """Where it is to be had. Amounts are USD, as text."""

    id: str
    provider: str
    model: str
    tier: str
    regions: tuple[str, ...]
    """Where its accounts keep what they are sent, as far as that is known."""
    from_usd: str | None
    """The cheapest plain picture; `X-Darkroom-Dry-Run: plan` tells the price of a request."""
    unpriced: str | None


def _model(card: Card) -> dict[str, Any]:
    prices = [sold.from_usd for sold in card.sold if sold.from_usd is not None]
    return {
        "id": card.name,
        "object": "model",
        "created": CREATED,
        "owned_by": card.providers[0] if card.providers else "darkroom",
        "shutdown_date": None if card.ends is None else card.ends.isoformat(),
        "type": "image",
        "display_name": card.title or (card.model.title if card.tier is None else "") or card.name,
        "description": card.description or card.model.description,
        "served_by": card.served_by,
        "retired": card.retired,
        "successor": card.successor,
        "tier": card.tier,
        "from_usd": _usd(min(prices)) if prices else None,
        "offers": [_priced(sold) for sold in card.sold],
        "capabilities": _capabilities(card.model),
    }


def _priced(sold: Sold) -> Priced:
    return Priced(
        id=sold.offer,
        provider=sold.provider,
        model=sold.model,
        tier=sold.tier,
        regions=sold.regions,
        from_usd=None if sold.from_usd is None else _usd(sold.from_usd),
        unpriced=sold.unpriced,
    )


def _usd(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _capabilities(model: Model) -> Capabilities:
    sizes = model.sizes
    free = sizes.step > 0
    return Capabilities(
        operations=sorted(model.operations),
        sizes=sizes.listed,
        any_size_in_steps_of=sizes.step or None,
        smallest_side=sizes.min_side if free else None,
        largest_side=sizes.max_side if free else None,
        most_pixels=sizes.max_pixels if free else None,
        default_size=sizes.default,
        qualities=model.qualities,
        output_formats=model.formats,
        parameters=sorted(model.honours),
        required=sorted(model.needs),
        ranges=model.ranges,
        styles=sorted(model.styles),
        prompt_limit=model.prompt_limit,
        images_per_request=10,
        images_sent_along=model.inputs,
        input_formats=sorted(model.accepts.formats) if model.inputs else [],
        partial_images=model.previews,
        transparent_background="background" in model.honours,
    )
