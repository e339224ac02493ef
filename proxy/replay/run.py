"""The replay itself: the past twice through, once to see what offers were like, once to plan it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.ledger.history import Past
from proxy.replay.figures import Figures
from proxy.replay.planning import Planner, Scenario
from proxy.replay.seen import look


def replay(pasts: Callable[[], Iterable[Past]], scenario: Scenario) -> Figures:
    """Every recorded request under a scenario. `pasts` begins anew whenever it is called; nothing of it is kept."""
    seen = look(pasts())
    planner = Planner(scenario, seen)
    figures = Figures(seen=seen)
    for past in pasts():
        served = [each.offer for each in past.bought if each.settled and not each.beside]
        if past.test or past.state != "done" or not served:
            figures.pass_over(past)
        else:
            figures.add(past, planner.verdict(past, served[0] if len(served) == 1 else None))
    figures.planned = planner.planned
    return figures
