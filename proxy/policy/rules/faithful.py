"""To do as asked is worth more: each wish that an offer would drop or change costs it so much."""

from __future__ import annotations

from decimal import Decimal

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


def rule(options: Options, candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Score the notes by which the caller loses something, negative."""
    if not isinstance(candidate.fit, Fit) or not candidate.fit.notes:
        return KEEP
    lost = [note.field for note in candidate.fit.notes if note.lossy]
    if not lost:
        return KEEP
    return Score(-options.worth * (len(lost) * wish.request.n), f"not done as asked: {', '.join(lost)}")
