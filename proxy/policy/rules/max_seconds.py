"""Out, where it is expected to take longer than the caller is willing to wait.

Expected is what 19 of 20 of its latest requests took, else what the configuration says. An offer of which neither is
known stays: to leave it out would leave it unknown.
"""

from __future__ import annotations

from providers.contract import Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.max_seconds is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what takes longer, by its p95 or by its configuration."""
    if wish.max_seconds is None:
        return KEEP
    offer = candidate.offer
    seen = candidate.standing.p95
    expected = offer.seconds if seen is None else seen
    if expected is None or expected <= wish.max_seconds:
        return KEEP
    by = "by its configuration" if seen is None else "as 19 of 20 of its latest requests did at most"
    reason = f"takes {expected:.3g} s {by}, over the limit of {wish.max_seconds:g} s"
    return Drop(reason, Fault.REJECTED, field="max_seconds")
