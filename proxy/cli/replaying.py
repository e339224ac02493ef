"""`darkroom replay`: what recorded requests would have cost under another policy, configuration or price book."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from proxy.cli import config_option, data_option, json_option, read_config, show_json, show_table, told_plainly
from proxy.config import read_text
from proxy.replay import Question, QuestionError, answer

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
    file = Path(policy) if policy is not None and policy.endswith((".yaml", ".yml")) else None
    question = Question(
        since=since,
        until=until,
        team=team,
        policy=policy if file is None else None,
        configuration=None if file is None else read_text(file),
        called=str(file),
        prices=prices,
    )
    try:
        shown = {**answer(data, read_config(config_path), question, os.environ), "policy": policy}
    except QuestionError as error:
        raise click.BadParameter(str(error), param_hint=f"--{error.field}") from error
    if as_json:
        show_json(shown)
        return
    _show(shown)
    recorded, seconds = shown["requests"]["recorded"], shown["seconds"]
    click.echo(
        f"{recorded} requests in {seconds:.1f} s ({recorded / max(seconds, 1e-9):,.0f} a second), "
        f"{shown['plans']} plans",
        err=True,
    )


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
