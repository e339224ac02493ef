from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import proxy.policy.rules
from pricing import Unpriced
from providers.contract import Code, Fault, Fit, Generate, Misfit, Note, Quality
from proxy.config import PolicyRow
from proxy.policy import Candidate, Drop, Local, Offer, Rule, Score, Standing, Wish, World
from proxy.policy.engine import KEEP
from proxy.policy.rules import ALWAYS, NAMES, REQUIRED, load
from tests.policy.offers import MODEL, RULES, alone, candidate, offer, order, planned, wish, world

NEEDED: list[Any] = list(REQUIRED)
SMALL_CHANGE = wish(request=Generate(model="photo", width=1000, height=1000))


# Each rule.


def test_configured_drops_what_the_configuration_lacks_as_a_model_nobody_knows() -> None:
    assert alone("configured", offer()) is KEEP
    assert alone("configured", offer(out="no key OPENAI_API_KEY")) == Drop(
        "is not available here: no key OPENAI_API_KEY", Fault.REJECTED, Code.UNKNOWN_MODEL, "model"
    )


def test_capable_keeps_what_fits_and_what_nearly_fits() -> None:
    assert alone("capable", offer()) is KEEP
    assert alone("capable", offer(), SMALL_CHANGE) is KEEP


def test_capable_drops_a_strict_request_that_would_lose_something() -> None:
    assert alone("capable", offer(), replace(SMALL_CHANGE, strict=True)) == Drop(
        "would not do as asked: size: 1024x1024 is the nearest size photo draws", Fault.REJECTED, field="size"
    )


def test_capable_keeps_a_strict_request_that_loses_nothing() -> None:
    harmless = wish(request=Generate(model="photo", user="u-1", previews=2), strict=True)
    found = candidate(offer(), harmless)
    assert isinstance(found.fit, Fit)
    assert len(found.fit.notes) == 2
    assert alone("capable", offer(), harmless) is KEEP


def test_capable_looks_past_a_harmless_note_for_a_lossy_one() -> None:
    [rule] = [rule for name, rule in RULES if name == "capable"]
    notes = (Note("user", "is not sent", lossy=False), Note("seed", "is not taken"))
    found = replace(candidate(offer()), fit=Fit(wish().request, notes))
    assert rule(found, wish(), world()) is KEEP
    verdict = rule(found, wish(strict=True), world())
    assert isinstance(verdict, Drop)
    assert verdict.field == "seed"


def test_capable_drops_a_misfit_with_its_field() -> None:
    [rule] = [rule for name, rule in RULES if name == "capable"]
    found = Candidate(offer(), Misfit("does not do edit.erase", "model"), Unpriced("does not do edit.erase"))
    assert rule(found, wish(), world()) == Drop("does not do edit.erase", Fault.REJECTED, field="model")


@pytest.mark.parametrize(
    ("models", "providers", "verdict"),
    [
        (None, None, KEEP),
        ({"photo"}, {"a"}, KEEP),
        ({"other"}, None, Drop("is not among the models of this key", Fault.REJECTED, Code.FORBIDDEN, "model")),
        (set(), None, Drop("is not among the models of this key", Fault.REJECTED, Code.FORBIDDEN, "model")),
        (None, {"b"}, Drop("is at a, which this key may not use", Fault.REJECTED, Code.FORBIDDEN, "model")),
        ({"photo"}, set(), Drop("is at a, which this key may not use", Fault.REJECTED, Code.FORBIDDEN, "model")),
    ],
)
def test_allowed_drops_what_the_key_may_not_use(
    models: set[str] | None, providers: set[str] | None, verdict: Drop | Score
) -> None:
    wanted = wish(
        models=None if models is None else frozenset(models),
        providers=None if providers is None else frozenset(providers),
    )
    assert alone("allowed", offer("a"), wanted) == verdict


def test_priced_drops_what_nobody_knows_the_price_of_and_keeps_what_is_free() -> None:
    assert alone("priced", offer(usd="0")) is KEEP
    assert alone("priced", offer(usd=None, ceiling=Decimal("0.1"))) is KEEP
    verdict = alone("priced", offer(usd=None))
    assert isinstance(verdict, Drop)
    assert (verdict.fault, verdict.field) == (Fault.UNAVAILABLE, None)


@pytest.mark.parametrize(
    ("ceiling", "n", "kept"),
    [(None, 10, True), ("0.08", 2, True), ("0.08", 3, False), ("0.079999", 2, False), ("0", 1, False)],
)
def test_within_ceiling_takes_the_whole_request_up_to_the_very_amount(ceiling: str | None, n: int, kept: bool) -> None:
    wanted = wish(request=Generate(model="photo", n=n), ceiling=None if ceiling is None else Decimal(ceiling))
    assert (alone("within_ceiling", offer(usd="0.04"), wanted) is KEEP) is kept


def test_within_ceiling_says_amounts_as_people_write_them() -> None:
    wanted = wish(request=Generate(model="photo", n=10), ceiling=Decimal("1E-7"))
    verdict = alone("within_ceiling", offer(usd="10.00"), wanted)
    assert verdict == Drop("costs up to $100, over the ceiling of $0.0000001", Fault.REJECTED, field="max_cost")


def test_what_has_no_price_is_neither_within_a_ceiling_nor_scored() -> None:
    unknown = offer(usd=None)
    assert alone("within_ceiling", unknown, wish(ceiling=Decimal(0))) is KEEP
    assert alone("cheapest", unknown) is KEEP


def test_healthy_drops_an_offer_as_its_breaker_says() -> None:
    sick = Standing(usable=False, reason="asked to be left alone", fault=Fault.THROTTLED, retry_after=3.0)
    assert alone("healthy", offer("a"), seen=world(a=sick)) == Drop(
        "asked to be left alone", Fault.THROTTLED, retry_after=3.0
    )
    assert alone("healthy", offer("b"), seen=world(a=sick)) is KEEP
    assert alone("healthy", offer("a"), seen=world(a=Standing(reason="was sick"))) is KEEP


@pytest.mark.parametrize("n", [1, 4])
def test_prefer_local_is_worth_so_much_a_picture(n: int) -> None:
    [(_, rule), *_] = load([{"prefer_local": {"worth": "0.02"}}, *NEEDED])
    wanted = wish(request=Generate(model="photo", n=n))
    found = rule(candidate(offer(here=True), wanted), wanted, world())
    assert found == Score(Decimal("0.02") * n, "drawn on this machine")
    assert rule(candidate(offer(here=False), wanted), wanted, world()) is KEEP


def test_cheapest_takes_off_what_the_whole_request_may_cost() -> None:
    assert alone("cheapest", offer(usd="0.04"), wish(request=Generate(model="photo", n=3))) == Score(
        Decimal("-0.12"), "what it may cost"
    )


# Every rule there is.

EVERY: list[tuple[str, Rule]] = load([*NEEDED, *sorted(NAMES - set(REQUIRED))])
SEEDED = replace(MODEL, honours=frozenset({"seed"}))
OFFERS = [
    offer(),
    offer(usd=None),
    offer(usd=None, ceiling=Decimal("0.1")),
    offer(out="no key"),
    offer(here=True),
    offer(model=replace(MODEL, qualities=(Quality.LOW,))),
    offer(model=SEEDED, grade=1, regions=frozenset({"us-east"}), seconds=90.0),
    offer(grade=3, regions=frozenset({"eu-west"})),
]
WISHES = [
    wish(),
    SMALL_CHANGE,
    replace(SMALL_CHANGE, strict=True),
    wish(ceiling=Decimal(0)),
    wish(models=frozenset(), providers=frozenset()),
    wish(request=Generate(model="photo", n=10, quality=Quality.MAX), ceiling=Decimal(1)),
    wish(request=Generate(model="photo", seed=7), id="req_1", max_seconds=30.0, regions=frozenset({"eu"})),
    wish(pin="b", bans=frozenset({"a"}), named=frozenset({"b"})),
    wish(pin="a", bans=frozenset({"c"}), named=frozenset({"a"})),
]
TIMED = Standing(error_rate=0.25, p50=0.0, p95=12.0, p99=20.0, in_flight=3, room=4)
HERE = Local(wait_s=12.5, ahead=3, warm=True, full=True)
WORLDS = [
    world(),
    world(a=Standing(usable=False, reason="is sick", retry_after=1.0)),
    world(a=TIMED),
    world({"a": HERE}),
    world({"a": Local(load_s=4.0)}, a=TIMED),
]


@pytest.mark.parametrize(("name", "rule"), EVERY, ids=[name for name, _ in EVERY])
def test_a_rule_answers_for_every_offer_in_every_world_and_answers_the_same_again(name: str, rule: Rule) -> None:
    misfit = Candidate(offer(), Misfit("does not do it", "model"), Unpriced("does not do it"))
    for wanted in WISHES:
        for seen in WORLDS:
            for found in [*[candidate(each, wanted, seen=seen) for each in OFFERS], misfit]:
                verdict = rule(found, wanted, seen)
                assert rule(found, wanted, seen) == verdict
                assert isinstance(verdict, Drop | Score)
                assert verdict is KEEP or verdict.reason
                assert isinstance(verdict, Drop) or verdict.usd.is_finite()


@pytest.mark.parametrize(("name", "rule"), EVERY, ids=[name for name, _ in EVERY])
def test_a_rule_alone_drops_or_moves_an_offer_somewhere(name: str, rule: Rule) -> None:
    misfit = Candidate(offer(), Misfit("does not do it", "model"), Unpriced("does not do it"))
    verdicts = [
        rule(found, wanted, seen)
        for wanted in WISHES
        for seen in WORLDS
        for found in [*[candidate(each, wanted, seen=seen) for each in OFFERS], misfit]
    ]
    assert any(verdict is not KEEP for verdict in verdicts)
    assert name in ("fastest", "spread") or any(verdict is KEEP for verdict in verdicts)  # they rate every offer


@pytest.mark.parametrize(("name", "rule"), EVERY, ids=[name for name, _ in EVERY])
def test_a_rule_that_says_it_has_nothing_to_say_has_not(name: str, rule: Rule) -> None:
    nothing = getattr(rule, "nothing", None)
    quiet = [(wanted, seen) for wanted in WISHES for seen in WORLDS if nothing is not None and nothing(wanted, seen)]
    assert nothing is None or quiet
    for wanted, seen in quiet:
        if name == "spread":
            continue  # the lots of a request without an id are as good as any, and mean nothing
        assert all(rule(candidate(each, wanted, seen=seen), wanted, seen) is KEEP for each in OFFERS)


def test_the_folder_is_the_registry() -> None:
    folder = Path(str(proxy.policy.rules.__file__)).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == NAMES
    assert set(REQUIRED) <= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_rule_is_one_function_with_settings_that_refuse_what_they_do_not_know(name: str) -> None:
    module = import_module(f"proxy.policy.rules.{name}")
    assert module.__doc__
    assert callable(module.rule)
    if hasattr(module, "Options"):
        assert module.Options.__struct_config__.forbid_unknown_fields


# How a policy is read.


def test_rules_are_asked_in_the_order_they_are_written() -> None:
    rows: list[Any] = ["cheapest", "priced", {"prefer_local": {}}, "allowed", "within_ceiling", "capable", "configured"]
    written = ["cheapest", "priced", "prefer_local", "allowed", "within_ceiling", "capable", "configured"]
    assert [name for name, _ in load(rows)] == [*written, *ALWAYS]


@pytest.mark.parametrize("named", ALWAYS)
def test_what_a_caller_or_a_team_forbids_holds_in_every_policy_wherever_it_is_written(named: str) -> None:
    names = [name for name, _ in load([named, *NEEDED])]
    assert names[0] == named
    assert sorted(names) == sorted([*REQUIRED, *ALWAYS])


def test_the_default_policy_is_one() -> None:
    rules = load(PolicyRow().rules)
    assert order(planned([offer("dear", "0.09"), offer("cheap")], rules=rules)) == ["cheap", "dear"]


@pytest.mark.parametrize("row", ["prefer_local", {"prefer_local": {}}])
def test_a_rule_without_settings_has_its_defaults(row: Any) -> None:
    rules = load([*NEEDED, row])
    [choice] = planned([offer(here=True)], rules=rules).choices
    assert choice.worth == Decimal("0.01")


@pytest.mark.parametrize("worth", ["0.02", 0.02])
def test_an_amount_may_be_written_as_text_or_as_a_number(worth: object) -> None:
    [choice] = planned([offer(here=True)], rules=load([*NEEDED, {"prefer_local": {"worth": worth}}])).choices
    assert choice.worth == Decimal("0.02")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (["cheap"], "there is no rule 'cheap'; there are allowed, banned, best, capable, cheapest"),
        ([""], "there is no rule ''"),
        (["__init__"], "there is no rule '__init__'"),
        ([{"cheap": {}}], "there is no rule 'cheap'"),
        ([{}], "a rule is a name, or one name with its settings, not nothing"),
        ([{"priced": {}, "allowed": {}}], "not priced, allowed"),
        ([{"priced": {"worth": 1}}], "rule priced has no settings"),
        ([{"prefer_local": {"price": 1}}], "rule prefer_local: Object contains unknown field `price`"),
        ([{"prefer_local": {"worth": "much"}}], "rule prefer_local: "),
        ([{"prefer_local": {"worth": None}}], "rule prefer_local: "),
        ([{"prefer_local": {"worth": "NaN"}}], "rule prefer_local: worth is an amount in USD, not NaN"),
        ([{"prefer_local": {"worth": "Infinity"}}], "rule prefer_local: worth is an amount in USD, not Infinity"),
        ([{"prefer_local": None}], "rule prefer_local: "),
        (["cheapest", "cheapest"], "rule cheapest stands there twice"),
    ],
)
def test_a_policy_that_means_nothing_is_refused_with_the_reason(rows: list[Any], why: str) -> None:
    with pytest.raises(ValueError, match="rule") as caught:
        load([*NEEDED, *rows])
    assert why in str(caught.value)


@pytest.mark.parametrize("left_out", REQUIRED)
def test_a_policy_cannot_leave_out_what_keeps_a_plan_safe(left_out: str) -> None:
    with pytest.raises(ValueError, match=f"a policy needs the rules {left_out}$"):
        load([*[name for name in REQUIRED if name != left_out], "cheapest"])


def test_a_policy_of_nothing_names_everything_it_needs() -> None:
    with pytest.raises(ValueError, match="configured, capable, allowed, priced"):
        load([])


def test_a_rule_may_be_any_function_of_candidate_wish_and_world() -> None:
    def by_name(candidate: Candidate, wanted: Wish, seen: World) -> Drop | Score:
        return Score(Decimal(ord(candidate.offer.provider)), "a later letter")

    offers: list[Offer] = [offer("a", "0"), offer("b", "9")]
    assert order(planned(offers, rules=[*load(NEEDED), ("by_name", by_name)])) == ["b", "a"]
