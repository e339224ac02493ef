"""`darkroom models`: the local models of a configuration, and what they need of the hub. Loads none of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from proxy.cli import config_option, json_option, read_config, show_json, show_table, told_plainly
from proxy.cli.terms import in_words
from proxy.cli.times import times
from proxy.config import Config
from proxy.config.providers import ModelRow
from proxy.renderer import Load
from proxy.renderer.loads import Folder, Hub, Tiny, Untrained
from proxy.renderer.models.choosing import ModelError
from proxy.renderer.models.pulled import Pulled, cache_folder, damage, record_of
from proxy.renderer.models.sources import Source, bytes_of, kind_of, lacking, sources_of


class Local(Struct, frozen=True):
    """A model that a configuration has the local renderer draw with."""

    name: str
    load: Load
    row: ModelRow


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """The models drawn with on this machine: what they are, what they need. Lists them, if nothing else is said."""
    if context.invoked_subcommand is None:
        context.invoke(show_all, config_path=None, as_json=False)


models.add_command(times)


@models.command("list")
@config_option
@json_option
@told_plainly
def show_all(config_path: Path | None, as_json: bool) -> None:
    """Every local model: its kind, its size, where it lies, whether it can be opened, its price."""
    told = [_told(local) for local in _locals(read_config(config_path))]
    if as_json:
        show_json(told)
        return
    rows = [
        [each["model"], each["kind"] or "", _size(each["bytes"]), each["where"], each["out"] or "ready", each["price"]]
        for each in told
    ]
    show_table("Local models", ["model", "kind", "size", "where", "state", "price"], rows, right=frozenset({"size"}))


@models.command()
@click.argument("model", nargs=-1)
@config_option
@told_plainly
def pull(model: tuple[str, ...], config_path: Path | None) -> None:
    """Fetch what MODEL needs of the Hugging Face hub; by default, what all models of the configuration need.

    Only safetensors weights are fetched, each at one commit, and held against the checksums that the hub states. What
    is here already is checked and not fetched again. A model on a branch is brought to its newest commit.
    """
    from proxy.renderer.models.pulling import fetch, look_up

    sources = _sources(_named(read_config(config_path), model))
    if not sources:
        click.echo("no model needs anything of the hub", err=True)
    failed, cache = 0, cache_folder()
    for source in sources:
        try:
            wanted = look_up(source, cache)
            with _progress(str(source), wanted.bytes) as tell:
                pulled = fetch(wanted, cache, tell)
        except ModelError as error:
            failed += 1
            click.echo(f"{source}: {error}", err=True)
        else:
            click.echo(f"{source}: {len(wanted.files)} files, {_size(wanted.bytes)}, at {pulled.commit[:12]}")
    if failed:
        raise click.ClickException(f"{failed} of {len(sources)} could not be pulled")


@models.command()
@click.argument("model", nargs=-1)
@config_option
@json_option
@told_plainly
def verify(model: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Read every file of MODEL, or of all, and hold it against the checksum recorded when it was pulled.

    Exits with 1 where something is not as it was. Of local folders no checksums are known: they are seen to be whole.
    """
    chosen = _named(read_config(config_path), model)
    told = [_verified(source) for source in _sources(chosen)]
    told += [_looked_at(local) for local in chosen if not isinstance(local.load, Hub)]
    if as_json:
        show_json(told)
    else:
        rows = [[each["what"], each["commit"] or "", str(each["files"]), _state(each)] for each in told]
        show_table("Files", ["what", "commit", "files", "state"], rows, right=frozenset({"files"}))
    if any(each["harm"] for each in told):
        raise click.ClickException(
            "some of it is not as it should be: run `darkroom models pull`, or restore the folder"
        )


def _locals(config: Config) -> Iterator[Local]:
    for provider, row in config.providers.items():
        for model in row.models if row.enabled else ():
            if model.load is not None:
                yield Local(f"{provider}/{model.name}", model.load, model)


def _named(config: Config, names: Iterable[str]) -> list[Local]:
    """The models of those names, with or without their provider; all of them where none is named."""
    every = list(_locals(config))
    chosen = []
    for name in names:
        found = [local for local in every if name in (local.name, local.row.name)]
        if not found:
            known = ", ".join(local.row.name for local in every) or "none"
            raise click.ClickException(f"no local model is called {name!r}; there are: {known}")
        chosen += found
    return chosen or every


def _sources(chosen: Iterable[Local]) -> list[Source]:
    return list(dict.fromkeys(source for local in chosen for source in sources_of(local.load)))


def _told(local: Local) -> dict[str, Any]:
    load, out = local.load, lacking(local.load)
    kind, weight, where = None, None, _where(load)
    if out is None:
        try:
            kind, weight = kind_of(load), bytes_of(load)
        except ModelError as error:
            out = str(error)
    price = local.row.price
    return {
        "model": local.name,
        "type": type(load).__name__.lower(),
        "kind": kind,
        "bytes": weight,
        "where": where,
        "loras": len(load.loras),
        "pulled": out is None if any(sources_of(load)) else None,
        "out": out,
        "price": in_words(price.per) if price is not None else "",
    }


def _where(load: Load) -> str:
    match load:
        case Untrained():
            return "made when it is opened"
        case Hub():
            return load.repo if load.revision == "main" else f"{load.repo}@{load.revision}"
        case Folder():
            return load.path
        case Tiny():
            return "comes with Darkroom"


def _verified(source: Source) -> dict[str, Any]:
    cache = cache_folder()
    pulled = record_of(source.repo, source.revision, cache)
    if pulled is None:
        return _verdict(str(source), None, [f"{source} was not pulled"])
    with _progress(str(source), sum(file.bytes for file in pulled.files)) as tell:
        read = 0

        def reading(bytes_: int) -> None:
            nonlocal read
            read += bytes_
            tell("", read)

        return _verdict(str(source), pulled, damage(pulled, cache, whole=True, tell=reading))


def _looked_at(local: Local) -> dict[str, Any]:
    try:
        bytes_of(local.load)
    except ModelError as error:
        return _verdict(local.name, None, [str(error)])
    return _verdict(local.name, None, [])


def _verdict(what: str, pulled: Pulled | None, harm: list[str]) -> dict[str, Any]:
    return {
        "what": what,
        "commit": pulled and pulled.commit,
        "files": len(pulled.files) if pulled else 0,
        "harm": harm,
    }


def _state(told: dict[str, Any]) -> str:
    return "; ".join(told["harm"]) or ("as it was pulled" if told["commit"] else "whole")


def _size(bytes_: int | None) -> str:
    if bytes_ is None:
        return ""
    return f"{bytes_ / 1e9:.2f} GB" if bytes_ >= 10**9 else f"{bytes_ / 1e6:.1f} MB"


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[str, int], None]]:
    """A bar of bytes on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda path, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[path]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(what, total=total, path="")
        yield lambda path, done: progress.update(bar, completed=done, path=path)
