"""Out, where the configuration lacks what the offer needs: a key, most often."""

from __future__ import annotations

from providers.contract import Code, Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World


def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what cannot be reached at all."""
    if candidate.offer.out is None:
        return KEEP
    return Drop(f"is not available here: {candidate.offer.out}", Fault.REJECTED, Code.UNKNOWN_MODEL, "model")
