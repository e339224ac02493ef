"""`darkroom usage` and `darkroom holds`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pricing import from_micros, to_micros
from proxy.cli import json_option, ledger_option, opened, show_json, show_table, told_plainly
from proxy.cli.limits import told
from proxy.explain import usd
from proxy.ledger.accounts import AccountError, Accounts
from proxy.ledger.book import end_hold, list_holds
from proxy.ledger.clock import now_ms
from proxy.ledger.standing import budget_states
from proxy.ledger.usage import GROUPS, Group, Span, Spent
from proxy.ledger.usage import usage as read_usage
from proxy.written import amount_in, length_in, names_in


def moment_of(text: str) -> int:
    """The moment (ms) so long ago: `12h`, `30d`."""
    ago = length_in(text, "hd")
    if ago is None:
        raise click.BadParameter("write hours or days: 12h, 30d", param_hint="--since")
    return now_ms() - ago


BY = "day,team,key,provider,model"
SUMS = ("requests", "images", "pixels", "micros", "beyond")
AMOUNTS = ("requests", "images", "USD", "on the house")


def _groups(context: click.Context, parameter: click.Parameter, value: str) -> list[Group]:
    said = names_in(value)
    if unknown := sorted(said - set(GROUPS)):
        raise click.BadParameter(f"there is no {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return [group for group in GROUPS if group in said]


@click.command()
@click.option("--by", default=BY, show_default=True, callback=_groups, help=f"Of {', '.join(GROUPS)}, with commas.")
@click.option("--team", help="Only this team's.")
@click.option("--since", default="30d", show_default=True, metavar="30d", help="How far back: 12h, 30d.")
@json_option
@ledger_option
@told_plainly
def usage(by: list[Group], team: str | None, since: str, as_json: bool, data: Path) -> None:
    """What was spent, by whatever it is to be told apart by, days in UTC; and where the budgets stand."""
    engine = opened(data)
    known = [each.team for each, _ in Accounts(engine).teams()]
    if team is not None and team not in known:
        raise AccountError(f"there is no team {team!r}")
    with engine.connect().execution_options(reads=True) as connection:
        only: dict[Group, str] = {} if team is None else {"team": team}
        spent = list(read_usage(connection, by, Span(since=moment_of(since), only=only)))
        now = now_ms()
        states = [state for each in ([team] if team else known) for state in budget_states(connection, each, None, now)]
    if as_json:
        show_json(
            {
                "spent": [
                    {
                        **{name: getattr(row, name) for name in (*by, *SUMS)},
                        "usd": usd(from_micros(row.micros)),
                    }
                    for row in spent
                ],
                "budgets": [told(state) for state in states],
                "total_usd": usd(from_micros(sum(row.micros for row in spent))),
            }
        )
        return
    rows = [[*[str(getattr(row, group)) for group in by], *_sums(row)] for row in spent]
    show_table("Spent", [*by, *AMOUNTS], rows, right=frozenset(AMOUNTS))
    rows = [[state.scope, f"{state.what}/{state.window}", *_amounts(state.what, state)] for state in states]
    columns = ["scope", "budget", "limit", "settled", "held", "left"]
    show_table("Budgets", columns, rows, right=frozenset(columns[2:]))


def _sums(row: Spent) -> list[str]:
    return [str(row.requests), str(row.images), usd(from_micros(row.micros)), usd(from_micros(row.beyond))]


def _amounts(what: str, state: object) -> list[str]:
    amounts = [getattr(state, name) for name in ("limit", "settled", "held", "left")]
    return [usd(from_micros(each)) if what == "usd" else str(each) for each in amounts]


@click.group()
def holds() -> None:
    """Money held for submissions that have no answer, to be reconciled with the vendor's own account."""


@holds.command("list")
@json_option
@ledger_option
@told_plainly
def holds_list(as_json: bool, data: Path) -> None:
    """Every hold that is open."""
    with opened(data).connect().execution_options(reads=True) as connection:
        found = list_holds(connection)
    if as_json:
        show_json(found)
        return
    rows = [
        [
            hold.hold,
            time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(hold.at / 1000)),
            hold.team,
            f"{hold.provider}/{hold.model}",
            usd(from_micros(hold.micros)),
            hold.state,
            "yes" if hold.ticket else "no",
        ]
        for hold in found
    ]
    show_table("Open holds", ["hold", "since (UTC)", "team", "offer", "USD", "state", "ticket"], rows)


@holds.command("settle")
@click.argument("hold")
@click.argument("amount")
@ledger_option
@told_plainly
def holds_settle(hold: str, amount: str, data: Path) -> None:
    """The vendor did charge AMOUNT USD for it."""
    cost = amount_in(amount.removeprefix("$"))
    if cost is None:
        raise AccountError(f"{amount!r} is no amount in USD")
    _end(hold, data, to_micros(cost))


@holds.command("release")
@click.argument("hold")
@ledger_option
@told_plainly
def holds_release(hold: str, data: Path) -> None:
    """The vendor charged nothing for it."""
    _end(hold, data, None)


def _end(hold: str, data: Path, micros: int | None) -> None:
    closed = end_hold(opened(data), hold, micros, now_ms())
    if closed is None:
        raise AccountError(f"there is no open hold {hold!r}; see: darkroom holds list")
    click.echo(f"hold {hold} ended, {usd(from_micros(closed.charged))} USD charged", err=True)
