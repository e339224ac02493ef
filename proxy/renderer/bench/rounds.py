"""Measures a model: every option in every round, each time in another order."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from msgspec.structs import replace
from PIL import Image as Pillow
from PIL import ImageChops

from providers.contract import Failure
from proxy.renderer.bench.drawers import Drawer, Drawn, Plain, Stepwise, hastened, wait
from proxy.renderer.bench.sheet import ENGINE, PLAIN, Ask, Line, Round, summed_up
from proxy.renderer.engine.drawing import first_line
from proxy.renderer.engine.families.choosing import family_of
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.memory import is_shortage, release
from proxy.renderer.engine.opening import Opener
from proxy.renderer.engine.shelf import ShortError
from proxy.renderer.loads import Load, Speed
from proxy.renderer.models.choosing import ModelError

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Linux forgets the process's peak when 5 is written to the first, and tells it in the second."""

Tell = Callable[[str], None]


def measured(ask: Ask, tell: Tell) -> Iterator[Line]:
    """Every line there is to tell, model by model and size by size. `tell` hears what is being done."""
    for name, load in ask.models.items():
        tell(f"{name}: opening")
        try:
            base = _opened(name, load, ask)
        except (Failure, ShortError) as error:
            reason = error.detail if isinstance(error, Failure) else "it is larger than the memory"
            width, height = ask.sizes[name][0]
            yield _line(ask, name, (width, height), ask.device, ENGINE, ask.batches[0], refused=reason)
            continue
        drawers, refused = _drawers(base, ask, load.speed)
        for size in ask.sizes[name]:
            yield from _Bench(ask, name, base.device, size, drawers, refused, tell).lines()
        del base, drawers
        release()


class _Bench:
    """One model at one size."""

    def __init__(
        self,
        ask: Ask,
        model: str,
        device: torch.device,
        size: tuple[int, int],
        drawers: dict[str, Drawer],
        refused: dict[str, str],
        tell: Tell,
    ) -> None:
        self._ask = ask
        self._model = model
        self._device = device
        self._size = size
        self._drawers = drawers
        self._refused = refused
        self._tell = tell
        self._rounds: dict[tuple[str, int], list[Round]] = {
            (option, batch): [] for option in drawers for batch in ask.batches
        }
        self._firsts: dict[str, float] = {}
        self._pictures: dict[str, tuple[Pillow.Image, ...]] = {}
        self._broken: dict[tuple[str, int], str] = {}

    def lines(self) -> Iterator[Line]:
        """All its figures."""
        for option in self._drawers:
            self._warm(option)
        for number in range(self._ask.rounds):
            self._tell(f"{self._model} {self._size[0]}x{self._size[1]}: round {number + 1} of {self._ask.rounds}")
            order = list(self._drawers)
            for option in order[number % len(order) :] + order[: number % len(order)]:
                for batch in self._ask.batches:
                    self._draw(option, batch)
        for option in self._drawers:
            for batch in self._ask.batches:
                yield self._line(option, batch)
        for option, reason in self._refused.items():
            yield _line(self._ask, self._model, self._size, str(self._device), option, 1, refused=reason)

    def _line(self, option: str, batch: int) -> Line:
        ask, first = self._ask, batch == self._ask.batches[0]
        line = _line(
            ask, self._model, self._size, str(self._device), option, batch, refused=self._broken.get((option, batch))
        )
        if first:
            line = replace(line, first_s=self._firsts.get(option), difference=self._difference(option))
        return summed_up(line, self._rounds, on_cpu=self._device.type == "cpu")

    def _warm(self, option: str) -> None:
        """Once at every batch, not counted: what is done only once is done."""
        self._tell(f"{self._model} {self._size[0]}x{self._size[1]}: warming up {option}")
        for batch in self._ask.batches:
            began = time.perf_counter()
            drawn = self._tried(option, batch)
            if drawn is not None and option not in self._firsts:
                self._firsts[option] = time.perf_counter() - began
                self._pictures[option] = drawn.pictures

    def _draw(self, option: str, batch: int) -> None:
        if (option, batch) in self._broken:
            return
        _forget_peak(self._device)
        began, cpu = time.perf_counter(), time.process_time()
        drawn = self._tried(option, batch)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        if drawn is not None:
            self._rounds[option, batch].append(Round(seconds, cpu, drawn.steps_s, _peak(self._device)))

    def _tried(self, option: str, batch: int) -> Drawn | None:
        """A batch; None where it cannot be drawn, which is noted and not tried again."""
        try:
            drawn = self._drawers[option].draw(self._size, self._ask.steps, batch)
            wait(self._device)
        except Exception as error:  # whatever a library makes of an option: that option is out, and the others go on
            short = is_shortage(error)
            self._broken[option, batch] = "out of memory" if short else first_line(error)
        else:
            return drawn
        release()
        return None

    def _difference(self, option: str) -> int | None:
        plain, own = self._pictures.get(PLAIN), self._pictures.get(option)
        if option == PLAIN or plain is None or own is None:
            return None
        return max(_apart(one, other) for one, other in zip(plain, own, strict=True))


def _apart(one: Pillow.Image, other: Pillow.Image) -> int:
    """The largest difference of any channel."""
    bands = ImageChops.difference(one, other).split()
    return max(int(band.getextrema()[1]) for band in bands)  # type: ignore[arg-type]  # of one band, two numbers


def _opened(name: str, load: Load, ask: Ask) -> Opened:
    """The model without any speed of its own: that is the engine's."""
    bare = replace(load, speed=Speed(channels_last=False), steps=ask.steps)
    opened: Opened = Opener({name: bare}, family_of, ask.device).open(name)
    return opened


def _drawers(base: Opened, ask: Ask, own: Speed) -> tuple[dict[str, Drawer], dict[str, str]]:
    """Those that can be had on this device, and why the others cannot."""
    drawers: dict[str, Drawer] = {PLAIN: Plain(base)}
    refused: dict[str, str] = {}
    configured = {} if own == Speed() else {"as configured": own}
    for option, speed in ({ENGINE: Speed()} | configured | ask.options).items():
        try:
            drawers[option] = Stepwise(hastened(base, speed))
        except ModelError as error:
            refused[option] = str(error)
    return drawers, refused


def _line(
    ask: Ask, model: str, size: tuple[int, int], device: str, option: str, batch: int, refused: str | None = None
) -> Line:
    return Line(
        model=model,
        device=device,
        width=size[0],
        height=size[1],
        steps=ask.steps,
        option=option,
        batch=batch,
        refused=refused,
    )


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _CLEAR.exists():
        try:
            _CLEAR.write_text("5")
        except OSError:  # not everybody may; the peak is then that of the whole run
            return


def _peak(device: torch.device) -> int | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type != "cpu":
        return None
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
