"""Which offer serves a request, and why. Pure: no clock, no network, no ledger; the world comes as a snapshot."""

from proxy.policy.engine import Candidate, Choice, Drop, Offer, Out, Plan, Rule, Score, Standing, Wish, World, plan
from proxy.policy.local import Local

__all__ = [
    "Candidate",
    "Choice",
    "Drop",
    "Local",
    "Offer",
    "Out",
    "Plan",
    "Rule",
    "Score",
    "Standing",
    "Wish",
    "World",
    "plan",
]
