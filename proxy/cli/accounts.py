"""`darkroom teams` and `darkroom keys`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from proxy import dialects
from proxy.cli import data_option, json_option, show_json, show_table, told_plainly
from proxy.ledger.accounts import GRANTS, AccountError, Accounts, Budget, parse_budget, parse_count
from proxy.ledger.engine import open_ledger

P = ParamSpec("P")
T = TypeVar("T")


def _limit_options(command: Callable[P, T]) -> Callable[P, T]:
    for option in (
        click.option("--in-flight", metavar="N", help="Most requests at once."),
        click.option("--requests", metavar="N", help="Most requests a minute."),
        click.option("--images", multiple=True, metavar="N/WINDOW", help="Most pictures a day, month or in total."),
        click.option("--budget", multiple=True, metavar="USD/WINDOW", help="USD a day, month or in total: 100/month."),
    ):
        command = option(command)
    return command


def _limits(
    budget: tuple[str, ...], images: tuple[str, ...], requests: str | None, in_flight: str | None
) -> tuple[Budget, ...]:
    limits = [parse_budget(each) for each in budget] + [parse_count("images", each) for each in images]
    if requests:
        limits.append(parse_count("requests", requests))
    if in_flight:
        limits.append(parse_count("in_flight", in_flight))
    return tuple(limits)


def _say(limit: Budget) -> str:
    if limit.what == "usd":
        return f"${limit.amount / 1_000_000:.6f}".rstrip("0").rstrip(".") + f"/{limit.window}"
    return f"{limit.amount} {limit.what.replace('_', ' ')}" + ("" if limit.window == "now" else f"/{limit.window}")


@click.group()
def teams() -> None:
    """Teams and their limits."""


@teams.command("create")
@click.argument("team")
@_limit_options
@data_option
@told_plainly
def create_team(
    team: str, budget: tuple[str, ...], images: tuple[str, ...], requests: str | None, in_flight: str | None, data: Path
) -> None:
    """Create a team: darkroom teams create acme --budget 100/month --requests 120."""
    made = Accounts(open_ledger(data)).create_team(team, _limits(budget, images, requests, in_flight))
    click.echo(f"team {made.team} created", err=True)


@teams.command("limit")
@click.argument("team")
@_limit_options
@click.option("--replace", is_flag=True, help="Drop every other limit of the team.")
@data_option
@told_plainly
def limit_team(
    team: str,
    budget: tuple[str, ...],
    images: tuple[str, ...],
    requests: str | None,
    in_flight: str | None,
    replace: bool,
    data: Path,
) -> None:
    """Set limits of a team; it takes effect within a second."""
    limits = _limits(budget, images, requests, in_flight)
    Accounts(open_ledger(data)).set_limits(f"team:{team}", limits, replace=replace)
    click.echo(f"limits of team {team} set", err=True)


@teams.command("list")
@json_option
@data_option
@told_plainly
def list_teams(as_json: bool, data: Path) -> None:
    """Every team with its limits."""
    found = Accounts(open_ledger(data)).teams()
    if as_json:
        show_json([{"team": team.team, "created": team.created, "limits": list(limits)} for team, limits in found])
        return
    rows = [[team.team, ", ".join(_say(limit) for limit in limits) or "none"] for team, limits in found]
    show_table("Teams", ["team", "limits"], rows)


@click.group()
def keys() -> None:
    """API keys."""


@keys.command("create")
@click.option("--team", required=True, help="Whose key it is.")
@click.option("--name", default="", help="What it is for.")
@click.option("--test", is_flag=True, help="A test key: served by the sandbox, costs nothing.")
@click.option("--expires-days", type=click.IntRange(1), help="Stops working after so many days.")
@click.option("--dialect", help="The one it speaks where dialects share a path; each request tells, by default.")
@click.option("--grant", "grants", multiple=True, type=click.Choice(sorted(GRANTS)), help="What only some keys may.")
@click.option("--webhook", metavar="URL", help="Told of requests that were answered before they had ended.")
@click.option("--webhook-key", metavar="TOKEN", help="Sent to it as a bearer token.")
@_limit_options
@data_option
@told_plainly
def create_key(
    team: str,
    name: str,
    test: bool,
    expires_days: int | None,
    dialect: str | None,
    grants: tuple[str, ...],
    webhook: str | None,
    webhook_key: str | None,
    budget: tuple[str, ...],
    images: tuple[str, ...],
    requests: str | None,
    in_flight: str | None,
    data: Path,
) -> None:
    """Create a key. It is printed this once, alone, on standard output: it cannot be shown again."""
    import time

    expires = None if expires_days is None else time.time_ns() // 1_000_000 + expires_days * 86_400_000
    limits = _limits(budget, images, requests, in_flight)
    if dialect is not None and dialect not in dialects.NAMES:
        raise AccountError(f"there is no dialect {dialect!r}; there are {', '.join(sorted(dialects.NAMES))}")
    key, secret = Accounts(open_ledger(data)).create_key(
        team,
        name=name,
        test=test,
        limits=limits,
        expires=expires,
        dialect=dialect,
        grants=frozenset(grants),
        webhook=webhook,
        webhook_key=webhook_key,
    )
    click.echo(f"key {key.key} of team {team} created; keep it now, it is not shown again", err=True)
    click.echo(secret)


@keys.command("list")
@click.option("--team", help="Only this team's.")
@json_option
@data_option
@told_plainly
def list_keys(team: str | None, as_json: bool, data: Path) -> None:
    """Every key, without its secret."""
    found = [key for key in Accounts(open_ledger(data)).keys().values() if team is None or key.team == team]
    if as_json:
        show_json(found)
        return
    rows = [
        [
            key.key,
            key.team,
            key.name,
            f"{key.prefix}…",
            "revoked" if key.revoked else "works",
            ", ".join(_say(limit) for scope, limit in key.limits if scope.startswith("key:")) or "none",
        ]
        for key in found
    ]
    show_table("Keys", ["key", "team", "name", "begins with", "state", "own limits"], rows)


@keys.command("revoke")
@click.argument("key")
@data_option
@told_plainly
def revoke_key(key: str, data: Path) -> None:
    """End a key, by its id (k_...) or by what it begins with. It stops working within a second."""
    if not key:
        raise AccountError("say which key")
    Accounts(open_ledger(data)).revoke_key(key)
    click.echo(f"key {key} revoked", err=True)
