"""Out, where the key may not use the model or the provider."""

from __future__ import annotations

from providers.contract import Code, Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.models is None and wish.providers is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what is outside the key's models or providers."""
    offer = candidate.offer
    if wish.models is not None and offer.model.name not in wish.models:
        return Drop("is not among the models of this key", Fault.REJECTED, Code.FORBIDDEN, "model")
    if wish.providers is not None and offer.provider not in wish.providers:
        return Drop(f"is at {offer.provider}, which this key may not use", Fault.REJECTED, Code.FORBIDDEN, "model")
    return KEEP
