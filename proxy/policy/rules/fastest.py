"""Sooner is better: a second less is worth so much.

What is drawn on this machine takes what such pictures were measured to take, after the wait for its turn and for its
model to be loaded.
"""

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
    "measured": "seconds it takes here, as such pictures were measured to",
}
HERE = {
    "wait": "after a wait for its turn here",
    "load": "after a wait for its turn here, and for its model to be loaded",
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
    seconds, known = _takes(candidate, options)
    local = candidate.local
    if local is None or not local.begins_s:
        return _score(seconds, options.second, known)
    waits = "load" if not local.warm and local.load_s else "wait"
    return _score(seconds + local.begins_s, options.second, known, waits)


def _takes(candidate: Candidate, options: Options) -> tuple[float, str]:
    """Seconds it takes once its turn has come, and how they are known."""
    here, seconds, standing = candidate.draws_s, candidate.offer.seconds, candidate.standing
    if here is not None:
        return here, "measured"
    observed = standing.p95 if options.of == "p95" else standing.p50
    if observed is not None:
        return observed, options.of
    return (options.unknown, "unknown") if seconds is None else (seconds, "configured")


@lru_cache(4096)
def _score(seconds: float, second: Decimal, known: str, waits: str | None = None) -> Score:
    """Cached, as an offer's seconds stay the same for many plans."""
    exact = Decimal(f"{seconds:.3f}")
    told = SECONDS[known] if waits is None else f"{SECONDS[known]}, {HERE[waits]}"
    return Score(-exact * second, f"{exact} {told}")
