"""Out, where the caller named who may serve the request, and this is another."""

from __future__ import annotations

from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.named is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what is at a provider that was not named."""
    if wish.named is None or candidate.offer.provider in wish.named:
        return KEEP
    return Drop(f"is at {candidate.offer.provider}, and another provider was asked for", field="provider")
