"""A picture drawn on this machine is worth more: it leaves no data elsewhere and uses what is paid already."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.01")
    """USD a picture."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        if not self.worth.is_finite():
            raise ValueError(f"worth is an amount in USD, not {self.worth}")


def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score an offer of this machine."""
    if not candidate.offer.here:
        return KEEP
    return Score(options.worth * wish.request.n, "drawn on this machine")
