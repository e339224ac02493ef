"""Metrics: every one of them is fed, with the labels and the units it says."""

from __future__ import annotations

import re
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from providers.contract import Fault, Model
from proxy.events import Event, Forgotten
from proxy.metrics import BREAKER, Metrics
from proxy.metrics.register import Register
from proxy.policy.engine import Offer
from tests.happenings import (
    ACCOUNT,
    ALL,
    ATTEMPT,
    AWAY,
    BACK,
    BALANCE,
    BUSY,
    ENDED,
    LEFT,
    OFFER,
    OVERRUN,
    POSTED,
    REFUSED,
    REQUEST,
    SETTLED,
    SWEPT,
    TURNED,
)
from tests.properties import MANY

LABELS = {
    *("dialect", "operation", "status", "team", "fault", "provider", "model", "outcome", "what", "window", "how"),
    *("le", "reason", "from_provider", "to_provider", "would", "account", "quantile", "policy", "scope", "engine"),
}
"""All there are: each costs its values times those of its neighbours in series. No key, no request, no prompt."""


def counted(*events: Event) -> dict[str, float]:
    """Every sample as `name{label="value"}`, without the prefix."""
    metrics = Metrics()
    metrics.hear(events)
    return {
        sample.name.removeprefix("darkroom_")
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.expose().decode())
        for sample in family.samples
    }


def test_every_metric_is_fed_by_some_event() -> None:
    metrics = Metrics()
    metrics.hear(ALL)
    families = list(text_string_to_metric_families(metrics.expose().decode()))
    assert len(families) > 15
    assert [family.name for family in families if not family.samples] == []
    still = [name for name, value in counted(*ALL).items() if not value]
    assert [name for name in still if "_bucket" not in name and "fault=" not in name] == []


def test_names_say_what_they_are_in_base_units() -> None:
    for family in text_string_to_metric_families(Metrics().expose().decode()):
        assert re.fullmatch(r"darkroom_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|millis|micros|mb|kb|percent)\b", family.name)


def test_labels_are_few_and_never_a_key_a_request_or_a_prompt() -> None:
    metrics = Metrics()
    metrics.hear([*ALL, replace(REQUEST, prompt="A boat", detail="because")])
    text = metrics.expose().decode()
    seen = {name for family in text_string_to_metric_families(text) for s in family.samples for name in s.labels}
    assert seen == LABELS
    for secret in ("req_1", "k_1", "A boat", "because", "h_1"):
        assert secret not in text


def test_a_request_is_counted_once_with_its_pictures() -> None:
    seen = counted(REQUEST, REFUSED)
    assert seen["requests_total dialect=openai operation=generate status=200 team=acme"] == 1
    assert seen["requests_total dialect=openai operation= status=400 team="] == 1
    assert seen["request_seconds_sum dialect=openai operation=generate"] == 1.5
    assert seen["images_total model=photo provider=stub team=acme"] == 2
    assert seen["refusals_total fault=rejected"] == 1
    assert (seen["repeats_total"], seen["undelivered_total"]) == (0, 0)


def test_a_repeated_request_makes_no_pictures_and_one_nobody_received_still_does() -> None:
    joined = counted(replace(REQUEST, joined=True))
    assert joined["repeats_total"] == 1
    assert not any(name.startswith("images_total") for name in joined)
    gone = counted(replace(REQUEST, delivered=False))
    assert gone["undelivered_total"] == 1
    assert gone["images_total model=photo provider=stub team=acme"] == 2


def test_a_decision_is_counted_by_policy_and_provider_where_something_was_bought() -> None:
    seen = counted(REQUEST, REQUEST, replace(REQUEST, policy="cheapest"), replace(REQUEST, cache="miss"), REFUSED)
    decisions = {name: count for name, count in seen.items() if name.startswith("policy_decisions_total")}
    assert decisions == {
        "policy_decisions_total policy=house provider=stub": 3,
        "policy_decisions_total policy=cheapest provider=stub": 1,
    }
    for free in ({"joined": True}, {"cache": "hit"}, {"cache": "joined"}, {"policy": ""}):
        assert not any(name.startswith("policy_decisions_total") for name in counted(replace(REQUEST, **free)))


@pytest.mark.parametrize(("low", "shown"), [(True, 1), (False, 0)])
def test_a_low_balance_is_what_the_last_reading_says(low: bool, shown: int) -> None:
    seen = counted(replace(BALANCE, low=not low), replace(BALANCE, low=low))
    assert seen["balance_low account=eu provider=stub"] == shown


def test_a_fault_is_there_from_the_start_so_that_its_first_one_is_an_increase() -> None:
    assert {name: value for name, value in counted().items() if name.startswith("refusals_total")} == {
        f"refusals_total fault={fault}": 0 for fault in Fault
    }


def test_a_model_with_a_slash_in_its_name_keeps_it() -> None:
    name = "sandbox/throttled"
    offer = Offer(name=f"sandbox/{name}", provider="sandbox", model=Model(name=name)).name
    seen = counted(replace(REQUEST, offer=offer, images=1), replace(TURNED, offer=offer))
    assert seen[f"images_total model={name} provider=sandbox team=acme"] == 1
    assert seen[f"breaker_state model={name} provider=sandbox"] == 2


@pytest.mark.parametrize("outcome", ["ok", *Fault])
def test_an_attempt_is_counted_by_how_it_ended_and_timed_however_it_did(outcome: str) -> None:
    seen = counted(replace(ATTEMPT, outcome=outcome))
    assert seen[f"attempts_total model=photo outcome={outcome} provider=stub"] == 1
    assert seen["attempt_seconds_sum model=photo provider=stub"] == 1.2


@given(st.lists(st.integers(0, 5_000_000), max_size=50))
@MANY
def test_spend_adds_up_to_the_micro_dollar(costs: list[int]) -> None:
    seen = counted(*[replace(SETTLED, cost=cost) for cost in costs])
    spent = seen.get("spend_usd_total model=photo provider=stub team=acme", 0.0)
    assert round(spent * 1_000_000) == sum(costs)


def test_the_estimate_is_compared_with_what_it_did_cost_unless_it_was_for_nothing() -> None:
    seen = counted(SETTLED)
    assert seen["estimate_error_ratio_sum model=photo provider=stub"] == 0.75
    exact = replace(SETTLED, cost=80_000)
    below, at = (f"estimate_error_ratio_bucket le={le} model=photo provider=stub" for le in ("0.99", "1.0"))
    assert (counted(exact)[below], counted(exact)[at]) == (0, 1)
    free = counted(replace(SETTLED, quoted=0, cost=0))
    assert not any(name.startswith("estimate_error_ratio_count") for name in free)
    assert free["spend_usd_total model=photo provider=stub team=acme"] == 0


@pytest.mark.parametrize("state", BREAKER)
def test_a_breaker_shows_its_last_state(state: str) -> None:
    seen = counted(TURNED, replace(TURNED, state="half_open"), replace(TURNED, state=state))
    assert seen["breaker_state model=photo provider=stub"] == BREAKER[state]


def test_money_without_an_answer_is_counted_in_usd_and_by_how_it_ended() -> None:
    seen = counted(LEFT, LEFT, replace(ENDED, how="resumed"), OVERRUN)
    assert seen["holds_left_total provider=stub"] == 2
    assert seen["held_usd_total provider=stub team=acme"] == 0.08
    assert seen["holds_ended_total how=resumed provider=stub"] == 1
    assert seen["overrun_usd_total team=acme"] == 1.5


def test_the_ledgers_transactions_and_orders_are_counted_apart() -> None:
    seen = counted(POSTED, replace(POSTED, orders=7))
    assert (seen["ledger_post_seconds_count"], seen["ledger_orders_total"]) == (2, 10)


def test_how_often_the_ledger_was_away_and_for_how_long_is_counted() -> None:
    seen = counted(AWAY, BACK, AWAY, BACK)
    assert (seen["ledger_lost_total"], seen["ledger_lost_seconds_total"]) == (2, 3)


def test_the_store_shows_its_last_size() -> None:
    assert counted(SWEPT, replace(SWEPT, kept_bytes=10))["store_bytes"] == 10


@pytest.mark.parametrize("seconds", [0.0, 0.04, 3, 40, 320, 570, 100_000])
def test_a_request_of_any_length_falls_into_a_bucket(seconds: float) -> None:
    seen = counted(replace(REQUEST, seconds=seconds), replace(ATTEMPT, seconds=seconds))
    for name in (
        "request_seconds_bucket dialect=openai le={} operation=generate",
        "attempt_seconds_bucket le={} model=photo provider=stub",
    ):
        assert seen[name.format("+Inf")] == 1
        assert seen[name.format("320.0")] == (seconds <= 320)


def test_a_child_is_looked_up_once() -> None:
    register = Register()
    refusals = register.counter("refusals_total", "Requests not served.", "fault")
    assert register.of(refusals, "quota") is register.of(refusals, "quota")
    assert register.of(refusals, "quota") is refusals.labels("quota")


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.hear([POSTED])
    assert b"darkroom_ledger_orders_total 3.0" in one.expose()
    assert b"darkroom_ledger_orders_total 0.0" in other.expose()


def test_what_is_known_of_offers_and_accounts_is_shown_and_what_nobody_can_say_is_a_gap() -> None:
    seen = counted(ACCOUNT, OFFER, BUSY, ATTEMPT, BALANCE)
    assert seen["account_state account=eu model=photo provider=stub"] == 2
    assert seen["offer_error_ratio model=photo provider=stub"] == 0.1
    assert [seen[f"offer_seconds model=photo provider=stub quantile={each}"] for each in (0.5, 0.95, 0.99)] == [1, 2, 3]
    assert (seen["account_in_flight account=eu provider=stub"], seen["account_waiting provider=stub"]) == (24, 3)
    assert seen["account_wait_seconds_sum provider=stub"] == 0.5
    assert (seen["balance_usd account=eu provider=stub"], seen["balance_hours account=eu provider=stub"]) == (
        9.87,
        12.5,
    )
    nobody = counted(OFFER, replace(OFFER, error_rate=None, p50=None), replace(BALANCE, hours=None))
    for name in ("offer_error_ratio model=photo", "offer_seconds model=photo", "balance_hours account=eu"):
        (value,) = [value for key, value in nobody.items() if key.startswith(name) and "quantile=0.9" not in key]
        assert isnan(value)
    assert "account_wait_seconds_sum provider=stub" not in counted(replace(ATTEMPT, waited=0.0))


def test_the_state_of_what_is_configured_no_more_is_shown_no_more_until_it_is_back() -> None:
    us = replace(BUSY, account="us")
    seen = counted(TURNED, OFFER, BUSY, us, ATTEMPT, Forgotten(provider="stub", account="eu"))
    assert "account_in_flight account=eu provider=stub" not in seen
    assert seen["account_in_flight account=us provider=stub"] == us.in_flight
    assert "breaker_state model=photo provider=stub" in seen
    gone = counted(TURNED, OFFER, BUSY, ATTEMPT, Forgotten(provider="stub", model="photo"))
    assert [name for name in gone if name.startswith(("breaker_state", "offer_"))] == []
    assert gone["attempts_total model=photo outcome=ok provider=stub"] == 1
    left = counted(TURNED, ACCOUNT, OFFER, BUSY, BALANCE, Forgotten(provider="stub"))
    assert [name for name in left if "provider=stub" in name] == []
    back = counted(TURNED, Forgotten(provider="stub", model="photo"), replace(TURNED, state="half_open"))
    assert back["breaker_state model=photo provider=stub"] == BREAKER["half_open"]
