"""What is counted of requests: answers, refusals, pictures, repeats."""

from __future__ import annotations

from providers.contract import Fault
from proxy.events import RequestEnded, Reused, WebhookEnded
from proxy.metrics.register import Counts, Register


class Requests:
    """Requests."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._requests = register.counter(
            "requests_total", "Requests answered.", "dialect", "operation", "status", "team"
        )
        self._seconds = register.histogram(
            "request_seconds", "Seconds from a request's first byte to its answer's last.", "dialect", "operation"
        )
        self._refusals = register.counter("refusals_total", "Requests not served, by whose fault.", "fault")
        for fault in Fault:  # from zero on, so that the first of its kind is an increase, too
            self._refusals.labels(fault)
        self._images = register.counter("images_total", "Pictures delivered.", "team", "provider", "model")
        self._decisions = register.counter(
            "policy_decisions_total",
            "Requests served, by the policy that decided and who drew them.",
            *("policy", "provider"),
        )
        self._repeats = register.counter("repeats_total", "Requests answered with the result of one they repeat.")
        self._lookups = register.counter(
            "cache_total",
            "Requests for a picture that may be there already, by what came of it.",
            *("team", "outcome"),
        )
        self._saved = register.counter(
            "saved_usd_total", "USD that pictures given again did cost when they were made.", "team", "reason"
        )
        self._undelivered = register.counter("undelivered_total", "Requests whose caller had gone.")
        self._webhooks = register.counter("webhooks_total", "Webhooks that were called, by how that ended.", "outcome")

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {RequestEnded: self._request, Reused: self._reused, WebhookEnded: self._called}

    def _request(self, event: RequestEnded) -> None:
        self._of(self._requests, event.dialect, event.operation, str(event.status), event.team).inc()
        self._of(self._seconds, event.dialect, event.operation).observe(event.seconds)
        if event.fault:
            self._of(self._refusals, event.fault).inc()
        if event.joined:
            self._repeats.inc()
        elif event.images and event.cache not in ("hit", "joined"):  # those were counted when they were made
            provider, _, model = event.offer.partition("/")
            self._of(self._images, event.team, provider, model).inc(event.images)
            if event.policy:
                self._of(self._decisions, event.policy, provider).inc()
        if event.cache:
            self._of(self._lookups, event.team, event.cache).inc()
        if not event.delivered:
            self._undelivered.inc()

    def _reused(self, event: Reused) -> None:
        self._of(self._saved, event.team, event.how).inc(event.micros / 1_000_000)

    def _called(self, event: WebhookEnded) -> None:
        self._of(self._webhooks, event.outcome).inc()
