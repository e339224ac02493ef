"""The engine: price every offer, ask every rule, put what is left in order, keep a reason for everything.

A rule is one pure function in one file of `rules/`: `(candidate, wish, world) -> Drop | Score`. Scores are in USD: what
a preference is worth, so that price and nearness, and later speed and quality, are traded in one currency and the sum
means something. The offer worth most is tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pricing import Bill, Billable, Price, Quote, Unpriced, Usage, bill, ceiling, quote
from providers.contract import Code, Failure, Fault, Fit, ImageRequest, Misfit, Model
from proxy.policy.local import Local
from proxy.policy.remembered import Fitting


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
    regions: frozenset[str] = frozenset()
    """Where its accounts keep what they are sent, e.g. `eu` or `us-east`; without those of which nobody says."""
    grade: int = 2
    """How good its pictures are: 1 draft, 2 standard, 3 premium."""
    seconds: float | None = None
    """How long it is expected to take, by whoever configured it; what is observed goes before."""

    def named(self, names: frozenset[str]) -> frozenset[str]:
        """Which of some names mean it: its provider's, its model's, its own."""
        return names.intersection((self.provider, self.model.name, self.name))


class Wish(Struct, frozen=True, kw_only=True):
    """What the caller wants, and what the caller may."""

    request: ImageRequest
    any_area: bool = False
    """The name asked for is retired: its sizes may be replaced by larger ones of the same shape."""
    strict: bool = False
    """Refuse rather than do otherwise than asked."""
    ceiling: Decimal | None = None
    """The most the request may cost, in USD."""
    cap: Decimal | None = None
    """The most its pictures may cost together, by what the caller's key may pay for each."""
    models: frozenset[str] | None = None
    """Models the key may use; None for all."""
    providers: frozenset[str] | None = None
    """Providers the key may use; None for all."""
    named: frozenset[str] | None = None
    """Providers the caller named; None where any will do."""
    id: str = ""
    """Of the request: what lots are drawn by, so that whoever draws them again draws the same."""
    max_seconds: float | None = None
    """The longest the caller is willing to wait."""
    regions: frozenset[str] | None = None
    """Where what is sent may be kept; None for anywhere. `eu` covers `eu-west`."""
    pin: str | None = None
    """The provider, or the offer, that serves this name for the caller's team."""
    bans: frozenset[str] = frozenset()
    """Providers, models and offers the caller's team does not want."""
    policy: str | None = None
    """The name of the policy that decides."""


class Standing(Struct, frozen=True):
    """What is known of an offer's health."""

    usable: bool = True
    reason: str = ""
    fault: Fault = Fault.UNAVAILABLE
    retry_after: float | None = None
    """Seconds until it may be tried again."""
    error_rate: float | None = None
    """Share of its latest requests that failed, 0 to 1; None where there were too few to say. Likewise below."""
    p50: float | None = None
    """Seconds that half of its latest requests took at most."""
    p95: float | None = None
    p99: float | None = None
    in_flight: int = 0
    """How much of that room is taken, by whatever stands in its way: other models' requests, and those that wait."""
    room: int | None = None
    """How many requests it takes at once; None where nobody knows."""


WELL = Standing()
ZERO = Decimal(0)


class World(Struct, frozen=True, kw_only=True):
    """Everything a rule may know beyond the request: a snapshot, taken once."""

    now: datetime
    health: Mapping[str, Standing] = {}
    """By offer; an offer that is not in it is well."""
    local: Mapping[str, Local] = {}
    """By offer: those that are drawn on this machine."""


class Candidate(Struct, frozen=True, gc=False):
    """An offer, the request in its terms, what its price depends on, what that would cost, and how the offer is."""

    offer: Offer
    fit: Fit | Misfit
    quote: Quote | Unpriced
    billable: Billable | None = None
    """None for a misfit."""
    standing: Standing = WELL
    """What the world knows of its health."""
    local: Local | None = None
    """What it knows of it besides, if it is drawn on this machine."""

    @property
    def draws_s(self) -> float | None:
        """Seconds that this machine should take for it; None where it is drawn elsewhere, or nobody can say."""
        return self.local.draws_s(self.fit.request) if self.local is not None and isinstance(self.fit, Fit) else None


class Drop(Struct, frozen=True, gc=False):
    """The offer is out, and how to say so if no other is left."""

    reason: str
    fault: Fault = Fault.REJECTED
    code: Code | None = None
    field: str | None = None
    retry_after: float | None = None


class Score(Struct, frozen=True, gc=False):
    """The offer stays, and is worth so many USD more or less for it."""

    usd: Decimal
    reason: str
    """Why, in words that hold for every request: the amount is `usd`."""


KEEP = Score(ZERO, "")
"""What a rule answers that has nothing against an offer and nothing for it."""

Rule = Callable[[Candidate, Wish, World], Drop | Score]
Asked = TypeVar("Asked", bound=Callable[..., Drop | Score])
"""A rule as it is written: some take settings besides."""


class Choice(Struct, frozen=True, gc=False):
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


class Out(Struct, frozen=True, gc=False):
    """An offer that may not, the rule that said so, and how many rules it passed before."""

    candidate: Candidate
    rule: str
    drop: Drop
    passed: int


class Plan(Struct, frozen=True):
    """Which offers to try, in order, and why each other is left out."""

    choices: tuple[Choice, ...]
    out: tuple[Out, ...]
    policy: str | None = None
    """The name of the policy that decided."""

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


Nothing = Callable[[Wish, World], bool]


def unless(nothing: Nothing) -> Callable[[Asked], Asked]:
    """Tell the engine when a rule has nothing to say about any offer, so that it is not asked about each."""

    def told(rule: Asked) -> Asked:
        rule.__dict__["nothing"] = nothing
        return rule

    return told


def plan(rules: Sequence[tuple[str, Rule]], wish: Wish, offers: Iterable[Offer], world: World) -> Plan:
    """Ask every rule about every offer; the first `Drop` ends an offer, the `Score`s of the others add up."""
    fitting = Fitting(wish.request, any_area=wish.any_area)
    day = world.now.date()
    left: list[_Left] = [(place, _consider(offer, fitting, day, world), []) for place, offer in enumerate(offers)]
    out: dict[int, Out] = {}
    for passed, (name, rule) in enumerate(rules):
        if _silent(rule, wish, world):
            continue
        before = len(out)
        for place, candidate, reasons in left:  # rule by rule: the interpreter is faster at asking the same one again
            verdict = rule(candidate, wish, world)
            if verdict is KEEP:
                continue
            if isinstance(verdict, Score):
                reasons.append((name, verdict))
            else:
                out[place] = Out(candidate, name, verdict, passed)
        if len(out) > before:
            left = [each for each in left if each[0] not in out]
    choices = [Choice(candidate, _worth(reasons), tuple(reasons)) for _, candidate, reasons in left]
    if len(choices) > 1:
        choices.sort(key=_NAME)
        choices.sort(key=_WORTH, reverse=True)  # those worth the same stay in the order of their names
    return Plan(tuple(choices), tuple([out[place] for place in sorted(out)]), wish.policy)


_Left = tuple[int, Candidate, list[tuple[str, Score]]]
"""An offer that no rule asked so far has dropped: its place among the offers, and what was said for and against it."""
_WORTH = attrgetter("worth")
_NAME = attrgetter("candidate.offer.name")


def _worth(reasons: list[tuple[str, Score]]) -> Decimal:
    return sum([score.usd for _, score in reasons], ZERO)


def _silent(rule: Rule, wish: Wish, world: World) -> bool:
    nothing: Nothing | None = getattr(rule, "nothing", None)
    return nothing is not None and nothing(wish, world)


def _consider(offer: Offer, fitting: Fitting, day: date, world: World) -> Candidate:
    standing = world.health.get(offer.name, WELL)
    fitted = fitting.to(offer.model)
    if not isinstance(fitted, Fit):
        return Candidate(offer, fitted, Unpriced(fitted.reason), None, standing, world.local.get(offer.name))
    price, local = price_at(offer, day), world.local.get(offer.name)
    billable, answer = fitting.quote(fitted.request, price)
    if local is not None and price is not None and (seconds := local.bound(fitted.request)) is not None:
        billable = replace(billable, seconds=seconds)
        answer = quote(price, billable)
    if not isinstance(answer, Quote):
        answer = answer or _unlisted(day)
        if offer.ceiling is not None:
            answer = ceiling(billable, offer.ceiling)
    return Candidate(offer, fitted, answer, billable, standing, local)


def _unlisted(day: date) -> Unpriced:
    return Unpriced(f"the book has no price for it on {day}")


def price_at(offer: Offer, day: date) -> Price | None:
    """The price in force at an offer on a day, if the book has one."""
    for price in reversed(offer.prices):
        if price.since <= day:
            return price if price.until is None or day < price.until else None
    return None


def quote_at(offer: Offer, billable: Billable, day: date) -> Quote | Unpriced:
    """The most a request can cost at an offer: by the book's price, else by the operator's ceiling."""
    price = price_at(offer, day)
    answer = _unlisted(day) if price is None else quote(price, billable)
    if isinstance(answer, Unpriced) and offer.ceiling is not None:
        return ceiling(billable, offer.ceiling)
    return answer


def bill_at(offer: Offer, billable: Billable, usage: Usage, day: date) -> Bill | Unpriced:
    """What a request did cost at an offer; `Unpriced` where neither meter nor price says."""
    price = price_at(offer, day)
    return Unpriced("no price") if price is None else bill(price, billable, usage)
