"""A plan in words: every offer in its place or with the reason it is out, every amount exact."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Book
from providers.contract import Code, Failure, Fault, Generate
from proxy.catalogue import Catalogue
from proxy.config import parse
from proxy.explain import explain, explain_plan, usd
from proxy.job import Job
from proxy.ledger.accounts import Key
from proxy.ledger.standing import BudgetState
from proxy.policy import Standing, Wish, World, plan
from proxy.policy.rules import load
from proxy.transport import Lease, Room
from tests.properties import MANY


def offer(price: str | None, **more: Any) -> dict[str, Any]:
    """A provider with one model of the name all of them share."""
    stated = {} if price is None else {"price": {"per": {"type": "image", "rows": [{"price": price}]}}}
    model = {"name": "photo", "sizes": {"default": "64x64", "listed": ["64x64"]}, **stated, **more}
    return {"speaks": "openai", "base": "https://vendor.test/v1", "models": [model]}


CONFIG = {
    "providers": {
        "cheap": offer("0.04"),
        "dear": offer("0.070"),
        "large": offer("0.01", sizes={"default": "2048x2048", "listed": ["2048x2048"]}),
        "mystery": offer(None),
        "ill": offer("0.02"),
        "keyless": {**offer("0.03"), "key": ""},
        "luxury": offer("9"),
    },
    "default_model": "photo",
}
REQUEST = Generate(prompt="A boat", model="photo", n=3, width=64, height=64, seed=5)


def planned(**wish: Any) -> Any:
    catalogue = Catalogue(parse(yaml.safe_dump(CONFIG), {}), Book({}), {})
    health = {"ill/photo": Standing(usable=False, reason="keeps failing", retry_after=3.0)}
    world = World(now=datetime(2026, 11, 21, tzinfo=UTC), health=health)
    rules = load(
        ["configured", "capable", "allowed", "priced", "within_ceiling", "healthy", "prefer_local", "cheapest"]
    )
    return plan(rules, Wish(request=REQUEST, **wish), catalogue.offers(catalogue.listing("photo"), test=False), world)


def test_every_offer_is_told_once_in_its_place_or_with_what_keeps_it_out() -> None:
    told = explain_plan(planned(ceiling=Decimal(1)), REQUEST)
    assert [(each["place"], each["offer"], each["quote_usd"]) for each in told["choices"]] == [
        (1, "cheap/photo", "0.12"),
        (2, "dear/photo", "0.21"),
    ]
    assert {each["offer"]: each["rule"] for each in told["left_out"]} == {
        "large/photo": "capable",
        "mystery/photo": "priced",
        "ill/photo": "healthy",
        "keyless/photo": "configured",
        "luxury/photo": "within_ceiling",
    }
    assert all(each["reason"] for each in told["left_out"])
    assert told["estimated_cost_usd"] == "0.12"
    assert (told["images"], told["operation"], told["model"]) == (3, "generate", "photo")


def test_a_price_nobody_knows_is_told_as_unknown_and_never_as_nothing() -> None:
    told = {each["offer"]: each for each in explain_plan(planned(), REQUEST)["left_out"]}
    assert told["mystery/photo"]["quote_usd"] is None
    assert told["mystery/photo"]["unpriced"]
    assert told["large/photo"]["quote_usd"] is None  # it cannot draw it at any price


def test_a_breakdown_adds_up_to_its_quote_and_reasons_to_the_worth() -> None:
    for choice in explain_plan(planned(), REQUEST)["choices"]:
        assert sum(Decimal(line["usd"]) for line in choice["breakdown"]) == Decimal(choice["quote_usd"])
        assert sum(Decimal(reason["usd"]) for reason in choice["reasons"]) == Decimal(choice["worth_usd"])
        assert choice["price_source"] == "config.yaml"
        assert [note["field"] for note in choice["notes"]] == ["seed"]  # which the model would ignore


def test_a_plan_nothing_is_left_of_has_no_estimate_and_leaves_the_budget_alone() -> None:
    made = planned(providers=frozenset())
    told = explain(made, job(), [budget("usd", 1_000_000, 250_000, 50_000)])
    assert (told["choices"], told["estimated_cost_usd"]) == ([], None)
    assert {each["rule"] for each in told["left_out"]} <= {"allowed", "capable", "configured"}
    (left,) = told["budget"]
    assert left["left_usd"] == left["left_after_usd"] == "0.7"
    with pytest.raises(Failure) as caught:
        raise made.failure()
    assert (caught.value.fault, caught.value.code) == (Fault.REJECTED, Code.FORBIDDEN)


def test_the_budget_is_told_to_the_micro_dollar_before_and_after() -> None:
    states = [budget("usd", 1_000_000, 250_001, 50_000), budget("usd", 100_000, 0, 0), budget("images", 10, 4, 1)]
    told = explain(planned(), job(), states)["budget"]
    assert told[0] == {
        "scope": "team:acme",
        "what": "usd",
        "window": "total",
        "limit_usd": "1",
        "settled_usd": "0.250001",
        "held_usd": "0.05",
        "left_usd": "0.699999",
        "left_after_usd": "0.579999",
    }
    assert told[1]["left_after_usd"] == "-0.02"  # it would be refused
    assert told[2] == {"scope": "team:acme", "what": "images", "window": "total", "limit": 10, "left": 5}


def test_a_plan_names_the_policy_that_made_it() -> None:
    assert explain(planned(), job(), [])["policy"] is None
    assert explain(replace(planned(), policy="cheapest"), job(), [])["policy"] == "cheapest"


def test_a_plan_is_plain_json_whatever_is_in_it() -> None:
    told = explain(planned(), job(), [budget("usd", 1, 0, 0)])
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


@MANY
@given(st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**9), max_value=10**9))
def test_an_amount_is_written_exactly_and_plainly(amount: Decimal) -> None:
    text = usd(amount)
    assert Decimal(text) == amount
    assert set(text) <= set("-0123456789.")
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


def job() -> Job:
    key = Key(key="k_1", team="acme", name="", prefix="dk_live_x", test=False, created=0)
    return Job(id="req_1", key=key, dialect="openai", request=REQUEST, print=b"x", created=0, lease=Lease(Room(1)))


def budget(what: str, limit: int, settled: int, held: int) -> BudgetState:
    return BudgetState(scope="team:acme", what=what, window="total", limit=limit, settled=settled, held=held)
