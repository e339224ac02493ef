"""Offers, wishes and the world, each well by default: a test says only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from pricing import Price
from pricing.kinds import PerImage, Row
from providers.contract import Generate, Model, Sizes, fit
from providers.contract.fit import Misfit
from proxy.policy import Candidate, Drop, Local, Offer, Plan, Rule, Score, Wish, World, plan
from proxy.policy.engine import WELL, quote_at
from proxy.policy.rules import REQUIRED, load

DAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MODEL = Model(name="photo", sizes=Sizes(listed=("1024x1024",)))
RULES = load(["configured", "capable", "allowed", "priced", "within_ceiling", "healthy", "prefer_local", "cheapest"])


def price(usd: str, since: date = DAY, until: date | None = None) -> Price:
    """So much a picture."""
    per = PerImage(rows=(Row(price=Decimal(usd)),))
    return Price(models=("photo",), per=per, since=since, until=until, checked=DAY, source="the price list")


def offer(provider: str = "a", usd: str | None = "0.04", **fields: Any) -> Offer:
    """The photo model at a provider, for so much a picture; None where the book has no price."""
    prices = () if usd is None else (price(usd),)
    return Offer(**{"name": f"{provider}/photo", "provider": provider, "model": MODEL, "prices": prices, **fields})


def wish(**fields: Any) -> Wish:
    """A square photo, by a caller who may everything."""
    return Wish(**{"request": Generate(model="photo", prompt="A boat", width=1024, height=1024), **fields})


def world(here: Mapping[str, Local] | None = None, /, **health: Any) -> World:
    """The day; `a=Standing(...)` for the health of what provider `a` offers, `here` for who draws on this machine."""
    local = {f"{provider}/photo": known for provider, known in (here or {}).items()}
    return World(now=NOW, health={f"{provider}/photo": each for provider, each in health.items()}, local=local)


def candidate(of: Offer, wanted: Wish | None = None, on: date = DAY, seen: World | None = None) -> Candidate:
    """What the engine shows the rules of an offer."""
    wanted = wanted or wish()
    fitted = fit(wanted.request, of.model, any_area=wanted.any_area)
    assert not isinstance(fitted, Misfit), "ask the engine for those"
    standing, local = (seen or world()).health.get(of.name, WELL), (seen or world()).local.get(of.name)
    billable = fitted.request.billable()
    if local is not None:
        billable = replace(billable, seconds=local.bound(fitted.request))
    return Candidate(of, fitted, quote_at(of, billable, on), billable, standing, local)


def planned(
    offers: Sequence[Offer],
    wanted: Wish | None = None,
    seen: World | None = None,
    rules: Sequence[tuple[str, Rule]] = RULES,
) -> Plan:
    """The plan for some offers."""
    return plan(rules, wanted or wish(), offers, seen or world())


def order(made: Plan) -> list[str]:
    """Providers in the order they are tried."""
    return [choice.offer.provider for choice in made.choices]


def dropped(made: Plan) -> dict[str, tuple[str, Drop]]:
    """By provider, the rule that left its offer out, and how."""
    return {out.candidate.offer.provider: (out.rule, out.drop) for out in made.out}


def alone(
    name: str, offered: Offer, wanted: Wish | None = None, seen: World | None = None, **options: Any
) -> Drop | Score:
    """What one rule, with settings if it has some, says of one offer."""
    rows: list[Any] = [*REQUIRED, {name: options}] if name not in REQUIRED else [*REQUIRED]
    [rule] = [rule for known, rule in load(rows) if known == name]
    return rule(candidate(offered, wanted, seen=seen), wanted or wish(), seen or world())
