from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Billable, Usage, to_micros
from pricing.kinds import Kind, PerCredit, PerImage, Row
from providers.contract import Model
from proxy.costs import cost_of, expected_of, settled, total
from proxy.ledger.orders import Hold
from proxy.policy import Offer
from tests.pricing.asking import DAY, priced
from tests.pricing.test_tokens import RATES
from tests.properties import MANY

HOLD = Hold(
    hold="j/0", job="j", team="acme", key="k", provider="stub", model="photo",
    micros=100_000, images=3, facts="{}", at=0,
)  # fmt: skip
FOUR_CENTS = PerImage(rows=(Row(price=Decimal("0.04")),))
CREDITS = PerCredit(usd=Decimal("0.01"), rows=(Row(price=Decimal(4)),))
UNLISTED = PerImage(rows=(Row(price=Decimal("0.04"), size="64x64"),))


def offer(per: Kind | None, credit: Decimal | None = None) -> Offer:
    prices = () if per is None else (priced(per, credit),)
    return Offer(name="stub/photo", provider="stub", model=Model(name="photo"), prices=prices)


def cost(at: Offer | None, usage: Usage, day: date = DAY) -> int:
    return cost_of(at, HOLD, Billable(n=3, width=1024, height=1024, quality="low"), usage, day)


@pytest.mark.parametrize(
    "at",
    [offer(FOUR_CENTS), offer(None), offer(UNLISTED), None],
    ids=["priced", "no price", "no price for it", "no offer"],
)
def test_what_the_vendor_says_it_charged_is_what_it_cost_whatever_we_know_of_its_prices(at: Offer | None) -> None:
    assert cost(at, Usage(images=3, usd=Decimal("0.0123456"))) == 12_346
    assert cost(at, Usage(images=0, usd=Decimal("0.01"))) == 10_000
    assert cost(at, Usage(images=3, usd=Decimal(0))) == 0


def test_credits_count_at_their_price() -> None:
    assert cost(offer(CREDITS), Usage(images=1, credits=Decimal("2.5"))) == 25_000
    assert cost(offer(FOUR_CENTS, credit=Decimal("0.02")), Usage(images=1, credits=Decimal(3))) == 60_000


def test_tokens_count_at_the_price_of_their_day() -> None:
    usage = Usage(images=1, text_in=0, image_in=0, text_out=0, image_out=1000)
    assert cost(offer(RATES), usage) == 1000 * RATES.image_out


@pytest.mark.parametrize(("delivered", "micros"), [(0, 0), (1, 40_000), (3, 120_000), (4, 160_000)])
def test_where_the_vendor_says_nothing_what_it_delivered_costs_its_price(delivered: int, micros: int) -> None:
    assert cost(offer(FOUR_CENTS), Usage(images=delivered)) == micros


@pytest.mark.parametrize("at", [None, offer(None), offer(UNLISTED)], ids=["no offer", "no price", "no price for it"])
@pytest.mark.parametrize(("delivered", "micros"), [(0, 0), (1, 33_334), (2, 66_667), (3, 100_000), (9, 100_000)])
def test_where_nobody_says_the_hold_counts_for_the_share_delivered(
    at: Offer | None, delivered: int, micros: int
) -> None:
    assert cost(at, Usage(images=delivered)) == micros


def test_a_price_of_another_day_says_nothing() -> None:
    assert cost(offer(FOUR_CENTS), Usage(images=3), date(2020, 1, 1)) == 100_000


@pytest.mark.parametrize("figure", ["-0.01", "NaN", "Infinity", "-Infinity", "1e30"])
def test_a_figure_that_cannot_be_a_charge_is_none(figure: str) -> None:
    assert cost(None, Usage(images=3, usd=Decimal(figure))) == 100_000
    assert cost(offer(FOUR_CENTS), Usage(images=3, usd=Decimal(figure))) == 100_000
    assert cost(offer(CREDITS), Usage(images=3, credits=Decimal(figure))) == 100_000


amounts = st.none() | st.integers(0, 10**6)
usages = st.builds(
    Usage,
    images=st.integers(0, 10),
    usd=st.none() | st.decimals(0, 100, places=6),
    credits=st.none() | st.decimals(0, 100, places=2),
    seconds=st.none() | st.decimals(0, 100, places=3),
    text_in=amounts,
    image_in=amounts,
    text_out=amounts,
    image_out=amounts,
)


@MANY
@given(st.lists(usages, max_size=4))
def test_a_total_adds_what_is_known_and_leaves_unknown_what_nobody_said(parts: list[Usage]) -> None:
    found = total(parts)
    assert found.images == sum(part.images for part in parts)
    for name in ("usd", "credits", "seconds", "text_in", "image_in", "text_out", "image_out"):
        known = [getattr(part, name) for part in parts if getattr(part, name) is not None]
        assert getattr(found, name) == (sum(known) if known else None), name


def test_the_total_of_one_call_is_its_usage() -> None:
    usage = replace(Usage(images=1), image_out=0)
    assert total([usage]) is usage


# What the list expects, beside the vendor's own figure.


def listed(per: Kind | None, usage: Usage, credit: Decimal | None = None, day: date = DAY) -> int | None:
    return expected_of(offer(per, credit), Billable(n=3, width=1024, height=1024, quality="low"), usage, day)


@pytest.mark.parametrize(
    ("per", "credit", "usage", "micros"),
    [
        (FOUR_CENTS, None, Usage(images=3, usd=Decimal("0.5")), 120_000),
        (FOUR_CENTS, None, Usage(images=1, usd=Decimal("0.01")), 40_000),
        (FOUR_CENTS, Decimal("0.02"), Usage(images=2, credits=Decimal(9)), 80_000),
        (CREDITS, None, Usage(images=1, credits=Decimal(5)), 40_000),
        (RATES, None, Usage(images=1, image_out=10), to_micros(10 * RATES.image_out / 1_000_000)),
    ],
)
def test_a_vendors_own_figure_is_held_against_the_list_price_of_what_came(
    per: Kind, credit: Decimal | None, usage: Usage, micros: int
) -> None:
    assert listed(per, usage, credit) == micros


@pytest.mark.parametrize(
    ("per", "usage"),
    [
        (None, Usage(images=1, usd=Decimal("0.04"))),  # no price
        (UNLISTED, Usage(images=1, usd=Decimal("0.04"))),  # none for it
        (FOUR_CENTS, Usage(images=1)),  # no figure
        (FOUR_CENTS, Usage(images=1, seconds=Decimal(3))),  # none that counts
        (FOUR_CENTS, Usage(usd=Decimal("0.04"))),  # nothing came
        (FOUR_CENTS, Usage(images=1, usd=Decimal("NaN"))),  # no amount
        (FOUR_CENTS, Usage(images=1, usd=Decimal(-1))),
    ],
)
def test_where_there_is_nothing_to_compare_nothing_is_expected(per: Kind | None, usage: Usage) -> None:
    assert listed(per, usage) is None
    assert expected_of(None, Billable(), usage, DAY) is None


def test_before_a_price_holds_nothing_is_expected() -> None:
    assert listed(FOUR_CENTS, Usage(images=1, usd=Decimal("0.04")), day=date(1999, 1, 1)) is None


def test_what_is_told_of_a_settlement_has_what_the_list_expects() -> None:
    assert settled(HOLD, 50_000, 1, 40_000).expected == 40_000
    assert settled(HOLD, 50_000, 1).expected is None
