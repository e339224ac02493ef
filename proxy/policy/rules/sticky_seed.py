"""The same seed goes to the same offer, so that it has a chance to give the same picture.

Offers that take the seed draw lots by it: which of them is worth most depends on the seed and on nothing else, and one
that falls out moves only the seeds it had. An offer that would drop the seed is worth nothing here.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from providers.contract import Fit
from proxy.policy.amounts import LOTS, check_amount, lot
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.01")
    """USD a request, at most."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)


@unless(lambda wish, world: wish.request.seed is None)
def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score the offer's lot for the seed."""
    seed = wish.request.seed
    if seed is None or not isinstance(candidate.fit, Fit) or candidate.fit.request.seed is None:
        return KEEP
    return _score(lot(seed, candidate.offer.name), options.worth)


@lru_cache(2 * LOTS)
def _score(drawn: int, worth: Decimal) -> Score:
    return Score(worth * drawn / LOTS, "its lot for this seed")
