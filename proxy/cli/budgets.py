"""`darkroom budgets`: limits of any scope, what they are raised by, and where they stand."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec.structs import replace

from proxy.cli import json_option, ledger_option, opened, show_json, show_table, told_plainly, whoami
from proxy.cli.limits import limit_options, told, usd
from proxy.ledger.accounts import AccountError, Accounts, Budget, parse_budget, parse_count
from proxy.ledger.accounts.limits import millionths
from proxy.ledger.budgets import Budgets, Raised
from proxy.ledger.clock import now_ms
from proxy.ledger.rules import WHATS
from proxy.ledger.standing import BudgetState
from proxy.ledger.windows import ROLLING
from proxy.written import length_in


@click.group()
def budgets() -> None:
    """Limits of organisations, teams, keys and end users: org:NAME, team:NAME, key:ID, user:TEAM/ID.

    team:*, key:*, user:* and user:TEAM/* hold for each one that has no own limit of that kind and window.
    """


@budgets.command("set")
@click.argument("scope")
@click.option("--soft", metavar="50,80,100", help="Per cents that are told when they are reached.")
@click.option("--carry", metavar="USD", help="The most that what was left of the window before adds; 5 or 5mp.")
@click.option("--replace", "anew", is_flag=True, help="Drop every other limit of the scope.")
@told_plainly
@limit_options
@ledger_option
def set_budgets(
    scope: str, soft: str | None, carry: str | None, anew: bool, limits: tuple[Budget, ...], data: Path
) -> None:
    """Set limits: darkroom budgets set team:acme --budget 100/month@Europe/Berlin --soft 50,80,100 --carry 20.

    Windows are minute, hour, day, week, month and total; rolling-hour, -day, -week and -month go back from now.
    """
    if not limits and not anew:
        raise AccountError("say what is to be limited: --budget 100/month")
    shares = tuple(_per_cent(each) for each in soft.split(",")) if soft else ()
    made = tuple(_with(limit, shares, carry) for limit in limits)
    Accounts(opened(data)).set_limits(scope, made, replace=anew, who=whoami())
    click.echo(f"limits of {scope} set", err=True)


@budgets.command("list")
@click.argument("scopes", nargs=-1)
@json_option
@ledger_option
@told_plainly
def list_budgets(scopes: tuple[str, ...], as_json: bool, data: Path) -> None:
    """Where limits stand: those of SCOPES, defaults included, or every one that is set; and what is raised."""
    ledger = Budgets(opened(data))
    known = scopes or tuple(scope for scope in ledger.limits() if not scope.endswith("*"))
    states = ledger.standing(sorted(known))
    raised = [each for each in ledger.raises() if not scopes or each.scope in scopes]
    if as_json:
        defaults = {scope: own for scope, own in ledger.limits().items() if scope.endswith("*")}
        show_json({"budgets": [told(state) for state in states], "defaults": defaults, "raises": raised})
        return
    columns = ["scope", "budget", "limit", "settled", "held", "left", "frees (UTC)"]
    show_table("Budgets", columns, [_row(state) for state in states], right=frozenset(columns[2:6]))
    defaults_ = [[scope, _said(each)] for scope, own in ledger.limits().items() if scope.endswith("*") for each in own]
    if defaults_:
        show_table("Defaults", ["scope", "budget"], defaults_)
    if raised:
        columns = ["raise", "scope", "budget", "by", "until (UTC)", "why"]
        show_table("Raised", columns, [_raised(each) for each in raised], right=frozenset({"by"}))


@budgets.command("raise")
@click.argument("scope")
@click.argument("amount", metavar="AMOUNT/WINDOW")
@click.option("--images", is_flag=True, help="AMOUNT is of pictures.")
@click.option("--for", "lasting", metavar="3d", help="Hours or days it lasts: 12h, 3d. Until it is withdrawn, else.")
@click.option("--why", default="", help="The reason, which is kept.")
@ledger_option
@told_plainly
def raise_budget(scope: str, amount: str, images: bool, lasting: str | None, why: str, data: Path) -> None:
    """Make a limit higher for a time: darkroom budgets raise team:acme 50/month --for 3d --why "a campaign"."""
    more = parse_count("images", amount) if images else parse_budget(amount)
    ends = None if lasting is None else now_ms() + _span(lasting)
    made = Budgets(opened(data)).raise_limit(
        scope, more.what, more.window, more.amount, ends=ends, why=why, who=whoami()
    )
    until = "until it is withdrawn" if made.ends is None else f"until {_moment(made.ends)} UTC"
    click.echo(
        f"raise {made.id}: {scope} has {_amount(made.what, made.amount)} more a {made.window}, {until}", err=True
    )


@budgets.command("withdraw")
@click.argument("raised", metavar="RAISE")
@ledger_option
@told_plainly
def withdraw(raised: str, data: Path) -> None:
    """End a raise now, by its id: darkroom budgets withdraw r_…."""
    found = Budgets(opened(data)).withdraw(raised, who=whoami())
    click.echo(f"raise {raised} of {found.scope} ended", err=True)


@budgets.command("transfer")
@click.argument("giver")
@click.argument("taker")
@click.argument("amount", metavar="AMOUNT/WINDOW")
@click.option("--images", is_flag=True, help="AMOUNT is of pictures.")
@click.option("--why", default="", help="The reason, which is kept.")
@ledger_option
@told_plainly
def transfer(giver: str, taker: str, amount: str, images: bool, why: str, data: Path) -> None:
    """Move some of a limit to another scope's: darkroom budgets transfer team:acme team:lab 20/month.

    It lasts until that window ends; what is moved of a total is moved for good. No more is moved than is left.
    """
    moved = parse_count("images", amount) if images else parse_budget(amount)
    Budgets(opened(data)).transfer(giver, taker, moved.what, moved.window, moved.amount, why=why, who=whoami())
    click.echo(f"{_amount(moved.what, moved.amount)} a {moved.window} moved from {giver} to {taker}", err=True)


def _with(limit: Budget, soft: tuple[int, ...], carry: str | None) -> Budget:
    if limit.what not in WHATS:
        return limit
    if carry is None or limit.window in {"total", *ROLLING}:
        return replace(limit, soft=soft)
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)( ?mp)?", carry.removeprefix("$"))
    if not found or bool(found[2]) != (limit.what == "pixels"):
        raise AccountError(f"{carry!r} is nothing to carry over of {limit.what}")
    return replace(limit, soft=soft, carry=int(found[1]) if limit.what == "images" else millionths(found[1]))


def _per_cent(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text.strip()):
        raise AccountError(f"{text!r} is no share: write per cents, such as 50,80,100")
    return int(text)


def _span(text: str) -> int:
    length = length_in(text, "hd")
    if length is None:
        raise AccountError(f"{text!r} is no time: write hours or days, 12h or 3d")
    return length


def _amount(what: str, amount: int) -> str:
    match what:
        case "usd":
            return f"${usd(amount)}" if amount >= 0 else f"-${usd(-amount)}"
        case "pixels":
            return f"{usd(amount)} mp"
    return str(amount)


def _said(limit: Budget) -> str:
    zone = "" if limit.zone == "UTC" else f"@{limit.zone}"
    return f"{limit.what} {_amount(limit.what, limit.amount)}/{limit.window}{zone}"


def _row(state: BudgetState) -> list[str]:
    zone = "" if state.zone == "UTC" else f"@{state.zone}"
    amounts = [_amount(state.what, getattr(state, name)) for name in ("limit", "settled", "held", "left")]
    frees = "" if state.frees is None else _moment(state.frees)
    return [state.scope, f"{state.what}/{state.window}{zone}", *amounts, frees]


def _raised(each: Raised) -> list[str]:
    ends = "withdrawn" if each.ends is None else _moment(each.ends)
    return [each.id, each.scope, f"{each.what}/{each.window}", _amount(each.what, each.amount), ends, each.why]


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}"
