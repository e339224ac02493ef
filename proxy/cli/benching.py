"""`darkroom bench-local`: how fast this machine draws, with plain diffusers, the engine, and each speed option."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import click
import msgspec

from providers.contract.model import parse_size
from proxy.cli import config_option, json_option, read_config, show_json, show_table, told_plainly
from proxy.config import Config
from proxy.renderer import Load
from proxy.renderer.bench.sheet import MOST_BATCH, Ask, Line, options_of
from proxy.renderer.child import GENTLE, QUIET
from proxy.renderer.loads import Speed, Untrained

Size = tuple[int, int]
Family = Literal["sd", "sdxl", "sd3", "flux"]

FAMILIES: tuple[Family, ...] = get_args(Family)
SHAPED: dict[str, Family] = {f"{family}-shaped": family for family in FAMILIES}
"""Models of no configuration: random weights in a family's real size."""
SMALL, LARGE = 512, 1024
"""Pixels along the side that Stable Diffusion 1.5 and all later families were made for."""
COLUMNS = [
    "model",
    "size",
    "option",
    "batch",
    "images/s",
    "s/step",
    "CPU s/image",
    "peak",
    "first",
    "against diffusers",
    "against one by one",
    "differs by",
]
NUMBERS = frozenset(COLUMNS[3:])


class _Sizes(click.ParamType[Size]):
    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is no size such as 1024x1024", param, ctx)
        return int(width), int(height)


class _Batches(click.ParamType[tuple[int, ...]]):
    name = "1,2,4,8"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.isdecimal() and 1 <= int(part) <= MOST_BATCH for part in parts):
            self.fail(f"{value!r}: numbers of 1 to {MOST_BATCH} with commas between them", param, ctx)
        return tuple(sorted({int(part) for part in parts}))


@click.command("bench-local")
@click.argument("model", nargs=-1)
@click.option("--size", type=_Sizes(), multiple=True, help="Once for each; by default the model's own.")
@click.option("--steps", type=click.IntRange(2, 1000), default=10, show_default=True, help="Denoising steps a picture.")
@click.option("--batch", type=_Batches(), default="1,2,4,8", show_default=True, help="Pictures drawn at once.")
@click.option(
    "--options",
    multiple=True,
    metavar="NAME=VALUE[+...]",
    help="Speed options to measure beside the engine as it stands, once for each: compile=blocks+attention=flash3.",
)
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="Medians are of so many.")
@click.option("--device", default="auto", show_default=True, help="Where `device: auto` of a load is.")
@config_option
@json_option
@told_plainly
def bench_local(
    model: tuple[str, ...],
    size: tuple[Size, ...],
    steps: int,
    batch: tuple[int, ...],
    options: tuple[str, ...],
    rounds: int,
    device: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Measure how fast MODELs of the configuration are drawn with here; by default, all of them.

    There are also sd-shaped, sdxl-shaped, sd3-shaped and flux-shaped: the real architectures with random weights,
    which need no download.

    Each is drawn with by plain diffusers, by the engine, and by the engine with each of --options, all in the same
    run and in turns. Nothing is charged, and no server is needed.
    """
    chosen = list(_chosen(read_config(config_path), model))
    ask = Ask(
        models={name: load for name, load, _ in chosen},
        sizes={name: size or (usual,) for name, _, usual in chosen},
        steps=steps,
        batches=batch,
        options=_options(options),
        rounds=rounds,
        device=device,
    )
    lines = _measured(ask)
    if as_json:
        show_json(lines)
        return
    show_table(f"{steps} steps, medians of {rounds}", COLUMNS, [_row(each) for each in lines], right=NUMBERS)
    for each in lines:
        if each.refused is not None:
            click.echo(f"{each.model}, {each.option}, batch {each.batch}: {each.refused}", err=True)


def _chosen(config: Config, names: tuple[str, ...]) -> Iterator[tuple[str, Load, Size]]:
    """Name, load and usual size of each."""
    known = {
        row.name: (row.load, row.sizes)
        for each in config.providers.values()
        if each.enabled
        for row in each.models
        if row.load is not None
    }
    for name in names or known:
        if name in known:
            load, sizes = known[name]
            yield name, load, parse_size(sizes.default)
        elif name in SHAPED:
            side = SMALL if name == "sd-shaped" else LARGE
            yield name, Untrained(family=SHAPED[name], scale="real", steps=None, guidance=None), (side, side)
        else:
            raise click.ClickException(f"no local model is called {name!r}; there are: {', '.join([*known, *SHAPED])}")


def _options(written: tuple[str, ...]) -> dict[str, Speed]:
    try:
        return {each: options_of(each) for each in written}
    except ValueError as error:
        raise click.ClickException(f"--options {error}") from error


def _measured(ask: Ask) -> list[Line]:
    """What the measuring process tells, which tells on standard error what it is doing."""
    environment = GENTLE | dict(os.environ) | QUIET
    done = subprocess.run(
        [sys.executable, "-m", "proxy.renderer.bench"],
        input=msgspec.json.encode(ask),
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
    )
    lines = [msgspec.json.decode(each, type=Line) for each in done.stdout.splitlines()]
    if done.returncode:
        raise click.ClickException(f"measuring ended with status {done.returncode}, after {len(lines)} figures")
    return lines


def _row(line: Line) -> list[str]:
    head = [line.model, f"{line.width}x{line.height}", line.option, str(line.batch)]
    if line.image_s is None:
        return [*head, "-", *[""] * (len(COLUMNS) - len(head) - 1)]
    return [
        *head,
        f"{1 / line.image_s:.3g}",
        _said(line.step_s, ".3g"),
        _said(line.cpu_s, ".3g"),
        "" if line.peak_bytes is None else f"{line.peak_bytes / 1e9:.2f} GB",
        _said(line.first_s, ".3g", " s"),
        _said(line.against, ".2f", "x"),
        _said(line.scaling, ".2f", "x"),
        _said(line.difference, "d", "/255"),
    ]


def _said(figure: float | None, how: str, unit: str = "") -> str:
    return "" if figure is None else f"{figure:{how}}{unit}"
