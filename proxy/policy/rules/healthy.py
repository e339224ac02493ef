"""Out, while the offer's breaker is open or the vendor asked to be left alone."""

from __future__ import annotations

from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: not world.health)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop an offer that is not to be tried now."""
    standing = candidate.standing
    if standing.usable:
        return KEEP
    return Drop(standing.reason, standing.fault, retry_after=standing.retry_after)
