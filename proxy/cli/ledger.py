"""`darkroom ledger`: prove it, take it out, take it in."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from proxy.cli import json_option, ledger_option, opened, show_json, told_plainly
from proxy.ledger.accounts import AccountError
from proxy.ledger.clock import now_ms


@click.group()
def ledger() -> None:
    """The books themselves: verified from their entries, exported, imported."""


@ledger.command("verify")
@json_option
@ledger_option
@told_plainly
def verify_(as_json: bool, data: Path) -> None:
    """Recompute every balance from the entries, and hold limits against them. Exits with 1 where anything differs.

    It reads one moment of a ledger that is in use, and changes nothing.
    """
    from proxy.ledger.verify import verify

    with opened(data).connect().execution_options(reads=True) as connection:
        report = verify(connection, now_ms())
    if as_json:
        show_json(report)
    else:
        _tell(report)
    if report.wrong:
        sys.exit(1)


@ledger.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@ledger_option
@told_plainly
def export(file: Path, data: Path) -> None:
    """Write everything to FILE as lines of JSON, of one moment; `-` for standard output.

    The keys of webhooks are in it, and what links are signed with: keep it as you keep the ledger.
    """
    from proxy.ledger.moving import lines

    rows = 0
    with (
        opened(data).connect().execution_options(reads=True) as connection,
        click.open_file(str(file), "wb", atomic=str(file) != "-") as target,
    ):
        for line in lines(connection):
            target.write(line)
            rows += 1
    click.echo(f"{rows - 2} rows", err=True)


@ledger.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True))
@ledger_option
@told_plainly
def import_(file: Path, data: Path) -> None:
    """Fill an empty ledger from FILE, and verify it; where anything is wrong, it stays empty.

    To outgrow a file: stop the server, export, set `ledger.url`, import.
    """
    from proxy.ledger.moving import MovingError, take_in

    try:
        with click.open_file(str(file), "rb") as source, opened(data).begin() as connection:
            report = take_in(connection, source, now_ms())
            if report.wrong:
                _tell(report)
                raise MovingError("what is in the file is not right; nothing was taken in")
    except MovingError as error:
        raise AccountError(str(error)) from error
    _tell(report)


def _tell(report: object) -> None:
    from proxy.ledger.verify import Report

    assert isinstance(report, Report)
    for finding in report.findings:
        click.echo(finding)
    more = report.wrong - len(report.findings)
    click.echo(f"... and {more} more" if more else "", nl=bool(more))
    verdict = f"{report.wrong} wrong" if report.wrong else "right"
    click.echo(
        f"{report.submissions} submissions, {report.balances} balances, {report.limits} limits: {verdict}", err=True
    )
