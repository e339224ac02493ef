"""`darkroom orgs`."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import to_builtins

from proxy.cli import json_option, ledger_option, opened, show_json, show_table, told_plainly, whoami
from proxy.cli.limits import limit_options, say
from proxy.ledger.accounts import Accounts, Budget


@click.group()
def orgs() -> None:
    """Organisations: whose teams these are. A team belongs to `default` unless somebody says otherwise."""


@orgs.command("create")
@click.argument("org")
@told_plainly
@limit_options
@ledger_option
def create_org(org: str, limits: tuple[Budget, ...], data: Path) -> None:
    """Create an organisation: darkroom orgs create north --budget 5000/month."""
    made = Accounts(opened(data)).create_org(org, limits, who=whoami())
    click.echo(f"organisation {made.org} created", err=True)


@orgs.command("limit")
@click.argument("org")
@click.option("--replace", is_flag=True, help="Drop every other limit of the organisation.")
@told_plainly
@limit_options
@ledger_option
def limit_org(org: str, limits: tuple[Budget, ...], replace: bool, data: Path) -> None:
    """Set limits of an organisation, for all its teams together; they hold at once."""
    Accounts(opened(data)).set_limits(f"org:{org}", limits, replace=replace, who=whoami())
    click.echo(f"limits of organisation {org} set", err=True)


@orgs.command("list")
@json_option
@told_plainly
@ledger_option
def list_orgs(as_json: bool, data: Path) -> None:
    """Every organisation with its teams and limits."""
    accounts = Accounts(opened(data))
    found = accounts.orgs()
    teams: dict[str, list[str]] = {org.org: [] for org, _ in found}
    for team, _ in accounts.teams():
        teams.setdefault(team.org, []).append(team.team)
    if as_json:
        show_json([{**to_builtins(org), "teams": teams[org.org], "limits": list(limits)} for org, limits in found])
        return
    rows = [[org.org, ", ".join(teams[org.org]) or "none", say(limits)] for org, limits in found]
    show_table("Organisations", ["organisation", "teams", "limits"], rows)
