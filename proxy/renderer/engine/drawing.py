"""The device at work: begins, steps and finishes paintings, charges its seconds to them, climbs down where memory ends.

Every call is for the engine's thread, and is over when the device has done what it was told: seconds are real ones, and
a step that was taken is a step that can be counted on.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import torch
from PIL import Image as Pillow

from providers.contract import Failure, Fault, ImageRequest
from proxy.renderer.engine.families.contract import Opened, Shelf
from proxy.renderer.engine.ladder import Bounds
from proxy.renderer.engine.memory import is_shortage, release
from proxy.renderer.engine.painting import Painting

T = TypeVar("T")


class Drawing:
    """What families do, made safe against lack of memory."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._bounds = Bounds()

    def most(self, painting: Painting, limit: int) -> int:
        """How many pictures it may share a step with, itself counted."""
        return 1 if painting.alone else self._bounds.most(painting.group, limit)

    def begin(self, opened: Opened, request: ImageRequest, seed: int, busy: Collection[str]) -> Painting:
        """A painting before its first step. Raises `Failure`: REJECTED, or UNAVAILABLE where it cannot be done."""
        began = time.perf_counter()
        painting = self._tried(opened, lambda: opened.family.begin(opened, request, seed), busy, coding=True)
        painting.seconds += _since(began, opened)
        return painting

    def step(self, opened: Opened, paintings: Sequence[Painting], bucket: int, busy: Collection[str]) -> float | None:
        """One step for all of them; the seconds it took, None where fewer should try, because these were too many.

        A painting that cannot go on has `failed`, and the others are none the worse for it.
        """
        began = time.perf_counter()
        group = paintings[0].group
        try:
            self._tried(
                opened, lambda: opened.family.step(opened, paintings, bucket), busy, coding=False, alone=bucket == 1
            )
        except _TooManyError:
            self._bounds.halve(group, bucket)
            release()
            return None
        except Failure as failure:
            return self._blame(paintings, failure)
        self._bounds.went_well(group, bucket)
        seconds = _since(began, opened)
        tokens = sum(painting.tokens for painting in paintings)
        for painting in paintings:
            painting.seconds += seconds * painting.tokens / tokens
        return seconds

    def finish(self, opened: Opened, painting: Painting, busy: Collection[str]) -> Pillow.Image:
        """The picture. Raises `Failure`."""
        began = time.perf_counter()
        try:
            return self._tried(opened, lambda: opened.family.finish(opened, painting), busy, coding=True)
        finally:
            painting.seconds += _since(began, opened)

    def preview(self, opened: Opened, painting: Painting) -> Pillow.Image | None:
        """How it looks so far, None where that cannot be told: a preview is no reason for anything to fail."""
        began = time.perf_counter()
        try:
            with torch.inference_mode():
                return opened.family.preview(opened, painting)
        except Exception:
            traceback.print_exc()
            return None
        finally:
            painting.seconds += _since(began, opened)

    def _tried(
        self, opened: Opened, work: Callable[[], T], busy: Collection[str], *, coding: bool, alone: bool = True
    ) -> T:
        """What `work` returns, tried again after every rung of the ladder. Not `alone`, it does not climb for it."""
        while True:
            try:
                with torch.inference_mode():
                    return work()
            except Failure:
                raise
            except Exception as error:
                if _is_fatal(error):
                    raise  # the device is lost: the home starts another worker
                short = is_shortage(error)
                if not alone:
                    raise _TooManyError from error
                if not short:
                    traceback.print_exc()  # where: for the operator
                    raise _failure(f"the local model {opened.model!r} failed to draw: {first_line(error)}") from error
            # Only here, outside of the handler, is the traceback gone that kept the tensors alive.
            if self._shelf.relieve(opened, busy, coding=coding) is None:
                raise _failure(f"the memory is too small for this picture by {opened.model!r}; ask for a smaller one")

    @staticmethod
    def _blame(paintings: Sequence[Painting], failure: Failure) -> float:
        for painting in paintings:
            painting.failed = failure
        return 0.0


class _TooManyError(Exception):
    """A shared step failed: too little memory, or one of the paintings is at fault. Fewer are tried, at last alone."""


def first_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def failure_of(model: str, error: Exception) -> Failure:
    """A failure as it is, and any other error as one."""
    if isinstance(error, Failure):
        return error
    return _failure(f"the local model {model!r} failed to draw: {first_line(error)}")


def _failure(detail: str) -> Failure:
    return Failure(Fault.UNAVAILABLE, detail)


def _is_fatal(error: Exception) -> bool:
    """Has the device itself failed? Nothing it is asked for works after that, until the process is another."""
    lost = getattr(torch, "AcceleratorError", None)
    return lost is not None and isinstance(error, lost) and not is_shortage(error)


def _since(began: float, opened: Opened) -> float:
    """Seconds, the device's own work included that the processor only asked for."""
    if opened.device.type == "cuda":
        torch.cuda.synchronize(opened.device)
    elif opened.device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - began
