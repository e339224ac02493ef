"""`darkroom reconcile`: a vendor's invoice against the ledger, to the cent and below. Changes neither."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click
from msgspec.structs import replace
from sqlalchemy import Connection

from pricing import Book, from_micros
from proxy.catalogue import Catalogue
from proxy.cli import config_option, data_option, json_option, opened, read_config, show_json, show_table, told_plainly
from proxy.explain import usd
from proxy.invoice import Found, InvoiceError, Line, Pair, Reconciliation, Report, Worth, found_columns, read
from proxy.invoice.reading import NANOS, span
from proxy.ledger.book import list_holds
from proxy.ledger.charges import Charge, charges, providers
from proxy.policy import Offer
from proxy.written import amount_in, length_in

SLACK_MS = 86_400_000
"""How far around the period a submission is looked for by its id: it may have ended before it is billed, or after."""
UNEXPLAINED, UNREADABLE = 1, 2
"""Exit codes."""


class _Unreadable(click.ClickException):
    exit_code = UNREADABLE


def _pairs(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    said = [each.partition("=") for text in value for each in text.split(",")]
    if wrong := [name for name, equals, _ in said if not equals]:
        raise click.BadParameter(f"write NAME=VALUE, not {wrong[0]!r}")
    return {name.strip(): what.strip() for name, _, what in said}


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else span(value)[0]
    except ValueError as error:
        raise click.BadParameter("write a day or a time in UTC: 2026-11-01, 2026-11-01T12:00") from error


def _window(context: click.Context, parameter: click.Parameter, value: str) -> int:
    length = length_in(value, "smh")
    if length is None:
        raise click.BadParameter("write seconds, minutes or hours: 90s, 15m, 2h")
    return length


def _amount(context: click.Context | None, parameter: click.Parameter | None, value: str) -> Decimal:
    amount = amount_in(value.removeprefix("$"))
    if amount is None:
        raise click.BadParameter(f"{value!r} is no amount in USD")
    return amount


@click.command()
@click.argument("vendor")
@click.argument("invoice", type=click.File(encoding="utf-8-sig", lazy=False))
@click.option(
    "--since", callback=_moment, metavar="DAY", help="First day or moment (UTC); the invoice's own by default."
)
@click.option("--until", callback=_moment, metavar="DAY", help="First day or moment that is not in it any more.")
@click.option("--map", "told", multiple=True, callback=_pairs, metavar="id=NAME,…",
              help="Columns of id, time, amount, unit, model; `model=` leaves one out.")  # fmt: skip
@click.option(
    "--unit", help="Of every amount: usd, cents, credits …; by default as the line or the column says, else usd."
)
@click.option("--rate", "rates", multiple=True, callback=_pairs, metavar="credits=0.01",
              help="USD for one of a unit. Credits are known where the price book has them.")  # fmt: skip
@click.option("--time-format", metavar="FORMAT", help="Of the times, where they are not ISO 8601: '%m/%d/%Y %H:%M'.")
@click.option("--window", default="15m", show_default=True, callback=_window,
              help="How far a line's time may be from ours where it has no id that we know.")  # fmt: skip
@click.option("--tolerance", default="0", callback=_amount, metavar="USD", help="Unexplained USD that are no failure.")
@click.option("--show", default=20, show_default=True, type=click.IntRange(0), help="How many of each kind to list.")
@json_option
@config_option
@data_option
@told_plainly
def reconcile(
    vendor: str,
    window: int,
    tolerance: Decimal,
    show: int,
    as_json: bool,
    config_path: Path | None,
    data: Path,
    **how: Any,
) -> None:
    """Hold VENDOR's INVOICE, a CSV file, against the ledger, which stays as it is. `-` reads standard input.

    Lines are matched by the vendor's id of a submission, else by model, time and amount. Exits with 1 where more than
    --tolerance is unexplained: charged and unknown here, or matched with another amount. Exits with 2 where the file
    cannot be read for certain.
    """
    offers = _offers(Catalogue(read_config(config_path), Book.load(), os.environ), vendor)
    with (
        Reconciliation(window=window, since=how["since"], until=how["until"]) as made,
        opened(data).connect().execution_options(reads=True) as connection,
    ):
        if vendor not in (known := providers(connection)):
            raise click.BadParameter(
                f"the ledger has nothing of {vendor!r}; it has {', '.join(known) or 'no provider'}"
            )
        names = _names(offers)
        rates = {unit.lower(): _amount(None, None, rate) for unit, rate in how["rates"].items()}
        made.add_lines(_lines(how["invoice"], Worth(vendor, offers, rates), names, how))
        made.add_charges(_ours(connection, vendor, made.period(), max(SLACK_MS, window), names))
        found = made.report(show)
        held = [hold.micros for hold in list_holds(connection) if hold.provider == vendor]
    if as_json:
        show_json(_told(vendor, found, held))
    else:
        _show(found)
    click.echo(_in_a_sentence(found, held), err=True)
    if found.unexplained > tolerance * NANOS:
        sys.exit(UNEXPLAINED)


# The two sides.


def _offers(catalogue: Catalogue, vendor: str) -> tuple[Offer, ...]:
    found = {offer.name: offer for listing in catalogue for offer in listing.offers if offer.provider == vendor}
    return tuple(found.values())


def _names(offers: Iterable[Offer]) -> dict[str, str]:
    """The vendor's name for a model, by every name it has, in lower case: what both sides are compared by."""
    ours = {each.model.name.lower(): each.model.vendor_name for each in offers}
    return ours | {name.lower(): name for name in ours.values()}


def _lines(source: TextIO, worth: Worth, names: Mapping[str, str], how: Mapping[str, Any]) -> Iterator[Line]:
    """The invoice, models under the vendor's own names. Raises _Unreadable."""
    try:
        first = next(source, "")
        delimiter = max(",;\t|", key=first.count)
        rows = csv.DictReader(chain([first], source), delimiter=delimiter)
        columns = found_columns(rows.fieldnames or (), how["told"])
        for line in read(rows, columns, worth, unit=how["unit"], form=how["time_format"]):
            known = line.model and names.get(line.model.lower())
            yield replace(line, model=known) if known else line
    except (InvoiceError, UnicodeDecodeError, csv.Error) as error:
        raise _Unreadable(f"{source.name}: {error}") from error


def _ours(
    connection: Connection, vendor: str, period: tuple[int | None, int | None], slack: int, names: Mapping[str, str]
) -> Iterator[Charge]:
    since, until = period
    around = {"since": since and since - slack, "until": until and until + slack}
    for charge in charges(connection, vendor, **around):
        yield replace(charge, model=names.get(charge.model.lower(), charge.model))


# Telling.

KINDS = (("differing", "differs"), ("only_theirs", "only theirs"), ("only_ours", "only ours"))


def _usd(nanos: int) -> str:
    return usd(Decimal(nanos) / NANOS)


def _show(found: Report) -> None:
    rows = [["agrees", *_sums(found.agreeing)]]
    rows += [[title, *_sums(getattr(found, name))] for name, title in KINDS]
    rows.append(
        ["total", "", _usd(found.ours.nanos), _usd(found.theirs.nanos), _usd(found.theirs.nanos - found.ours.nanos)]
    )
    columns = ["", "count", "ours USD", "theirs USD", "theirs - ours"]
    show_table("The invoice and the ledger", columns, rows, right=frozenset(columns[1:]))
    listed = [
        [
            title,
            *(str(each or "") for each in (pair.line, pair.id, pair.hold, pair.model)),
            _time(pair.at),
            *_both(pair),
        ]
        for name, title in KINDS
        for pair in getattr(found, name).first
    ]
    if listed:
        columns = ["", "line", "vendor's id", "ours", "model", "time (UTC)", "ours USD", "theirs USD"]
        show_table("What does not agree, the largest first", columns, listed, right=frozenset({"line", *columns[6:]}))


def _sums(found: Found) -> list[str]:
    return [str(found.count), _usd(found.ours), _usd(found.theirs), _usd(found.theirs - found.ours)]


def _both(pair: Pair) -> list[str]:
    return ["" if each is None else _usd(each) for each in (pair.ours, pair.theirs)]


def _time(at: int | None) -> str:
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at // 1000))


def _in_a_sentence(found: Report, held: list[int]) -> str:
    cents = usd(Decimal(found.unexplained) * 100 / NANOS)
    said = [f"{cents} cents are unexplained", f"{found.by_id} matched by id"]
    if found.later.count:
        said.append(
            f"{found.later.count} of ours came after the last line: {_usd(found.later.nanos)} USD not billed yet"
        )
    if found.outside.count:
        said.append(f"{found.outside.count} lines of another time were left out: {_usd(found.outside.nanos)} USD")
    if held:
        said.append(
            f"{len(held)} submissions have no answer ({usd(from_micros(sum(held)))} USD; see: darkroom holds list)"
        )
    return "; ".join(said)


def _told(vendor: str, found: Report, held: list[int]) -> dict[str, Any]:
    kinds = {name: getattr(found, name) for name in ("agreeing", *dict(KINDS))}
    return {
        "vendor": vendor,
        "unexplained_usd": _usd(found.unexplained),
        "unexplained_cents": usd(Decimal(found.unexplained) * 100 / NANOS),
        "ours_usd": _usd(found.ours.nanos),
        "theirs_usd": _usd(found.theirs.nanos),
        "matched_by_id": found.by_id,
        **{name: _kind_told(each) for name, each in kinds.items()},
        "not_billed_yet": {"count": found.later.count, "usd": _usd(found.later.nanos)},
        "outside": {"count": found.outside.count, "usd": _usd(found.outside.nanos)},
        "open_holds": {"count": len(held), "usd": usd(from_micros(sum(held)))},
    }


def _kind_told(found: Found) -> dict[str, Any]:
    return {
        "count": found.count,
        "ours_usd": _usd(found.ours),
        "theirs_usd": _usd(found.theirs),
        "first": [
            {
                "line": pair.line,
                "id": pair.id,
                "hold": pair.hold,
                "model": pair.model,
                "time": None if pair.at is None else f"{_time(pair.at).replace(' ', 'T')}Z",
                "ours_usd": None if pair.ours is None else _usd(pair.ours),
                "theirs_usd": None if pair.theirs is None else _usd(pair.theirs),
            }
            for pair in found.first
        ],
    }
