"""Sooner is better: a second less is worth so much."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from proxy.policy.amounts import check_amount, check_number
from proxy.policy.engine import Candidate, Drop, Score, Wish, World

SECONDS = {
    "p50": "seconds it takes: half of its latest requests took no longer",
    "p95": "seconds it takes: 19 of 20 of its latest requests took no longer",
    "configured": "seconds it takes, by its configuration",
    "unknown": "seconds assumed: nobody has timed it yet",
}


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What a second is worth, and which seconds are meant."""

    second: Decimal = Decimal("0.01")
    """USD a second."""
    of: Literal["p50", "p95"] = "p50"
    """What half of an offer's latest requests took at most, or 19 of 20."""
    unknown: float = 15.0
    """Seconds that an offer is taken to need of which none are known: never zero, or whoever was not asked yet would
    always be the fastest."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("second", self.second)
        check_number("unknown", self.unknown)


def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score the seconds it is expected to take, negative: as observed, else as configured, else the unknown."""
    offer = candidate.offer
    standing = candidate.standing
    observed = standing.p95 if options.of == "p95" else standing.p50
    if observed is not None:
        return _score(observed, options.second, options.of)
    if offer.seconds is not None:
        return _score(offer.seconds, options.second, "configured")
    return _score(options.unknown, options.second, "unknown")


@lru_cache(4096)
def _score(seconds: float, second: Decimal, known: str) -> Score:
    """Cached, as an offer's seconds stay the same for many plans."""
    exact = Decimal(f"{seconds:.3f}")
    return Score(-exact * second, f"{exact} {SECONDS[known]}")
