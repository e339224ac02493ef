"""`darkroom check`, `estimate`, `plan` and `prices`: what would happen, and what it would cost. Nothing is spent."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from pricing import Book, Quote
from pricing.kinds import PerImage, PerMegapixel, PerSecond, PerToken
from providers.contract import Generate, Misfit, Quality, fit
from providers.contract.model import parse_size
from proxy.catalogue import Catalogue, rules_of
from proxy.cli import config_option, json_option, read_config, show_json, show_table, told_plainly
from proxy.explain import explain_plan, usd
from proxy.policy import Offer, Plan, Wish, World
from proxy.policy import plan as make_plan
from proxy.policy.engine import quote_at

STALE = timedelta(days=90)


@click.command()
@config_option
@json_option
@told_plainly
def check(config_path: Path | None, as_json: bool) -> None:
    """Load configuration, prices and providers, and say what would run, and why the rest would not."""
    config = read_config(config_path)
    book = Book.load()
    catalogue = Catalogue(config, book, os.environ)
    rules = rules_of(config)
    day = datetime.now(UTC).date()
    stale = book.stale(day, STALE)
    offers = [offer for listing in catalogue if not listing.alias for offer in listing.offers]
    aliases = [listing for listing in catalogue if listing.alias]
    if as_json:
        show_json(
            {
                "offers": [
                    {"offer": offer.name, "out": offer.out, "a_picture": _typical(offer, day)} for offer in offers
                ],
                "aliases": {listing.name: listing.served_by for listing in aliases},
                "rules": [name for name, _ in rules],
                "stale_prices": [f"{vendor}/{model}" for vendor, model, _ in stale],
            }
        )
        return
    rows = [
        [offer.name, "ready" if offer.out is None else f"out: {offer.out}", _typical(offer, day)] for offer in offers
    ]
    show_table("Offers", ["offer", "state", "a picture"], rows)
    show_table("Other names", ["name", "served by"], [[each.name, each.served_by] for each in aliases])
    click.echo(f"policy: {', '.join(name for name, _ in rules)}", err=True)
    for vendor, model, price in stale:
        click.echo(f"price of {vendor}/{model} was last checked on {price.checked}", err=True)
    click.echo("configuration is fine", err=True)


def _typical(offer: Offer, day: date) -> str:
    """What a picture from words alone costs at most, with everything else left to the model."""
    fitted = fit(Generate(model=offer.model.name), offer.model)
    if isinstance(fitted, Misfit):
        return "by request"
    quoted = quote_at(offer, fitted.request.billable(), day)
    return f"${usd(quoted.usd)}" if isinstance(quoted, Quote) else f"unpriced: {quoted.reason}"


def _request_options(command: Any) -> Any:
    qualities = click.Choice([str(each) for each in Quality])
    for option in (
        click.option("--prompt", default="", help="Tokens of text are bounded by its bytes."),
        click.option("--quality", type=qualities, help="The vendor's choice by default."),
        click.option("--size", help="WIDTHxHEIGHT; the model's own by default."),
        click.option("-n", "count", default=1, show_default=True, type=click.IntRange(1, 10), help="Pictures."),
        click.option("--model", default="auto", show_default=True, help="As a client would name it."),
    ):
        command = option(command)
    return command


def _planned(config_path: Path | None, **asked: Any) -> tuple[Generate, Plan]:
    config = read_config(config_path)
    catalogue = Catalogue(config, Book.load(), os.environ)
    width, height = _size(asked["size"])
    request = Generate(
        model=asked["model"],
        prompt=asked["prompt"],
        n=asked["count"],
        width=width,
        height=height,
        quality=Quality(asked["quality"]) if asked["quality"] else None,
    )
    listing = catalogue.listing(asked["model"])
    wish = Wish(request=request, any_area=listing.retired)
    rules = rules_of(config)
    return request, make_plan(rules, wish, listing.offers, World(now=datetime.now(UTC)))


def _size(size: str | None) -> tuple[int | None, int | None]:
    if size is None:
        return None, None
    try:
        return parse_size(size)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--size") from error


@click.command()
@_request_options
@config_option
@json_option
@told_plainly
def estimate(config_path: Path | None, as_json: bool, **asked: Any) -> None:
    """The most a request would cost at every offer of its model, whether or not its key is set."""
    _, made = _planned(config_path, **asked)
    candidates = [choice.candidate for choice in made.choices] + [out.candidate for out in made.out]
    if as_json:
        show_json(
            [
                {
                    "offer": each.offer.name,
                    "usd": usd(each.quote.usd) if isinstance(each.quote, Quote) else None,
                    "unpriced": None if isinstance(each.quote, Quote) else each.quote.reason,
                }
                for each in candidates
            ]
        )
        return
    rows = []
    for each in candidates:
        if isinstance(each.quote, Quote):
            lines = ", ".join(
                f"{line.quantity.normalize():f} {line.what}: {usd(line.usd)}" for line in each.quote.lines
            )
            rows.append([each.offer.name, usd(each.quote.usd), lines])
        else:
            rows.append([each.offer.name, "unpriced", each.quote.reason])
    show_table("At most, USD", ["offer", "USD", "breakdown"], rows, right=frozenset({"USD"}))


@click.command()
@_request_options
@config_option
@json_option
@told_plainly
def plan(config_path: Path | None, as_json: bool, **asked: Any) -> None:
    """Which offers would serve a request, in order, and why each other would not."""
    request, made = _planned(config_path, **asked)
    if as_json:
        show_json(explain_plan(made, request))
        return
    rows = [
        [
            str(place),
            choice.offer.name,
            usd(choice.quote.usd),
            "; ".join(f"{name}: {score.reason}" for name, score in choice.reasons),
        ]
        for place, choice in enumerate(made.choices, 1)
    ]
    rows += [["out", out.candidate.offer.name, "", f"{out.rule}: {out.drop.reason}"] for out in made.out]
    show_table(f"Plan for {request.model}", ["place", "offer", "USD", "why"], rows, right=frozenset({"USD"}))
    if not made.choices:
        sys.exit(1)


@click.command()
@click.option("--vendor", help="Only this vendor's.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The book of that day; today's by default.")
@click.option("--stale", is_flag=True, help="Only prices nobody has checked for 90 days.")
@json_option
@told_plainly
def prices(vendor: str | None, on: datetime | None, stale: bool, as_json: bool) -> None:
    """The price book: what models cost, since when, and how we know."""
    day = on.date() if on else datetime.now(UTC).date()
    book = Book.load()
    found = book.stale(day, STALE) if stale else [entry for entry in book if _holds(entry[2], day)]
    found = [entry for entry in found if vendor is None or entry[0] == vendor]
    if as_json:
        show_json([{"vendor": name, "model": model, "price": price} for name, model, price in found])
        return
    rows = [
        [name, model, _say(price.per), str(price.checked), price.confidence, price.source]
        for name, model, price in found
    ]
    show_table(f"Prices on {day}", ["vendor", "model", "price", "checked", "confidence", "source"], rows)


def _holds(price: Any, day: date) -> bool:
    return bool(price.since <= day and (price.until is None or day < price.until))


def _say(kind: Any) -> str:
    """A price in a few words."""
    match kind:
        case PerImage():
            return _span([row.price for row in kind.rows], "a picture")
        case PerMegapixel():
            first = f"${usd(kind.first)} the first, " if kind.first is not None else ""
            return f"{first}${usd(kind.usd)} a megapixel"
        case PerToken():
            return f"${usd(kind.image_out)} a million tokens of pictures, ${usd(kind.text_in)} of text read"
        case PerSecond():
            return f"${usd(kind.usd)} a second"
        case _:
            return "free" if not hasattr(kind, "usd") else f"${usd(kind.usd)} a credit"


def _span(amounts: list[Decimal], unit: str) -> str:
    low, high = min(amounts), max(amounts)
    return f"${usd(low)} {unit}" if low == high else f"${usd(low)} to ${usd(high)} {unit}"
