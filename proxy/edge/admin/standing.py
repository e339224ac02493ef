"""How things stand now: offers, accounts with vendors, prices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from pricing import Price
from proxy.edge.admin.frame import Asked, Page, Paging, Route, page_of, position, says
from proxy.edge.admin.office import Office
from proxy.explain import usd
from proxy.policy import Standing

PRICES = "prices"
Entry = tuple[str, str, Price]


class OfferHealth(Struct, frozen=True, kw_only=True):
    """A model at a provider. Times are of its latest requests, and null where there were too few to say."""

    offer: str
    usable: Annotated[bool, says("Whether a request may be sent there now.")]
    out: Annotated[str | None, says("Why it is not to be had at all: it is not configured to the end.")]
    breaker: Annotated[str, says("`closed`, `open` or `half-open`.")]
    reason: Annotated[str | None, says("Why it is not usable.")]
    retry_after_s: Annotated[float | None, says("Until it may be tried again.")]
    error_rate: Annotated[float | None, says("Share of its latest requests that failed, 0 to 1.")]
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    in_flight: int
    room: Annotated[int | None, says("How many requests it takes at once; null where nobody knows.")]


class AccountHealth(Struct, frozen=True, kw_only=True):
    """An account with a vendor."""

    provider: str
    account: Annotated[str, says("Empty where there is no other.")]
    in_flight: int
    waiting: Annotated[int, says("Requests that wait for any account of the provider.")]
    room: int | None
    out: Annotated[dict[str, str], says("Its breakers that are not closed, by offer.")]
    balance_usd: Annotated[str | None, says("As the vendor said last; null where it is not asked, or has not said.")]
    hours_left: Annotated[float | None, says("Until it is empty, at the pace of the last six hours.")]


class HealthTold(Struct, frozen=True, kw_only=True, tag="darkroom.health", tag_field="object"):
    """How everything stands that pictures come from, as the server that was asked knows it."""

    ready: Annotated[bool, says("Whether it takes requests.")]
    offers: list[OfferHealth]
    accounts: list[AccountHealth]


class PriceQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which prices."""

    vendor: str | None = None
    model: str | None = None
    on: Annotated[date | None, says("Those in force on that day; today's by default.")] = None
    stale_days: Annotated[
        Annotated[int, msgspec.Meta(ge=0)] | None,
        says("Only those that nobody has compared with their source for longer than so many days."),
    ] = None


class PriceTold(Struct, frozen=True, kw_only=True):
    """A price of the book."""

    vendor: str
    model: str
    since: date
    until: Annotated[date | None, says("The first day on which it no longer holds.")]
    checked: Annotated[date, says("When somebody last compared it with its source.")]
    source: str
    confidence: str
    note: str | None
    credit_usd: Annotated[str | None, says("USD for one of the vendor's credits.")]
    price: Annotated[dict[str, Any], says("Its kind, and its figures.")]


async def health(office: Office, asked: Asked) -> HealthTold:
    """Offers and accounts."""
    standings, states = office.health.standings(), office.health.states()
    purses = office.balances.known()
    offers = [
        _offer(each.name, each.out, standings.get(each.name, Standing()), states.get(each.name, "closed"))
        for each in office.desk.catalogue.every_offer()
    ]
    accounts = []
    for each in office.health.accounts():
        purse = purses.get((each.provider, each.account))
        balance = None if purse is None or purse.latest is None else usd(purse.latest)
        hours = None if purse is None else purse.hours()
        told = {name: getattr(each, name) for name in each.__struct_fields__ if name != "out"}
        accounts.append(AccountHealth(**told, out=dict(each.out), balance_usd=balance, hours_left=hours))
    return HealthTold(ready=office.desk.admission.open, offers=offers, accounts=accounts)


def _offer(name: str, out: str | None, standing: Standing, breaker: str) -> OfferHealth:
    return OfferHealth(
        offer=name,
        usable=out is None and standing.usable,
        out=out,
        breaker=breaker,
        reason=standing.reason or None,
        retry_after_s=standing.retry_after,
        error_rate=standing.error_rate,
        p50_s=standing.p50,
        p95_s=standing.p95,
        p99_s=standing.p99,
        in_flight=standing.in_flight,
        room=standing.room,
    )


async def prices(office: Office, asked: Asked) -> Page[PriceTold]:
    """The book that requests are priced with. Raises `Refusal`."""
    query: PriceQuery = asked.query
    day = query.on or datetime.now(UTC).date()
    behind = position(PRICES, query.after, tuple[str, str])
    found = [entry for entry in office.desk.catalogue.book if _holds(entry[2], day) and _wanted(entry, query, day)]
    if behind is not None:
        found = [entry for entry in found if entry[:2] > behind]
    return page_of(PRICES, found[: query.limit + 1], query.limit, lambda entry: entry[:2], _price)


def _wanted(entry: Entry, query: PriceQuery, day: date) -> bool:
    vendor, model, price = entry
    if query.stale_days is not None and (day - price.checked).days <= query.stale_days:
        return False
    return query.vendor in (None, vendor) and query.model in (None, model)


def _holds(price: Price, day: date) -> bool:
    return price.since <= day and (price.until is None or day < price.until)


def _price(entry: Entry) -> PriceTold:
    vendor, model, price = entry
    return PriceTold(
        vendor=vendor,
        model=model,
        **{name: getattr(price, name) for name in ("since", "until", "checked", "source", "note")},
        confidence=str(price.confidence),
        credit_usd=None if price.credit is None else usd(price.credit),
        price=msgspec.to_builtins(price.per),
    )


ROUTES = (
    Route(
        name="health.get",
        method="GET",
        path="/health",
        says="How offers and accounts with vendors stand: breakers, errors, pace, room, balances. Of the one server"
        " that answers, where there are several.",
        tell=health,
        answer=HealthTold,
    ),
    Route(
        name="prices.list",
        method="GET",
        path="/prices",
        says="The prices in force, by vendor and model: since when, where from, when they were last looked at.",
        tell=prices,
        query=PriceQuery,
        answer=Page[PriceTold],
    ),
)
