"""`darkroom serve`, `demo`, `stub` and `migrate`."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli import config_option, data_option, ledger_option, place, read_config, told_plainly

if TYPE_CHECKING:
    from proxy.config import Config


@click.command()
@config_option
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for any free one."
)
@click.option(
    "--bootstrap/--no-bootstrap",
    default=True,
    show_default=True,
    help="Make an admin key where the ledger has no key at all, and print it, this once, on standard output.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that serve, on one address; one that ends is started again.",
)
@click.option("--worker", type=int, hidden=True, help="Of a crew, the one with this number.")
@click.option("--socket", "descriptor", type=int, hidden=True, help="The crew's listening socket.")
@told_plainly
def serve(
    config_path: Path | None,
    data: Path,
    host: str,
    port: int,
    bootstrap: bool,
    workers: int,
    worker: int | None,
    descriptor: int | None,
) -> None:
    """Serve. Prints one line when ready; logs are JSON lines on standard error.

    SIGTERM or Ctrl-C lets what is under way finish; a job a vendor is working on is taken up again at the next start.
    SIGHUP has config.yaml and the prices read again.
    """
    gc.disable()  # nothing of what is loaded here is garbage; `run` turns it on again
    config = read_config(config_path)  # says what is wrong with it before the rest is loaded
    if workers > 1:
        sys.exit(_lead(config, config_path, data, (host, port), workers, bootstrap=bootstrap))
    given = None
    if worker is not None and descriptor is not None:
        from proxy.metrics.workers import join

        join(worker)
        given = socket.socket(fileno=descriptor)
    from proxy.app import InUseError, LedgerLostError
    from proxy.app import serve as run
    from proxy.logs import quiet_libraries

    quiet_libraries()
    try:
        import uvloop
    except ImportError:
        runner = asyncio.run
    else:
        runner = uvloop.run
    try:
        runner(run(partial(read_config, config_path), data, host, port, bootstrap=bootstrap, given=given))
    except (InUseError, LedgerLostError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        pass


def _lead(
    config: Config, path: Path | None, data: Path, address: tuple[str, int], count: int, *, bootstrap: bool
) -> int:
    """Start workers and see to them; returns the exit status."""
    from proxy.app.crew import Crew, command_of, listening_at
    from proxy.ledger.engine import open_ledger
    from proxy.logs import Log, quiet_libraries

    quiet_libraries()
    engine = open_ledger(data, config.ledger.address)  # made, or refused, once and not by every worker
    if bootstrap:
        from proxy.app.bootstrap import say_first_key

        say_first_key(engine)
    engine.dispose()
    try:
        listening = listening_at(*address)
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error}") from error
    log = Log(config.log.level, sys.stderr.buffer)
    crew = Crew(command_of(path, data), listening, count, lambda event: log.hear([event]))
    return asyncio.run(crew.run(config.metrics.bind))


@click.command()
@config_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(".demo"), show_default=True)
@told_plainly
def demo(config_path: Path | None, out: Path) -> None:
    """Start a server, ask it for two pictures with the official openai client, and show what happened."""
    read_config(config_path)  # says what is wrong with it before anything starts
    from proxy.demo import run

    run(config_path or Path("config.yaml"), out)


@click.command()
@click.option("--vendor", "vendors", multiple=True, help="Only this one; several times for several. All, by default.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8090,
    show_default=True,
    type=click.IntRange(0, 65534),
    help="Port, and the one after it for regions, buckets and pictures; 0 for any two free ones.",
)
@click.option("--pace", default=2.0, show_default=True, type=click.FloatRange(0), help="Seconds a job takes.")
@click.option("--link-s", default=600.0, show_default=True, type=click.FloatRange(0), help="Seconds a link works.")
@told_plainly
def stub(vendors: tuple[str, ...], host: str, port: int, pace: float, link_s: float) -> None:
    """Play the vendors: their protocols over real HTTP, without keys and without a bill.

    Prints what belongs into config.yaml. Words in a prompt make a vendor fail: stub:moderated, stub:throttled,
    stub:slow, stub:cut-off ... GET /-/told says what was asked so far.
    """
    import yaml

    from proxy.stub import NAMES
    from proxy.stub.contract import Script
    from proxy.stub.server import Stubs, serving

    for name in vendors:
        if name not in NAMES:
            raise click.UsageError(f"there is no stub of {name!r}; there are {', '.join(sorted(NAMES))}")
    stubs = Stubs(sorted(set(vendors) or NAMES), pace=pace, link_s=link_s)

    async def run() -> None:
        async with serving(stubs, host, port):
            click.echo(yaml.safe_dump(stubs.rows(), sort_keys=False), nl=False)
            click.echo(f"# words for a prompt: {', '.join(f'stub:{script}' for script in Script)}")
            click.echo(f"stub ready on {stubs.home}", err=True)
            await asyncio.Event().wait()

    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(run())
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error}") from error


@click.command()
@ledger_option
@told_plainly
def migrate(data: Path) -> None:
    """Bring the ledger to this version. Stop its servers, and keep a copy, before."""
    from proxy.ledger.engine import connect, named, place_of, revision_of
    from proxy.ledger.migrate import upgrade

    data.mkdir(parents=True, exist_ok=True)
    where = place_of(*place(data))
    engine = connect(where)
    before = revision_of(engine)
    upgrade(engine)
    click.echo(f"{named(where)}: {before or 'empty'} -> {revision_of(engine)}")
    engine.dispose()
