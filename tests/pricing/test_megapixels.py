from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import Billable, Line, Usage
from pricing.kinds import PerMegapixel
from tests.pricing.asking import quoted, reason, usd
from tests.properties import MANY

TEN_CENTS = PerMegapixel(usd=Decimal("0.1"))
FLUX = PerMegapixel(first=Decimal("0.03"), usd=Decimal("0.015"), read=Decimal("0.02"))


@pytest.mark.parametrize(
    ("width", "height", "price"),
    [(1, 1, "0.1"), (1000, 1000, "0.1"), (1000, 1001, "0.2"), (2000, 1000, "0.2"), (1024, 1024, "0.2")],
)
def test_a_started_megapixel_is_a_whole_one(width: int, height: int, price: str) -> None:
    assert usd(TEN_CENTS, Billable(width=width, height=height)) == Decimal(price)


def test_a_megapixel_may_be_two_to_the_twentieth() -> None:
    binary = PerMegapixel(usd=Decimal("0.1"), pixels=1_048_576)
    assert usd(binary, Billable(width=1024, height=1024)) == Decimal("0.1")
    assert usd(binary, Billable(width=1025, height=1024)) == Decimal("0.2")


def test_an_exact_vendor_charges_parts_of_a_megapixel() -> None:
    exact = PerMegapixel(usd=Decimal("0.1"), round="exact")
    assert usd(exact, Billable(width=500, height=1000)) == Decimal("0.05")
    assert usd(exact, Billable(width=1500, height=1000)) == Decimal("0.15")


def test_a_picture_below_the_minimum_costs_the_minimum() -> None:
    exact = PerMegapixel(usd=Decimal("0.1"), round="exact", minimum=Decimal("0.25"))
    assert usd(exact, Billable(width=100, height=100)) == Decimal("0.025")
    assert usd(exact, Billable(width=1000, height=300)) == Decimal("0.03")


def test_the_first_megapixel_may_cost_otherwise() -> None:
    assert usd(FLUX, Billable(width=1000, height=1000)) == Decimal("0.03")
    assert usd(FLUX, Billable(width=2000, height=1500)) == Decimal("0.06")


def test_the_first_megapixel_is_charged_in_full() -> None:
    exact = PerMegapixel(first=Decimal("0.03"), usd=Decimal("0.015"), round="exact")
    assert usd(exact, Billable(width=100, height=100)) == Decimal("0.03")
    assert usd(exact, Billable(width=1500, height=1000)) == Decimal("0.0375")


def test_every_picture_sent_along_is_read_once_for_each_picture_written() -> None:
    found = quoted(FLUX, Billable(n=2, width=1000, height=1000, inputs=((1000, 1000), (1000, 2000))))
    assert found.lines == (
        Line("megapixel written", Decimal(2), Decimal("0.06")),
        Line("megapixel read", Decimal(6), Decimal("0.12")),
    )
    assert found.usd == Decimal("0.18")


def test_pictures_sent_along_cost_nothing_where_reading_is_free() -> None:
    job = Billable(n=2, width=1000, height=1000, inputs=((1000, 1000),))
    assert quoted(TEN_CENTS, job).lines == (Line("megapixel written", Decimal(2), Decimal("0.2")),)


@pytest.mark.parametrize(("width", "height"), [(None, None), (1024, None), (None, 1024)])
def test_without_a_size_there_is_no_price(width: int | None, height: int | None) -> None:
    assert reason(FLUX, Billable(width=width, height=height)) == (
        "the vendor chooses the size, and the price depends on it"
    )


def test_a_drawing_sent_along_has_no_megapixels_to_charge_for() -> None:
    job = Billable(width=1000, height=1000, inputs=((1000, 1000), (0, 0)))
    assert reason(FLUX, job) == "a picture sent along has no size in pixels, and the price depends on it"
    assert usd(TEN_CENTS, job) == Decimal("0.1")


def test_megapixels_have_no_meter() -> None:
    assert FLUX.metered(Usage(images=1, credits=Decimal(3))) is None


sides = st.integers(1, 8192)


@MANY
@given(
    sides, sides, st.integers(0, 2000), st.sampled_from([TEN_CENTS, FLUX, PerMegapixel(usd=Decimal(1), round="exact")])
)
def test_a_larger_picture_is_never_cheaper(width: int, height: int, more: int, per: PerMegapixel) -> None:
    smaller, larger = Billable(width=width, height=height), Billable(width=width + more, height=height)
    assert usd(per, smaller) <= usd(per, larger)


@MANY
@given(sides, sides)
def test_rounding_up_is_never_below_the_exact_area_and_never_a_megapixel_above_it(width: int, height: int) -> None:
    exact = usd(PerMegapixel(usd=Decimal(1), round="exact"), Billable(width=width, height=height))
    assert exact == Decimal(width * height) / 1_000_000
    assert 0 <= usd(PerMegapixel(usd=Decimal(1)), Billable(width=width, height=height)) - exact < 1


def test_the_megapixels_a_vendor_counted_are_what_it_charges() -> None:
    found = PerMegapixel(usd=Decimal("0.025")).metered(Usage(images=1, units=Decimal("1.5")))
    assert found is not None
    assert [(line.quantity, line.usd) for line in found] == [(Decimal("1.5"), Decimal("0.0375"))]


@pytest.mark.parametrize(
    "per", [PerMegapixel(usd=Decimal(1), first=Decimal(2)), PerMegapixel(usd=Decimal(1), read=Decimal(1))]
)
def test_a_count_of_megapixels_says_nothing_where_they_do_not_all_cost_the_same(per: PerMegapixel) -> None:
    assert per.metered(Usage(images=1, units=Decimal(3))) is None
