"""`darkroom models times`: what pictures of the local models were measured to take, and what that makes of a quote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from math import isqrt
from pathlib import Path
from typing import Any

import click

from pricing import Drawing, Pace
from pricing.kinds import Owned, PerSecond
from pricing.pace import LEAST, Timing, edge, timed
from proxy.cli import config_option, data_option, json_option, read_config, show_json, show_table, told_plainly
from proxy.config import Config
from proxy.config.providers import ModelRow
from proxy.explain import usd
from proxy.learned import NAME, made_of
from proxy.learned.kept import Drawn, Kept, read


@click.command("times")
@data_option
@config_option
@json_option
@told_plainly
def times(data: Path, config_path: Path | None, as_json: bool) -> None:
    """What pictures were measured to take, by model, engine and size, and what a picture is held at for it.

    Steps are those that the model takes where a request does not say, else the most that were seen. A size stands for
    all that are a little smaller; seconds are those of a square of it. What was measured before the model was loaded
    as it is now is left out.
    """
    kept, config = read(data / NAME), read_config(config_path)
    told = list(_told(config, kept))
    if as_json:
        show_json(told)
        return
    columns = ["model", "engine", "size", "guided", "steps", "pictures", "a step", "expected", "held at", "USD", ""]
    rows = [
        [
            each["model"],
            each["engine"],
            f"{each['side']}x{each['side']}",
            "yes" if each["guided"] else "no",
            str(each["steps"]),
            str(each["pictures"]),
            f"{each['step_s']:.3g} s",
            f"{each['expected_s']:.3g} s",
            "" if each["held_s"] is None else f"{each['held_s']} s",
            each["quote_usd"] or "",
            each["note"],
        ]
        for each in told
    ]
    numbers = frozenset({"steps", "pictures", "a step", "expected", "held at", "USD"})
    show_table("Measured", columns, rows, right=numbers)
    for line in _loads(config, kept):
        click.echo(line, err=True)


def _rows(config: Config) -> dict[str, ModelRow]:
    return {
        model.name: model
        for row in config.providers.values()
        if row.enabled
        for model in row.models
        if model.load is not None
    }


def _told(config: Config, kept: Kept) -> Iterator[dict[str, Any]]:
    """Every bucket of every model as it is loaded now, smallest first."""
    rows = _rows(config)
    for each in sorted(kept.drawn, key=lambda drawn: drawn.of):
        row = rows.get(each.model)
        if row is not None and row.load is not None and made_of(row.load) == each.made:
            yield _bucket(row, row.load.steps, each, timed(each.guided, each.samples))


def _bucket(row: ModelRow, usual: int | None, each: Drawn, timing: Timing) -> dict[str, Any]:
    steps = usual or timing.most
    drawing = Drawing(pixels=int(edge(timing.bucket)), steps=steps, guided=each.guided)
    bound = Pace((timing,)).bound(drawing)
    held, quote = _held(row, bound)
    return {
        "model": each.model,
        "engine": each.engine,
        "side": isqrt(drawing.pixels),
        "guided": each.guided,
        "steps": steps,
        "pictures": timing.samples,
        "fixed_s": round(timing.fixed, 6),
        "step_s": round(timing.step, 6),
        "expected_s": round(timing.expected(drawing), 6),
        "held_s": None if held is None else f"{held.normalize():f}",
        "quote_usd": None if quote is None else usd(quote),
        "at": datetime.fromtimestamp(each.at / 1000, UTC).isoformat(timespec="seconds"),
        "note": _note(timing, bound, held),
    }


def _held(row: ModelRow, bound: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Seconds and USD that one picture is held at; None where it is not priced by the second."""
    per = None if row.price is None else row.price.per
    if not isinstance(per, PerSecond | Owned):
        return None, None
    seconds = per.seconds if bound is None else min(bound, per.seconds)
    return seconds, seconds * per.rate


def _note(timing: Timing, bound: Decimal | None, held: Decimal | None) -> str:
    if timing.samples < LEAST:
        return f"counts from {LEAST} pictures on"
    if bound is not None and held is not None and bound > held:
        return f"may take {bound.normalize():f} s: more than `seconds` of its price"
    return ""


def _loads(config: Config, kept: Kept) -> Iterator[str]:
    rows = _rows(config)
    for each in kept.loaded:
        row = rows.get(each.model)
        if row is not None and row.load is not None and made_of(row.load) == each.made:
            last = ", ".join(f"{seconds:.3g} s" for seconds in each.seconds)
            yield f"loading {each.model} took {last}"
