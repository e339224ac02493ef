"""What a price leads one to expect of pictures that came: exact, or a bound below which nothing is a surprise."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pricing import Billable, Expected, Unpriced, expected
from pricing.kinds import (
    Free,
    Kind,
    Owned,
    PerCredit,
    PerImage,
    PerMegapixel,
    PerSecond,
    PerToken,
    Row,
    TableTokens,
    Unpublished,
)
from tests.pricing.asking import priced

USD = Decimal
SQUARE = Billable(n=4, width=1024, height=1024)
PLAIN = (Row(price=USD("0.04")),)
BY_QUALITY = (Row(price=USD("0.01"), quality="low"), Row(price=USD("0.04"), quality="high"))
BY_SIZE = (Row(price=USD("0.04"), size="1024x1024"), Row(price=USD("0.06"), size="1536x1024"))
BY_AREA = (Row(price=USD("0.04"), up_to=2_000_000), Row(price=USD("0.06"), up_to=4_000_000))
TOKENS = PerToken(
    text_in=USD(5), image_in=USD(8), image_out=USD(30), output=TableTokens(tokens={"high": {"1024x1024": 1000}})
)

MACHINE = Owned(seconds=USD(10), purchase_usd=USD("31557.6"), years=USD(1), utilisation=USD(1))


@pytest.mark.parametrize(
    ("per", "job", "usd", "exact"),
    [
        (PerImage(rows=PLAIN), SQUARE, "0.08", True),
        (PerImage(rows=PLAIN), Billable(n=4), "0.08", True),
        (PerCredit(usd=USD("0.5"), rows=PLAIN), SQUARE, "0.04", True),
        (PerImage(rows=BY_QUALITY), Billable(quality="low"), "0.02", True),
        (PerImage(rows=BY_QUALITY), SQUARE, "0.08", False),
        (PerImage(rows=BY_SIZE), SQUARE, "0.08", True),
        (PerImage(rows=BY_SIZE), Billable(), "0.12", False),
        (PerImage(rows=BY_AREA), SQUARE, "0.08", True),
        (PerImage(rows=BY_AREA), Billable(), "0.12", False),
        (PerMegapixel(usd=USD("0.01")), SQUARE, "0.04", True),
        (TOKENS, Billable(width=1024, height=1024, quality="high"), "0.06", False),
        (PerSecond(usd=USD("0.001"), seconds=USD(10)), SQUARE, "0.02", False),
        (PerSecond(usd=USD("0.001"), seconds=USD(10)), Billable(seconds=USD("2.5")), "0.005", False),
        (MACHINE, SQUARE, "0.02", False),
        (Free(), SQUARE, "0", True),
    ],
)
def test_two_pictures_of_a_job_come_to_the_list_price_of_two(per: Kind, job: Billable, usd: str, exact: bool) -> None:
    assert expected(priced(per), job, 2) == Expected(USD(usd), exact)


def test_what_is_not_published_leads_to_no_expectation() -> None:
    assert expected(priced(Unpublished(why="they do not say")), SQUARE, 1) == Unpriced("they do not say")


@pytest.mark.parametrize(
    ("exact", "said", "against"),
    [(True, "0.01", "0.04"), (True, "0.05", "0.04"), (False, "0.01", "0.01"), (False, "0.05", "0.04")],
)
def test_less_than_a_bound_is_as_expected_and_less_than_a_price_is_not(exact: bool, said: str, against: str) -> None:
    assert Expected(USD("0.04"), exact).against(USD(said)) == USD(against)
