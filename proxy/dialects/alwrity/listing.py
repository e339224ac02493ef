"""`GET /providers`: who is configured, what each does and at what price."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from decimal import Decimal
from math import isqrt
from typing import Any

from msgspec import Struct

from providers.contract import Generate, Model
from providers.contract.model import parse_size
from proxy.dialects.alwrity.asking import Settings, settings
from proxy.dialects.alwrity.cost import amount, offers_of
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Card, Incoming, Route, Talk, Talking
from proxy.dialects.wants import Cards, Want

TITLES = {
    "stability": "Stability AI",
    "wavespeed": "WaveSpeed AI",
    "huggingface": "HuggingFace",
    "gemini": "Google Gemini",
}
"""What the document calls them; any other is called by its own name."""
CAPABILITIES = {"generate": "generation", "edit": "editing", "upscale": "upscaling", "control": "control"}
"""By the first word of an operation."""
SIDE_KNOWN = 100_000
"""A side from which a model states no bound at all."""


class Listed(Struct, frozen=True):
    """A provider, its models by the names they are asked for, and what a usual picture of each costs in USD."""

    name: str
    cards: tuple[Card, ...]
    prices: tuple[Decimal, ...]


def list_providers(incoming: Incoming) -> Talk:
    """Every provider that could serve this key."""
    told = settings(incoming.options)
    cards: Sequence[Card] = yield Cards()
    named = [card for card in cards if named_here(card)]
    prices = yield from _prices([card for card in named if "generate" in card.model.operations])
    found = dict.fromkeys(provider for card in named for provider in card.providers)
    listed = [
        Listed(name, tuple([card for card in named if name in card.providers]), tuple(prices.get(name, ())))
        for name in found
    ]
    return reply({"providers": {each.name: _told(each, told) for each in listed}})


def _prices(cards: Iterable[Card]) -> Generator[Want, Any, dict[str, list[Decimal]]]:
    """By provider, what one picture of each of its models costs, where that is known."""
    prices: dict[str, list[Decimal]] = {}
    for card in cards:
        for offer in (yield from offers_of(Generate(model=card.name))):
            assert offer.usd is not None
            prices.setdefault(offer.provider, []).append(offer.usd)
    return prices


def named_here(card: Card) -> bool:
    """Whether a name is for people to choose: a model's own, or one the configuration tells something of."""
    told = (card.title, card.description) != (card.model.title, card.model.description)
    return card.model.shows and (card.served_by == card.name or told)


def _told(listed: Listed, told: Settings) -> dict[str, Any]:
    operations = {operation.partition(".")[0] for card in listed.cards for operation in card.model.operations}
    largest = max([largest_of(card.model) for card in listed.cards], key=lambda size: size[0] * size[1])
    return {
        "name": told.titles.get(listed.name) or TITLES.get(listed.name, listed.name),
        "models": [card.name for card in listed.cards],
        "capabilities": [word for operation, word in CAPABILITIES.items() if operation in operations],
        "max_resolution": f"{largest[0]}x{largest[1]}",
        "cost_range": _range(listed.prices, told),
    }


def largest_of(model: Model) -> tuple[int, int]:
    """The largest picture a model draws; of those on a grid, the largest square."""
    sizes = model.sizes
    found = [parse_size(size) for size in (*sizes.listed, *sizes.auto, sizes.default)]
    if sizes.step:
        side = min(sizes.max_side, isqrt(sizes.max_pixels)) // sizes.step * sizes.step
        if side < SIDE_KNOWN:
            found.append((side, side))
    return max(found, key=lambda size: size[0] * size[1])


def _range(prices: Sequence[Decimal], told: Settings) -> str:
    if not prices:
        return "not known"
    least, most = amount(min(prices), told), amount(max(prices), told)
    if told.currency == "USD":
        return f"${least}-${most} per image" if least != most else f"${least} per image"
    return f"{least}-{most} credits" if least != most else f"{least} credits"


ROUTES: tuple[Route, ...] = (Talking(path="/api/image-studio/providers", talk=list_providers),)
