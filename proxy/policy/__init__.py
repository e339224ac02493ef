"""Which offer serves a request, and why. Pure: no clock, no network, no ledger; the world comes as a snapshot."""

from proxy.policy.engine import Candidate, Choice, Drop, Offer, Out, Plan, Rule, Score, Standing, Wish, World, plan

__all__ = [
    "Candidate",
    "Choice",
    "Drop",
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
