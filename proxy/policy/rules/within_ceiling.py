"""Out, where it costs more than the caller is willing to pay, or than the caller's key may pay."""

from __future__ import annotations

from pricing import Quote
from providers.contract import Code, Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.ceiling is None and wish.cap is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop a quote above the request's ceiling, or above the cap of its key."""
    if not isinstance(candidate.quote, Quote):
        return KEEP
    costs = candidate.quote.usd
    if wish.cap is not None and costs > wish.cap:
        reason = f"costs up to ${costs.normalize():f}, and this key may pay ${wish.cap.normalize():f} for that"
        return Drop(reason, Fault.REJECTED, Code.FORBIDDEN, "model")
    if wish.ceiling is not None and costs > wish.ceiling:
        reason = f"costs up to ${costs.normalize():f}, over the ceiling of ${wish.ceiling:f}"
        return Drop(reason, Fault.REJECTED, field="max_cost")
    return KEEP
