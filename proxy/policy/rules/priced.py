"""Out, where nobody knows what it would cost. An unknown price is never zero."""

from __future__ import annotations

from pricing import Quote
from providers.contract import Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World


def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop an unpriced offer; the operator may set a ceiling for it in the configuration."""
    if isinstance(candidate.quote, Quote):
        return KEEP
    return Drop(f"cannot be priced: {candidate.quote.reason}", Fault.UNAVAILABLE)
