"""What many requests come to: the sum of what each comes to, between its bounds, in time and budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Book, to_micros
from providers.contract import Generate
from providers.contract.request import split
from proxy.campaign import Asked, Estimate, Pace, Share, effects, estimate, seconds
from proxy.catalogue import Catalogue
from proxy.config import parse
from proxy.ledger.observed import FEWEST, Observed
from proxy.ledger.standing import BudgetState
from proxy.policy import Plan, Wish, World, plan
from proxy.policy.engine import quote_at
from proxy.policy.rules import REQUIRED, load
from tests.properties import MANY

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
RULES = load([*REQUIRED, "cheapest"])


def offer(price: str, at_once: int = 10) -> dict[str, Any]:
    stated = {"per": {"type": "image", "rows": [{"price": price}]}}
    model = {"name": "photo", "sizes": {"default": "64x64", "listed": ["64x64"]}, "price": stated, "at_once": at_once}
    return {"speaks": "openai", "base": "https://vendor.test/v1", "models": [model]}


def planned(prices: Mapping[str, str], n: int = 1, at_once: int = 10) -> Plan:
    rows = {name: offer(price, at_once) for name, price in prices.items()}
    config = parse(yaml.safe_dump({"providers": rows, "default_model": "photo"}), {})
    catalogue = Catalogue(config, Book({}), {})
    request = Generate(prompt="A boat", model="photo", n=n, width=64, height=64)
    return plan(RULES, Wish(request=request), catalogue.listing("photo").offers, World(now=NOW))


def asked(prices: Mapping[str, str], n: int = 1, at_once: int = 10, **more: Any) -> Asked:
    return Asked(plan=planned(prices, n, at_once), images=n, day=DAY, **more)


def seen(quoted: int, cost: int, milliseconds: int = 0) -> Observed:
    return Observed(submissions=FEWEST, quoted=quoted, cost=cost, milliseconds=milliseconds)


def total(campaign: Iterable[tuple[Estimate, int]]) -> Estimate:
    found = Estimate()
    for each, times in campaign:
        found = found.plus(each, times)
    return found


TWO = {"cheap": "0.04", "dear": "0.07"}


def test_one_request_comes_to_its_first_quote_and_at_most_to_the_dearest_of_its_plan() -> None:
    found = estimate(asked(TWO, n=3), {})
    assert (found.low, found.expected, found.high, found.quoted) == (120_000, 120_000, 210_000, 120_000)
    assert (found.requests, found.images, list(found.shares)) == (1, 3, ["cheap/photo"])


def test_what_an_offer_really_took_of_its_quotes_is_what_is_expected_of_it() -> None:
    found = estimate(asked(TWO), {"cheap/photo": seen(1_000_000, 500_000)})
    assert (found.low, found.expected, found.high) == (20_000, 20_000, 70_000)
    dear_is_cheaper = estimate(asked(TWO), {"dear/photo": seen(1_000_000, 100_000)})
    assert (dear_is_cheaper.low, dear_is_cheaper.expected) == (7_000, 40_000)
    above = estimate(asked(TWO), {"cheap/photo": seen(1_000_000, 3_000_000)})
    assert (above.expected, above.quoted, above.high) == (120_000, 40_000, 120_000)


def test_too_few_settlements_say_nothing() -> None:
    few = Observed(submissions=FEWEST - 1, quoted=1_000_000, cost=1, milliseconds=5_000)
    assert (few.ratio, few.seconds) == (None, None)
    assert estimate(asked(TWO), {"cheap/photo": few}).expected == 40_000
    assert seen(0, 0).ratio is None  # what is free has no ratio


def test_calls_that_a_model_takes_one_at_a_time_are_rounded_up_one_at_a_time() -> None:
    price = "0.0400001"
    found = estimate(asked({"cheap": price}, n=5, at_once=2), {})
    choice = planned({"cheap": price}, 5, 2).choices[0]
    held = []
    for part in split(choice.fit.request, 2):
        quote = quote_at(choice.offer, part.billable(), DAY)
        held.append(to_micros(quote.usd))  # type: ignore[union-attr]
    assert found.quoted == sum(held) == 80_001 + 80_001 + 40_001
    assert found.shares["cheap/photo"].calls == 3


def test_making_it_larger_afterwards_and_writing_it_out_before_are_part_of_it() -> None:
    more = asked(TWO, n=2, ending=planned({"larger": "0.01"}), writing=300)
    found = estimate(more, {"larger/photo": seen(10, 5)})
    assert (found.quoted, found.expected) == (80_000 + 2 * 10_000 + 300, 80_000 + 2 * 5_000 + 300)
    assert (found.low, found.high) == (found.expected, 140_000 + 2 * 10_000 + 300)
    assert found.shares["larger/photo"] == Share(calls=2, quoted=20_000, expected=10_000)
    assert found.writing == 300


PRICES = st.dictionaries(
    st.sampled_from(["one", "two", "three"]),
    st.decimals(min_value=0, max_value=10, places=7, allow_nan=False).map(lambda price: f"{price:f}"),
    min_size=1,
)
RATIOS = st.dictionaries(
    st.sampled_from(["one/photo", "two/photo", "three/photo"]),
    st.builds(seen, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
)
CAMPAIGN = st.lists(
    st.tuples(st.builds(asked, PRICES, st.integers(1, 7), st.integers(1, 3)), st.integers(1, 50)), max_size=5
)


@MANY
@given(CAMPAIGN, RATIOS)
def test_a_list_comes_to_the_sum_of_its_entries_and_each_lies_between_its_bounds(
    campaign: list[tuple[Asked, int]], ratios: dict[str, Observed]
) -> None:
    singly = [estimate(each, ratios) for each, times in campaign for _ in range(times)]
    together = total((estimate(each, ratios), times) for each, times in campaign)
    for name in ("requests", "images", "low", "expected", "high", "quoted", "writing"):
        assert getattr(together, name) == sum(getattr(each, name) for each in singly)
    assert together == total((each, 1) for each in singly)
    assert sum(share.expected for share in together.shares.values()) == together.expected
    assert sum(share.requests for share in together.shares.values()) == together.requests
    for each in singly:
        assert 0 <= each.low <= each.expected <= each.high
        assert each.quoted <= each.high


# Time.


def spending(requests: int, **offers: str | None) -> Estimate:
    shares = {name: Share(seconds=None if took is None else Decimal(took)) for name, took in offers.items()}
    return Estimate(requests=requests, shares=shares)


def test_time_is_what_the_slowest_of_caller_offer_and_limit_allows() -> None:
    both = spending(10, one="100", two="20")
    assert seconds(both, Pace()) == 120
    assert seconds(both, Pace(at_once=4)) == 30
    assert seconds(both, Pace(at_once=40)) == 12  # no more at once than there are
    assert seconds(both, Pace(at_once=4, rooms={"one": 2})) == 50
    assert seconds(both, Pace(at_once=4, a_minute=5)) == 120
    assert seconds(spending(10, one="100", two=None), Pace()) is None
    assert seconds(Estimate(), Pace()) == 0


def test_time_comes_from_what_was_seen_else_from_what_is_configured() -> None:
    known = estimate(asked({"cheap": "0.04"}, n=4, at_once=2), {"cheap/photo": seen(1, 1, milliseconds=FEWEST * 1500)})
    assert known.shares["cheap/photo"].seconds == 3
    assert estimate(asked({"cheap": "0.04"}), {}).shares["cheap/photo"].seconds is None
    made = planned({"cheap": "0.04"})
    choice = made.choices[0]
    slow = replace(choice.candidate, offer=replace(choice.offer, seconds=2.5))
    configured = Asked(plan=replace(made, choices=(replace(choice, candidate=slow),)), images=1, day=DAY)
    assert estimate(configured, {}).shares["cheap/photo"].seconds == Decimal("2.5")
    unknown = total([(known, 1), (estimate(asked({"cheap": "0.04"}), {}), 2)])
    assert unknown.shares["cheap/photo"].seconds is None


# Budgets.


def state(what: str, limit: int, used: int = 0, window: str = "total") -> BudgetState:
    return BudgetState(scope="team:acme", what=what, window=window, limit=limit, settled=used, held=0)


@pytest.mark.parametrize(
    ("states", "first", "after"),
    [
        ([state("usd", 1000), state("usd", 500, window="day")], "day", 5),
        ([state("usd", 700, window="month"), state("images", 4, window="day")], "day", 2),
        ([state("usd", 10, used=20), state("usd", 500, window="day")], "total", 0),
    ],
)
def test_the_budget_that_breaks_first_comes_first(states: list[BudgetState], first: str, after: int) -> None:
    found = effects(Estimate(requests=10, images=20, expected=1000, high=1200), states)
    assert (found[0].state.window, found[0].fits, found[0].covers(10)) == (first, False, after)


def test_what_is_expected_may_fit_where_the_most_does_not() -> None:
    (found,) = effects(Estimate(requests=10, images=20, expected=1000, high=1200), [state("usd", 1100)])
    assert (found.fits, found.fits_high, found.covers(10)) == (True, False, 10)


def test_what_costs_nothing_fits_a_budget_that_is_used_up() -> None:
    (found,) = effects(Estimate(requests=10), [state("usd", 100, used=100)])
    assert (found.fits, found.fits_high) == (True, True)
