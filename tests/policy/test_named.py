"""The policies that everybody has, by what they promise."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.contract import Edit, EditKind, Generate, Image
from proxy.policy import Offer, Standing, Wish, World
from proxy.policy.named import BUILT_IN
from proxy.policy.rules import NAMES, load
from tests.pictures import png
from tests.policy.offers import MODEL, dropped, offer, order, planned, price, wish, world
from tests.properties import MANY

POLICIES = {name: load(rows) for name, rows in BUILT_IN.items()}
names = st.sampled_from(sorted(POLICIES))
amounts = st.decimals("0", "0.2", places=3)
SEEDED = replace(MODEL, honours=frozenset({"seed"}))
EDITING = replace(MODEL, operations=frozenset({"generate", "edit.general"}), inputs=1)
EDIT = Edit(model="photo", prompt="x", kind=EditKind.GENERAL, pictures=(Image(png()),))
offers_of = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=8).flatmap(
    lambda providers: st.tuples(
        *[
            st.builds(
                offer,
                st.just(provider),
                st.none() | amounts.map(str),
                here=st.booleans(),
                out=st.sampled_from([None, None, None, "no key"]),
                model=st.sampled_from([MODEL, SEEDED, EDITING]),
                regions=st.sampled_from([frozenset(), frozenset({"eu"}), frozenset({"us"}), frozenset({"eu", "us"})]),
                grade=st.integers(1, 3),
                seconds=st.sampled_from([None, 3.0, 40.0]),
            )
            for provider in providers
        ]
    )
)
wishes = st.builds(
    Wish,
    request=st.sampled_from(
        [Generate(model="photo"), Generate(model="photo", n=3, seed=5, style="vivid"), EDIT, wish().request]
    ),
    id=st.sampled_from(["", "req_1", "req_2"]),
    ceiling=st.none() | amounts,
    strict=st.booleans(),
    max_seconds=st.sampled_from([None, 10.0]),
    regions=st.sampled_from([None, frozenset({"eu"})]),
    named=st.none() | st.frozensets(st.sampled_from("abcdefgh"), min_size=4),
    pin=st.sampled_from([None, None, "a", "b/photo"]),
    bans=st.frozensets(st.sampled_from(["c", "d/photo", "z"])),
)
standings = st.builds(
    Standing,
    usable=st.booleans(),
    reason=st.just("keeps failing"),
    error_rate=st.none() | st.floats(0, 1),
    p50=st.none() | st.floats(0, 100),
    p95=st.none() | st.floats(0, 100),
    in_flight=st.integers(0, 20),
    room=st.none() | st.integers(1, 8),
)
worlds = st.dictionaries(st.sampled_from("abcdefgh"), standings).map(lambda health: world(**health))


@MANY
@given(names, offers_of, wishes, worlds)
def test_a_plan_is_the_offers_in_an_order_less_those_that_are_out_for_a_reason(
    name: str, offers: tuple[Offer, ...], wanted: Wish, seen: World
) -> None:
    made = planned(offers, wanted, seen, POLICIES[name])
    told = [choice.offer.name for choice in made.choices] + [out.candidate.offer.name for out in made.out]
    assert sorted(told) == sorted(each.name for each in offers)
    assert all(out.drop.reason and out.rule in NAMES for out in made.out)
    for choice in made.choices:
        assert all(score.reason for _, score in choice.reasons)
        assert choice.worth == sum([score.usd for _, score in choice.reasons], Decimal(0))


@MANY
@given(names, offers_of, wishes, worlds)
def test_the_same_world_gives_the_same_plan(name: str, offers: tuple[Offer, ...], wanted: Wish, seen: World) -> None:
    made = planned(offers, wanted, seen, POLICIES[name])
    assert planned(offers, wanted, seen, load(BUILT_IN[name])) == made
    assert planned(offers[::-1], wanted, seen, POLICIES[name]).choices == made.choices


@MANY
@given(names, offers_of, wishes, worlds)
def test_what_cannot_do_it_or_is_not_wanted_is_never_in_a_plan(
    name: str, offers: tuple[Offer, ...], wanted: Wish, seen: World
) -> None:
    for choice in planned(offers, wanted, seen, POLICIES[name]).choices:
        of = choice.offer
        assert of.out is None
        assert wanted.request.operation in of.model.operations
        assert seen.health.get(of.name, Standing()).usable
        assert wanted.regions is None or of.here or of.regions & wanted.regions
        assert wanted.named is None or of.provider in wanted.named
        assert wanted.pin in (None, of.provider, of.name)
        assert not wanted.bans & {of.provider, of.name, of.model.name}
        assert wanted.ceiling is None or choice.quote.usd <= wanted.ceiling


@MANY
@given(offers_of, wishes, worlds, st.integers(0, 7), st.decimals("0", "1", places=3))
def test_a_higher_price_never_moves_an_offer_up_under_cheapest(
    offers: tuple[Offer, ...], wanted: Wish, seen: World, which: int, more: Decimal
) -> None:
    raised = offers[which % len(offers)]
    if not raised.prices:
        return
    known = raised.prices[0].per.rows[0].price  # type: ignore[union-attr]
    dearer = replace(raised, prices=(price(str(known + more)),))
    before = order(planned(offers, wanted, seen, POLICIES["cheapest"]))
    after = order(planned([dearer if each is raised else each for each in offers], wanted, seen, POLICIES["cheapest"]))
    if raised.provider in after:
        assert after.index(raised.provider) >= before.index(raised.provider)
    assert [each for each in after if each != raised.provider] == [each for each in before if each != raised.provider]


@pytest.mark.parametrize("listed", list(permutations([("dear", "0.08"), ("cheap", "0.04")])))
@pytest.mark.parametrize("name", ["cheapest", "balanced"])
def test_of_two_offers_the_cheaper_is_chosen_every_time_and_says_why(
    name: str, listed: tuple[tuple[str, str], ...]
) -> None:
    offers = [offer(provider, usd) for provider, usd in listed]
    for request in range(100):
        made = planned(offers, wish(id=f"req_{request}"), rules=POLICIES[name])
        assert order(made) == ["cheap", "dear"]
        said = [dict(choice.reasons)["cheapest"] for choice in made.choices]
        assert [(score.usd, score.reason) for score in said] == [
            (Decimal("-0.04"), "what it may cost"),
            (Decimal("-0.08"), "what it may cost"),
        ]


OFFERS = [
    offer("quick", "0.08", grade=2),
    offer("cheap", "0.02", grade=1),
    offer("fine", "0.20", grade=3),
    offer("here", "0.15", here=True, grade=1),
]
SEEN: dict[str, Any] = {
    "quick": Standing(p50=1.0, p95=2.0, error_rate=0.0),
    "cheap": Standing(p50=20.0, p95=40.0, error_rate=0.0),
    "fine": Standing(p50=12.0, p95=30.0, error_rate=0.0),
    "here": Standing(p50=30.0, p95=60.0, error_rate=0.0),
}


@pytest.mark.parametrize(
    ("name", "first"), [("cheapest", "cheap"), ("fastest", "quick"), ("best", "fine"), ("local-first", "here")]
)
def test_each_puts_first_what_it_is_called_after(name: str, first: str) -> None:
    assert order(planned(OFFERS, seen=world(**SEEN), rules=POLICIES[name]))[0] == first


def test_balanced_pays_a_little_for_speed_and_quality_and_not_a_lot() -> None:
    seen = world(slow=Standing(p50=20.0), quick=Standing(p50=2.0))
    for quick, first in (("0.06", "quick"), ("0.09", "slow")):
        made = planned([offer("slow", "0.04"), offer("quick", quick)], seen=seen, rules=POLICIES["balanced"])
        assert order(made)[0] == first


def test_local_first_goes_elsewhere_only_where_nothing_here_can() -> None:
    sick = {**SEEN, "here": Standing(usable=False, reason="keeps failing")}
    made = planned(OFFERS, seen=world(**sick), rules=POLICIES["local-first"])
    assert order(made)[0] == "cheap"
    assert dropped(made)["here"][0] == "healthy"
