"""The shipped prices against a survey of vendors' prices, where one is at hand.

The survey lies beside the vendors' API descriptions, which the environment variable VENDOR_SPECS points to.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from pricing import Billable, Book, Price, Quote, quote
from pricing.kinds import PerMegapixel, PerToken

SPECS = os.environ.get("VENDOR_SPECS")
pytestmark = pytest.mark.skipif(not SPECS, reason="VENDOR_SPECS does not point to the vendors' descriptions")


class Fact(Struct):
    """One row of the survey."""

    provider: str
    model: str
    unit: str
    size: str | None
    quality: str | None
    price: Decimal | None


def facts(*units: str) -> list[tuple[Fact, Price]]:
    """Rows with a price in one of these units for a model that the book has, and the book's newest price of it."""
    path = Path(SPECS or "") / ".." / "facts" / "prices.json"
    newest = {(vendor, model): price for vendor, model, price in Book.load()}
    rows = msgspec.json.decode(path.read_bytes(), type=list[Fact])
    return [
        (row, newest[row.provider, row.model])
        for row in rows
        if row.unit in units and row.price is not None and (row.provider, row.model) in newest
    ]


def plain(row: Fact) -> Billable:
    width, _, height = (row.size or "1024x1024").partition("x")
    return Billable(width=int(width), height=int(height), quality=row.quality and row.quality.lower())


def picture(found: Quote) -> Decimal:
    """What the quote says of the picture alone: a published price per picture leaves the prompt out."""
    return sum((line.usd for line in found.lines if not line.what.startswith("token of text")), Decimal(0))


def test_prices_per_picture_are_those_of_the_survey_within_its_rounding() -> None:
    rows = [(row, price) for row, price in facts("image") if not isinstance(price.per, PerMegapixel)]
    assert rows
    for row, price in rows:
        assert row.price is not None
        found = quote(price, plain(row))
        assert isinstance(found, Quote), (row, found)
        allowed = max(Decimal("0.001"), row.price / 100) if isinstance(price.per, PerToken) else 0
        assert abs(picture(found) - row.price) <= allowed, (row, found)


def test_rates_per_token_are_those_of_the_survey() -> None:
    fields = {
        "token_in": "text_in",
        "token_in_image": "image_in",
        "token_out": "image_out",
        "token_out_text": "text_out",
    }
    rows = facts(*fields)
    assert rows
    for row, price in rows:
        assert row.price is not None
        assert isinstance(price.per, PerToken), row
        assert getattr(price.per, fields[row.unit]) == row.price * 1_000_000, row


def test_prices_per_megapixel_are_those_of_the_survey() -> None:
    rows = [(row, price) for row, price in facts("image", "megapixel") if isinstance(price.per, PerMegapixel)]
    assert rows
    for row, price in rows:
        assert isinstance(price.per, PerMegapixel)
        if row.unit == "megapixel":
            assert (price.per.usd, price.per.read) == (row.price, row.price), row
        else:
            assert price.per.first == row.price, row
