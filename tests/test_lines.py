"""Accounts: shared by weight, always the same for the same request, and whose a ticket is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account
from proxy.lines import Lane, Line
from tests.properties import MANY


def line(*lanes: tuple[str, int]) -> Line:
    made = tuple([Lane(name=name, account=Account(base="https://x"), weight=weight) for name, weight in lanes])
    return Line(name="bfl", provider=providers.load("bfl"), lanes=made, deadline=60)


KEYS = [f"hold_{number}" for number in range(20_000)]


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (1, 2, 5)])
def test_work_is_shared_by_weight(weights: tuple[int, ...]) -> None:
    made = line(*[(f"a{place}", weight) for place, weight in enumerate(weights)])
    first = Counter(made.order(key)[0].name for key in KEYS)
    for place, weight in enumerate(weights):
        assert first[f"a{place}"] / len(KEYS) == pytest.approx(weight / sum(weights), abs=0.02)


def test_what_the_first_cannot_do_is_shared_by_weight_among_the_others() -> None:
    made = line(("a", 5), ("b", 3), ("c", 1))
    second = Counter(made.order(key)[1].name for key in KEYS if made.order(key)[0].name == "a")
    assert second["b"] / second.total() == pytest.approx(0.75, abs=0.02)


@MANY
@given(st.text(max_size=40))
def test_the_same_key_tries_all_of_them_in_the_same_order(key: str) -> None:
    made = line(("a", 1), ("b", 2), ("c", 3))
    assert made.order(key) == made.order(key)
    assert {lane.name for lane in made.order(key)} == {"a", "b", "c"}


def test_an_account_that_is_gone_moves_no_key_but_its_own() -> None:
    three, two = line(("a", 1), ("b", 2), ("c", 3)), line(("a", 1), ("b", 2))
    for key in KEYS[:2000]:
        if three.order(key)[0].name != "c":
            assert two.order(key)[0].name == three.order(key)[0].name


@MANY
@given(st.text())
def test_a_ticket_comes_back_as_it_was_with_the_account_that_wrote_it(ticket: str) -> None:
    made = line(("eu-1.x", 1), ("us", 1))
    for lane in made.lanes:
        assert made.unseal(made.seal(lane, ticket)) == (lane, ticket)


def test_with_one_account_a_ticket_is_the_adapters_own() -> None:
    made = line(("", 1))
    assert made.seal(made.lanes[0], '{"id":"1"}') == '{"id":"1"}'
    assert made.unseal('{"id":"1"}') == (made.lanes[0], '{"id":"1"}')


def test_a_ticket_of_a_time_with_one_account_is_the_firsts() -> None:
    made = line(("eu", 1), ("us", 9))
    assert made.unseal('{"id":"1"}') == (made.lanes[0], '{"id":"1"}')


def test_a_ticket_of_an_account_that_is_gone_is_nobodys() -> None:
    made = line(("eu", 1), ("us", 9))
    assert made.unseal('@asia {"id":"1"}') == (None, '{"id":"1"}')
    assert line(("", 1)).unseal('@asia {"id":"1"}') == (None, '{"id":"1"}')
