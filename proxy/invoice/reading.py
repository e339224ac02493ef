"""Lines of a vendor's CSV: which column is what, which moment, how much. What cannot be read for certain is refused.

Amounts are whole nano-USD, rounded half to even: exports have more digits than money, and binary fractions among them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from proxy.ledger.writing import VENDOR_ID

NANOS = 1_000_000_000
DAY_MS = 86_400_000
LARGEST = 1_000_000
"""USD no line comes to."""
DIGITS = 15
"""Before the point of an amount, in whatever unit."""

KNOWN: Mapping[str, tuple[str, ...]] = {
    "id": ("request_id", "prediction_id", "generation_id", "task_id", "job_id", "transaction_id", "reference", "id"),
    "time": ("created_at", "timestamp", "created", "time", "datetime", "started_at", "completed_at", "date", "day"),
    "amount": (
        *("amount_usd", "cost_usd", "total_usd", "charge_usd", "price_usd", "usd", "amount_cents", "cost_cents"),
        *("credits_used", "credits", "credit_cost", "cost_credits", "amount_credits"),
        *("amount", "cost", "total_cost", "charge", "price", "total"),
    ),
    "unit": ("currency", "unit", "amount_unit"),
    "model": ("model", "model_name", "model_id", "endpoint", "endpoint_id"),
}  # fmt: skip
"""What vendors call a column, the surest name first: lower case, with `_` for whatever else stands between words."""


class InvoiceError(ValueError):
    """The file cannot be read as an invoice; the message says where and what to do."""


class Line(Struct, frozen=True):
    """One line of an invoice."""

    number: int
    """In the file, its header being 1."""
    id: str | None
    model: str | None
    begins: int | None
    """When, in milliseconds since 1970; None where the line does not say."""
    ends: int | None
    """The same, or the end of the day where only the day is told."""
    nanos: int
    """What is charged, in nano-USD; less than nothing for a refund."""


class Columns(Struct, frozen=True, kw_only=True):
    """Where everything stands; None for what the file does not have."""

    amount: str
    id: str | None = None
    time: str | None = None
    unit: str | None = None
    model: str | None = None


class Rates(Protocol):
    """What a unit is worth."""

    def __call__(self, unit: str, model: str | None, day: date | None) -> Decimal:
        """USD for one `credits`, `eur` ... of a model on a day. Raises InvoiceError for a unit that nobody knows."""


def found_columns(header: Iterable[str], told: Mapping[str, str]) -> Columns:
    """The columns as told (an empty name: there is none), else by the names vendors use. Raises InvoiceError."""
    there = list(header)
    for what, name in told.items():
        if what not in KNOWN:
            raise InvoiceError(f"there is no {what!r} to map; there are {', '.join(KNOWN)}")
        if name and name not in there:
            raise InvoiceError(f"the invoice has no column {name!r}; it has {', '.join(there)}")
    plain = {_plain(name): name for name in reversed(there)}
    found = {
        what: told[what] or None if what in told else next((plain[name] for name in names if name in plain), None)
        for what, names in KNOWN.items()
    }
    if twice := [name for name in found.values() if there.count(name or "") > 1]:
        raise InvoiceError(f"the invoice has two columns {twice[0]!r}: it is not certain which one is meant")
    amount = found.pop("amount")
    if amount is None:
        raise InvoiceError(f"no column is known as the amount: say --map amount=NAME, of {', '.join(there)}")
    if found["id"] is None and found["time"] is None:
        raise InvoiceError(
            "a line is matched by its id or its time, and no column is known as either: say --map id=NAME"
        )
    return Columns(amount=amount, **found)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def read(
    rows: csv.DictReader[str], columns: Columns, rates: Rates, *, unit: str | None = None, form: str | None = None
) -> Iterator[Line]:
    """Every line, one at a time. Raises InvoiceError with the place of what is not understood.

    `unit`: of every amount; by default what the line says, else what the column is called, else USD. `form`: of the
    times, as `strptime` has it, where they are not ISO 8601 or seconds since 1970.
    """
    usual = unit or _unit_of(columns.amount)
    for row in rows:
        at = rows.line_num
        if None in row:
            raise InvoiceError(f"line {at} has more fields than the header")
        try:
            yield _line(at, row, columns, rates, None if unit else columns.unit, usual, form)
        except ValueError as error:
            raise InvoiceError(f"line {at}: {error}") from None


def _line(
    at: int,
    row: Mapping[str, str | None],
    columns: Columns,
    rates: Rates,
    said: str | None,
    usual: str,
    form: str | None,
) -> Line:
    def cell(name: str | None) -> str | None:
        return ((row[name] or "").strip() or None) if name is not None else None

    begins, ends = span(when, form) if (when := cell(columns.time)) else (None, None)
    model = cell(columns.model)
    day = None if begins is None else datetime.fromtimestamp(begins / 1000, UTC).date()
    number = amount_of(cell(columns.amount) or "")
    nanos = to_nanos(number, _worth(_plain(cell(said) or "") or usual, model, day, rates))
    if abs(nanos) > LARGEST * NANOS:
        raise ValueError(f"{cell(columns.amount)!r} is more than any line comes to; is the unit right? See --unit")
    if (known := cell(columns.id)) is None and begins is None:
        raise ValueError("it has neither an id nor a time; if it is a sum of the others, take it out")
    return Line(at, known and known[:VENDOR_ID], model, begins, ends, nanos)


def _unit_of(column: str) -> str:
    words = _plain(column).split("_")
    return next((unit for unit in ("credits", "credit", "cents") if unit in words), "usd")


def _worth(unit: str, model: str | None, day: date | None, rates: Rates) -> Decimal:
    match unit:
        case "usd" | "us":
            return Decimal(1)
        case "cents" | "usd_cents":
            return Decimal("0.01")
        case "credit":
            return rates("credits", model, day)
    return rates(unit, model, day)


_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_PLAIN = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)


def amount_of(text: str) -> Decimal:
    """A number as invoices write it: `0.04`, `$1,234.50`, `-0.04`, `(0.04)`, `4e-05`. Raises ValueError."""
    bare = text.replace("$", "").replace(" ", "").removesuffix("USD")
    refund = bare.startswith("-") or (bare.startswith("(") and bare.endswith(")"))
    figure = bare[1:-1] if refund and bare[0] == "(" else bare[bare.startswith(("+", "-")) :]
    if _GROUPED.fullmatch(figure):
        figure = figure.replace(",", "")
    if len(figure) > 60 or not _PLAIN.fullmatch(figure):
        raise ValueError(f"{text[:60]!r} is no amount: write it like 1234.50")
    number = Decimal(figure)
    if number.adjusted() > DIGITS:
        raise ValueError(f"{text[:60]!r} is more than any line comes to")
    return -number if refund else number


def to_nanos(amount: Decimal, rate: Decimal) -> int:
    """Whole nano-USD of an amount at so many USD each, rounded half to even; exact until then."""
    if not amount or not rate or amount.adjusted() + rate.adjusted() < -30:  # as a ratio it may have a billion digits
        return 0
    over, under = amount.as_integer_ratio()
    times, by = rate.as_integer_ratio()
    whole, rest = divmod(over * times * NANOS, under * by)
    twice = 2 * rest - under * by
    return whole + (twice > 0 or (twice == 0 and whole % 2 == 1))


_SECONDS = re.compile(r"\d{9,10}(\.\d+)?")
_MILLIS = re.compile(r"\d{12,13}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def span(text: str, form: str | None = None) -> tuple[int, int]:
    """The moment a text tells, as first and last millisecond since 1970: a day is a whole one. Raises ValueError."""
    if form is not None:
        at = _millis(datetime.strptime(text, form))  # noqa: DTZ007  UTC where the form has no zone
        return (at, at) if re.search(r"%[HIsXcT]", form) else (at, at + DAY_MS - 1)
    if _MILLIS.fullmatch(text):
        return int(text), int(text)
    if _SECONDS.fullmatch(text):
        at = int(Decimal(text) * 1000)
        return at, at
    iso = text.replace("/", "-").removesuffix("UTC").strip()
    try:
        at = _millis(datetime.fromisoformat(iso))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text[:60]!r} is no time that is certain: say --time-format, e.g. '%m/%d/%Y %H:%M'"
        ) from None
    return (at, at + DAY_MS - 1) if _DAY.fullmatch(iso) else (at, at)


def _millis(moment: datetime) -> int:
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (known - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
