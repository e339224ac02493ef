"""To do as asked is worth more: each wish that an offer would drop or change costs it so much."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from providers.contract import Fit
from proxy.policy.amounts import check_amount
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.01")
    """USD a picture, for each wish."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)


def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score the notes by which the caller loses something, negative."""
    if not isinstance(candidate.fit, Fit) or not candidate.fit.notes:
        return KEEP
    lost = tuple([note.field for note in candidate.fit.notes if note.lossy])
    return _score(lost, wish.request.n, options.worth) if lost else KEEP


@lru_cache(1024)
def _score(lost: tuple[str, ...], pictures: int, worth: Decimal) -> Score:
    """Cached, as many offers of a plan drop the same wishes."""
    return Score(-worth * (len(lost) * pictures), f"not done as asked: {', '.join(lost)}")
