"""Prices from a table: by size, quality, tier and operation, in USD or in credits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pricing import Billable, Line, Unpriced, Usage, bill
from pricing.kinds import PerCredit, PerImage, Row, Unpublished, pick
from tests.pricing.asking import billed, priced, quoted, reason, usd
from tests.properties import MANY

BY_QUALITY = PerImage(
    rows=(
        Row(quality="medium", size="1024x1024", price=Decimal("0.04")),
        Row(quality="medium", size="1792x1024", price=Decimal("0.08")),
        Row(quality="high", size="1024x1024", price=Decimal("0.09")),
        Row(quality="high", size="1792x1024", price=Decimal("0.12")),
    )
)
BY_TIER = PerImage(
    rows=(
        Row(up_to=1_000_000, price=Decimal("0.01")),
        Row(up_to=4_000_000, price=Decimal("0.02")),
    )
)
BY_OPERATION = PerImage(
    rows=(
        Row(operation="upscale.fast", price=Decimal("0.02")),
        Row(operation="generate", price=Decimal("0.03")),
        Row(price=Decimal("0.60")),
    )
)


def test_the_row_of_the_size_and_quality_is_the_price() -> None:
    assert usd(BY_QUALITY, Billable(width=1024, height=1024, quality="medium")) == Decimal("0.04")
    assert usd(BY_QUALITY, Billable(width=1792, height=1024, quality="high")) == Decimal("0.12")


def test_n_pictures_cost_n_times_as_much() -> None:
    found = quoted(BY_QUALITY, Billable(n=3, width=1024, height=1024, quality="medium"))
    assert found.lines == (Line("image", Decimal(3), Decimal("0.12")),)


def test_the_dearest_quality_counts_while_the_vendor_may_choose_it() -> None:
    assert usd(BY_QUALITY, Billable(width=1024, height=1024)) == Decimal("0.09")


def test_the_dearest_size_counts_while_the_vendor_may_choose_it() -> None:
    assert usd(BY_QUALITY, Billable(quality="medium")) == Decimal("0.08")
    assert usd(BY_TIER, Billable()) == Decimal("0.02")


def test_the_dearest_row_of_all_counts_while_both_are_open() -> None:
    assert usd(BY_QUALITY, Billable()) == Decimal("0.12")


@pytest.mark.parametrize(("width", "height"), [(1024, None), (None, 1024)])
def test_half_a_size_is_no_size(width: int | None, height: int | None) -> None:
    assert usd(BY_TIER, Billable(width=width, height=height)) == Decimal("0.02")


@pytest.mark.parametrize(
    ("width", "height", "price"),
    [(1, 1, "0.01"), (1000, 1000, "0.01"), (1001, 1000, "0.02"), (2000, 2000, "0.02")],
)
def test_a_tier_covers_up_to_its_last_pixel(width: int, height: int, price: str) -> None:
    assert usd(BY_TIER, Billable(width=width, height=height, quality="high")) == Decimal(price)


def test_an_open_quality_does_not_make_a_larger_tier_count() -> None:
    assert usd(BY_TIER, Billable(width=1000, height=1000)) == Decimal("0.01")


def test_a_size_above_the_last_tier_has_no_price() -> None:
    assert reason(BY_TIER, Billable(width=2001, height=2000)) == (
        "no price for generate at size 2001x2000, quality auto"
    )


def test_the_first_row_of_an_operation_counts_though_a_later_one_is_dearer() -> None:
    assert usd(BY_OPERATION, Billable(operation="upscale.fast", width=64, height=64)) == Decimal("0.02")
    assert usd(BY_OPERATION, Billable(operation="generate")) == Decimal("0.03")
    assert usd(BY_OPERATION, Billable(operation="edit.erase")) == Decimal("0.60")


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Billable(width=1024, height=1792, quality="high"), "generate at size 1024x1792, quality high"),
        (Billable(width=1024, height=1024, quality="low"), "generate at size 1024x1024, quality low"),
        (Billable(quality="low", operation="edit.erase"), "edit.erase at size auto, quality low"),
    ],
)
def test_what_stands_in_no_row_is_unpriced_and_says_what_it_was(job: Billable, said: str) -> None:
    assert reason(BY_QUALITY, job) == f"no price for {said}"


def test_another_operation_than_the_rows_has_no_price() -> None:
    only = PerImage(rows=(Row(operation="generate", price=Decimal(1)),))
    assert "edit.erase" in reason(only, Billable(operation="edit.erase"))


def test_pictures_from_a_table_have_no_meter() -> None:
    assert BY_TIER.metered(Usage(images=1, credits=Decimal(3), image_out=5)) is None


CREDITS = PerCredit(
    usd=Decimal("0.01"), rows=(Row(quality="low", price=Decimal("2.5")), Row(quality="high", price=Decimal(8)))
)


def test_credits_are_turned_into_usd() -> None:
    found = quoted(CREDITS, Billable(n=2, quality="low"))
    assert found.lines == (Line("credit", Decimal(5), Decimal("0.05")),)


def test_a_table_of_credits_without_the_row_is_unpriced() -> None:
    assert "quality max" in reason(CREDITS, Billable(quality="max"))


def test_the_credits_a_vendor_states_are_its_meter() -> None:
    assert CREDITS.metered(Usage(credits=Decimal(7))) == (Line("credit", Decimal(7), Decimal("0.07")),)
    assert CREDITS.metered(Usage(credits=Decimal(0))) == (Line("credit", Decimal(0), Decimal(0)),)
    assert CREDITS.metered(Usage(images=2)) is None


QUALITIES = ("low", "medium", "high")
SIDES = (512, 1024, 2048)
rows = st.builds(
    Row,
    price=st.decimals(0, 1, places=3),
    quality=st.sampled_from((None, *QUALITIES)),
    size=st.sampled_from((None, "512x512", "1024x512", "2048x2048")),
    up_to=st.sampled_from((None, 512 * 512, 1024 * 1024)),
    operation=st.sampled_from((None, "generate", "edit.erase")),
)
tables = st.lists(rows, min_size=1, max_size=8)


@MANY
@given(tables, st.sampled_from(QUALITIES), st.sampled_from(SIDES), st.sampled_from(SIDES))
def test_whatever_the_vendor_chooses_is_not_dearer_than_the_open_choice(
    table: list[Row], quality: str, width: int, height: int
) -> None:
    chosen = pick(table, Billable(quality=quality, width=width, height=height))
    assume(not isinstance(chosen, Unpriced))
    for left_open in (
        Billable(width=width, height=height),
        Billable(quality=quality),
        Billable(),
    ):
        bound = pick(table, left_open)
        assert not isinstance(bound, Unpriced)
        assert not isinstance(chosen, Unpriced)
        assert bound >= chosen


@MANY
@given(tables, st.sampled_from(QUALITIES), st.sampled_from(SIDES), st.sampled_from(SIDES))
def test_with_nothing_left_open_the_first_row_that_covers_counts(
    table: list[Row], quality: str, width: int, height: int
) -> None:
    job = Billable(quality=quality, width=width, height=height)
    covering = [row.price for row in table if row.covers(job)]
    found = pick(table, job)
    assert found == covering[0] if covering else isinstance(found, Unpriced)


@MANY
@given(st.lists(st.builds(Row, price=st.decimals(0, 1, places=3), up_to=st.integers(1, 5_000_000))))
def test_a_table_without_qualities_does_not_care_whether_one_is_asked_for(tiers: list[Row]) -> None:
    table = [*tiers, Row(price=Decimal(2))]
    plain = pick(table, Billable(width=1024, height=1024))
    assert plain == pick(table, Billable(width=1024, height=1024, quality="high"))


def test_a_row_may_be_for_one_background_alone() -> None:
    per = PerImage(
        rows=(Row(price=Decimal("0.07"), background="transparent"), Row(price=Decimal("0.06"))),
    )
    assert usd(per, Billable(background="transparent")) == Decimal("0.07")
    assert usd(per, Billable(background="opaque")) == usd(per, Billable()) == Decimal("0.06")


def test_what_is_not_published_has_no_price_and_is_settled_by_the_vendors_charge_alone() -> None:
    per = Unpublished(why="the vendor publishes none")
    assert reason(per, Billable()) == "the vendor publishes none"
    assert per.metered(Usage(images=1, credits=Decimal(3))) is None
    assert billed(priced(per), Billable(), Usage(images=1, usd=Decimal("0.0147"))).usd == Decimal("0.0147")
    assert isinstance(bill(priced(per), Billable(), Usage(images=1)), Unpriced)
