"""`darkroom replay`: what recorded requests would have cost under another policy, configuration or price book."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import yaml
from msgspec.structs import replace

from pricing import Book
from proxy.catalogue import Catalogue
from proxy.cli import config_option, data_option, json_option, read_config, show_json, show_table, told_plainly
from proxy.config import Config, ConfigError, load
from proxy.ledger.accounts import AccountError, Accounts
from proxy.ledger.engine import open_ledger
from proxy.ledger.history import history
from proxy.policies import Policies
from proxy.replay import Scenario, told
from proxy.replay import replay as play_again

_AGO = re.compile(r"(\d+)([hd])")
_HOURS = {"h": 1, "d": 24}
FIGURES = frozenset({"requests", "pictures", "happened USD", "replayed USD", "difference USD", "USD", "share"})


@click.command()
@click.option("--since", default="30d", show_default=True, metavar="30d", help="From when: 12h, 30d, or a day.")
@click.option("--until", metavar="DAY", help="Up to when, that moment not included; now by default.")
@click.option("--team", help="Only this team's.")
@click.option(
    "--policy",
    metavar="NAME|FILE",
    help="A policy of the configuration, or a file: a whole configuration, or only what of it is to be otherwise. "
    "By default, each request's own policy.",
)
@click.option("--prices", metavar="DAY", help="Price all of them with the book of that day; by default, of their own.")
@config_option
@json_option
@data_option
@told_plainly
def replay(
    since: str,
    until: str | None,
    team: str | None,
    policy: str | None,
    prices: str | None,
    config_path: Path | None,
    as_json: bool,
    data: Path,
) -> None:
    """Plan recorded requests again, and compare cost, latency and providers with what happened. Nothing is spent.

    Every offer is taken to be well, and as fast as it was in that time. Requests that were not served, and what was
    paid beside a plan (prompts written out, pictures enlarged), stay as they were.
    """
    now = time.time_ns() // 1_000_000
    first, last = _moment(since, now, "--since"), now if until is None else _moment(until, now, "--until")
    engine = open_ledger(data)
    if team is not None and team not in {each.team for each, _ in Accounts(engine).teams()}:
        raise AccountError(f"there is no team {team!r}")
    scenario = scenario_of(read_config(config_path), policy, _day(prices) if prices else None)
    began = time.perf_counter()
    figures = play_again(partial(history, engine, first, last, team), scenario)
    seconds = time.perf_counter() - began
    shown = {
        "since": _iso(first),
        "until": _iso(last),
        "team": team,
        "policy": policy,
        "prices": prices,
        **told(figures),
        "seconds": round(seconds, 3),
    }
    if as_json:
        show_json(shown)
    else:
        _show(shown)
        click.echo(
            f"{figures.recorded} requests in {seconds:.1f} s ({figures.recorded / max(seconds, 1e-9):,.0f} a second), "
            f"{figures.planned} plans",
            err=True,
        )


def scenario_of(config: Config, policy: str | None, prices: date | None) -> Scenario:
    """A configuration, with another policy of its own or whatever a file has otherwise. Raises ConfigError."""
    named = None
    file = Path(policy) if policy is not None and policy.endswith((".yaml", ".yml")) else None
    if file is not None:
        config = _overlaid(config, file)
    else:
        named = policy
    policies = Policies(config)
    if named is not None and named not in policies:
        raise ConfigError(f"there is no policy {named!r}; there are {', '.join(policies)}, or give a .yaml file")
    catalogue = Catalogue(config, Book.load(), os.environ)
    return Scenario(catalogue=catalogue, policies=policies, policy=named, recorded=file is None, prices=prices)


def _overlaid(config: Config, file: Path) -> Config:
    """The configuration of a file; where it has no providers, the one there is with what the file says otherwise."""
    other = load(file)
    stated = yaml.safe_load(file.read_text()) or {}
    if "providers" in stated:
        return other
    return replace(config, **{name: getattr(other, name) for name in stated})


def _moment(text: str, now: int, option: str) -> int:
    """Milliseconds since 1970 of `30d` ago, or of the first moment of a day in UTC."""
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _HOURS[ago[2]] * 3_600_000
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise click.BadParameter("write hours or days, 12h or 30d, or a day, 2026-11-01", param_hint=option) from error
    return int(day.timestamp()) * 1000


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write a day, 2026-11-01", param_hint="--prices") from error


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


# For people.


def _show(shown: dict[str, Any]) -> None:
    counts, compared, latency = shown["requests"], shown["compared"], shown["latency"]
    rows = [
        ["recorded", str(counts["recorded"])],
        ["planned again", str(counts["replayed"])],
        ["would go elsewhere", str(counts["moved"])],
        ["would have no offer", str(counts["without_offer"])],
        *[[f"left as they were: {name}", str(counts[name])] for name in ("failed", "unfinished", "test")],
    ]
    show_table("Requests", ["what", "requests"], rows, right=FIGURES)
    rows = [["all", *_money(compared)], *[[each["team"], *_money(each)] for each in shown["teams"]]]
    columns = ["team", "happened USD", "replayed USD", "difference USD", "share"]
    show_table("Cost of what an offer would serve", columns, rows, right=FIGURES)
    rows = [
        [each["provider"], *[str(each[side][name]) for name in ("requests", "images", "usd") for side in _SIDES]]
        for each in shown["providers"]
    ]
    columns = ["provider", *[f"{what}, {side}" for what in ("requests", "pictures", "USD") for side in _SIDES]]
    show_table("Providers", columns, rows, right=frozenset(columns[1:]))
    rows = [[side, *[_seconds(latency[side][name]) for name in ("mean", "p50", "p95")]] for side in _SIDES]
    show_table("Seconds", ["", "mean", "p50", "p95"], rows, right=frozenset({"mean", "p50", "p95"}))
    _show_details(shown)
    happened, replayed = shown["happened"], shown["replayed"]
    click.echo(
        f"paid in all {happened['usd']} USD, of which {happened['beside_usd']} beside the plans, "
        f"{happened['without_offer_usd']} for what no offer would serve, {happened['overrun_usd']} on the house; "
        f"replayed {replayed['usd']} USD, quoted at {replayed['quoted_usd']}",
        err=True,
    )


_SIDES = ("happened", "replayed")


def _show_details(shown: dict[str, Any]) -> None:
    rows = [
        [each["team"], each["model"], each["before"], each["after"], str(each["requests"]), *_money(each)]
        for each in shown["movers"]
    ]
    columns = ["team", "model", "before", "after", "requests"]
    columns += ["happened USD", "replayed USD", "difference USD", "share"]
    if rows:
        show_table("Biggest movers", columns, rows, right=FIGURES)
    rows = [
        [each["team"], each["model"], each["reason"], str(each["requests"]), each["usd"]]
        for each in shown["without_offer"]
    ]
    if rows:
        show_table("Would have no offer", ["team", "model", "why", "requests", "USD"], rows, right=FIGURES)


def _money(compared: dict[str, Any]) -> list[str]:
    ratio = compared["difference_ratio"]
    amounts = [compared[f"{name}_usd"] for name in ("happened", "replayed", "difference")]
    return [*amounts, "" if ratio is None else f"{ratio:+.1%}"]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
