"""Out, while the offer's breaker is open, the vendor asked to be left alone, or the queue of this machine is full."""

from __future__ import annotations

from providers.contract import Code, Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless

LEAST_S = 1.0
"""Seconds after which who found a full queue may come again, at the soonest."""


@unless(lambda wish, world: not world.health and not world.local)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop an offer that is not to be tried now."""
    standing = candidate.standing
    if not standing.usable:
        return Drop(standing.reason, standing.fault, retry_after=standing.retry_after)
    local = candidate.local
    if local is not None and local.full:
        reason = f"has a full queue here: expected wait {local.begins_s:.0f} s"
        return Drop(reason, Fault.THROTTLED, Code.BUSY, retry_after=max(LEAST_S, local.begins_s))
    return KEEP
