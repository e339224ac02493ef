from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Bill, Billable, Quote, Unpriced, Usage
from pricing.kinds import PerToken, Row
from providers.contract import Code, Edit, EditKind, Fault, Fit, Generate, Image, Misfit, Note, Quality
from proxy.policy import Candidate, Drop, Offer, Plan, Score, Standing, Wish, World
from proxy.policy.engine import KEEP, bill_at, price_at, quote_at
from proxy.policy.rules import NAMES, REQUIRED, load
from tests.pictures import png
from tests.policy.offers import DAY, MODEL, RULES, dropped, offer, order, planned, price, wish, world
from tests.properties import MANY

SICK = Standing(usable=False, reason="answers with errors", fault=Fault.UNAVAILABLE, retry_after=7.0)
MISSHAPEN = wish(request=Generate(model="photo", width=100, height=900))
UNPUBLISHED = PerToken(text_in=Decimal(5), image_in=Decimal(8), image_out=Decimal(30), output=None)


# The order.


def test_the_cheapest_is_tried_first_and_each_reason_is_kept() -> None:
    made = planned([offer("dear", "0.10"), offer("cheap", "0.02"), offer("fair", "0.05")])
    assert order(made) == ["cheap", "fair", "dear"]
    assert made.out == ()
    first = made.choices[0]
    assert first.worth == Decimal("-0.02")
    assert first.reasons == (("cheapest", Score(Decimal("-0.02"), "what it may cost")),)
    assert first.quote.usd == Decimal("0.02")
    assert first.billable.width == 1024
    assert isinstance(first.fit, Fit)


@pytest.mark.parametrize("providers", list(permutations(["a", "b", "c"])))
def test_offers_worth_the_same_are_tried_by_name_whatever_order_they_come_in(providers: tuple[str, ...]) -> None:
    assert order(planned([offer(provider) for provider in providers])) == ["a", "b", "c"]


def test_amounts_are_compared_exactly() -> None:
    offers = [offer("a", "0.3000000000000000000001"), offer("b", "0.3")]
    assert order(planned(offers)) == ["b", "a"]


def test_a_local_picture_wins_by_what_it_is_worth_and_no_more() -> None:
    here = offer("local", "0.049", here=True)
    assert order(planned([offer("away", "0.04"), here])) == ["local", "away"]
    assert order(planned([offer("away", "0.038"), here])) == ["away", "local"]


def test_scores_add_up_and_a_rule_that_has_nothing_to_say_leaves_no_reason() -> None:
    [choice] = planned([offer("local", "0.04", here=True)], wish(request=Generate(model="photo", n=3))).choices
    assert [(name, score.usd) for name, score in choice.reasons] == [
        ("prefer_local", Decimal("0.03")),
        ("cheapest", Decimal("-0.12")),
    ]
    assert choice.worth == Decimal("-0.09")


def test_the_price_is_that_of_what_the_model_would_draw_and_not_of_what_was_asked() -> None:
    by_quality = replace(price("1"), per=replace(price("1").per, rows=(Row(quality="low", price=Decimal("0.5")),)))
    low = replace(MODEL, qualities=(Quality.LOW,))
    wanted = wish(request=Generate(model="photo", quality=Quality.MAX))
    [choice] = planned([offer(model=low, prices=(by_quality,))], wanted).choices
    assert choice.quote.usd == Decimal("0.5")
    assert choice.fit.notes == (Note("quality", "low is the nearest quality of photo"),)


# Who is out, and why.


def test_everything_left_out_says_which_rule_and_why() -> None:
    offers = [
        offer("away", out="no key OPENAI_API_KEY"),
        offer("forbidden"),
        offer("unpriced", None),
        offer("dear", "0.50"),
        offer("sick"),
        offer("well"),
    ]
    wanted = wish(ceiling=Decimal("0.1"), providers=frozenset({"away", "unpriced", "dear", "sick", "well"}))
    made = planned(offers, wanted, world(sick=SICK))
    assert order(made) == ["well"]
    assert {provider: (rule, drop.reason) for provider, (rule, drop) in dropped(made).items()} == {
        "away": ("configured", "is not available here: no key OPENAI_API_KEY"),
        "forbidden": ("allowed", "is at forbidden, which this key may not use"),
        "unpriced": ("priced", "cannot be priced: the book has no price for it on 2026-06-01"),
        "dear": ("within_ceiling", "costs up to $0.5, over the ceiling of $0.1"),
        "sick": ("healthy", "answers with errors"),
    }
    assert {out.candidate.offer.provider: out.passed for out in made.out} == {
        "away": 0,
        "forbidden": 2,
        "unpriced": 3,
        "dear": 4,
        "sick": 5,
    }


def test_the_first_rule_that_drops_an_offer_is_the_last_one_asked() -> None:
    asked: list[str] = []

    def asking(name: str, verdict: Drop | Score) -> tuple[str, object]:
        def rule(candidate: Candidate, wanted: Wish, seen: World) -> Drop | Score:
            asked.append(name)
            return verdict

        return name, rule

    rules = [asking("one", KEEP), asking("two", Drop("is out")), asking("three", KEEP)]
    made = planned([offer()], rules=rules)  # type: ignore[arg-type]
    assert asked == ["one", "two"]
    assert [out.rule for out in made.out] == ["two"]


def test_a_model_that_cannot_is_out_and_has_no_price() -> None:
    made = planned([offer()], MISSHAPEN)
    [out] = made.out
    assert isinstance(out.candidate.fit, Misfit)
    assert out.candidate.quote == Unpriced(out.candidate.fit.reason)
    assert out.candidate.billable is None
    assert (out.rule, out.drop.field) == ("capable", "size")


def test_a_retired_name_takes_another_size_of_the_same_shape() -> None:
    small = wish(request=Generate(model="photo", width=256, height=256))
    assert order(planned([offer()], small)) == []
    [choice] = planned([offer()], replace(small, any_area=True)).choices
    assert choice.billable.width == 1024


@pytest.mark.parametrize("retry_after", [None, 7.0])
def test_a_plan_without_a_choice_fails_for_the_reason_of_the_offer_that_came_furthest(
    retry_after: float | None,
) -> None:
    sick = Standing(usable=False, reason="asked to be left alone", fault=Fault.THROTTLED, retry_after=retry_after)
    offers = [offer("away", out="no key"), offer("sick"), offer("unpriced", None)]
    for each in permutations(offers):
        failure = planned(each, seen=world(sick=sick)).failure()
        assert (failure.fault, failure.detail) == (Fault.THROTTLED, "photo asked to be left alone")
        assert (failure.code, failure.field, failure.retry_after) == (None, None, retry_after)


def test_a_failure_carries_the_code_and_the_field_of_its_rule() -> None:
    failure = planned([offer(out="no key")]).failure()
    assert (failure.fault, failure.code, failure.field) == (Fault.REJECTED, Code.UNKNOWN_MODEL, "model")
    failure = planned([offer()], MISSHAPEN).failure()
    assert (failure.fault, failure.code, failure.field) == (Fault.REJECTED, None, "size")
    assert failure.detail == "photo does not draw 100x900 (it draws 1024x1024)"


def test_a_plan_of_no_offers_says_so() -> None:
    made = planned([])
    assert made == Plan((), ())
    assert (made.failure().fault, made.failure().detail) == (Fault.UNAVAILABLE, "no provider offers this model")


# Prices of a day.

JANUARY, JUNE, JULY = date(2026, 1, 1), date(2026, 6, 1), date(2026, 7, 1)
BOOK = (price("0.10", JANUARY, JUNE), price("0.20", JUNE, JULY))


@pytest.mark.parametrize(
    ("day", "usd"),
    [
        (JANUARY - timedelta(1), None),
        (JANUARY, "0.10"),
        (JUNE - timedelta(1), "0.10"),
        (JUNE, "0.20"),
        (JULY - timedelta(1), "0.20"),
        (JULY, None),
    ],
)
def test_the_price_is_that_of_the_day_and_none_where_none_holds(day: date, usd: str | None) -> None:
    found = price_at(offer(prices=BOOK), day)
    assert found == (None if usd is None else next(each for each in BOOK if each.per == price(usd).per))


def test_a_newer_price_ends_an_older_one_that_was_never_ended() -> None:
    older, newer = price("0.10", JANUARY), price("0.20", JUNE)
    assert price_at(offer(prices=(older, newer)), JULY) is newer
    ended = replace(newer, until=JULY)
    assert price_at(offer(prices=(older, ended)), JULY) is None


def test_a_plan_quotes_by_the_day_it_is_made_on() -> None:
    [choice] = planned([offer(prices=BOOK)]).choices
    assert choice.quote.usd == Decimal("0.20")


@pytest.mark.parametrize("per", [None, UNPUBLISHED])
def test_the_operators_ceiling_stands_in_for_a_price_that_is_not_known(per: PerToken | None) -> None:
    prices = () if per is None else (replace(price("1"), per=per),)
    unknown = offer(prices=prices)
    assert isinstance(quote_at(unknown, Billable(n=3), DAY), Unpriced)
    found = quote_at(replace(unknown, ceiling=Decimal("0.25")), Billable(n=3), DAY)
    assert isinstance(found, Quote)
    assert (found.usd, found.source) == (Decimal("0.75"), "config")


def test_the_operators_ceiling_does_not_replace_a_price_that_is_known() -> None:
    found = quote_at(offer(ceiling=Decimal("0.01")), Billable(), DAY)
    assert isinstance(found, Quote)
    assert (found.usd, found.source) == (Decimal("0.04"), "the price list")


def test_the_bill_is_by_the_price_of_the_day_and_unpriced_without_one() -> None:
    found = bill_at(offer(prices=BOOK), Billable(n=2), Usage(images=1), JANUARY)
    assert isinstance(found, Bill)
    assert found.usd == Decimal("0.10")
    assert isinstance(bill_at(offer(prices=BOOK), Billable(), Usage(images=1), JULY), Unpriced)


# Invariants.

edit = Edit(model="photo", kind=EditKind.GENERAL, pictures=(Image(png()),))
requests = st.one_of(
    st.builds(
        Generate,
        model=st.just("photo"),
        n=st.integers(1, 4),
        quality=st.sampled_from([None, Quality.HIGH]),
        seed=st.sampled_from([None, 1]),
    ),
    st.just(Generate(model="photo", width=1000, height=1000)),
    st.just(MISSHAPEN.request),
    st.just(edit),
)
amounts = st.decimals("0", "0.2", places=3)
offers_of = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8).flatmap(
    lambda names: st.tuples(
        *[
            st.builds(
                offer,
                st.just(name),
                st.none() | amounts.map(str),
                here=st.booleans(),
                out=st.sampled_from([None, None, "no key"]),
                ceiling=st.none() | amounts,
                model=st.sampled_from([MODEL, replace(MODEL, qualities=(Quality.LOW,), honours=frozenset({"seed"}))]),
            )
            for name in names
        ]
    )
)
wishes = st.builds(
    Wish,
    request=requests,
    any_area=st.booleans(),
    strict=st.booleans(),
    ceiling=st.none() | amounts,
    models=st.sampled_from([None, None, frozenset({"photo"}), frozenset({"other"})]),
    providers=st.none() | st.frozensets(st.sampled_from("abcdefgh"), min_size=4),
)
worlds = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([SICK, Standing()])).map(
    lambda health: world(**health)
)


@MANY
@given(offers_of, wishes, worlds)
def test_every_offer_is_placed_or_has_a_reason_and_never_both(
    offers: tuple[Offer, ...], wanted: Wish, seen: World
) -> None:
    made = planned(offers, wanted, seen)
    placed = [choice.offer.name for choice in made.choices]
    left_out = [out.candidate.offer.name for out in made.out]
    assert sorted(placed + left_out) == sorted(each.name for each in offers)
    assert all(out.drop.reason and out.rule in NAMES for out in made.out)


@MANY
@given(offers_of, wishes, worlds)
def test_a_plan_holds_only_what_may_be_asked_and_can_be_paid_for(
    offers: tuple[Offer, ...], wanted: Wish, seen: World
) -> None:
    for choice in planned(offers, wanted, seen).choices:
        assert choice.offer.out is None
        assert wanted.models is None or choice.offer.model.name in wanted.models
        assert wanted.providers is None or choice.offer.provider in wanted.providers
        assert wanted.ceiling is None or choice.quote.usd <= wanted.ceiling
        assert seen.health.get(choice.offer.name) is not SICK
        assert not (wanted.strict and any(note.lossy for note in choice.fit.notes))
        assert choice.billable.n == wanted.request.n


@MANY
@given(offers_of, wishes, worlds)
def test_the_order_follows_the_worth_and_then_the_name(offers: tuple[Offer, ...], wanted: Wish, seen: World) -> None:
    choices = planned(offers, wanted, seen).choices
    for choice in choices:
        assert choice.worth == sum((score.usd for _, score in choice.reasons), Decimal(0))
    for one, two in pairwise(choices):
        assert one.worth > two.worth or (one.worth == two.worth and one.offer.name < two.offer.name)


@MANY
@given(offers_of, wishes, worlds, st.randoms(use_true_random=False), st.permutations(RULES))
def test_neither_the_order_of_offers_nor_of_rules_changes_who_is_tried(
    offers: tuple[Offer, ...], wanted: Wish, seen: World, random: object, rules: list[tuple[str, object]]
) -> None:
    shuffled = list(offers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = planned(offers, wanted, seen)
    two = planned(shuffled, wanted, seen, rules)  # type: ignore[arg-type]
    assert [(choice.offer, choice.worth) for choice in one.choices] == [
        (choice.offer, choice.worth) for choice in two.choices
    ]
    assert planned(shuffled, wanted, seen).choices == one.choices


@MANY
@given(offers_of, wishes, worlds)
def test_a_plan_without_a_choice_always_says_why(offers: tuple[Offer, ...], wanted: Wish, seen: World) -> None:
    made = planned(offers, wanted, seen)
    if not made.choices:
        failure = made.failure()
        assert failure.detail
        assert not made.out or any(failure.detail == f"photo {out.drop.reason}" for out in made.out)


@MANY
@given(offers_of, wishes, worlds)
def test_a_plan_by_the_required_rules_alone_never_breaks(offers: tuple[Offer, ...], wanted: Wish, seen: World) -> None:
    made = planned(offers, wanted, seen, load(sorted(REQUIRED)))
    assert [choice.offer.name for choice in made.choices] == sorted(choice.offer.name for choice in made.choices)
    assert all(choice.quote.usd >= 0 for choice in made.choices)
