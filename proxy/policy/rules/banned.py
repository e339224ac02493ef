"""Out, where the caller's team does not want the provider, the model, or this very offer."""

from __future__ import annotations

from providers.contract import Code, Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: not wish.bans)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what the team's bans name."""
    offer = candidate.offer
    if wish.bans.isdisjoint((offer.provider, offer.model.name, offer.name)):
        return KEEP
    named = min(offer.named(wish.bans))
    return Drop(f"is out for this team, which bans {named}", Fault.REJECTED, Code.FORBIDDEN, "model")
