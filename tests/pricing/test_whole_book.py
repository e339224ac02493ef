"""The shipped book against the providers: every model has a price or the reason why not, and no row is for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache

import pytest

import providers
from pricing import Book, Price
from pricing.book import FOLDER
from pricing.kinds import Free, PerCredit, PerImage, PerToken, Row, Unpublished
from providers.contract import Background, ControlKind, EditKind, Model, Quality, UpscaleKind
from providers.contract.model import parse_size
from proxy.tariff import asking, tariff

BOOK = Book.load()
DAY = max(price.checked for _, _, price in BOOK)
"""The book's day: the newest on which anything in it was compared with its source."""
VENDORS = sorted({path.stem for path in FOLDER.glob("*.yaml")})
OPERATIONS = frozenset(
    ["generate", "generate.reference"]
    + [f"edit.{kind}" for kind in EditKind]
    + [f"upscale.{kind}" for kind in UpscaleKind]
    + [f"control.{kind}" for kind in ControlKind]
)
PRICED_BY_THE_OPERATOR = frozenset({"local", "sdwebui"})
"""Providers whose models are rows of config.yaml, with their price."""
OTHER_NAMES = {
    ("openai", "gpt-image-2-2026-04-21"): "a snapshot, which a row of config.yaml may name",
    ("openai", "gpt-image-2.5-sunburst-2026-09-08"): "a snapshot",
    ("openai", "gpt-image-2.5-flare-2026-09-08"): "a snapshot",
    ("openai", "chatgpt-image-latest"): "another name of gpt-image-1.5",
}
"""Names in the book that no provider offers on its own, and why they are there."""


@cache
def models(vendor: str) -> dict[str, list[Model]]:
    """What a provider offers, by the vendor's name for it."""
    found: dict[str, list[Model]] = {}
    for model in providers.load(vendor).models:
        found.setdefault(model.vendor_name, []).append(model)
    return found


def holds(price: Price, day: date = DAY) -> bool:
    return price.since <= day and (price.until is None or day < price.until)


def rows(price: Price) -> tuple[Row, ...]:
    return price.per.rows if isinstance(price.per, PerImage | PerCredit) else ()


def in_force() -> Iterator[tuple[str, str, Price]]:
    return ((vendor, model, price) for vendor, model, price in BOOK if holds(price))


@pytest.mark.parametrize("vendor", sorted(providers.NAMES))
def test_every_model_of_a_provider_has_a_price_on_the_books_day(vendor: str) -> None:
    without = [name for name in models(vendor) if BOOK.price(vendor, name, DAY) is None]
    assert without == [], f"write pricing/prices/{vendor}.yaml (`unpublished` where the vendor names no price)"


def test_the_book_has_no_vendor_without_a_provider() -> None:
    assert set(VENDORS) <= providers.NAMES
    assert {vendor for vendor in providers.NAMES if models(vendor)} == set(VENDORS)
    assert {vendor for vendor in providers.NAMES if not models(vendor)} == PRICED_BY_THE_OPERATOR


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_price_in_force_is_of_a_model_that_is_offered(vendor: str) -> None:
    """A model that a provider no longer offers has ended: its stanza says `until`, or it is another name."""
    loose = [name for seller, name, _ in in_force() if seller == vendor and name not in models(vendor)]
    assert [name for name in loose if (vendor, name) not in OTHER_NAMES] == []


def test_every_other_name_is_still_one() -> None:
    known = {(vendor, name) for vendor, name, _ in BOOK}
    assert OTHER_NAMES.keys() <= known
    assert not [name for vendor, name in OTHER_NAMES if name in models(vendor)]


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_official_price_says_where_it_stands(vendor: str) -> None:
    for seller, name, price in BOOK:
        if seller == vendor and price.confidence == "official" and not isinstance(price.per, Free):
            assert re.search(r"https?://\w", price.source), name


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_price_is_a_guess_without_a_word(vendor: str) -> None:
    for seller, name, price in BOOK:
        if seller == vendor:
            assert price.source.strip(), name
            assert price.confidence != "operator", f"{name}: the operator's prices stand in config.yaml"
            if isinstance(price.per, Unpublished):
                assert len(price.per.why.split()) > 3, name


@pytest.mark.parametrize("vendor", VENDORS)
def test_dates_are_of_this_world(vendor: str) -> None:
    for seller, name, price in BOOK:
        if seller == vendor:
            assert date(2022, 1, 1) <= price.since, name
            assert price.checked <= DAY, name
            assert price.until is None or price.until < date(2030, 1, 1), name


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_condition_of_a_row_is_one_that_a_request_can_meet(vendor: str) -> None:
    """A row for a misspelled quality or operation would never be asked, and a dearer one, or none, would count."""
    for seller, name, price in BOOK:
        if seller != vendor:
            continue
        for row in rows(price):
            assert row.operation is None or row.operation in OPERATIONS, name
            assert row.quality is None or row.quality in list(Quality), name
            assert row.background is None or row.background in list(Background), name
            assert row.size is None or parse_size(row.size), name
            assert row.price > 0, name


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_condition_of_a_row_in_force_is_one_that_its_model_knows(vendor: str) -> None:
    for seller, name, price in in_force():
        sold = models(vendor).get(name, []) if seller == vendor else []
        if not sold:
            continue
        operations = frozenset().union(*(model.operations for model in sold))
        qualities = {quality for model in sold for quality in model.qualities}
        for row in rows(price):
            assert row.operation is None or row.operation in operations, (name, row)
            assert row.quality is None or row.quality in qualities, (name, row)
            if row.size is not None:
                assert any(model.sizes.draws(*parse_size(row.size)) for model in sold), (name, row)
            if row.background == Background.TRANSPARENT:
                assert any("background" in model.honours for model in sold), (name, row)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_plain_request_has_a_quote_or_the_vendor_publishes_none(vendor: str) -> None:
    """A hole in a table is found here, before a caller falls into it."""
    for name, sold in models(vendor).items():
        price = BOOK.price(vendor, name, DAY)
        if price is None or isinstance(price.per, Unpublished):
            continue
        if isinstance(price.per, PerToken) and price.per.output is None:
            continue
        for model in sold:
            for line in tariff(model, asking(price, DAY)):
                for quality, amount in line.prices:
                    assert not isinstance(amount, str), (model.name, line.operations, line.sizes, quality, amount)


@pytest.mark.parametrize("vendor", VENDORS)
def test_credits_are_worth_the_same_wherever_they_are_counted(vendor: str) -> None:
    for seller, name, price in BOOK:
        if seller == vendor and isinstance(price.per, PerCredit) and price.credit is not None:
            assert price.credit == price.per.usd, name
