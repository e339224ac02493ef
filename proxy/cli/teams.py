"""`darkroom teams`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec import structs

from proxy.cli import json_option, ledger_option, opened, show_fields, show_json, show_table, told_plainly, whoami
from proxy.cli.limits import limit_options, say
from proxy.ledger.accounts import DEFAULT_ORG, AccountError, Accounts, Budget, Team, TeamChange


@click.group()
def teams() -> None:
    """Teams and their limits."""


@teams.command("create")
@click.argument("team")
@click.option("--org", default=DEFAULT_ORG, show_default=True, help="The organisation it belongs to.")
@click.option("--keep-days", type=click.FloatRange(0), help="Keep its pictures so long; as configured, by default.")
@click.option("--webhook", metavar="URL", help="Told of its budgets.")
@click.option("--webhook-key", metavar="TOKEN", help="Sent to it as a bearer token.")
@click.option("--weight", default=1, show_default=True, help="Its share where several teams wait for the same offer.")
@told_plainly
@limit_options
@ledger_option
def create_team(
    team: str,
    org: str,
    keep_days: float | None,
    webhook: str | None,
    webhook_key: str | None,
    weight: int,
    limits: tuple[Budget, ...],
    data: Path,
) -> None:
    """Create a team: darkroom teams create acme --budget 100/month --requests 120."""
    made = Accounts(opened(data)).create_team(
        team,
        limits,
        org=org,
        keep_s=None if keep_days is None else round(keep_days * 86_400),
        webhook=webhook,
        webhook_key=webhook_key,
        weight=weight,
        who=whoami(),
    )
    click.echo(f"team {made.team} created", err=True)


@teams.command("update")
@click.argument("team")
@click.option("--org", help="The organisation it belongs to from now on. What was spent stays with the one before.")
@click.option("--keep-days", metavar="DAYS", help="Keep its pictures so long; `default` for as long as configured.")
@click.option("--webhook", metavar="URL", help="Told of its budgets; an empty one for nobody.")
@click.option("--webhook-key", metavar="TOKEN", help="Sent to it as a bearer token; an empty one for none.")
@click.option("--weight", type=int, help="Its share where several teams wait for the same offer.")
@told_plainly
@ledger_option
def update_team(
    team: str,
    org: str | None,
    keep_days: str | None,
    webhook: str | None,
    webhook_key: str | None,
    weight: int | None,
    data: Path,
) -> None:
    """Change a team; what is not named stays."""
    said: dict[str, Any] = {name: value for name, value in (("org", org), ("weight", weight)) if value is not None}
    said |= {
        name: value or None for name, value in (("webhook", webhook), ("webhook_key", webhook_key)) if value is not None
    }
    if keep_days is not None:
        said["keep_s"] = None if keep_days == "default" else _seconds(keep_days)
    if not said:
        raise AccountError("say what is to be changed: darkroom teams update --help")
    Accounts(opened(data)).update_team(team, TeamChange(**said), who=whoami())
    click.echo(f"team {team} changed", err=True)


@teams.command("limit")
@click.argument("team")
@click.option("--replace", is_flag=True, help="Drop every other limit of the team.")
@told_plainly
@limit_options
@ledger_option
def limit_team(team: str, limits: tuple[Budget, ...], replace: bool, data: Path) -> None:
    """Set limits of a team; they take effect within two seconds."""
    Accounts(opened(data)).set_limits(f"team:{team}", limits, replace=replace, who=whoami())
    click.echo(f"limits of team {team} set", err=True)


@teams.command("list")
@click.option("--org", help="Only this organisation's.")
@json_option
@told_plainly
@ledger_option
def list_teams(org: str | None, as_json: bool, data: Path) -> None:
    """Every team with its limits."""
    found = [each for each in Accounts(opened(data)).teams() if org is None or each[0].org == org]
    if as_json:
        show_json([_shown(team, limits) for team, limits in found])
        return
    rows = [[team.team, say(limits), team.org] for team, limits in found]
    show_table("Teams", ["team", "limits", "organisation"], rows)


@teams.command("show")
@click.argument("team")
@json_option
@told_plainly
@ledger_option
def show_team(team: str, as_json: bool, data: Path) -> None:
    """One team, its settings, its limits and its keys."""
    accounts = Accounts(opened(data))
    found = accounts.team(team)
    limits = next((limits for each, limits in accounts.teams() if each.team == team), ())
    keys = [key.key for key in accounts.keys_of(team)]
    told = _shown(found, limits) | {"keys": keys}
    if as_json:
        show_json(told)
        return
    show_fields(f"Team {team}", told | {"limits": say(limits), "keys": ", ".join(keys)})


def _shown(team: Team, limits: tuple[Budget, ...]) -> dict[str, Any]:
    return structs.asdict(team) | {"webhook_key": "…" if team.webhook_key else None, "limits": list(limits)}


def _seconds(days: str) -> int:
    try:
        return round(float(days) * 86_400)
    except (ValueError, OverflowError):
        raise AccountError(f"{days!r} is no number of days") from None
