"""An invoice is read for certain, or refused with the line and what to do."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.invoice import Columns, InvoiceError, Line, found_columns, read
from proxy.invoice.reading import DAY_MS, NANOS, amount_of, span, to_nanos
from tests.ledger.posted import moment
from tests.properties import MANY

NOON = moment("2026-11-21 12:00")


def rates(unit: str, model: str | None, day: date | None) -> Decimal:
    if unit not in ("credits", "eur"):
        raise InvoiceError(f"what is a {unit}?")
    return Decimal("0.01") if unit == "credits" else Decimal("1.1")


def lines(text: str, told: Mapping[str, str] | None = None, **how: Any) -> list[Line]:
    rows = csv.DictReader(text.splitlines(keepends=True))
    return list(read(rows, found_columns(rows.fieldnames or (), told or {}), rates, **how))


def refusal(text: str, told: Mapping[str, str] | None = None, **how: Any) -> str:
    with pytest.raises(InvoiceError) as refused:
        lines(text, told, **how)
    return str(refused.value)


# Columns.


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (
            "Request ID,Created At,Model,Amount (USD)",
            Columns(id="Request ID", time="Created At", model="Model", amount="Amount (USD)"),
        ),
        (
            "id,timestamp,endpoint,credits,currency",
            Columns(id="id", time="timestamp", model="endpoint", amount="credits", unit="currency"),
        ),
        ("prediction_id,total,Cost USD", Columns(id="prediction_id", amount="Cost USD")),
        ("Date,Price", Columns(time="Date", amount="Price")),
    ],
)
def test_usual_headers_are_known(header: str, columns: Columns) -> None:
    assert found_columns(header.split(","), {}) == columns


def test_what_is_told_goes_before_what_is_known_and_an_empty_name_is_none() -> None:
    header = ["id", "ref", "time", "model", "amount"]
    told = {"id": "ref", "model": "", "unit": ""}
    assert found_columns(header, told) == Columns(id="ref", time="time", amount="amount")


@pytest.mark.parametrize(
    ("header", "told", "says"),
    [
        ("id,when,much", {}, "no column is known as the amount: say --map amount=NAME, of id, when, much"),
        ("amount,model", {}, "no column is known as either: say --map id=NAME"),
        ("id,amount", {"id": "nr"}, "has no column 'nr'; it has id, amount"),
        ("id,amount", {"price": "amount"}, "there is no 'price' to map; there are id, time, amount, unit, model"),
        ("id,amount,amount", {}, "two columns 'amount'"),
    ],
)
def test_columns_that_are_not_certain_are_refused(header: str, told: dict[str, str], says: str) -> None:
    with pytest.raises(InvoiceError) as refused:
        found_columns(header.split(","), told)
    assert says in str(refused.value)


# Lines.


def test_a_line_has_its_place_in_the_file_and_everything_it_says() -> None:
    text = 'id,time,model,amount\n a ,2026-11-21T12:00:00Z,flux,0.04\n"b\nb",,,"1,000.5"\nc,2026-11-21,flux,(0.5)\n'
    assert lines(text) == [
        Line(2, "a", "flux", NOON, NOON, 40_000_000),
        Line(4, "b\nb", None, None, None, 1_000_500_000_000),
        Line(5, "c", "flux", NOON - DAY_MS // 2, NOON + DAY_MS // 2 - 1, -500_000_000),
    ]


@pytest.mark.parametrize(
    ("header", "cells", "how", "nanos"),
    [
        ("id,amount", "a,4", {}, 4 * NANOS),
        ("id,amount_cents", "a,4", {}, NANOS // 25),
        ("id,credits", "a,4", {}, NANOS // 25),
        ("id,Credits used", "a,4", {}, NANOS // 25),
        ("id,amount,currency", "a,4,USD", {}, 4 * NANOS),
        ("id,amount,currency", "a,4,Credit", {}, NANOS // 25),
        ("id,amount,currency", "a,4,EUR", {}, 44 * NANOS // 10),
        ("id,credits,currency", "a,4,", {}, NANOS // 25),
        ("id,amount,currency", "a,4,EUR", {"unit": "cents"}, NANOS // 25),
    ],
)
def test_an_amount_is_in_the_unit_the_line_says_else_its_column(
    header: str, cells: str, how: dict[str, Any], nanos: int
) -> None:
    (line,) = lines(f"{header}\n{cells}\n", **how)
    assert line.nanos == nanos


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,amount\na,0.04\nb,\n", "line 3: '' is no amount"),
        ("id,amount\na,four\n", "line 2: 'four' is no amount"),
        ("id,amount\na,nan\n", "line 2: 'nan' is no amount"),
        ("id,amount\na,1e400000\n", "is no amount"),
        ("id,amount\na,5000000\n", "line 2: '5000000' is more than any line comes to; is the unit right?"),
        ("id,amount\na,1e99\n", "more than any line comes to"),
        ('id,amount\na,"0,04"\n', "is no amount: write it like 1234.50"),
        ("id,amount,unit\na,1,GBP\n", "line 2: what is a gbp?"),
        ("id,time,amount\na,11/12/2026 10:00,1\n", "line 2: '11/12/2026 10:00' is no time that is certain"),
        (
            "id,time,amount\n,,12.30\n",
            "line 2: it has neither an id nor a time; if it is a sum of the others, take it out",
        ),
        ("id,amount\na,1,2\n", "line 2 has more fields than the header"),
    ],
)
def test_what_is_not_certain_is_refused_with_its_line(text: str, says: str) -> None:
    assert says in refusal(text)


# Times.


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-21T12:00:00Z", "2026-11-21 12:00:00", "2026-11-21 12:00 UTC", "2026/11/21 12:00:00.000"),
        *("2026-11-21T13:00:00+01:00", str(NOON), str(NOON // 1000), f"{NOON // 1000}.000"),
    ],
)
def test_one_moment_is_written_in_many_ways(text: str) -> None:
    assert span(text) == (NOON, NOON)


@pytest.mark.parametrize(
    ("text", "form", "long"),
    [
        ("21.11.2026 12:00", "%d.%m.%Y %H:%M", False),
        ("11/21/26, 07:00 -0500", "%m/%d/%y, %H:%M %z", False),
        ("21.11.2026", "%d.%m.%Y", True),
    ],
)
def test_other_forms_are_told(text: str, form: str, long: bool) -> None:
    midnight = NOON - DAY_MS // 2
    assert span(text, form) == ((midnight, midnight + DAY_MS - 1) if long else (NOON, NOON))
    with pytest.raises(ValueError, match="does not match format"):
        span("2026", form)


# Amounts.


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        ("0.04", "0.04"),
        ("$0.04", "0.04"),
        ("0.04 USD", "0.04"),
        ("$ 1,234.50", "1234.5"),
        ("-0.04", "-0.04"),
        ("-$0.04", "-0.04"),
        ("(0.04)", "-0.04"),
        ("+.5", "0.5"),
        ("4e-05", "0.00004"),
        ("0", "0"),
    ],
)
def test_an_amount_is_written_in_many_ways(text: str, usd: str) -> None:
    assert amount_of(text) == Decimal(usd)


@pytest.mark.parametrize(
    "text", ["", "-", "--1", "(1", "1.2.3", "1,23", "0,04", "1,2345", "€1", "0x10", "1_000", "inf"]
)
def test_what_is_no_amount_for_certain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        amount_of(text)


AMOUNTS = st.decimals(-10_000, 10_000, allow_nan=False, places=None)


@given(AMOUNTS, st.decimals("0.000001", 100, allow_nan=False))
@MANY
def test_nanos_are_exact_but_for_half_of_one(amount: Decimal, rate: Decimal) -> None:
    assert abs(Fraction(to_nanos(amount, rate)) - Fraction(amount) * Fraction(rate) * NANOS) <= Fraction(1, 2)


@given(st.integers(-(10**15), 10**15))
@MANY
def test_what_is_written_down_in_nanos_is_read_back_the_same(nanos: int) -> None:
    assert to_nanos(amount_of(f"{Decimal(nanos).scaleb(-9):f}"), Decimal(1)) == nanos


def test_what_a_binary_fraction_made_of_four_cents_is_four_cents() -> None:
    assert to_nanos(amount_of("0.039999999999999994"), Decimal(1)) == 40_000_000
    assert [to_nanos(Decimal(half), Decimal(1)) for half in ("0.5e-9", "1.5e-9", "-0.5e-9", "-1.5e-9", "1e-99")] == [
        *(0, 2, 0, -2, 0)
    ]
