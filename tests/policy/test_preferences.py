"""The rules by which callers and teams leave offers out, and those that price speed, quality, room and chance."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from pricing import Unpriced
from providers.contract import Code, Edit, EditKind, Fault, Generate, Image, Misfit, Quality
from proxy.policy import Candidate, Drop, Offer, Score, Standing, Wish
from proxy.policy.amounts import LOTS, lot
from proxy.policy.engine import KEEP
from proxy.policy.rules import REQUIRED, load
from tests.pictures import png
from tests.policy.offers import MODEL, alone, candidate, dropped, offer, order, planned, wish, world

SEEDED = replace(MODEL, honours=frozenset({"seed"}))
SEEDLESS = Generate(model="photo", prompt="A boat")


def reason(verdict: Drop | Score) -> str:
    assert isinstance(verdict, Drop)
    assert verdict.fault is Fault.REJECTED
    return verdict.reason


def usd(verdict: Drop | Score) -> Decimal:
    assert isinstance(verdict, Score)
    return verdict.usd


# Who is out.


def test_providers_drops_whom_the_caller_did_not_name() -> None:
    assert alone("providers", offer("a")) is KEEP
    assert alone("providers", offer("a"), wish(named=frozenset({"a", "b"}))) is KEEP
    assert alone("providers", offer("a"), wish(named=frozenset({"b"}))) == Drop(
        "is at a, and another provider was asked for", field="provider"
    )
    assert isinstance(alone("providers", offer("a"), wish(named=frozenset())), Drop)


@pytest.mark.parametrize("ban", ["a", "photo", "a/photo"])
def test_banned_drops_a_provider_a_model_or_one_offer_and_says_which(ban: str) -> None:
    assert alone("banned", offer("a"), wish(bans=frozenset({ban, "z"}))) == Drop(
        f"is out for this team, which bans {ban}", Fault.REJECTED, Code.FORBIDDEN, "model"
    )
    assert alone("banned", offer("a"), wish(bans=frozenset({"b", "b/photo", "sketch"}))) is KEEP
    assert alone("banned", offer("a")) is KEEP


def test_pinned_leaves_the_pin_alone_and_drops_all_others() -> None:
    for pin in (None, "a", "a/photo"):
        assert alone("pinned", offer("a"), wish(pin=pin)) is KEEP
    for pin in ("b", "a/sketch", "photo"):
        assert reason(alone("pinned", offer("a"), wish(pin=pin))) == f"is at a, and this team pins the name to {pin}"


@pytest.mark.parametrize(
    ("region", "asked", "kept"),
    [
        ("eu", {"eu"}, True),
        ("eu-west", {"eu"}, True),
        ("eu-west-1", {"us", "eu-west"}, True),
        ("eu", {"eu-west"}, False),
        ("europe", {"eu"}, False),
        ("us", {"eu"}, False),
        (None, {"eu"}, False),
        (None, None, True),
        ("us", None, True),
        ("us", set(), False),
    ],
)
def test_region_covers_what_lies_in_it(region: str | None, asked: set[str] | None, kept: bool) -> None:
    wanted = wish(regions=None if asked is None else frozenset(asked))
    places = frozenset() if region is None else frozenset({region})
    assert (alone("region", offer(regions=places), wanted) is KEEP) is kept
    assert (alone("region", offer(regions=places | {"mars"}), wanted) is KEEP) is kept  # one of its accounts is enough


def test_region_says_where_it_would_be_kept_and_lets_this_machine_be() -> None:
    wanted = wish(regions=frozenset({"eu", "ch"}))
    assert (
        reason(alone("region", offer("a", regions=frozenset({"us"})), wanted))
        == "is at a, in us, and ch, eu was asked for"
    )
    assert (
        reason(alone("region", offer("a"), wanted)) == "is at a, of which no region is known, and ch, eu was asked for"
    )
    two = offer("a", regions=frozenset({"us", "asia"}))
    assert reason(alone("region", two, wanted)) == "is at a, in asia and us, and ch, eu was asked for"
    nowhere = wish(regions=frozenset())
    assert "no region that the team allows was asked for" in reason(
        alone("region", offer("a", regions=frozenset({"us"})), nowhere)
    )
    assert alone("region", offer("a", here=True), wanted) is KEEP


def test_max_seconds_goes_by_what_was_seen_then_by_the_configuration_and_keeps_the_unknown() -> None:
    wanted = wish(max_seconds=10.0)
    slow, quick = world(a=Standing(p50=1.0, p95=12.34)), world(a=Standing(p50=9.0, p95=10.0))
    assert alone("max_seconds", offer("a"), wanted, slow) == Drop(
        "takes 12.3 s as 19 of 20 of its latest requests did at most, over the limit of 10 s",
        Fault.REJECTED,
        field="max_seconds",
    )
    assert alone("max_seconds", offer("a", seconds=99.0), wanted, quick) is KEEP
    assert reason(alone("max_seconds", offer("a", seconds=99.0), wanted)) == (
        "takes 99 s by its configuration, over the limit of 10 s"
    )
    assert alone("max_seconds", offer("a", seconds=10.0), wanted) is KEEP
    assert alone("max_seconds", offer("a"), wanted) is KEEP
    assert alone("max_seconds", offer("a", seconds=99.0), wish(), slow) is KEEP


# What is worth how much.


def test_fastest_trades_the_seconds_of_the_latest_requests() -> None:
    seen = world(a=Standing(p50=2.5, p95=8.0))
    assert alone("fastest", offer("a", seconds=99.0), None, seen, second="0.01") == Score(
        Decimal("-0.025"), "2.500 seconds it takes: half of its latest requests took no longer"
    )
    assert alone("fastest", offer("a"), None, seen, second="0.01", of="p95") == Score(
        Decimal("-0.08"), "8.000 seconds it takes: 19 of 20 of its latest requests took no longer"
    )


def test_fastest_takes_nobody_for_quick_because_nobody_timed_it() -> None:
    configured = alone("fastest", offer("a", seconds=4.0), second="0.01")
    assert configured == Score(Decimal("-0.04"), "4.000 seconds it takes, by its configuration")
    unknown = alone("fastest", offer("a"), second="0.01", unknown=20)
    assert unknown == Score(Decimal("-0.2"), "20.000 seconds assumed: nobody has timed it yet")


def test_fastest_follows_a_slow_down() -> None:
    rules = load([*REQUIRED, {"fastest": {"second": "0.05"}}, "cheapest"])
    offers = [offer("quick", "0.06"), offer("slow", "0.04")]
    seen = {"quick": Standing(p50=2.0), "slow": Standing(p50=9.0)}
    assert order(planned(offers, seen=world(**seen), rules=rules)) == ["quick", "slow"]
    seen["quick"] = Standing(p50=30.0)
    assert order(planned(offers, seen=world(**seen), rules=rules)) == ["slow", "quick"]


@pytest.mark.parametrize(("grade", "worth"), [(1, None), (2, "0.06"), (3, "0.12")])
def test_best_is_worth_so_much_a_grade_and_a_picture(grade: int, worth: str | None) -> None:
    wanted = wish(request=Generate(model="photo", n=3))
    verdict = alone("best", offer(grade=grade), wanted, worth="0.02")
    assert verdict is KEEP if worth is None else usd(verdict) == Decimal(worth)


def test_faithful_counts_what_would_not_be_done_as_asked() -> None:
    wanted = wish(request=Generate(model="photo", seed=1, style="vivid", user="u", n=2, quality=Quality.LOW))
    assert alone("faithful", offer(), wanted, worth="0.01") == Score(
        Decimal("-0.06"), "not done as asked: quality, seed, style"
    )
    assert alone("faithful", offer()) is KEEP
    assert alone("faithful", offer(), wish(request=Generate(model="photo", user="u"))) is KEEP
    misfit = Candidate(offer(), Misfit("does not", "model"), Unpriced("does not"))
    [rule] = [rule for name, rule in load([*REQUIRED, "faithful"]) if name == "faithful"]
    assert rule(misfit, wish(), world()) is KEEP


def test_reliable_costs_an_offer_its_share_of_failures() -> None:
    seen = world(a=Standing(error_rate=0.125), b=Standing(error_rate=0.0), c=Standing())
    assert alone("reliable", offer("a"), None, seen, worth="0.08") == Score(
        Decimal("-0.01"), "12.5% of its latest requests failed"
    )
    for provider in "bcd":
        assert alone("reliable", offer(provider), None, seen) is KEEP


def test_least_busy_costs_an_offer_its_load_and_its_queue() -> None:
    seen = world(
        half=Standing(in_flight=2, room=4), queue=Standing(in_flight=12, room=4), idle=Standing(room=4),
        endless=Standing(in_flight=9),
    )  # fmt: skip
    assert alone("least_busy", offer("half"), None, seen, worth="0.01") == Score(
        Decimal("-0.005"), "has 2 requests and takes 4 at once"
    )
    assert usd(alone("least_busy", offer("queue"), None, seen, worth="0.01")) == Decimal("-0.03")
    for provider in ("idle", "endless", "unseen"):
        assert alone("least_busy", offer(provider), None, seen) is KEEP


# Lots.

STICKY = load([*REQUIRED, {"sticky_seed": {"worth": "0.01"}}])


def seeded(seed: int, prompt: str = "A boat") -> Wish:
    return wish(request=Generate(model="photo", prompt=prompt, seed=seed))


def test_a_seed_goes_where_it_went_whatever_else_is_asked() -> None:
    offers = [offer(name, model=SEEDED) for name in "abcd"]
    first = {seed: order(planned(offers, seeded(seed), rules=STICKY))[0] for seed in range(200)}
    for seed, provider in first.items():
        assert order(planned(offers[::-1], seeded(seed, "A house"), rules=STICKY))[0] == provider
    assert set(Counter(first.values())) == set("abcd")


def test_an_offer_that_falls_out_moves_only_the_seeds_it_had() -> None:
    offers = [offer(name, model=SEEDED) for name in "abcd"]
    for seed in range(100):
        before = order(planned(offers, seeded(seed), rules=STICKY))
        after = order(planned([each for each in offers if each.provider != "b"], seeded(seed), rules=STICKY))
        assert after == [name for name in before if name != "b"]


def test_a_seed_that_would_be_dropped_is_worth_nothing() -> None:
    assert alone("sticky_seed", offer(model=MODEL), seeded(1)) is KEEP
    assert alone("sticky_seed", offer(model=SEEDED), wish()) is KEEP
    assert 0 <= usd(alone("sticky_seed", offer(model=SEEDED), seeded(1), worth="0.5")) < Decimal("0.5")


SPREAD = load([*REQUIRED, {"spread": {"worth": "0.001", "weights": {"a": 3, "b/photo": 1, "never": 0}}}, "cheapest"])


def test_requests_are_spread_by_weight_and_the_same_request_is_never_drawn_anew() -> None:
    offers = [offer(name) for name in ("a", "b", "never")]
    plans = {id_: order(planned(offers, wish(id=id_), rules=SPREAD)) for id_ in [f"req_{n:08x}" for n in range(4000)]}
    drawn = Counter(plan[0] for plan in plans.values())
    assert drawn["never"] == 0
    assert 2.7 < drawn["a"] / drawn["b"] < 3.3
    assert all(order(planned(offers, wish(id=id_), rules=SPREAD)) == plan for id_, plan in list(plans.items())[:100])


def test_offers_further_apart_than_it_is_worth_are_not_spread_over() -> None:
    offers = [offer("a", "0.0411"), offer("b", "0.04")]
    assert all(order(planned(offers, wish(id=str(n)), rules=SPREAD))[0] == "b" for n in range(300))


def test_a_request_without_an_id_draws_no_lots() -> None:
    made = planned([offer("a")], rules=SPREAD)
    assert [name for name, _ in made.choices[0].reasons] == ["cheapest"]


def test_lots_are_even_and_lie_between_nothing_and_all_there_are() -> None:
    lots = [lot(str(n), name) for n in range(2000) for name in "ab"]
    assert 0 <= min(lots) < 10 < 990 < max(lots) < LOTS
    assert 480 < sum(lots) / len(lots) < 520
    assert lot("x", "a", 0) == lot("x", "a", -1) == 0
    assert lot("x", "a", 2.0) >= lot("x", "a") >= lot("x", "a", 0.5)


# Settings.


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"fastest": {"second": "-0.01"}}, "second is an amount in USD, zero or more, not -0.01"),
        ({"fastest": {"second": "NaN"}}, "not NaN"),
        ({"fastest": {"of": "p75"}}, "rule fastest: "),
        ({"fastest": {"unknown": -1}}, "unknown is a number, zero or more, not -1"),
        ({"best": {"worth": "-1"}}, "worth is an amount"),
        ({"faithful": {"worth": "Infinity"}}, "worth is an amount"),
        ({"reliable": {"worth": "-1"}}, "worth is an amount"),
        ({"least_busy": {"worth": "-1"}}, "worth is an amount"),
        ({"sticky_seed": {"worth": "-1"}}, "worth is an amount"),
        ({"spread": {"worth": "-1"}}, "worth is an amount"),
        ({"spread": {"weights": {"a": -1}}}, "the weight of a is a number, zero or more, not -1"),
        ({"spread": {"weights": {"a": "much"}}}, "rule spread: "),
    ],
)
def test_settings_that_would_turn_a_rule_round_are_refused(row: Any, why: str) -> None:
    with pytest.raises(ValueError, match="rule") as caught:
        load([*REQUIRED, row])
    assert why in str(caught.value)


# Never.


def test_an_edit_never_falls_to_a_model_that_only_writes_from_words() -> None:
    editing = replace(MODEL, operations=frozenset({"generate", "edit.general"}), inputs=1)
    offers: list[Offer] = [offer("words", "0.01"), offer("edits", "0.09", model=editing)]
    wanted = wish(request=Edit(model="photo", prompt="x", kind=EditKind.GENERAL, pictures=(Image(png()),)))
    made = planned(offers, wanted)
    assert order(made) == ["edits"]
    assert dropped(made)["words"] == ("capable", Drop("does not do edit.general", Fault.REJECTED, field="model"))


def test_lots_do_not_decide_for_a_misfit() -> None:
    misfit = Candidate(offer(), Misfit("does not", "model"), Unpriced("does not"))
    [rule] = [rule for name, rule in STICKY if name == "sticky_seed"]
    assert rule(misfit, seeded(1), world()) is KEEP
    assert candidate(offer(model=SEEDED), seeded(1)).billable is not None
