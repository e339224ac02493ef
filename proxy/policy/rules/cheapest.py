"""Less is better: an offer is worth its price less."""

from __future__ import annotations

from pricing import Quote
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World


def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Score the quote, negative."""
    if not isinstance(candidate.quote, Quote):
        return KEEP
    return Score(-candidate.quote.usd, "what it may cost")
