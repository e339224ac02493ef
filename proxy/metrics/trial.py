"""What is counted of the policy on trial: what it would have done otherwise."""

from __future__ import annotations

from proxy.events import ShadowPlanned
from proxy.metrics.register import Counts, Register


class Trial:
    """The policy on trial."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._shadows = register.counter(
            "shadow_plans_total",
            "Requests planned again by the policy on trial, by what came of it.",
            "outcome",
        )
        self._differences = register.counter(
            "shadow_differences_total", "Requests it would have sent elsewhere.", "from_provider", "to_provider"
        )
        self._savings = register.counter(
            "shadow_savings_usd_total", "USD of quotes that it would save, and that it would cost more.", "would"
        )

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {ShadowPlanned: self._shadowed}

    def _shadowed(self, event: ShadowPlanned) -> None:
        self._of(self._shadows, event.outcome).inc()
        if event.outcome == "differs":
            providers = (offer.partition("/")[0] for offer in (event.offer, event.instead))
            self._of(self._differences, *providers).inc()
            saved = event.quoted - event.quoted_instead
            self._of(self._savings, "save" if saved > 0 else "cost").inc(abs(saved) / 1_000_000)
