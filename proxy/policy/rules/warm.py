"""A model that is in memory here already is worth more: another one has to be loaded first, and may push it out."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from proxy.policy.amounts import check_amount
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.005")
    """USD a request."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)


@unless(lambda wish, world: not world.local)
def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score a model of this machine that is in memory."""
    local = candidate.local
    return _score(options.worth) if local is not None and local.warm else KEEP


@lru_cache(64)
def _score(worth: Decimal) -> Score:
    return Score(worth, "its model is in memory here")
