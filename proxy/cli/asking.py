"""`darkroom check`, `estimate` and `plan`: what would happen, and what it would cost. Nothing is spent."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import click

import providers
from pricing import Book, Quote
from providers.contract import Generate, Quality
from providers.contract.model import parse_size
from proxy.catalogue import Catalogue, rules_of
from proxy.cli import (
    STALE_DAYS,
    config_option,
    data_option,
    json_option,
    read_config,
    show_json,
    show_table,
    told_plainly,
)
from proxy.cli.routing import refuse_unknown, terms_options
from proxy.config import Config
from proxy.explain import explain_plan, usd
from proxy.learned import NAME, Learned, loads_of
from proxy.policies import Policies
from proxy.policy import Offer, Plan, Wish, World
from proxy.policy import plan as make_plan
from proxy.policy.engine import quote_at
from proxy.tariff import Line, in_short, least, line_told, starting, tariff


def _size_options(command: Any) -> Any:
    qualities = click.Choice([str(each) for each in Quality])
    for option in (
        click.option("--quality", type=qualities, help="The vendor's choice by default."),
        click.option("--size", help="WIDTHxHEIGHT; the model's own by default."),
        click.option("-n", "count", default=1, show_default=True, type=click.IntRange(1, 10), help="Pictures."),
        click.option("--model", default="auto", show_default=True, help="As a client would name it."),
    ):
        command = option(command)
    return command


def _request_options(command: Any) -> Any:
    says = "Tokens of text are bounded by its bytes; a single one by default."
    return click.option("--prompt", default=".", help=says)(_size_options(terms_options(data_option(command))))


@click.command()
@click.option("--explain", "prompt", metavar="PROMPT", help="The plan of one request instead.")
@_size_options
@terms_options
@data_option
@config_option
@json_option
@told_plainly
def check(config_path: Path | None, as_json: bool, prompt: str | None, **asked: Any) -> None:
    """Load configuration, prices and providers, and say what would run, and why the rest would not.

    With --explain, say it of one request: which offers would serve it, in order, and why each other would not.
    """
    if prompt is not None:
        _show_plan(config_path, as_json, prompt=prompt, **asked)
        return
    config = read_config(config_path)
    book = Book.load()
    catalogue = Catalogue(config, book, os.environ)
    rules = rules_of(config)
    day = datetime.now(UTC).date()
    stale = book.stale(day, timedelta(days=STALE_DAYS))
    offers = list(catalogue.every_offer())
    tariffs = {offer.name: tariff(offer.model, partial(quote_at, offer, day=day)) for offer in offers}
    aliases = [listing for listing in catalogue if listing.alias]
    vendors = _vendors(config, catalogue, offers)
    if as_json:
        show_json(
            {
                "vendors": vendors,
                "offers": [_offer_told(offer, tariffs[offer.name]) for offer in offers],
                "aliases": {listing.name: listing.served_by for listing in aliases},
                "rules": [name for name, _ in rules],
                "stale_prices": [f"{vendor}/{model}" for vendor, model, _ in stale],
            }
        )
        return
    rows = [[each["vendor"], str(each["offers"]), _state(each["out"])] for each in vendors]
    show_table("Vendors", ["vendor", "offers", "state"], rows, right=frozenset({"offers"}))
    rows = [
        [offer.name, in_short(offer.model.operations), starting(tariffs[offer.name]), _state(offer.out)]
        for offer in offers
    ]
    show_table("Offers", ["offer", "operations", "a picture", "state"], rows)
    told = [[each.name, each.served_by] for each in aliases if each.dialect is None]
    show_table("Other names", ["name", "served by"], told)
    if len(told) < len(aliases):
        click.echo(f"{len(aliases) - len(told)} more names are told to callers of one dialect alone (--json)", err=True)
    click.echo(f"policy: {', '.join(name for name, _ in rules)}", err=True)
    for vendor, model, price in stale:
        click.echo(f"price of {vendor}/{model} was last checked on {price.checked}", err=True)
    click.echo("configuration is fine", err=True)


def _state(out: str | None) -> str:
    return "ready" if out is None else f"out: {out}"


def _vendors(config: Config, catalogue: Catalogue, offers: list[Offer]) -> list[dict[str, Any]]:
    """Every vendor that is configured, then those that could be, with what stands in the way."""
    found: dict[str, list[Offer]] = {name: [] for name in catalogue.lines}
    for offer in offers:
        found[offer.provider].append(offer)
    told = [
        {
            "vendor": name,
            "title": catalogue.lines[name].provider.title,
            "out": (sold[0].out if all(offer.out for offer in sold) else None) if sold else "it has no models",
            "offers": len(sold),
        }
        for name, sold in found.items()
    ]
    for name in sorted(providers.NAMES - found.keys()):
        why = "it is switched off" if name in config.providers else "it is not in the configuration"
        told.append({"vendor": name, "title": None, "out": why, "offers": 0})  # its file is not even read
    return told


def _offer_told(offer: Offer, lines: tuple[Line, ...]) -> dict[str, Any]:
    cheapest = least(lines)
    return {
        "offer": offer.name,
        "out": offer.out,
        "operations": sorted(offer.model.operations),
        "a_picture": starting(lines),
        "from_usd": usd(cheapest) if isinstance(cheapest, Decimal) else None,
        "prices": [line_told(line) for line in lines],
    }


def _planned(config_path: Path | None, **asked: Any) -> tuple[Generate, Plan]:
    """A request and its plan, by the terms that its headers would set. Raises click.BadParameter, `Failure`."""
    config = read_config(config_path)
    catalogue = Catalogue(config, Book.load(), os.environ)
    request, named, now = _request(asked), asked["providers"], datetime.now(UTC)
    refuse_unknown("--providers", "provider", named or (), catalogue.lines)
    listing = catalogue.serving(request.model, request.operation, named, day=now.date())
    policies = Policies(config)
    policy = asked["policy"] if asked["policy"] is not None else listing.policy or policies.default
    refuse_unknown("--policy", "policy", (policy,), list(policies))
    wish = Wish(
        request=request,
        any_area=listing.retired,
        strict=asked["strict"],
        ceiling=asked["max_cost"],
        named=named,
        max_seconds=asked["max_seconds"],
        regions=asked["regions"],
        policy=policy,
    )
    local = Learned(asked["data"] / NAME, loads_of(config)).local(listing.offers)
    return request, make_plan(policies.rules(policy), wish, listing.offers, World(now=now, local=local))


def _request(asked: dict[str, Any]) -> Generate:
    width, height = _size(asked["size"])
    return Generate(
        model=asked["model"],
        prompt=asked["prompt"],
        n=asked["count"],
        width=width,
        height=height,
        quality=Quality(asked["quality"]) if asked["quality"] else None,
    )


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
    """The most a request would cost at every offer of its model, whether or not its key is set.

    Those that a plan would leave out are told with the reason.
    """
    _, made = _planned(config_path, **asked)
    candidates = [(choice.candidate, "") for choice in made.choices]
    candidates += [(out.candidate, f"{out.rule}: {out.drop.reason}") for out in made.out]
    if as_json:
        show_json(
            [
                {
                    "offer": each.offer.name,
                    "usd": usd(each.quote.usd) if isinstance(each.quote, Quote) else None,
                    "unpriced": None if isinstance(each.quote, Quote) else each.quote.reason,
                    "left_out": out or None,
                }
                for each, out in candidates
            ]
        )
        return
    rows = []
    for each, out in candidates:
        if isinstance(each.quote, Quote):
            lines = ", ".join(
                f"{line.quantity.normalize():f} {line.what}: {usd(line.usd)}" for line in each.quote.lines
            )
            rows.append([each.offer.name, usd(each.quote.usd), lines, out])
        else:
            rows.append([each.offer.name, "unpriced", each.quote.reason, out])
    show_table("At most, USD", ["offer", "USD", "breakdown", "left out"], rows, right=frozenset({"USD"}))


@click.command()
@_request_options
@config_option
@json_option
@told_plainly
def plan(config_path: Path | None, as_json: bool, **asked: Any) -> None:
    """Which offers would serve a request, in order, and why each other would not."""
    _show_plan(config_path, as_json, **asked)


def _show_plan(config_path: Path | None, as_json: bool, **asked: Any) -> None:
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
    click.echo(f"policy: {made.policy}", err=True)
    if not made.choices:
        sys.exit(1)
