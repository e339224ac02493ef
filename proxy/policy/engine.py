"""The engine: price every offer, ask every rule, put what is left in order, keep a reason for everything.

A rule is one pure function in one file of `rules/`: `(candidate, wish, world) -> Drop | Score`. Scores are in USD: what
a preference is worth, so that price and nearness, and later speed and quality, are traded in one currency and the sum
means something. The offer worth most is tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from pricing import Bill, Billable, Price, Quote, Unpriced, Usage, bill, ceiling, quote
from providers.contract import Code, Failure, Fault, Fit, ImageRequest, Misfit, Model, fit


class Offer(Struct, frozen=True, kw_only=True):
    """A model at a provider."""

    name: str
    """`provider/model`, for people, metrics and logs."""
    provider: str
    model: Model
    prices: tuple[Price, ...] = ()
    """Every price the book has for it, oldest first."""
    ceiling: Decimal | None = None
    """USD a picture the operator lets it cost where its price is not known."""
    here: bool = False
    """Drawn on this machine."""
    out: str | None = None
    """Why it cannot be used at all: what the configuration lacks."""


class Wish(Struct, frozen=True, kw_only=True):
    """What the caller wants, and what the caller may."""

    request: ImageRequest
    any_area: bool = False
    """The name asked for is retired: its sizes may be replaced by larger ones of the same shape."""
    strict: bool = False
    """Refuse rather than do otherwise than asked."""
    ceiling: Decimal | None = None
    """The most the request may cost, in USD."""
    models: frozenset[str] | None = None
    """Models the key may use; None for all."""
    providers: frozenset[str] | None = None
    """Providers the key may use; None for all."""
    named: frozenset[str] | None = None
    """Providers the caller named; None where any will do."""


class Standing(Struct, frozen=True):
    """What is known of an offer's health."""

    usable: bool = True
    reason: str = ""
    fault: Fault = Fault.UNAVAILABLE
    retry_after: float | None = None
    """Seconds until it may be tried again."""


WELL = Standing()
ZERO = Decimal(0)


class World(Struct, frozen=True, kw_only=True):
    """Everything a rule may know beyond the request: a snapshot, taken once."""

    now: datetime
    health: Mapping[str, Standing] = {}
    """By offer; an offer that is not in it is well."""


class Candidate(Struct, frozen=True):
    """An offer, the request in its terms, what its price depends on, and what that would cost."""

    offer: Offer
    fit: Fit | Misfit
    quote: Quote | Unpriced
    billable: Billable | None = None
    """None for a misfit."""


class Drop(Struct, frozen=True):
    """The offer is out, and how to say so if no other is left."""

    reason: str
    fault: Fault = Fault.REJECTED
    code: Code | None = None
    field: str | None = None
    retry_after: float | None = None


class Score(Struct, frozen=True):
    """The offer stays, and is worth so many USD more or less for it."""

    usd: Decimal
    reason: str
    """Why, in words that hold for every request: the amount is `usd`."""


KEEP = Score(ZERO, "")
"""What a rule answers that has nothing against an offer and nothing for it."""

Rule = Callable[[Candidate, Wish, World], Drop | Score]


class Choice(Struct, frozen=True):
    """An offer that may serve the request."""

    candidate: Candidate
    worth: Decimal
    reasons: tuple[tuple[str, Score], ...]

    @property
    def offer(self) -> Offer:
        """The offer."""
        return self.candidate.offer

    @property
    def fit(self) -> Fit:
        """The request in its terms."""
        assert isinstance(self.candidate.fit, Fit)
        return self.candidate.fit

    @property
    def billable(self) -> Billable:
        """What its price depends on."""
        assert self.candidate.billable is not None
        return self.candidate.billable

    @property
    def quote(self) -> Quote:
        """What it would cost."""
        assert isinstance(self.candidate.quote, Quote)
        return self.candidate.quote


class Out(Struct, frozen=True):
    """An offer that may not, the rule that said so, and how many rules it passed before."""

    candidate: Candidate
    rule: str
    drop: Drop
    passed: int


class Plan(Struct, frozen=True):
    """Which offers to try, in order, and why each other is left out."""

    choices: tuple[Choice, ...]
    out: tuple[Out, ...]

    def failure(self) -> Failure:
        """Why nothing is left to try: said by the offer that came furthest."""
        if not self.out:
            return Failure(Fault.UNAVAILABLE, "no provider offers this model")
        nearest = max(self.out, key=lambda out: out.passed)
        drop = nearest.drop
        return Failure(
            drop.fault,
            f"{nearest.candidate.offer.model.name} {drop.reason}",
            code=drop.code,
            field=drop.field,
            retry_after=drop.retry_after,
        )


def plan(rules: Sequence[tuple[str, Rule]], wish: Wish, offers: Iterable[Offer], world: World) -> Plan:
    """Ask every rule about every offer; the first `Drop` ends an offer, the `Score`s of the others add up."""
    choices: list[Choice] = []
    out: list[Out] = []
    for offer in offers:
        candidate = _consider(offer, wish, world)
        reasons: list[tuple[str, Score]] = []
        for passed, (name, rule) in enumerate(rules):
            verdict = rule(candidate, wish, world)
            if verdict is KEEP:
                continue
            if isinstance(verdict, Drop):
                out.append(Out(candidate, name, verdict, passed))
                break
            reasons.append((name, verdict))
        else:
            worth = sum([score.usd for _, score in reasons], ZERO)
            choices.append(Choice(candidate, worth, tuple(reasons)))
    if len(choices) > 1:
        choices.sort(key=lambda choice: (-choice.worth, choice.offer.name))
    return Plan(tuple(choices), tuple(out))


def _consider(offer: Offer, wish: Wish, world: World) -> Candidate:
    fitted = fit(wish.request, offer.model, any_area=wish.any_area)
    if isinstance(fitted, Misfit):
        return Candidate(offer, fitted, Unpriced(fitted.reason))
    billable = fitted.request.billable()
    return Candidate(offer, fitted, quote_at(offer, billable, world.now.date()), billable)


def price_at(offer: Offer, day: date) -> Price | None:
    """The price in force at an offer on a day, if the book has one."""
    for price in reversed(offer.prices):
        if price.since <= day:
            return price if price.until is None or day < price.until else None
    return None


def quote_at(offer: Offer, billable: Billable, day: date) -> Quote | Unpriced:
    """The most a request can cost at an offer: by the book's price, else by the operator's ceiling."""
    price = price_at(offer, day)
    answer = Unpriced(f"the book has no price for it on {day}") if price is None else quote(price, billable)
    if isinstance(answer, Unpriced) and offer.ceiling is not None:
        return ceiling(billable, offer.ceiling)
    return answer


def bill_at(offer: Offer, billable: Billable, usage: Usage, day: date) -> Bill | Unpriced:
    """What a request did cost at an offer; `Unpriced` where neither meter nor price says."""
    price = price_at(offer, day)
    return Unpriced("no price") if price is None else bill(price, billable, usage)
