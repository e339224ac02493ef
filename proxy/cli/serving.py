"""`darkroom serve`, `demo`, `stub` and `migrate`."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from proxy.cli import config_option, data_option, read_config, told_plainly


@click.command()
@config_option
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for any free one."
)
@told_plainly
def serve(config_path: Path | None, data: Path, host: str, port: int) -> None:
    """Serve. Prints one line when ready; logs are JSON lines on standard error.

    SIGTERM or Ctrl-C lets what is under way finish; a job a vendor is working on is taken up again at the next start.
    SIGHUP has config.yaml and the prices read again.
    """
    gc.disable()  # nothing of what is loaded here is garbage; `run` turns it on again
    read_config(config_path)  # says what is wrong with it before the rest is loaded
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
        runner(run(partial(read_config, config_path), data, host, port))
    except (InUseError, LedgerLostError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        pass


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
@data_option
@told_plainly
def migrate(data: Path) -> None:
    """Bring the ledger of a data folder to this version. Stop its server, and keep a copy, before."""
    from proxy.ledger.engine import FILE, connect, revision_of
    from proxy.ledger.migrate import upgrade

    data.mkdir(parents=True, exist_ok=True)
    engine = connect(data / FILE)
    before = revision_of(engine)
    upgrade(engine)
    click.echo(f"{data / FILE}: {before or 'empty'} -> {revision_of(engine)}")
