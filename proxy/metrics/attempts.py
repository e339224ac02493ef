"""What is counted of submissions to offers: how they ended, how long they took, which were of no use."""

from __future__ import annotations

from proxy.events import AttemptEnded, Hedged, HedgePaid, PaidUnusable
from proxy.metrics.register import Counts, Register

WAITED_S = 0.001
"""Less is no waiting."""


class Attempts:
    """Submissions."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._attempts = register.counter(
            "attempts_total", "Submissions to an offer, by how they ended.", "provider", "model", "outcome"
        )
        self._seconds = register.histogram("attempt_seconds", "Seconds a submission took.", "provider", "model")
        self._waited = register.histogram(
            "account_wait_seconds",
            "Seconds that requests waited for room, of those that did.",
            "provider",
        )
        self._hedges = register.counter(
            "hedges_total", "Second candidates, by how they ended.", "provider", "model", "outcome"
        )
        self._hedged = register.counter(
            "hedge_usd_total",
            "USD paid to the one of two candidates that was too late.",
            *("team", "provider", "model"),
        )
        self._unusable = register.counter(
            "unusable_total", "Submissions paid for that nobody can use.", "provider", "reason"
        )
        self._wasted = register.counter("unusable_usd_total", "USD they did cost.", "provider", "reason")

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {
            AttemptEnded: self._attempt,
            Hedged: self._second,
            HedgePaid: self._second_paid,
            PaidUnusable: self._paid_unusable,
        }

    def _attempt(self, event: AttemptEnded) -> None:
        self._of(self._attempts, event.provider, event.model, event.outcome).inc()
        self._of(self._seconds, event.provider, event.model).observe(event.seconds)
        if event.waited >= WAITED_S:
            self._of(self._waited, event.provider).observe(event.waited)

    def _second(self, event: Hedged) -> None:
        self._of(self._hedges, event.provider, event.model, event.outcome).inc()

    def _second_paid(self, event: HedgePaid) -> None:
        self._of(self._hedged, event.team, event.provider, event.model).inc(event.micros / 1_000_000)

    def _paid_unusable(self, event: PaidUnusable) -> None:
        self._of(self._unusable, event.provider, event.reason).inc()
        self._of(self._wasted, event.provider, event.reason).inc(event.micros / 1_000_000)
