"""Out, where what is sent would be kept outside the regions the caller, or the caller's team, asks for.

A picture drawn on this machine is sent nowhere. A vendor nobody knows the region of is outside every one. Where its
accounts keep what they are sent in several, one of them inside is enough: the others will not be asked.
"""

from __future__ import annotations

from functools import lru_cache

from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless
from proxy.policy.places import kept_in


@unless(lambda wish, world: wish.regions is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what is kept elsewhere; `eu` covers `eu-west`, and not the other way round."""
    offer = candidate.offer
    if wish.regions is None or offer.here or _inside(offer.regions, wish.regions):
        return KEEP
    asked = ", ".join(sorted(wish.regions)) or "no region that the team allows"
    where = f"in {' and '.join(sorted(offer.regions))}" if offer.regions else "of which no region is known"
    return Drop(f"is at {offer.provider}, {where}, and {asked} was asked for", field="region")


@lru_cache(1024)
def _inside(places: frozenset[str], regions: frozenset[str]) -> bool:
    """Cached, as most offers of a plan are kept in the same places."""
    return any(kept_in(place, regions) for place in places)
