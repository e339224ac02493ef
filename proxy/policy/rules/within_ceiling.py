"""Out, where it costs more than the caller is willing to pay."""

from __future__ import annotations

from pricing import Quote
from providers.contract import Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.ceiling is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop a quote above the request's ceiling."""
    if wish.ceiling is not None and isinstance(candidate.quote, Quote) and candidate.quote.usd > wish.ceiling:
        reason = f"costs up to ${candidate.quote.usd.normalize():f}, over the ceiling of ${wish.ceiling:f}"
        return Drop(reason, Fault.REJECTED, field="max_cost")
    return KEEP
