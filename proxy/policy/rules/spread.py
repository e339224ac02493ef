"""Requests are spread by weight among offers that are worth about the same.

Lots are drawn by the request's id: whoever plans the same request again draws the same. Offers further apart than
`worth` are not spread over: that is what it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from proxy.policy.amounts import LOTS, check_amount, check_number, lot
from proxy.policy.engine import Candidate, Drop, Score, Wish, World, unless


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth, and who gets how much."""

    worth: Decimal = Decimal("0.001")
    """USD a request, at most."""
    weights: Mapping[str, float] = {}
    """Shares by offer or by provider; 1 for whoever is not named, and 0 for whoever is to come last."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)
        for name, weight in self.weights.items():
            check_number(f"the weight of {name}", weight)


@unless(lambda wish, world: not wish.id)
def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score the offer's lot for this request."""
    offer = candidate.offer
    weight = 1.0
    if options.weights:
        weight = options.weights.get(offer.name, options.weights.get(offer.provider, 1.0))
    return _score(lot(wish.id, offer.name, weight), options.worth)


@lru_cache(2 * LOTS)
def _score(drawn: int, worth: Decimal) -> Score:
    return Score(worth * drawn / LOTS, "its lot for this request")
