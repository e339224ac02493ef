from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import Book, Price
from pricing.kinds import Free, PerImage, PerMegapixel
from tests.properties import MANY

JANUARY, MARCH, JUNE = date(2026, 1, 1), date(2026, 3, 1), date(2026, 6, 1)
DAY = timedelta(days=1)

STANZA = """
- models: [one, two]
  since: 2026-01-01
  checked: 2026-02-01
  source: the price list
  per: {type: image, rows: [{price: "0.04"}]}
"""


def stanza(since: date, until: date | None = None, checked: date = JANUARY, model: str = "m") -> Price:
    return Price(models=(model,), per=Free(), since=since, until=until, checked=checked, source="s")


def load(folder: Path, text: str, name: str = "acme.yaml") -> Book:
    (folder / name).write_text(text)
    return Book.load(folder)


def test_a_file_holds_the_prices_of_the_vendor_it_is_named_after(tmp_path: Path) -> None:
    book = load(tmp_path, STANZA)
    for model in ("one", "two"):
        price = book.price("acme", model, JUNE)
        assert price is not None
        assert isinstance(price.per, PerImage)
        assert price.per.rows[0].price == Decimal("0.04")
    assert book.price("acme", "three", JUNE) is None
    assert book.price("other", "one", JUNE) is None


def test_every_file_of_the_folder_is_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("not a price")
    load(tmp_path, STANZA, "zeta.yaml")
    book = load(tmp_path, STANZA, "acme.yaml")
    assert [(vendor, model) for vendor, model, _ in book] == [
        ("acme", "one"),
        ("acme", "two"),
        ("zeta", "one"),
        ("zeta", "two"),
    ]


def test_prices_come_in_order_of_their_days() -> None:
    book = Book({"v": [stanza(MARCH), stanza(JANUARY, until=MARCH)]})
    assert [price.since for _, _, price in book] == [JANUARY, MARCH]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (STANZA + "  prize: 4\n", "prize"),
        (STANZA.replace("rows:", "unit: one, rows:"), "unit"),
        (STANZA.replace('price: "0.04"', 'price: "0.04", tier: 1'), "tier"),
        (STANZA.replace('"0.04"', "four cents"), "price"),
        (STANZA.replace('"0.04"', "[1]"), "price"),
        (STANZA.replace("type: image", "type: picture"), "picture"),
        (STANZA.replace("{type: image, ", "{"), "type"),
        (STANZA.replace("  source: the price list\n", ""), "source"),
        (STANZA.replace("2026-01-01", "yesterday"), "since"),
        (STANZA.replace("2026-01-01", "2026-13-01"), "month"),
        (STANZA.replace("[one, two]", "one"), "models"),
        (STANZA + "  confidence: certain\n", "confidence"),
        (STANZA + "  until: 2025-01-01\n", "until"),
        (STANZA + "  until: 2026-01-01\n", "until"),
        ("models: [one]", "array"),
        ("", "array"),
        ("- [", "acme.yaml"),
        ("- {per: {type: megapixel, usd: '1', round: down}}", "down"),
        ("- {per: {type: megapixel, usd: '1', pixels: 1024}}", "pixels"),
        ("- {per: {type: token, text_in: '1', image_in: '1', image_out: '1', output: {type: guess}}}", "guess"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_by_name(tmp_path: Path, broken: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^acme\.yaml: ") as refused:
        load(tmp_path, broken)
    assert said in str(refused.value)


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"^acme\.yaml: "):
        Book.load(tmp_path)


@MANY
@given(st.integers(0, 10**15 - 1), st.integers(0, 12))
def test_a_price_of_up_to_15_digits_written_bare_loses_nothing(digits: int, places: int) -> None:
    price = Decimal(digits).scaleb(-places)
    with TemporaryDirectory() as folder:
        found = load(Path(folder), STANZA.replace('"0.04"', f"{price:f}")).price("acme", "one", JUNE)
    assert found is not None
    assert isinstance(found.per, PerImage)
    assert found.per.rows[0].price == price


def test_a_quoted_price_keeps_every_digit(tmp_path: Path) -> None:
    long = "0.1234567890123456789012345678901234567890"
    found = load(tmp_path, STANZA.replace("0.04", long)).price("acme", "one", JUNE)
    assert found is not None
    assert isinstance(found.per, PerImage)
    assert str(found.per.rows[0].price) == long


def test_what_a_stanza_leaves_out_has_its_default(tmp_path: Path) -> None:
    text = STANZA.replace('{type: image, rows: [{price: "0.04"}]}', '{type: megapixel, usd: "0.1"}')
    found = load(tmp_path, text).price("acme", "one", JUNE)
    assert found is not None
    assert (found.until, found.confidence, found.credit, found.note) == (None, "official", None, None)
    assert found.per == PerMegapixel(
        usd=Decimal("0.1"), first=None, read=Decimal(0), pixels=1_000_000, round="up", minimum=Decimal(0)
    )


@pytest.mark.parametrize(
    "prices",
    [
        [stanza(JANUARY), stanza(MARCH)],
        [stanza(MARCH), stanza(JANUARY)],
        [stanza(JANUARY, until=MARCH + DAY), stanza(MARCH)],
        [stanza(JANUARY, until=JUNE), stanza(MARCH, until=MARCH + DAY)],
        [stanza(JANUARY), stanza(JANUARY)],
        [stanza(JANUARY, until=MARCH), stanza(JANUARY, until=JUNE)],
    ],
)
def test_two_prices_for_one_model_on_one_day_are_refused(prices: list[Price]) -> None:
    with pytest.raises(ValueError, match=r"^v: m has two prices on 2026-0[13]-01$"):
        Book({"v": prices})


def test_a_model_named_twice_in_one_stanza_is_refused() -> None:
    twice = Price(models=("m", "m"), per=Free(), since=JANUARY, checked=JANUARY, source="s")
    with pytest.raises(ValueError, match="two prices"):
        Book({"v": [twice]})


def test_the_same_model_of_two_vendors_has_two_prices() -> None:
    book = Book({"v": [stanza(JANUARY)], "w": [stanza(MARCH)]})
    assert book.price("v", "m", JANUARY) is not None
    assert book.price("w", "m", JANUARY) is None


def test_a_price_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    early, late = stanza(JANUARY, until=MARCH), stanza(JUNE)
    book = Book({"v": [late, early]})
    assert book.price("v", "m", JANUARY - DAY) is None
    assert book.price("v", "m", JANUARY) is early
    assert book.price("v", "m", MARCH - DAY) is early
    assert book.price("v", "m", MARCH) is None
    assert book.price("v", "m", JUNE - DAY) is None
    assert book.price("v", "m", JUNE) is late
    assert book.price("v", "m", JUNE + 10_000 * DAY) is late


def test_a_price_may_begin_on_the_day_another_ends() -> None:
    early, late = stanza(JANUARY, until=MARCH), stanza(MARCH)
    book = Book({"v": [early, late]})
    assert book.price("v", "m", MARCH - DAY) is early
    assert book.price("v", "m", MARCH) is late


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@MANY
@given(st.lists(days, min_size=2, max_size=7, unique=True), days)
def test_on_every_day_the_price_found_is_the_one_that_holds(changes: list[date], on: date) -> None:
    changes.sort()
    prices = [stanza(since, until) for since, until in zip(changes, [*changes[1:-1], changes[-1]], strict=False)]
    holding = [price for price in prices if price.until is not None and price.since <= on < price.until]
    assert Book({"v": reversed(prices)}).price("v", "m", on) is (holding[0] if holding else None)


def test_a_price_is_stale_only_when_it_was_checked_longer_ago_than_allowed() -> None:
    book = Book({"v": [stanza(JANUARY, checked=JANUARY)]})
    assert book.stale(JANUARY + 30 * DAY, 30 * DAY) == []
    assert [model for _, model, _ in book.stale(JANUARY + 31 * DAY, 30 * DAY)] == ["m"]


def test_a_price_that_has_ended_is_never_stale() -> None:
    ended = stanza(JANUARY, until=MARCH, checked=JANUARY)
    current = stanza(MARCH, checked=JANUARY)
    book = Book({"v": [ended, current]})
    assert book.stale(MARCH - DAY, 10 * DAY) == [("v", "m", ended), ("v", "m", current)]
    assert book.stale(MARCH, 10 * DAY) == [("v", "m", current)]
