"""`darkroom explain`: why a request went where it did, and what everything that was tried for it came to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from proxy.cli import json_option, ledger_option, opened, show_json, show_table, told_plainly
from proxy.explain import explain_served
from proxy.ledger.accounts import AccountError
from proxy.ledger.submissions import Served, served


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--team", help="Only if it is this team's.")
@json_option
@ledger_option
@told_plainly
def explain(request_id: str, team: str | None, as_json: bool, data: Path) -> None:
    """Why request ID went where it did: its plan as it was made, and what each attempt did and cost."""
    with opened(data).connect().execution_options(reads=True) as connection:
        found = served(connection, request_id)
    if found is None or team not in (None, found.team):
        raise AccountError(f"there is no request {request_id!r}{f' of team {team!r}' if team else ''} in the ledger")
    told = explain_served(found)
    if as_json:
        show_json({**_head(found), **told})
        return
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found.created / 1000))
    by = f", policy {found.policy}" if found.policy else ""
    model = found.model or "the default model"
    click.echo(f"{model} for {found.team}, {when} UTC, {found.state}, {told['charged_usd']} USD{by}", err=True)
    if told["plan"] is None:
        click.echo("its plan was not kept", err=True)
    else:
        _show_plan("Plan", told["plan"])
        if "finish" in told["plan"]:
            _show_plan("To make its pictures larger", told["plan"]["finish"])
    _show_attempts(told["attempts"])


def _head(found: Served) -> dict[str, Any]:
    return {
        "id": found.job,
        "team": found.team,
        "key": found.key,
        "dialect": found.dialect,
        "model": found.model,
        "state": found.state,
        "created": found.created // 1000,
        "finished": found.finished and found.finished // 1000,
    }


def _show_plan(title: str, plan: dict[str, Any]) -> None:
    rows = [
        [str(each["place"]), each["offer"], each["quote_usd"], "; ".join(map(_said, each["reasons"]))]
        for each in plan["choices"]
    ]
    rows += [
        ["out", each["offer"], each["quote_usd"] or "", f"{each['rule']}: {each['reason']}"]
        for each in plan["left_out"]
    ]
    show_table(title, ["place", "offer", "USD", "why"], rows, right=frozenset({"USD"}))


def _said(reason: dict[str, str]) -> str:
    return f"{reason['rule']} {reason['usd']}: {reason['reason']}"


def _show_attempts(attempts: list[dict[str, Any]]) -> None:
    rows = [
        [
            each["offer"],
            _came_to(each),
            str(each["images"]),
            each["quote_usd"],
            each["cost_usd"],
            "" if each["seconds"] is None else f"{each['seconds']:.1f}",
            each["vendor_id"] or "",
        ]
        for each in attempts
    ]
    columns = ["offer", "outcome", "pictures", "quote", "cost", "seconds", "vendor's id"]
    show_table("Attempts, USD", columns, rows, right=frozenset({"pictures", "quote", "cost", "seconds"}))


def _came_to(attempt: dict[str, Any]) -> str:
    said = attempt["outcome"] if attempt["why"] is None else f"{attempt['outcome']}: {attempt['why']}"
    return f"{said} (asked beside another: hedge)" if attempt["hedge"] else said
