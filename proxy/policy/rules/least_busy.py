"""Room is better: an offer costs so much more the nearer it is to all it takes at once, and the longer its queue.

On this machine the queue is as long as the seconds of drawing in it, over those that the request itself should take;
where nobody knows these, as the requests in it.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from proxy.policy.amounts import check_amount
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless

LEAST_S = 0.1
"""Seconds that a request is taken to draw at least, beside those before it."""


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is worth."""

    worth: Decimal = Decimal("0.01")
    """USD between an offer that has nothing to do and one that is full; as much again for a queue of that length."""

    def __post_init__(self) -> None:
        """Refuse what cannot be put in order."""
        check_amount("worth", self.worth)


@unless(lambda wish, world: not world.health and not world.local)
def rule(candidate: Candidate, wish: Wish, world: World, options: Options) -> Drop | Score:
    """Score requests under way over those it takes at once, negative; nothing where nobody knows how many that is."""
    standing, local = candidate.standing, candidate.local
    if local is not None and local.ahead:
        own = candidate.draws_s
        if own is None:
            return _score(local.ahead, 1, options.worth)
        return _score_here(f"{local.wait_s:.1f}", f"{max(own, LEAST_S):.1f}", options.worth)
    if local is not None or not standing.in_flight or not standing.room:
        return KEEP
    return _score(standing.in_flight, standing.room, options.worth)


@lru_cache(4096)
def _score(in_flight: int, room: int, worth: Decimal) -> Score:
    load = (Decimal(in_flight) / room).quantize(Decimal("0.0001"))
    return Score(-load * worth, f"has {in_flight} requests and takes {room} at once")


@lru_cache(4096)
def _score_here(before: str, own: str, worth: Decimal) -> Score:
    load = (Decimal(before) / Decimal(own)).quantize(Decimal("0.0001"))
    return Score(-load * worth, f"has {before} s of drawing before it here, and takes {own} s")
