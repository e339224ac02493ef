"""Out, where it is expected to take longer than the caller is willing to wait.

Expected is what 19 of 20 of its latest requests took, else what the configuration says; on this machine, what such
pictures were measured to take, after the wait for its turn. An offer of which nothing is known stays: to leave it out
would leave it unknown.
"""

from __future__ import annotations

from providers.contract import Fault
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World, unless


@unless(lambda wish, world: wish.max_seconds is None)
def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop what takes longer, by its p95 or by its configuration."""
    if wish.max_seconds is None:
        return KEEP
    expected, by = _expected(candidate)
    if expected is None or expected <= wish.max_seconds:
        return KEEP
    reason = f"takes {expected:.3g} s {by}, over the limit of {wish.max_seconds:g} s"
    return Drop(reason, Fault.REJECTED, field="max_seconds")


def _expected(candidate: Candidate) -> tuple[float | None, str]:
    """Seconds, and how they are known."""
    seen, local, draws = candidate.standing.p95, candidate.local, candidate.draws_s
    if local is not None and draws is not None:
        return local.begins_s + draws, f"here, {local.begins_s:.3g} s of them until it is begun"
    if seen is not None:
        return seen, "as 19 of 20 of its latest requests did at most"
    return candidate.offer.seconds, "by its configuration"
