"""An offer that often fails costs time and another attempt: its error rate costs it so much."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from proxy.policy.amounts import check_amount
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.05")
    """USD a request that does not fail."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)


@unless(lambda wish, world: not world.health)
def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score the share of its latest requests that failed, negative."""
    rate = candidate.standing.error_rate
    return _score(rate, options.worth) if rate else KEEP


@lru_cache(4096)
def _score(rate: float, worth: Decimal) -> Score:
    """Cached, as an offer's rate stays the same for many plans."""
    exact = Decimal(f"{rate:.4f}")
    return Score(-exact * worth, f"{rate:.1%} of its latest requests failed")
