"""What is shown of offers and our accounts, as they are now: breakers, pace, drift, room, balances."""

from __future__ import annotations

from math import nan

from proxy.events import (
    AccountMeasured,
    AccountTurned,
    BalanceRead,
    BreakerTurned,
    Forgotten,
    OfferMeasured,
    PriceDrifted,
    PriceMeasured,
)
from proxy.metrics.register import Counts, Register

BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class Offers:
    """Offers and accounts, as they are now."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._of = register.of
        self._declare_offers(register)
        self._declare_accounts(register)

    def _declare_offers(self, register: Register) -> None:
        labels = ("provider", "model")
        self._breaker = register.gauge("breaker_state", "0 closed, 1 half-open, 2 open.", *labels)
        self._account = register.gauge(
            "account_state", "The same for one of a provider's several accounts.", *labels, "account"
        )
        self._errors = register.gauge(
            "offer_error_ratio", "Share of an offer's requests in its window that failed.", *labels
        )
        self._pace = register.gauge(
            "offer_seconds", "Seconds that so large a share of them took at most.", *labels, "quantile"
        )
        self._drift = register.gauge(
            "price_drift_ratio",
            "Cost over listed price, of an offer's latest submissions with a figure.",
            *labels,
            of_many="livemostrecent",
        )
        self._drifted = register.gauge(
            "price_drifted", "1 while that is beyond the threshold for good, 0 once it is back.", *labels
        )

    def _declare_accounts(self, register: Register) -> None:
        labels = ("provider", "account")
        self._flying = register.gauge("account_in_flight", "Requests at an account now.", *labels, of_many="livesum")
        self._waiting = register.gauge(
            "account_waiting", "Requests that wait for room at a provider.", "provider", of_many="livesum"
        )
        self._holds = register.gauge(
            "balance_usd", "What an account with a vendor holds.", *labels, of_many="livemostrecent"
        )
        self._low = register.gauge(
            "balance_low", "1 while that is less than is wanted, or will soon be gone; else 0.", *labels
        )
        self._lasts = register.gauge(
            "balance_hours", "Hours until it is empty at the present pace.", *labels, of_many="livemostrecent"
        )

    def counts(self) -> Counts:
        """The events that are shown here, and how."""
        return {
            BreakerTurned: self._turned,
            AccountTurned: self._account_turned,
            OfferMeasured: self._measured,
            AccountMeasured: self._busy,
            BalanceRead: self._balance,
            PriceMeasured: self._price_measured,
            PriceDrifted: self._price_drifted,
            Forgotten: self._forgotten,
        }

    def _turned(self, event: BreakerTurned) -> None:
        provider, _, model = event.offer.partition("/")
        self._of(self._breaker, provider, model).set(BREAKER[event.state])

    def _account_turned(self, event: AccountTurned) -> None:
        self._of(self._account, event.provider, event.model, event.account).set(BREAKER[event.state])

    def _measured(self, event: OfferMeasured) -> None:
        self._of(self._errors, event.provider, event.model).set(_or_nan(event.error_rate))
        for quantile, seconds in (("0.5", event.p50), ("0.95", event.p95), ("0.99", event.p99)):
            self._of(self._pace, event.provider, event.model, quantile).set(_or_nan(seconds))

    def _busy(self, event: AccountMeasured) -> None:
        self._of(self._flying, event.provider, event.account).set(event.in_flight)
        self._of(self._waiting, event.provider).set(event.waiting)

    def _balance(self, event: BalanceRead) -> None:
        self._of(self._holds, event.provider, event.account).set(event.micros / 1_000_000)
        self._of(self._low, event.provider, event.account).set(event.low)
        self._of(self._lasts, event.provider, event.account).set(_or_nan(event.hours))

    def _price_measured(self, event: PriceMeasured) -> None:
        self._of(self._drift, event.provider, event.model).set(event.ratio)

    def _price_drifted(self, event: PriceDrifted) -> None:
        self._of(self._drifted, event.provider, event.model).set(event.state == "drifted")

    def _forgotten(self, event: Forgotten) -> None:
        """States of what is not there any more are none; what was counted stays counted."""
        forget = self._register.forget
        of_offers = [self._breaker, self._errors, self._pace, self._drift, self._drifted]
        of_accounts = [self._flying, self._holds, self._low, self._lasts]
        if event.model is not None:
            for gauge in (*of_offers, self._account):
                forget(gauge, provider=event.provider, model=event.model)
        elif event.account is not None:
            for gauge in (*of_accounts, self._account):
                forget(gauge, provider=event.provider, account=event.account)
        else:
            for gauge in (*of_offers, *of_accounts, self._account, self._waiting):
                forget(gauge, provider=event.provider)


def _or_nan(figure: float | None) -> float:
    """What nobody can say is no figure, and a gap in a graph."""
    return nan if figure is None else figure
