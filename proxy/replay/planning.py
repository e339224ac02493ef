"""Where a recorded request would go, and what it would be quoted at: by the engine that plans live ones.

Requests that are alike are planned once. Everybody is taken to be well, and as fast as they were seen to be: what a
breaker knew at the moment of a request is not kept.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache

import msgspec
from msgspec import Struct

from pricing import Billable
from providers.contract import Failure
from proxy.catalogue import Catalogue
from proxy.ledger.accounts import Key
from proxy.ledger.history import Past
from proxy.parts import divided
from proxy.policies import Policies
from proxy.policy import Local, Plan, Standing, Wish, World
from proxy.policy import plan as make_plan
from proxy.replay.asked import asked
from proxy.replay.seen import Seen

PLANS = 16_384
"""Kinds of request whose plan is remembered."""
KEPT_OUT = frozenset({"capable", "allowed", "within_ceiling", "max_seconds", "providers", "region", "faithful"})
"""Rules whose verdict the recorded plan is believed: they looked at what the ledger does not keep of a request, its
caller's own limits and whatever no price depends on. What they left out then stays out."""
DRAWING = "spread"
"""The rule that draws lots by a request's id: under it no two requests are alike."""


class Scenario(Struct, frozen=True, kw_only=True):
    """What is to be tried instead."""

    catalogue: Catalogue
    policies: Policies
    policy: str | None = None
    """The policy that decides every request."""
    recorded: bool = True
    """Without one: whether each is decided by the policy that did, or by what the configuration says for it now."""
    prices: date | None = None
    """The day whose prices hold for all of them; each its own day's by default."""
    local: Mapping[str, Local] = {}
    """By offer, those of this machine: what their pictures take. They are idle, and their models in memory."""


class Verdict(Struct, frozen=True):
    """Where a request would go."""

    offer: str | None
    """None where no offer would serve it; then `why` says so."""
    micros: int = 0
    """What would be held for it."""
    why: str = ""


class _LeftOut(Struct, frozen=True):
    offer: str
    rule: str


class _Recorded(Struct, frozen=True):
    """Of a kept plan, what is needed here."""

    out: tuple[_LeftOut, ...] = ()


_FACTS = msgspec.json.Decoder(Billable)
_RECORDED = msgspec.json.Decoder(_Recorded)


class _Kind(Struct, frozen=True):
    """All that a plan depends on: two requests of one kind have the same."""

    model: str
    facts: str
    policy: str
    pin: str | None
    bans: frozenset[str]
    regions: frozenset[str] | None
    out: frozenset[str]
    """Offers the recorded plan is believed to have left out for good."""
    served: str | None
    span: int
    """Days between two changes of any price or name."""
    lot: str
    """What lots are drawn by; empty where none are."""


class Planner:
    """Plans recorded requests under one scenario."""

    def __init__(self, scenario: Scenario, seen: Mapping[str, Seen]) -> None:
        """Raises KeyError for a policy there is none of."""
        self._scenario = scenario
        policies = scenario.policies
        self._rules = {name: policies.rules(name) for name in policies}
        if scenario.policy is not None:
            self._rules[scenario.policy] = policies.rules(scenario.policy)
        self._drawing = {name for name, rules in self._rules.items() if any(rule == DRAWING for rule, _ in rules)}
        self._health = {name: _standing(offer) for name, offer in seen.items() if offer.spread.weight}
        self._turns = sorted(set(_turns(scenario.catalogue)))
        self._days: dict[int, date] = {}
        self._verdict = lru_cache(maxsize=PLANS)(self._planned)
        self._kept_out = lru_cache(maxsize=PLANS)(_kept_out)

    @property
    def planned(self) -> int:
        """How many plans were made: the other requests were like one of them."""
        return self._verdict.cache_info().misses

    def verdict(self, past: Past, served: str | None) -> Verdict:
        """Where a request would go; `served` is the offer that did serve it, if one did alone."""
        scenario = self._scenario
        day = datetime.fromtimestamp(past.created / 1000, UTC).date()
        span = bisect_right(self._turns, day)
        self._days.setdefault(span, day)
        try:
            of_class = scenario.catalogue.listing(past.model).policy
        except Failure as failure:
            return Verdict(None, why=failure.detail)
        decision = scenario.policies.decide(_key(past.team), past.model, of_class=of_class)
        policy = scenario.policy or (past.policy if scenario.recorded and past.policy in self._rules else None)
        policy = policy or decision.policy
        return self._verdict(
            _Kind(
                model=past.model,
                facts=past.facts,
                policy=policy,
                pin=decision.pin,
                bans=decision.bans,
                regions=decision.regions,
                out=self._kept_out(past.plan) if past.plan is not None else frozenset(),
                served=served,
                span=span,
                lot=past.job if policy in self._drawing else "",
            )
        )

    def _planned(self, kind: _Kind) -> Verdict:
        catalogue = self._scenario.catalogue
        known = catalogue.offer(kind.served) if kind.served is not None else None
        day = self._days[kind.span]
        try:
            request = asked(_FACTS.decode(kind.facts), kind.model, known.model if known else None)
            listing = catalogue.serving(kind.model, request.operation, pin=kind.pin, day=day)
        except (msgspec.DecodeError, ValueError) as error:
            return Verdict(None, why=f"what was recorded of it cannot be read: {error}")
        wish = Wish(
            request=request,
            any_area=listing.retired,
            id=kind.lot,
            pin=kind.pin,
            bans=kind.bans,
            regions=kind.regions,
            policy=kind.policy,
        )
        day = self._scenario.prices or day
        world = World(now=datetime.combine(day, time(12), UTC), health=self._health, local=self._scenario.local)
        offers = [offer for offer in catalogue.offers(listing, test=False) if offer.name not in kind.out]
        return _first(make_plan(self._rules[kind.policy], wish, offers, world), day)


def _first(plan: Plan, day: date) -> Verdict:
    """The plan's first choice; what would be held for it is rounded up for every call it takes."""
    if not plan.choices:
        return Verdict(None, why=plan.failure().detail)
    choice = plan.choices[0]
    return Verdict(choice.offer.name, sum([part.micros for part in divided(choice, choice.fit.request, day)]))


@lru_cache(maxsize=1024)
def _key(team: str) -> Key:
    """Some key of a team: what the configuration says of a request, it says of its team."""
    return Key(key="", team=team, name="", prefix="", test=False, created=0)


def _turns(catalogue: Catalogue) -> Iterator[date]:
    """Days on which something about the catalogue changes: between two of them, all days are alike."""
    for offer in catalogue.every_offer():
        for price in offer.prices:
            yield price.since
            if price.until is not None:
                yield price.until
    for listing in catalogue:
        if listing.ends is not None:
            yield listing.ends


def _standing(seen: Seen) -> Standing:
    spread = seen.spread
    return Standing(p50=spread.quantile(0.5), p95=spread.quantile(0.95), p99=spread.quantile(0.99))


def _kept_out(plan: str) -> frozenset[str]:
    """The offers that a recorded plan left out for what the request or its caller was."""
    try:
        recorded = _RECORDED.decode(plan)
    except msgspec.DecodeError:  # of a version that kept plans otherwise
        return frozenset()
    return frozenset([out.offer for out in recorded.out if out.rule in KEPT_OUT])
