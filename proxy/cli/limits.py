"""Limits on the command line: the options they are given by, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import click
from msgspec.structs import asdict

from pricing import from_micros
from proxy.ledger.accounts import Budget, parse_budget, parse_count
from proxy.ledger.standing import BudgetState

T = TypeVar("T")


def limit_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command `limits`, from the options they are written by. Raises AccountError for what is none."""

    @wraps(command)
    def run(
        *args: Any,
        budget: tuple[str, ...],
        images: tuple[str, ...],
        requests: str | None,
        in_flight: str | None,
        bytes_in_flight: str | None,
        **more: Any,
    ) -> T:
        limits = [parse_budget(each) for each in budget] + [parse_count("images", each) for each in images]
        if requests:
            limits.append(parse_count("requests", requests))
        if in_flight:
            limits.append(parse_count("in_flight", in_flight))
        if bytes_in_flight:
            limits.append(parse_count("bytes", bytes_in_flight))
        return command(*args, limits=tuple(limits), **more)

    made: Callable[..., T] = run
    for option in (
        click.option("--bytes-in-flight", metavar="N", help="Most bytes of requests at once."),
        click.option("--in-flight", metavar="N", help="Most requests at once."),
        click.option("--requests", metavar="N", help="Most requests a minute."),
        click.option("--images", multiple=True, metavar="N/WINDOW", help="Most pictures a window: 500/day."),
        click.option(
            "--budget",
            multiple=True,
            metavar="USD/WINDOW",
            help="USD a window: 100/month, 5/rolling-day, 100/month@Europe/Berlin.",
        ),
    ):
        made = option(made)
    return made


def say(limits: Iterable[Budget]) -> str:
    """Limits in a few words."""
    return ", ".join(_say(limit) for limit in limits) or "none"


def _say(limit: Budget) -> str:
    if limit.window == "now":
        return f"{limit.amount} {limit.what.replace('_', ' ')}{' in flight' if limit.what == 'bytes' else ''}"
    zone = "" if limit.zone == "UTC" else f"@{limit.zone}"
    if limit.what == "usd":
        return f"${usd(limit.amount)}/{limit.window}{zone}"
    return f"{limit.amount} {limit.what.replace('_', ' ')}/{limit.window}{zone}"


def told(state: BudgetState) -> dict[str, Any]:
    """Where a limit stands, for JSON."""
    return {**asdict(state), "left": state.left}


def usd(micros: int) -> str:
    """Micro-USD as USD, to the last of them and without needless zeros."""
    text = f"{from_micros(micros):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
