from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Billable, Line, Quote, Unpriced, Usage, bill, ceiling, quote
from pricing.kinds import Free, Kind, Owned, PerCredit, PerImage, PerMegapixel, PerSecond, PerToken, Row
from tests.pricing.asking import billed, priced, quoted, reason, usd
from tests.pricing.test_tokens import AREA, RATES, TILES
from tests.properties import MANY

FOUR_CENTS = PerImage(rows=(Row(price=Decimal("0.04")),))
CREDITS = PerCredit(usd=Decimal("0.01"), rows=(Row(price=Decimal(4)),))
SECONDS = PerSecond(usd=Decimal("0.001"), seconds=Decimal(30))
OWNED = Owned(
    seconds=Decimal(30), purchase_usd=Decimal(9000), years=Decimal(3), utilisation=Decimal("0.5"), watts=Decimal(450)
)
UNPUBLISHED = replace(RATES, output=None)


def test_a_quote_says_where_its_price_comes_from_and_sums_its_lines() -> None:
    found = quoted(RATES, Billable(width=1024, height=1024, quality="low", prompt_bytes=50))
    assert found.source == "the price list"
    assert len(found.lines) == 3
    assert found.usd == sum(line.usd for line in found.lines)


def test_an_unpriced_request_is_quoted_as_such_with_its_reason() -> None:
    assert quote(priced(UNPUBLISHED), Billable()) == Unpriced("the vendor has not said how many tokens a picture takes")


def test_an_unknown_price_cannot_be_added_up() -> None:
    unknown = Unpriced("nobody knows")
    with pytest.raises(TypeError):
        unknown + Decimal(1)  # type: ignore[operator]
    with pytest.raises(TypeError):
        Decimal(1) + unknown  # type: ignore[operator]
    with pytest.raises(TypeError):
        sum([unknown])  # type: ignore[list-item]


def test_an_unknown_price_is_neither_zero_nor_comparable_to_a_price() -> None:
    unknown = Unpriced("nobody knows")
    assert unknown != Decimal(0)
    with pytest.raises(TypeError):
        min([unknown, Decimal(1)])  # type: ignore[type-var]


def test_the_operators_ceiling_is_paid_for_every_picture() -> None:
    found = ceiling(Billable(n=3), Decimal("0.25"))
    assert found.usd == Decimal("0.75")
    assert found.source == "config"
    assert found.lines == (Line("image, at the operator's ceiling", Decimal(3), Decimal("0.75")),)


def test_a_second_is_quoted_at_the_longest_a_picture_may_take() -> None:
    assert quoted(SECONDS, Billable(n=2)).lines == (Line("second of GPU", Decimal(60), Decimal("0.06")),)


def test_seconds_used_are_what_is_billed() -> None:
    found = billed(priced(SECONDS), Billable(n=2), Usage(images=2, seconds=Decimal("12.5")))
    assert found.lines == (Line("second of GPU", Decimal("12.5"), Decimal("0.0125")),)
    assert found.metered


def test_seconds_that_are_not_stated_are_billed_at_their_bound() -> None:
    found = billed(priced(SECONDS), Billable(n=2), Usage(images=1))
    assert (found.usd, found.metered) == (Decimal("0.03"), False)


def test_what_is_free_says_so_in_its_quote_and_in_its_bill() -> None:
    assert quoted(Free(why="a card"), Billable(n=2)).lines == (Line("a card", Decimal(2), Decimal(0)),)
    assert quoted(Free(), Billable()).lines[0].what == "free of charge"
    assert billed(priced(Free()), Billable(), Usage(images=1)).usd == 0


def test_the_vendors_charge_in_usd_goes_before_every_other_figure() -> None:
    usage = Usage(images=1, usd=Decimal("0.5"), credits=Decimal(3), image_out=1000, seconds=Decimal(9))
    for per in (RATES, CREDITS, SECONDS, FOUR_CENTS):
        found = billed(priced(per, credit=Decimal("0.01")), Billable(), usage)
        assert found.lines == (Line("charged by the vendor", Decimal(1), Decimal("0.5")),)
        assert found.metered


def test_a_charge_of_zero_is_a_charge() -> None:
    found = billed(priced(FOUR_CENTS), Billable(), Usage(images=1, usd=Decimal(0)))
    assert (found.usd, found.metered) == (Decimal(0), True)


def test_the_meter_of_the_price_goes_before_credits() -> None:
    usage = Usage(images=1, credits=Decimal(900), image_out=1_000_000)
    found = billed(priced(RATES, credit=Decimal("0.01")), Billable(), usage)
    assert (found.usd, found.metered) == (Decimal(32), True)


def test_stated_credits_go_before_counting_pictures() -> None:
    found = billed(priced(FOUR_CENTS, credit=Decimal("0.01")), Billable(), Usage(images=1, credits=Decimal("4.5")))
    assert found.lines == (Line("credit", Decimal("4.5"), Decimal("0.045")),)
    assert found.metered


def test_credits_without_a_rate_are_ignored() -> None:
    found = billed(priced(FOUR_CENTS), Billable(), Usage(images=1, credits=Decimal(900)))
    assert (found.usd, found.metered) == (Decimal("0.04"), False)


def test_without_a_vendors_figure_the_delivered_pictures_are_counted() -> None:
    found = billed(priced(FOUR_CENTS, credit=Decimal("0.01")), Billable(n=4), Usage(images=3))
    assert found.lines == (Line("image", Decimal(3), Decimal("0.12")),)
    assert (found.usd, found.metered) == (Decimal("0.12"), False)


@pytest.mark.parametrize("per", [FOUR_CENTS, CREDITS, SECONDS, RATES, UNPUBLISHED, Free()])
def test_nothing_delivered_and_nothing_metered_costs_nothing(per: Kind) -> None:
    found = billed(priced(per, credit=Decimal("0.01")), Billable(n=4), Usage())
    assert (found.usd, found.lines, found.metered) == (Decimal(0), (), False)


def test_tokens_that_were_metered_are_owed_though_nothing_was_delivered() -> None:
    assert billed(priced(RATES), Billable(), Usage(images=0, text_in=1_000_000, image_out=0)).usd == Decimal(5)


def test_delivered_pictures_without_a_price_leave_the_bill_unpriced() -> None:
    found = bill(priced(UNPUBLISHED), Billable(), Usage(images=1))
    assert found == Unpriced("the vendor has not said how many tokens a picture takes")


KINDS: list[Kind] = [
    FOUR_CENTS,
    CREDITS,
    SECONDS,
    OWNED,
    RATES,
    Free(),
    PerImage(rows=(Row(quality="low", price=Decimal("0.01")), Row(price=Decimal("0.07")))),
    PerImage(rows=(Row(up_to=1_000_000, price=Decimal("0.01")), Row(price=Decimal("0.03")))),
    PerMegapixel(usd=Decimal("0.02"), read=Decimal("0.01")),
    PerMegapixel(usd=Decimal("0.02"), first=Decimal("0.05"), round="exact", minimum=Decimal("0.5")),
    PerToken(text_in=Decimal(5), image_in=Decimal(8), image_out=Decimal(30), output=AREA, input=TILES, preview=100),
]
sides = st.integers(1, 4096)
jobs = st.builds(
    Billable,
    operation=st.sampled_from(["generate", "edit.inpaint"]),
    n=st.integers(1, 10),
    width=st.one_of(st.just(1024), sides),
    height=st.one_of(st.just(1024), sides),
    quality=st.sampled_from([None, "low", "high"]),
    fidelity=st.sampled_from([None, "low", "high"]),
    prompt_bytes=st.integers(0, 32_000),
    inputs=st.lists(st.tuples(sides, sides), max_size=4).map(tuple),
    previews=st.integers(0, 3),
    seconds=st.none() | st.decimals("0.001", "60", places=3),
)


@MANY
@given(st.sampled_from(KINDS), jobs)
def test_a_bound_is_never_negative_and_never_falls_with_more_pictures(per: Kind, job: Billable) -> None:
    found = quote(priced(per), job)
    assume(isinstance(found, Quote))
    assert 0 <= usd(per, job) <= usd(per, replace(job, n=job.n + 1))


@MANY
@given(st.sampled_from(KINDS), jobs)
def test_whether_there_is_a_price_does_not_depend_on_how_many_are_asked_for(per: Kind, job: Billable) -> None:
    found, one = quote(priced(per), job), quote(priced(per), replace(job, n=1))
    assert found == one if isinstance(found, Unpriced) else isinstance(one, Quote)


@MANY
@given(st.sampled_from(KINDS), jobs, st.integers(0, 10))
def test_fewer_pictures_than_asked_for_never_cost_more_than_the_quote(per: Kind, job: Billable, images: int) -> None:
    assume(images <= job.n)
    assume(isinstance(quote(priced(per), job), Quote))
    assert billed(priced(per), job, Usage(images=images)).usd <= usd(per, job)


@MANY
@given(st.sampled_from(KINDS), jobs, st.data())
def test_a_meter_within_what_was_asked_never_comes_to_more_than_the_quote(
    per: Kind, job: Billable, data: st.DataObject
) -> None:
    found = quote(priced(per), job)
    assume(isinstance(found, Quote))
    assert isinstance(found, Quote)
    most = {line.what: int(line.quantity) for line in found.lines}

    def used(what: str) -> int:
        return data.draw(st.integers(0, most.get(what, 0)), label=what)

    usage = Usage(
        images=data.draw(st.integers(0, job.n), label="images"),
        credits=Decimal(used("credit")) if isinstance(per, PerCredit) else None,
        seconds=Decimal(used("second of GPU")),
        text_in=used("token of text read"),
        image_in=used("token of pictures read"),
        image_out=used("token of pictures written"),
        text_out=used("token of text written"),
    )
    assert billed(priced(per), job, usage).usd <= found.usd


@MANY
@given(jobs)
def test_a_reason_is_given_wherever_there_is_no_price(job: Billable) -> None:
    for per in KINDS:
        if isinstance(quote(priced(per), job), Unpriced):
            assert reason(per, job)
