"""Better is better: a grade of quality is worth so much."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from proxy.policy.amounts import check_amount
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World

REASONS = {2: "draws in standard quality", 3: "draws in premium quality"}


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.02")
    """USD a picture, for standard over draft and again for premium over standard."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)


def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score the grades above a draft."""
    grade = candidate.offer.grade
    if grade <= 1:
        return KEEP
    return _score(grade, wish.request.n, options.worth)


@lru_cache(1024)
def _score(grade: int, pictures: int, worth: Decimal) -> Score:
    return Score(worth * ((grade - 1) * pictures), REASONS[grade])
