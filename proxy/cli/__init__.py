"""`darkroom`: the command line. Tables on a terminal, JSON for programs, errors that say what to do.

Commands import what they need when they run, so that none waits for what it does not use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from sqlalchemy import Engine

P = ParamSpec("P")
T = TypeVar("T")

STALE_DAYS = 90
"""How long a price may go without anybody comparing it with its source."""

CONFIG = "darkroom.config"
"""Where a command's context keeps what its `--config` says."""

COMMANDS = {
    "serve": "proxy.cli.serving:serve",
    "demo": "proxy.cli.serving:demo",
    "stub": "proxy.cli.serving:stub",
    "migrate": "proxy.cli.serving:migrate",
    "check": "proxy.cli.asking:check",
    "estimate": "proxy.cli.asking:estimate",
    "plan": "proxy.cli.asking:plan",
    "explain": "proxy.cli.explaining:explain",
    "replay": "proxy.cli.replaying:replay",
    "prices": "proxy.cli.prices:prices",
    "models": "proxy.cli.models:models",
    "bench-local": "proxy.cli.benching:bench_local",
    "orgs": "proxy.cli.orgs:orgs",
    "teams": "proxy.cli.teams:teams",
    "budgets": "proxy.cli.budgets:budgets",
    "keys": "proxy.cli.keys:keys",
    "usage": "proxy.cli.money:usage",
    "holds": "proxy.cli.money:holds",
    "ledger": "proxy.cli.ledger:ledger",
    "drift": "proxy.cli.drift:drift",
    "reconcile": "proxy.cli.reconcile:reconcile",
}


class _Commands(click.Group):
    """Loads a command when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Their names, in order of use."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="darkroom", message="darkroom %(version)s")
def main() -> None:
    """Darkroom: one base URL for every image model, with budgets that hold.

    \b
    A server in three lines:
      darkroom serve &
      darkroom teams create acme --budget 100/month
      darkroom keys create --team acme
    """  # noqa: D301  the backspace keeps click from joining the lines


def data_option(command: Callable[P, T]) -> Callable[P, T]:
    """`--data`: the folder with the ledger and the pictures."""
    folder = click.Path(file_okay=False, path_type=Path)
    return click.option(
        "--data", type=folder, default=Path("data"), show_default=True, envvar="DARKROOM_DATA", help="Data folder."
    )(command)


def ledger_option(command: Callable[P, T]) -> Callable[P, T]:
    """`--data`, and the `--config` that may say that its ledger is elsewhere; for `opened`."""

    def told(context: click.Context, _: click.Parameter, path: Path | None) -> None:
        context.meta[CONFIG] = path

    file = click.Path(dir_okay=False, path_type=Path)
    says = "Configuration, for its `ledger.url`; ./config.yaml, or the ledger in the data folder where there is none."
    option = click.option(
        "--config", type=file, envvar="DARKROOM_CONFIG", help=says, callback=told, expose_value=False, is_eager=True
    )
    return option(data_option(command))


def place(data: Path) -> tuple[Path, str | None]:
    """What `open_ledger` is asked for a command's data folder and configuration. Raises ConfigError."""
    context = click.get_current_context()
    config = read_config(context.params.get("config_path") or context.meta.get(CONFIG))
    return data, config.ledger.address


def opened(data: Path) -> Engine:
    """The ledger of a command. Raises ConfigError, SchemaError."""
    from proxy.ledger.engine import open_ledger

    engine = open_ledger(*place(data))
    click.get_current_context().call_on_close(engine.dispose)
    return engine


def config_option(command: Callable[P, T]) -> Callable[P, T]:
    """`--config`: config.yaml, the built-in defaults where there is none in the current folder."""
    file = click.Path(dir_okay=False, path_type=Path)
    says = "Configuration; ./config.yaml, or the built-in defaults where there is none."
    return click.option("--config", "config_path", type=file, envvar="DARKROOM_CONFIG", help=says)(command)


def json_option(command: Callable[P, T]) -> Callable[P, T]:
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def told_plainly(command: Callable[P, T]) -> Callable[P, T]:
    """What went wrong in one sentence and an exit code of 1, instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        from providers.contract import Failure
        from proxy.config import ConfigError
        from proxy.ledger.accounts import AccountError
        from proxy.ledger.engine import SchemaError

        try:
            return command(*args, **kwargs)
        except (ConfigError, AccountError, SchemaError) as error:
            raise click.ClickException(str(error)) from error
        except Failure as failure:
            raise click.ClickException(failure.detail) from failure

    return run


def read_config(path: Path | None) -> Any:
    """The configuration: as told, else ./config.yaml, else the defaults. Raises ConfigError."""
    from proxy.config import load

    if path is None and Path("config.yaml").is_file():
        path = Path("config.yaml")
    return load(path)


def whoami() -> str:
    """Who changes something, for the audit log: `cli:` and the name of the user this runs as."""
    import getpass
    import os

    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container may have no name for it
        return f"cli:{os.getuid()}"


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def show_fields(title: str, fields: Mapping[str, Any]) -> None:
    """Print one thing, a field a line."""
    show_table(title, ["field", "value"], [[name, "" if said is None else str(said)] for name, said in fields.items()])


def show_table(title: str, columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()) -> None:
    """Print rows: a table on a terminal, tab-separated lines for a pipe."""
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            sys.stdout.write("\t".join(row) + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
