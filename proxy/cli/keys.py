"""`darkroom keys`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from msgspec import structs

from proxy.cli import json_option, ledger_option, opened, show_fields, show_json, show_table, told_plainly, whoami
from proxy.cli.key_options import check_dialect, may_options, said_of, setting_options
from proxy.cli.limits import limit_options, say, usd
from proxy.ledger.accounts import AccountError, Accounts, Budget, Key, KeyChange, May
from proxy.ledger.clock import now_ms
from proxy.written import length_in


@click.group()
def keys() -> None:
    """API keys."""


@keys.command("create")
@click.option("--team", required=True, help="Whose key it is.")
@click.option("--test", is_flag=True, help="A test key: served by the sandbox, costs nothing.")
@told_plainly
@setting_options
@may_options
@limit_options
@ledger_option
def create_key(
    team: str, test: bool, said: dict[str, Any], may: dict[str, Any], limits: tuple[Budget, ...], data: Path
) -> None:
    """Create a key. It is printed this once, alone, on standard output: it cannot be shown again."""
    check_dialect(said.get("dialect"))
    key, secret = Accounts(opened(data)).create_key(
        team, test=test, may=May(**may), limits=limits, who=whoami(), **said_of(said, now_ms())
    )
    click.echo(f"key {key.key} of team {team} created; keep it now, it is not shown again", err=True)
    click.echo(secret)


@keys.command("update")
@click.argument("key")
@told_plainly
@setting_options
@may_options
@ledger_option
def update_key(key: str, said: dict[str, Any], may: dict[str, Any], data: Path) -> None:
    """Change a key, by its id (k_...) or by what it begins with; what is not named stays.

    An empty text takes a setting away, `any` a restriction: --webhook "" --may-model any. It takes effect within two
    seconds.
    """
    check_dialect(said.get("dialect"))
    accounts = Accounts(opened(data))
    before = accounts.key(key)
    change = said_of(said, now_ms())
    if may:
        change["may"] = structs.replace(before.may, **may)
    if not change:
        raise AccountError("say what is to be changed: darkroom keys update --help")
    accounts.update_key(before.key, KeyChange(**change), who=whoami())
    click.echo(f"key {before.key} changed", err=True)


@keys.command("limit")
@click.argument("key")
@click.option("--replace", is_flag=True, help="Drop every other limit of the key.")
@told_plainly
@limit_options
@ledger_option
def limit_key(key: str, limits: tuple[Budget, ...], replace: bool, data: Path) -> None:
    """Set limits of a key; they take effect within two seconds."""
    accounts = Accounts(opened(data))
    found = accounts.key(key)
    accounts.set_limits(f"key:{found.key}", limits, replace=replace, who=whoami())
    click.echo(f"limits of key {found.key} set", err=True)


@keys.command("list")
@click.option("--team", help="Only this team's.")
@json_option
@told_plainly
@ledger_option
def list_keys(team: str | None, as_json: bool, data: Path) -> None:
    """Every key, without its secret. An earlier secret of a rotated key is a row of its own."""
    found = Accounts(opened(data)).keys_of(team)
    if as_json:
        show_json([_shown(key) for key in found])
        return
    now = now_ms()
    rows = [
        [
            key.key,
            key.team,
            key.name,
            f"{key.prefix}…",
            _state(key, now),
            say(_own(key)),
            ", ".join(sorted(key.grants)),
            _moment(key.used),
        ]
        for key in found
    ]
    show_table("Keys", ["key", "team", "name", "begins with", "state", "own limits", "grants", "last used"], rows)


@keys.command("show")
@click.argument("key")
@json_option
@told_plainly
@ledger_option
def show_key(key: str, as_json: bool, data: Path) -> None:
    """One key, by its id (k_...) or by what it begins with."""
    found = Accounts(opened(data)).key(key)
    if as_json:
        show_json(_shown(found))
        return
    may = found.may
    told = _shown(found) | {
        "state": _state(found, now_ms()),
        "grants": ", ".join(sorted(found.grants)),
        "dialects": _any(may.dialects),
        "models": _any(may.models),
        "operations": _any(may.operations),
        "most per image": "any" if may.most_micros is None else f"${usd(may.most_micros)}",
        "origins": ", ".join(found.origins) or "as configured",
        "limits": say(_own(found)),
        **{name: _moment(getattr(found, name)) for name in ("created", "expires", "revoked", "used")},
    }
    del told["may"]
    show_fields(f"Key {found.key}", told)


@keys.command("rotate")
@click.argument("key")
@click.option("--overlap", default="24h", show_default=True, help="How long the earlier secret goes on: 90s, 30m, 7d.")
@click.option(
    "--expires-days", type=click.IntRange(0), help="When the new one ends, 0 for never; as before, by default."
)
@told_plainly
@ledger_option
def rotate_key(key: str, overlap: str, expires_days: int | None, data: Path) -> None:
    """Another secret for a key, printed this once, alone, on standard output. The earlier one works until the overlap
    ends. It stays the same key: its limits, what it has spent and its requests are those of both.
    """
    length = length_in(overlap.strip(), "smhd")
    if length is None:
        raise AccountError(f"{overlap!r} is no length of time: write 90s, 30m, 24h or 7d")
    accounts = Accounts(opened(data))
    ends = said_of({} if expires_days is None else {"expires_days": expires_days}, now_ms())
    after, secret = accounts.rotate_key(accounts.key(key).key, length // 1000, who=whoami(), **ends)
    click.echo(f"key {after.key} has another secret; the earlier one works for {overlap} more", err=True)
    click.echo(secret)


@keys.command("revoke")
@click.argument("key")
@told_plainly
@ledger_option
def revoke_key(key: str, data: Path) -> None:
    """End a key, by its id (k_...) or by what it begins with. It stops working within two seconds."""
    if not key:
        raise AccountError("say which key")
    Accounts(opened(data)).revoke_key(key, who=whoami())
    click.echo(f"key {key} revoked", err=True)


def _own(key: Key) -> list[Budget]:
    return [limit for scope, limit in key.limits if scope.startswith("key:")]


def _state(key: Key, now: int) -> str:
    if key.revoked is not None:
        return "revoked"
    if not key.works(now):
        return "expired"
    if key.successor is not None:
        return f"earlier secret of {key.successor}, until {_moment(key.expires)}"
    return "works" if key.expires is None else f"works until {_moment(key.expires)}"


def _shown(key: Key) -> dict[str, Any]:
    told = structs.asdict(key) | {
        "grants": sorted(key.grants),
        "webhook_key": "…" if key.webhook_key else None,
        "limits": [[scope, limit] for scope, limit in key.limits],
    }
    del told["row"]
    return told


def _moment(at: int | None) -> str:
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at / 1000))


def _any(names: tuple[str, ...] | None) -> str:
    return "any" if names is None else ", ".join(names) or "none"
