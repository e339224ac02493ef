"""Out, where what is sent would be kept outside the regions the caller, or the caller's team, asks for.

A picture drawn on this machine is sent nowhere. A vendor nobody knows the region of is outside every one.
"""

from __future__ import annotations

from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.regions is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what is kept elsewhere; `eu` covers `eu-west`, and not the other way round."""
    offer = candidate.offer
    if wish.regions is None or offer.here:
        return KEEP
    if offer.region is not None:
        if offer.region in wish.regions:
            return KEEP
        for region in wish.regions:
            if offer.region.startswith(f"{region}-"):
                return KEEP
    asked = ", ".join(sorted(wish.regions)) or "no region that the team allows"
    where = f"in {offer.region}" if offer.region is not None else "of which no region is known"
    return Drop(f"is at {offer.provider}, {where}, and {asked} was asked for", field="region")
