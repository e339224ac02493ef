"""Out, where the model cannot do what is asked; strictly, where it cannot do all of it."""

from __future__ import annotations

from providers.contract import Fault, Fit
from proxy.policy.engine import KEEP, Candidate, Drop, Score, Wish, World


def rule(candidate: Candidate, wish: Wish, world: World) -> Drop | Score:
    """Drop a misfit; for a strict request, also a fit that loses something."""
    fitted = candidate.fit
    if not isinstance(fitted, Fit):
        return Drop(fitted.reason, Fault.REJECTED, field=fitted.field)
    if wish.strict:
        for note in fitted.notes:
            if note.lossy:
                return Drop(f"would not do as asked: {note.field}: {note.detail}", Fault.REJECTED, field=note.field)
    return KEEP
