"""Every metric there is, declared here and fed by events. Nothing else counts anything.

Children are bound once: looking one up by its labels costs more than counting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import nan
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from providers.contract import Fault
from proxy.events import (
    AccountMeasured,
    AccountTurned,
    AttemptEnded,
    BalanceRead,
    BreakerTurned,
    BudgetRefused,
    Event,
    Hedged,
    HedgePaid,
    HoldEnded,
    HoldLeft,
    LedgerPosted,
    OfferMeasured,
    Overrun,
    PaidUnusable,
    PicturesSwept,
    PriceDrifted,
    PriceMeasured,
    RequestEnded,
    Reused,
    Settled,
    ShadowPlanned,
    WebhookEnded,
)

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
WAITED_S = 0.001
"""Less is no waiting."""
BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """A listener that counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def made(kind: type[Any], name: str, says: str, *labels: str, **more: Any) -> Any:
            return kind(f"darkroom_{name}", says, labels, registry=self.registry, **more)

        self.requests = made(Counter, "requests_total", "Requests answered.", "dialect", "operation", "status", "team")
        self.request_seconds = made(
            Histogram, "request_seconds", "Seconds from a request's first byte to its answer's last.",
            *("dialect", "operation"), buckets=SECONDS,
        )  # fmt: skip
        self.refusals = made(Counter, "refusals_total", "Requests not served, by whose fault.", "fault")
        for fault in Fault:  # from zero on, so that the first of its kind is an increase, too
            self.refusals.labels(fault)
        self.images = made(Counter, "images_total", "Pictures delivered.", "team", "provider", "model")
        self.repeats = made(Counter, "repeats_total", "Requests answered with the result of one they repeat.")
        self.lookups = made(
            Counter, "cache_total", "Requests for a picture that may be there already, by what came of it.",
            *("team", "outcome"),
        )  # fmt: skip
        self.saved = made(
            Counter, "saved_usd_total", "USD that pictures given again did cost when they were made.", "team", "reason"
        )
        self.undelivered = made(Counter, "undelivered_total", "Requests whose caller had gone.")
        self.attempts = made(
            Counter, "attempts_total", "Submissions to an offer, by how they ended.", "provider", "model", "outcome"
        )
        self.attempt_seconds = made(
            Histogram, "attempt_seconds", "Seconds a submission took.", "provider", "model", buckets=SECONDS
        )
        self.spend = made(
            Counter, "spend_usd_total", "USD settled, to the micro-dollar in the ledger.", "team", "provider", "model"
        )
        self.error = made(
            Histogram, "estimate_error_ratio", "Cost over quote, of submissions with a quote above zero.",
            *("provider", "model"), buckets=(0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0, 1.01, 1.1, 1.5, 2.0),
        )  # fmt: skip
        self.drift = made(
            Gauge, "price_drift_ratio", "Cost over listed price, of an offer's latest submissions with a figure.",
            *("provider", "model"),
        )  # fmt: skip
        self.drifted = made(
            Gauge, "price_drifted", "1 while that is beyond the threshold for good, 0 once it is back.",
            *("provider", "model"),
        )  # fmt: skip
        self.hedges = made(
            Counter, "hedges_total", "Second candidates, by how they ended.", "provider", "model", "outcome"
        )
        self.hedged = made(
            Counter, "hedge_usd_total", "USD paid to the one of two candidates that was too late.",
            *("team", "provider", "model"),
        )  # fmt: skip
        self.unusable = made(
            Counter, "unusable_total", "Submissions paid for that nobody can use.", "provider", "reason"
        )
        self.wasted = made(Counter, "unusable_usd_total", "USD they did cost.", "provider", "reason")
        self.overrun = made(Counter, "overrun_usd_total", "USD spent beyond a team's hold and budget.", "team")
        self.budget_refusals = made(
            Counter, "budget_refusals_total", "Requests a budget could not take.", "team", "what", "window"
        )
        self.breaker = made(Gauge, "breaker_state", "0 closed, 1 half-open, 2 open.", "provider", "model")
        self.account = made(
            Gauge, "account_state", "The same for one of a provider's several accounts.", "provider", "model", "account"
        )
        self.errors = made(
            Gauge, "offer_error_ratio", "Share of an offer's requests in its window that failed.", "provider", "model"
        )
        self.pace = made(
            Gauge, "offer_seconds", "Seconds that so large a share of them took at most.",
            *("provider", "model", "quantile"),
        )  # fmt: skip
        self.flying = made(Gauge, "account_in_flight", "Requests at an account now.", "provider", "account")
        self.waiting = made(Gauge, "account_waiting", "Requests that wait for room at a provider.", "provider")
        self.waited = made(
            Histogram, "account_wait_seconds", "Seconds they waited, of those that did.", "provider", buckets=SECONDS
        )
        self.balance = made(Gauge, "balance_usd", "What an account with a vendor holds.", "provider", "account")
        self.lasts = made(Gauge, "balance_hours", "Hours until it is empty at the present pace.", "provider", "account")
        self.holds_left = made(
            Counter, "holds_left_total", "Submissions without an answer, their money held.", "provider"
        )
        self.held = made(Counter, "held_usd_total", "USD they hold of a team's budget.", "team", "provider")
        self.holds_ended = made(Counter, "holds_ended_total", "Such holds ended after all, by how.", "provider", "how")
        self.posts = made(Histogram, "ledger_post_seconds", "Seconds a transaction of the ledger took.",
                          buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1))  # fmt: skip
        self.orders = made(Counter, "ledger_orders_total", "Orders posted to the ledger.")
        self.stored = made(Gauge, "store_bytes", "Bytes of pictures in the store, at the last sweep.")
        self.webhooks = made(Counter, "webhooks_total", "Webhooks that were called, by how that ended.", "outcome")
        self.shadows = made(
            Counter,
            "shadow_plans_total",
            "Requests planned again by the policy on trial, by what came of it.",
            "outcome",
        )
        self.differences = made(
            Counter,
            "shadow_differences_total",
            "Requests it would have sent elsewhere.",
            "from_provider",
            "to_provider",
        )
        self.savings = made(
            Counter,
            "shadow_savings_usd_total",
            "USD of quotes that it would save, and that it would cost more.",
            "would",
        )
        self._bound = lru_cache(maxsize=20_000)(self._bind)

    def expose(self) -> bytes:
        """The exposition. Milliseconds of work: not for an event loop."""
        return generate_latest(self.registry)

    def hear(self, events: Sequence[Event]) -> None:
        """Count events."""
        for event in events:
            count = _COUNTS.get(type(event))
            if count is not None:
                count(self, event)

    def of(self, metric: Any, *labels: str) -> Any:
        """A metric's child."""
        return self._bound(metric, labels)

    @staticmethod
    def _bind(metric: Any, labels: tuple[str, ...]) -> Any:
        return metric.labels(*labels)


def _request(metrics: Metrics, event: RequestEnded) -> None:
    metrics.of(metrics.requests, event.dialect, event.operation, str(event.status), event.team).inc()
    metrics.of(metrics.request_seconds, event.dialect, event.operation).observe(event.seconds)
    if event.fault:
        metrics.of(metrics.refusals, event.fault).inc()
    if event.joined:
        metrics.repeats.inc()
    elif event.images and event.cache not in ("hit", "joined"):  # those were counted when they were made
        provider, _, model = event.offer.partition("/")
        metrics.of(metrics.images, event.team, provider, model).inc(event.images)
    if event.cache:
        metrics.of(metrics.lookups, event.team, event.cache).inc()
    if not event.delivered:
        metrics.undelivered.inc()


def _attempt(metrics: Metrics, event: AttemptEnded) -> None:
    metrics.of(metrics.attempts, event.provider, event.model, event.outcome).inc()
    metrics.of(metrics.attempt_seconds, event.provider, event.model).observe(event.seconds)
    if event.waited >= WAITED_S:
        metrics.of(metrics.waited, event.provider).observe(event.waited)


def _settled(metrics: Metrics, event: Settled) -> None:
    metrics.of(metrics.spend, event.team, event.provider, event.model).inc(event.cost / 1_000_000)
    if event.quoted:
        metrics.of(metrics.error, event.provider, event.model).observe(event.cost / event.quoted)


def _measured(metrics: Metrics, event: PriceMeasured) -> None:
    metrics.of(metrics.drift, event.provider, event.model).set(event.ratio)


def _drifted(metrics: Metrics, event: PriceDrifted) -> None:
    metrics.of(metrics.drifted, event.provider, event.model).set(event.state == "drifted")


def _hedged(metrics: Metrics, event: Hedged) -> None:
    metrics.of(metrics.hedges, event.provider, event.model, event.outcome).inc()


def _hedge_paid(metrics: Metrics, event: HedgePaid) -> None:
    metrics.of(metrics.hedged, event.team, event.provider, event.model).inc(event.micros / 1_000_000)


def _unusable(metrics: Metrics, event: PaidUnusable) -> None:
    metrics.of(metrics.unusable, event.provider, event.reason).inc()
    metrics.of(metrics.wasted, event.provider, event.reason).inc(event.micros / 1_000_000)


def _overrun(metrics: Metrics, event: Overrun) -> None:
    metrics.of(metrics.overrun, event.team).inc(event.micros / 1_000_000)


def _refused(metrics: Metrics, event: BudgetRefused) -> None:
    metrics.of(metrics.budget_refusals, event.team, event.what, event.window).inc()


def _account(metrics: Metrics, event: AccountTurned) -> None:
    metrics.of(metrics.account, event.provider, event.model, event.account).set(BREAKER[event.state])


def _offer(metrics: Metrics, event: OfferMeasured) -> None:
    metrics.of(metrics.errors, event.provider, event.model).set(_or_nan(event.error_rate))
    for quantile, seconds in (("0.5", event.p50), ("0.95", event.p95), ("0.99", event.p99)):
        metrics.of(metrics.pace, event.provider, event.model, quantile).set(_or_nan(seconds))


def _busy(metrics: Metrics, event: AccountMeasured) -> None:
    metrics.of(metrics.flying, event.provider, event.account).set(event.in_flight)
    metrics.of(metrics.waiting, event.provider).set(event.waiting)


def _balance(metrics: Metrics, event: BalanceRead) -> None:
    metrics.of(metrics.balance, event.provider, event.account).set(event.micros / 1_000_000)
    metrics.of(metrics.lasts, event.provider, event.account).set(_or_nan(event.hours))


def _or_nan(figure: float | None) -> float:
    """What nobody can say is no figure, and a gap in a graph."""
    return nan if figure is None else figure


def _turned(metrics: Metrics, event: BreakerTurned) -> None:
    provider, _, model = event.offer.partition("/")
    metrics.of(metrics.breaker, provider, model).set(BREAKER[event.state])


def _left(metrics: Metrics, event: HoldLeft) -> None:
    metrics.of(metrics.holds_left, event.provider).inc()
    metrics.of(metrics.held, event.team, event.provider).inc(event.micros / 1_000_000)


def _ended(metrics: Metrics, event: HoldEnded) -> None:
    metrics.of(metrics.holds_ended, event.provider, event.how).inc()


def _posted(metrics: Metrics, event: LedgerPosted) -> None:
    metrics.posts.observe(event.seconds)
    metrics.orders.inc(event.orders)


def _reused(metrics: Metrics, event: Reused) -> None:
    metrics.of(metrics.saved, event.team, event.how).inc(event.micros / 1_000_000)


def _called(metrics: Metrics, event: WebhookEnded) -> None:
    metrics.of(metrics.webhooks, event.outcome).inc()


def _shadowed(metrics: Metrics, event: ShadowPlanned) -> None:
    metrics.of(metrics.shadows, event.outcome).inc()
    if event.outcome == "differs":
        providers = (offer.partition("/")[0] for offer in (event.offer, event.instead))
        metrics.of(metrics.differences, *providers).inc()
        saved = event.quoted - event.quoted_instead
        metrics.of(metrics.savings, "save" if saved > 0 else "cost").inc(abs(saved) / 1_000_000)


def _swept(metrics: Metrics, event: PicturesSwept) -> None:
    metrics.stored.set(event.kept_bytes)


_COUNTS: dict[type, Callable[[Metrics, Any], None]] = {
    RequestEnded: _request,
    AttemptEnded: _attempt,
    Settled: _settled,
    ShadowPlanned: _shadowed,
    Overrun: _overrun,
    Hedged: _hedged,
    HedgePaid: _hedge_paid,
    PaidUnusable: _unusable,
    PriceMeasured: _measured,
    PriceDrifted: _drifted,
    BudgetRefused: _refused,
    BreakerTurned: _turned,
    AccountTurned: _account,
    OfferMeasured: _offer,
    AccountMeasured: _busy,
    BalanceRead: _balance,
    HoldLeft: _left,
    HoldEnded: _ended,
    LedgerPosted: _posted,
    PicturesSwept: _swept,
    WebhookEnded: _called,
    Reused: _reused,
}
