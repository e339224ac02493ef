"""Offers and our accounts with their vendors: breakers, pace, balances, and prices that leave the list."""

from __future__ import annotations

from proxy.events.event import Event


class BreakerTurned(Event, frozen=True, kw_only=True, tag=True):
    """An offer's breaker changed."""

    offer: str
    state: str
    """`closed`, `open`, `half_open`."""
    why: str


class AccountTurned(Event, frozen=True, kw_only=True, tag=True):
    """The breaker of one of a provider's accounts changed, for one of its models."""

    provider: str
    model: str
    account: str
    state: str
    """`closed`, `open`, `half_open`."""
    why: str


class OfferMeasured(Event, frozen=True, kw_only=True, tag=True):
    """How an offer did in the last minutes; told now and then. A figure nobody can state yet is None.

    It is what the server that tells it knows: of several that share what they measure, each tells of the requests of
    all. Whoever puts their figures together takes the highest or the mean, never the sum.
    """

    provider: str
    model: str
    error_rate: float | None = None
    p50: float | None = None
    """Seconds; likewise below."""
    p95: float | None = None
    p99: float | None = None


class AccountMeasured(Event, frozen=True, kw_only=True, tag=True):
    """How busy an account is; told now and then, where it has changed."""

    provider: str
    account: str
    in_flight: int
    """Requests it has now."""
    waiting: int
    """Requests that wait for room at any of its provider's accounts."""


class Forgotten(Event, frozen=True, kw_only=True, tag=True):
    """A provider is configured no more; or, where one is named, only a model of it, or one of our accounts with it."""

    provider: str
    model: str | None = None
    account: str | None = None


class BalanceRead(Event, frozen=True, kw_only=True, tag=True):
    """A vendor said what one of our accounts holds."""

    provider: str
    account: str
    micros: int
    """Micro-USD, its credits at what they cost."""
    hours: float | None = None
    """Until it is empty, at the pace of the last hours; None where nobody can say."""
    low: bool = False
    """It is less than the configuration wants there, or lasts for fewer hours."""


class BalanceLow(Event, frozen=True, kw_only=True, tag=True):
    """One of our accounts will soon be empty. Told once, until it is not low any more. Micro-USD."""

    provider: str
    account: str
    micros: int
    hours: float | None = None


class BalanceUnknown(Event, frozen=True, kw_only=True, tag=True):
    """A vendor did not say what one of our accounts holds. Told once, until it does."""

    provider: str
    account: str
    why: str


class PriceMeasured(Event, frozen=True, kw_only=True, tag=True):
    """An offer's latest submissions, what they did cost over what the price list expects: 1 is as listed."""

    provider: str
    model: str
    ratio: float


class PriceDrifted(Event, frozen=True, kw_only=True, tag=True):
    """A vendor's own figures have left an offer's listed price, or come back to it. Amounts in micro-USD."""

    provider: str
    model: str
    state: str
    """`drifted`, `recovered`."""
    ratio: float
    expected: int
    """By the price list, for the latest submissions together."""
    cost: int
    samples: int
