"""Who asks, what is left of the budget, and which models there are.

https://docs.leonardo.ai/reference/getuserself
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from providers.contract.model import parse_size
from proxy.dialects.contract import Card, Incoming, Outgoing, Talk
from proxy.dialects.leonardo.credits import credits_left, rate
from proxy.dialects.leonardo.generations import told
from proxy.dialects.leonardo.models import MODELS, known
from proxy.dialects.leonardo.shapes import user_id
from proxy.dialects.wants import Money, Purse

SLOTS = 10
"""Requests at a time this API speaks of; here a key's own limits hold."""
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def me(incoming: Incoming) -> Talk:
    """`GET /me`: the team, and what its budget still buys. Counters are whole numbers, or official clients break."""
    credit = rate(incoming.options)
    purse: Purse = yield Money()
    details = {
        "user": {"id": user_id(purse.team), "username": purse.team},
        "tokenRenewalDate": None,
        "paidTokens": 0,
        "subscriptionTokens": 0,
        "subscriptionGptTokens": 0,
        "subscriptionModelTokens": 0,
        "apiConcurrencySlots": SLOTS,
        "apiPaidTokens": credits_left(purse.left, credit),
        "apiSubscriptionTokens": 0,
        "apiPlanTokenRenewalDate": None,
    }
    return told(user_details=[details])


def platform_models(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /platformModels`: the names that are ids, as they are here, in the order of their table."""
    places = {name: place for place, name in enumerate(MODELS)}
    shown = sorted(
        (card for card in cards if UUID.fullmatch(card.name)),
        key=lambda card: (places.get(card.name, len(places)), card.name),
    )
    return told(custom_models=[_platform_model(card) for card in shown])


def model(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /models/{id}`; null for one that cannot be asked for."""
    wanted = incoming.parts["id"]
    found = next((card for card in cards if card.name in (wanted, wanted.lower())), None)
    return told(custom_models_by_pk=None if found is None else _model(found))


def own_models(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /models/user/{userId}`: nobody trains models here."""
    return told(custom_models=[])


def elements(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /elements`: those a provider has are not listed; they can be named all the same."""
    return told(loras=[])


def own_elements(incoming: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /elements/user/{userId}`: nobody trains elements here."""
    return told(user_loras=[])


def _platform_model(card: Card) -> dict[str, Any]:
    return {
        "id": card.name,
        "name": _title(card),
        "description": card.description,
        "nsfw": False,
        "featured": False,
        "generated_image": None,
    }


def _model(card: Card) -> dict[str, Any]:
    width, height = parse_size(card.model.sizes.default)
    shown = {
        "id": card.name,
        "name": _title(card),
        "description": card.description,
        "instancePrompt": None,
        "modelHeight": height,
        "modelWidth": width,
        "public": True,
        "status": "COMPLETE",
        "type": "GENERAL",
    }
    version = known(card.name).version
    return shown if version is None else shown | {"sdVersion": version}


def _title(card: Card) -> str:
    """As it is titled here; as its maker titles it, where the title is only that of the model behind it."""
    own = card.title if card.title != card.model.title else ""
    return own or known(card.name).name or card.title or card.model.title or card.name
