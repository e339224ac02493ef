"""What is counted of money: spent, held, refused, and the ledger's own work."""

from __future__ import annotations

from proxy.events import (
    BudgetReached,
    BudgetRefused,
    BudgetUsed,
    HoldEnded,
    HoldLeft,
    LedgerAway,
    LedgerBack,
    LedgerPosted,
    Overrun,
    Settled,
)
from proxy.metrics.register import Counts, Register

RATIOS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0, 1.01, 1.1, 1.5, 2.0)
POSTS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


class Money:
    """Money."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._spend = register.counter(
            "spend_usd_total", "USD settled, to the micro-dollar in the ledger.", "team", "provider", "model"
        )
        self._error = register.histogram(
            "estimate_error_ratio",
            "Cost over quote, of submissions with a quote above zero.",
            *("provider", "model"),
            buckets=RATIOS,
        )
        self._overruns = register.counter("overrun_usd_total", "USD spent beyond a team's hold and budget.", "team")
        self._refusals = register.counter(
            "budget_refusals_total", "Requests a budget could not take.", "team", "what", "window"
        )
        self._reached = register.counter(
            "budget_thresholds_total", "Soft limits that were reached, once in each of their windows.", "what", "window"
        )
        self._used = register.gauge(
            "budget_used_ratio",
            "Share of a team's or an organisation's limit that is settled or held.",
            *("scope", "what", "window"),
            of_many="livemostrecent",
        )
        self._holds_left = register.counter(
            "holds_left_total", "Submissions without an answer, their money held.", "provider"
        )
        self._held = register.counter("held_usd_total", "USD they hold of a team's budget.", "team", "provider")
        self._holds_ended = register.counter(
            "holds_ended_total", "Such holds ended after all, by how.", "provider", "how"
        )
        self._posts = register.histogram(
            "ledger_post_seconds", "Seconds a transaction of the ledger took.", buckets=POSTS
        )
        self._orders = register.counter("ledger_orders_total", "Orders posted to the ledger.")
        self._losses = register.counter("ledger_lost_total", "Times the ledger's database went away.")
        self._lost_s = register.counter(
            "ledger_lost_seconds_total", "Seconds it was away for, counted when it is back."
        )

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {
            Settled: self._settled,
            Overrun: self._overrun,
            BudgetRefused: self._refused,
            BudgetReached: self._threshold,
            BudgetUsed: self._share,
            HoldLeft: self._left,
            HoldEnded: self._ended,
            LedgerPosted: self._posted,
            LedgerAway: lambda _: self._losses.inc(),
            LedgerBack: lambda event: self._lost_s.inc(event.seconds),
        }

    def _settled(self, event: Settled) -> None:
        self._of(self._spend, event.team, event.provider, event.model).inc(event.cost / 1_000_000)
        if event.quoted:
            self._of(self._error, event.provider, event.model).observe(event.cost / event.quoted)

    def _overrun(self, event: Overrun) -> None:
        self._of(self._overruns, event.team).inc(event.micros / 1_000_000)

    def _refused(self, event: BudgetRefused) -> None:
        self._of(self._refusals, event.team, event.what, event.window).inc()

    def _threshold(self, event: BudgetReached) -> None:
        self._of(self._reached, event.what, event.window).inc()

    def _share(self, event: BudgetUsed) -> None:
        self._of(self._used, event.scope, event.what, event.window).set(event.share)

    def _left(self, event: HoldLeft) -> None:
        self._of(self._holds_left, event.provider).inc()
        self._of(self._held, event.team, event.provider).inc(event.micros / 1_000_000)

    def _ended(self, event: HoldEnded) -> None:
        self._of(self._holds_ended, event.provider, event.how).inc()

    def _posted(self, event: LedgerPosted) -> None:
        self._posts.observe(event.seconds)
        self._orders.inc(event.orders)
