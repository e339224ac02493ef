"""What is to be measured, and what was. No torch here: the command line reads it, too."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from proxy.renderer.loads import Load, Speed

PLAIN = "diffusers"
"""The option that is none: diffusers' own pipeline, called as its documentation does."""
ENGINE = "engine"
"""Our engine as it stands."""
MOST_BATCH = 8
Count = Annotated[int, Meta(ge=1)]


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To the measuring process."""

    models: dict[str, Load]
    sizes: dict[str, tuple[tuple[int, int], ...]]
    """Width and height in pixels, by model."""
    steps: Count
    batches: tuple[Annotated[int, Meta(ge=1, le=MOST_BATCH)], ...]
    """How many pictures are drawn at once."""
    options: dict[str, Speed] = {}
    """By their names in the table; plain diffusers and the engine as it stands are always measured."""
    rounds: Count = 3
    """Everything is drawn once in each, in turns, so that what slows the machine for a while slows all alike."""
    device: str = "auto"


class Line(Struct, frozen=True, kw_only=True):
    """From the measuring process: one model, size, option and batch. Times are medians of the rounds."""

    model: str
    device: str
    width: int
    height: int
    steps: int
    option: str
    batch: int
    image_s: float | None = None
    """Seconds a picture, from words to pixels, of the wall clock; None where it could not be drawn."""
    cpu_s: float | None = None
    """Likewise, of all the process's processor time: on a CPU that others use, the one to compare."""
    step_s: float | None = None
    """Seconds of a denoising step, for the whole batch."""
    first_s: float | None = None
    """Seconds to the first batch at this size and option, compiling included; of the first batch size only."""
    peak_bytes: int | None = None
    """Most of the device's memory that was in use, weights too; on a CPU, of the process. None where it is unknown."""
    against: float | None = None
    """How many times as many pictures a second as plain diffusers with the same batch. On a CPU, of processor time."""
    scaling: float | None = None
    """How many times as many pictures a second as the same option one by one (or by the smallest batch). Likewise."""
    difference: int | None = None
    """From plain diffusers' pictures of the same seeds, the largest of any channel of any pixel, of 255."""
    refused: str | None = None
    """Why it could not be had, or drawn."""


class Round(Struct, frozen=True):
    """A batch drawn once."""

    seconds: float
    cpu_s: float
    steps_s: tuple[float, ...]
    peak_bytes: int | None


Rounds = Mapping[tuple[str, int], list[Round]]
"""By option and batch."""


def options_of(written: str) -> Speed:
    """`compile=blocks+attention=flash3` as what it asks for. Raises ValueError."""
    said: dict[str, object] = {}
    for part in written.split("+"):
        name, _, value = part.partition("=")
        said[name] = value or True
    try:
        return msgspec.convert(said, Speed, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{written!r}: {error}") from error


def summed_up(line: Line, rounds: Rounds, *, on_cpu: bool) -> Line:
    """The line with its figures: medians, held against plain diffusers and against the smallest batch."""
    found = rounds.get((line.option, line.batch))
    if not found:
        return line
    spent = _spent(found, line.batch, on_cpu)
    plain = rounds.get((PLAIN, line.batch))
    least = min(batch for option, batch in rounds if option == line.option and rounds[option, batch])
    peaks = [each.peak_bytes for each in found if each.peak_bytes is not None]
    steps = [step for each in found for step in each.steps_s]
    return msgspec.structs.replace(
        line,
        image_s=median(each.seconds for each in found) / line.batch,
        cpu_s=median(each.cpu_s for each in found) / line.batch,
        step_s=median(steps) if steps else None,
        peak_bytes=max(peaks, default=None),
        against=_spent(plain, line.batch, on_cpu) / spent if plain else None,
        scaling=_spent(rounds[line.option, least], least, on_cpu) / spent,
    )


def _spent(found: list[Round], batch: int, on_cpu: bool) -> float:
    """Seconds a picture, of what is worth comparing: a CPU's clock runs on while others have it."""
    return median(each.cpu_s if on_cpu else each.seconds for each in found) / batch
