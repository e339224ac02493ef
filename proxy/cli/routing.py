"""A request's own terms as options of a command: what its X-Darkroom headers would say about its route."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import click

from proxy.written import amount_in, names_in, seconds_in


def terms_options(command: Any) -> Any:
    """Give a command `policy`, `max_cost`, `max_seconds`, `providers`, `regions` and `strict`; None for no word."""
    for option in (
        click.option("--strict", is_flag=True, help="Leave out offers that would drop something asked for."),
        click.option(
            "--region", "regions", callback=_names, metavar="NAMES", help="Where what is sent may be kept: eu,us-east."
        ),
        click.option(
            "--providers", callback=_names, metavar="NAMES", help="The only ones that may serve it: bfl,openai."
        ),
        click.option(
            "--max-seconds", callback=_seconds, metavar="SECONDS", help="Leave out offers known to take longer."
        ),
        click.option("--max-cost", callback=_amount, metavar="USD", help="Leave out offers that may cost more."),
        click.option("--policy", metavar="NAME", help="Who decides: by default, as for a team without a policy."),
    ):
        command = option(command)
    return command


def refuse_unknown(option: str, what: str, named: Collection[str], there: Collection[str]) -> None:
    """Raises click.BadParameter where an option names something that is not there."""
    if unknown := sorted(set(named).difference(there)):
        detail = f"there is no {what} {unknown[0]!r}; there are {', '.join(sorted(there))}"
        raise click.BadParameter(detail, param_hint=option)


def _amount(_: click.Context, __: click.Parameter, text: str | None) -> Decimal | None:
    if text is None:
        return None
    amount = amount_in(text)
    if amount is None:
        raise click.BadParameter(f"{text!r} is no amount in USD")
    return amount


def _seconds(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    seconds = seconds_in(text)
    if seconds is None:
        raise click.BadParameter(f"{text!r} is no number of seconds")
    return seconds


def _names(_: click.Context, __: click.Parameter, text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    names = names_in(text)
    if not names:
        raise click.BadParameter("write names with commas between them")
    return names
