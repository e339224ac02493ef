"""Out, where the caller's team has its requests for this name served by somebody else, and by nobody else."""

from __future__ import annotations

from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.pin is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what is neither the provider nor the offer of the pin."""
    offer = candidate.offer
    if wish.pin is None or wish.pin in (offer.provider, offer.name):
        return KEEP
    return Drop(f"is at {offer.provider}, and this team pins the name to {wish.pin}", field="model")
