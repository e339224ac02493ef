"""The settings of a key, and what it may, as options of a command."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import click

from proxy import dialects
from proxy.ledger.accounts import GRANTS, AccountError
from proxy.ledger.accounts.limits import millionths

T = TypeVar("T")

DAY_MS = 86_400_000
ANY = "any"
USD = re.compile(r"\$?(\d{1,9}(?:\.\d{1,6})?)")


def setting_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command `said`: the settings that were named, as they were written."""
    names = ("name", "expires_days", "dialect", "grants", "webhook", "webhook_key", "origins")
    return _with(command, "said", names, lambda told: told)(
        click.option("--name", help="What it is for."),
        click.option("--expires-days", type=click.IntRange(0), help="Stops working after so many days; 0 for never."),
        click.option(
            "--dialect", help="The one it speaks where dialects share a path; each request tells, by default."
        ),
        click.option(
            "--grant",
            "grants",
            multiple=True,
            type=click.Choice(["", *sorted(GRANTS)]),
            help="What only some keys may.",
        ),
        click.option("--webhook", metavar="URL", help="Told of requests that were answered before they had ended."),
        click.option("--webhook-key", metavar="TOKEN", help="Sent to it as a bearer token."),
        click.option(
            "--origin", "origins", multiple=True, help="A web page it is for, https://studio.example.com; those alone."
        ),
    )


def may_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command `may`: the fields of May that were named. Raises AccountError."""
    names = ("may_dialect", "may_model", "may_operation", "most_per_image")
    return _with(command, "may", names, _may)(
        click.option("--may-dialect", multiple=True, help="A dialect it may speak; any, by default."),
        click.option("--may-model", multiple=True, help="A model it may ask for, as it is asked for: 'flux-*', auto."),
        click.option("--may-operation", multiple=True, help="What it may ask for: generate, edit, edit.inpaint ..."),
        click.option("--most-per-image", metavar="USD", help="The most one picture may cost: 0.05."),
    )


def said_of(said: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The settings that were named, as a key has them; what was named as empty is taken away."""
    told: dict[str, Any] = {name: said[name] or None for name in ("dialect", "webhook", "webhook_key") if name in said}
    if "name" in said:
        told["name"] = said["name"]
    if "expires_days" in said:
        told["expires"] = now + said["expires_days"] * DAY_MS if said["expires_days"] else None
    if "grants" in said:
        told["grants"] = frozenset(filter(None, said["grants"]))
    if "origins" in said:
        told["origins"] = tuple(filter(None, said["origins"]))
    return told


def check_dialect(name: str | None) -> None:
    """Raises AccountError for a dialect there is none of."""
    if name and name not in dialects.NAMES:
        raise AccountError(f"there is no dialect {name!r}; there are {', '.join(sorted(dialects.NAMES))}")


def _may(told: Mapping[str, Any]) -> dict[str, Any]:
    may: dict[str, Any] = {}
    for option, field in (("may_dialect", "dialects"), ("may_model", "models"), ("may_operation", "operations")):
        if option in told:
            may[field] = None if told[option] == (ANY,) else told[option]
    for name in may.get("dialects") or ():
        check_dialect(name)
    if "most_per_image" in told:
        may["most_micros"] = None if told["most_per_image"] == ANY else _micros(told["most_per_image"])
    return may


def _micros(text: str) -> int:
    found = USD.fullmatch(text.strip())
    if found is None:
        raise AccountError(f"{text!r} is no amount in USD: 0.05")
    return millionths(found[1])


Options = Callable[..., Callable[..., T]]


def _with(
    command: Callable[..., T],
    field: str,
    names: tuple[str, ...],
    read: Callable[[dict[str, Any]], dict[str, Any]],
) -> Options[T]:
    """A command with options, of which it is given those that were named, in one field."""

    @wraps(command)
    def run(*args: Any, **more: Any) -> T:
        told = {name: more.pop(name) for name in names}
        named = {name: value for name, value in told.items() if value is not None and value != ()}
        return command(*args, **{field: read(named)}, **more)

    def add(*options: Callable[[Any], Any]) -> Callable[..., T]:
        told: Callable[..., T] = run
        for option in reversed(options):
            told = option(told)
        return told

    return add
