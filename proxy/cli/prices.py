"""`darkroom prices`: what the book says, how we know it, what is old, and where another list disagrees."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec

import providers
from pricing import Book, Price, compare
from pricing.compare import Comparison, Finding, Listed
from providers.contract import Model
from proxy.cli import STALE_DAYS, json_option, show_json, show_table, told_plainly
from proxy.cli.terms import in_words, terms
from proxy.explain import usd
from proxy.tariff import Amount, Line, asking, in_short, line_told, tariff

Entry = tuple[str, str, Price]


def _day(context: click.Context, parameter: click.Parameter, value: datetime | None) -> date:
    return value.date() if value else datetime.now(UTC).date()


def _on(command: Callable[..., None]) -> Callable[..., None]:
    says = "The book of that day; today's by default."
    return click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), callback=_day, help=says)(command)


@click.group(invoke_without_command=True)
@click.pass_context
def prices(context: click.Context) -> None:
    """The price book: what models cost, since when, and how we know. Lists it, if nothing else is said."""
    if context.invoked_subcommand is None:
        context.invoke(show_all, vendor=None, day=datetime.now(UTC).date(), as_json=False)


@prices.command("list")
@click.option("--vendor", help="Only this vendor's.")
@_on
@json_option
@told_plainly
def show_all(vendor: str | None, day: date, as_json: bool) -> None:
    """Every price in force, in a line each."""
    found = [entry for entry in Book.load() if holds(entry[2], day) and vendor in (None, entry[0])]
    if vendor is not None and not found:
        raise click.ClickException(f"the book has no price of {vendor!r} on {day}")
    if as_json:
        show_json([_told(entry) for entry in found])
        return
    rows = [
        [name, model, in_words(price.per), str(price.checked), price.confidence, price.source]
        for name, model, price in found
    ]
    show_table(f"Prices on {day}", ["vendor", "model", "price", "checked", "confidence", "source"], rows)


@prices.command()
@click.argument("model")
@_on
@json_option
@told_plainly
def show(model: str, day: date, as_json: bool) -> None:
    """Everything the book says of MODEL, at every vendor, or of VENDOR/MODEL: all its days, rows and sources.

    What plain pictures cost is told as of the day.
    """
    book = Book.load()
    found = _named(book, model)
    if as_json:
        show_json([_told(entry) | {"pictures": _pictures_told(entry, day)} for entry in found])
        return
    for entry in found:
        vendor, name, price = entry
        ends = f" until {price.until}" if price.until else ""
        click.echo(f"{vendor}/{name}, since {price.since}{ends}: {in_words(price.per)}")
        click.echo(f"  {price.confidence}, checked {price.checked}: {price.source}")
        if price.note:
            click.echo(f"  {price.note}")
        if price.credit is not None:
            click.echo(f"  a credit in a reply is ${usd(price.credit)}")
        show_table("Terms", ["for", "USD"], [[what, each] for what, each in terms(price.per)], right=frozenset({"USD"}))
        for offered, lines in _pictures(entry, day):
            show_table(f"Pictures of {offered.name}", ["does", "size", "quality", "USD"], list(_drawn(lines)))
        click.echo()


@prices.command()
@click.option("--days", default=STALE_DAYS, show_default=True, type=click.IntRange(0), help="How old is too old.")
@_on
@json_option
@told_plainly
def stale(days: int, day: date, as_json: bool) -> None:
    """Prices in force that nobody has compared with their source for so long. Exits with 1 if there are any."""
    found = Book.load().stale(day, timedelta(days=days))
    if as_json:
        show_json([_told(entry) for entry in found])
    elif found:
        rows = [[vendor, model, str(price.checked), price.source] for vendor, model, price in found]
        show_table(f"Not checked for {days} days", ["vendor", "model", "checked", "source"], rows)
    if found:
        click.echo(f"{len(found)} prices have not been checked for {days} days", err=True)
        sys.exit(1)
    click.echo(f"every price was checked within {days} days", err=True)


@prices.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fail-on-difference", is_flag=True, help="Exit with 1 where any figure disagrees.")
@_on
@json_option
@told_plainly
def diff(file: Path, fail_on_difference: bool, day: date, as_json: bool) -> None:
    """Hold the book against FILE, LiteLLM's model_prices_and_context_window.json. Nothing is overwritten."""
    try:
        found = compare.compare(Book.load(), compare.read(file.read_bytes()), day, _spelt())
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from error
    differing = found.differing
    if as_json:
        show_json(_comparison_told(found))
    else:
        columns = ["their key", "what", "ours", "theirs", "theirs / ours"]
        rows = [[each.key, each.what, _ours(each), usd(each.theirs), _ratio(each)] for each in differing]
        _show_if_any("They disagree, USD", columns, rows, right=frozenset(columns[2:]))
        _show_if_any("Theirs alone", ["theirs alone", "rows"], _by_model(found.theirs_alone))
        _show_if_any("Ours alone", ["ours alone"], [[name] for name in _in_few(found)])
        _show_if_any("Not compared", ["not compared", "why"], [list(each) for each in found.beyond])
    agreeing = len(found.findings) - len(differing)
    click.echo(
        f"{len(found.findings)} figures compared: {agreeing} agree, {len(differing)} differ; "
        f"{len(found.theirs_alone)} rows are theirs alone, {len(found.ours_alone)} models ours alone, "
        f"{len(found.beyond)} cannot be compared, {found.elsewhere} are of vendors the book does not have",
        err=True,
    )
    if differing and fail_on_difference:
        sys.exit(1)


def _spelt() -> dict[str, str]:
    """Our vendors by their titles, the way the other list spells names: `black_forest_labs`."""
    return {re.sub(r"\W+", "_", providers.load(name).title.lower()): name for name in providers.NAMES}


def _show_if_any(title: str, columns: list[str], rows: list[list[str]], right: frozenset[str] = frozenset()) -> None:
    if rows:
        show_table(title, columns, rows, right=right)


def _by_model(rows: Iterable[Listed]) -> list[list[str]]:
    counts = Counter(f"{row.vendor}/{row.model}" for row in rows)
    return [[name, str(count)] for name, count in sorted(counts.items())]


def _in_few(found: Comparison) -> list[str]:
    """What is ours alone: vendors they say nothing of in a line each, then models."""
    known = {finding.vendor for finding in found.findings}
    lines: dict[str, int] = {}
    for name in found.ours_alone:
        vendor = name.partition("/")[0]
        line = name if vendor in known else vendor
        lines[line] = lines.get(line, 0) + 1
    return [line if line in found.ours_alone else f"{line}: all {count}" for line, count in lines.items()]


# Finding.


def holds(price: Price, day: date) -> bool:
    """Whether a price is in force on a day."""
    return price.since <= day and (price.until is None or day < price.until)


def _named(book: Book, wanted: str) -> list[Entry]:
    """The stanzas of a model: by the vendor's name for it or the one callers ask for, after `vendor/` or alone."""
    names: dict[str, list[Entry]] = {}
    for entry in book:
        vendor, model, _ = entry
        for name in dict.fromkeys([model, *[offered.name for offered in offers(vendor, model)]]):
            names.setdefault(name, []).append(entry)
            names.setdefault(f"{vendor}/{name}", []).append(entry)
    if wanted not in names:
        near = get_close_matches(wanted, names, n=3)
        hint = f"; is it {' or '.join(near)}?" if near else ", and `darkroom prices list` lists those it has"
        raise click.ClickException(f"the book has no model {wanted!r}{hint}")
    return names[wanted]


def offers(vendor: str, model: str) -> list[Model]:
    """The models a provider offers under a vendor's name."""
    return [each for each in providers.load(vendor).models if each.vendor_name == model]


# Telling.


def _pictures(entry: Entry, day: date) -> Iterator[tuple[Model, tuple[Line, ...]]]:
    """What plain pictures cost under a stanza that holds on the day, for every model sold under it."""
    vendor, name, price = entry
    if holds(price, day):
        for model in offers(vendor, name):
            yield model, tariff(model, asking(price, day))


def _drawn(lines: Iterable[Line]) -> Iterator[list[str]]:
    for line in lines:
        for quality, amount in line.prices:
            yield [in_short(line.operations), line.sizes, quality, _amount(amount)]


def _amount(amount: Amount) -> str:
    return usd(amount) if isinstance(amount, Decimal) else f"unpriced: {amount}"


def _ours(finding: Finding) -> str:
    low, high = finding.ours[0], finding.ours[-1]
    return usd(low) if low == high else f"{usd(low)} to {usd(high)}"


def _ratio(finding: Finding) -> str:
    return "" if finding.ratio is None else usd(finding.ratio)


# For programs.


def _told(entry: Entry) -> dict[str, Any]:
    return {"vendor": entry[0], "model": entry[1], "price": entry[2]}


def _pictures_told(entry: Entry, day: date) -> list[dict[str, Any]]:
    return [
        {"model": model.name, "lines": [line_told(line) for line in lines]} for model, lines in _pictures(entry, day)
    ]


def _comparison_told(found: Comparison) -> dict[str, Any]:
    return {
        "compared": [
            msgspec.to_builtins(each)
            | {"agrees": each.agrees, "nearest": usd(each.nearest), "ratio": each.ratio and usd(each.ratio)}
            for each in found.findings
        ],
        "theirs_alone": [each.key for each in found.theirs_alone],
        "ours_alone": found.ours_alone,
        "not_compared": [{"key": key, "why": why} for key, why in found.beyond],
        "elsewhere": found.elsewhere,
    }
