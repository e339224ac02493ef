"""The ways to draw that are compared: plain diffusers, and the engine's family with a speed of its own.

All of them share one model's weights, so that they fit into memory beside each other and can be measured in turns.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from msgspec import Struct
from msgspec.structs import replace
from PIL import Image as Pillow

from providers.contract import Generate
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.families.ways import way_of
from proxy.renderer.engine.speed import hasten
from proxy.renderer.loads import Speed

PROMPT = "a red house by the sea"
_PARTS = ("unet", "transformer", "vae")
"""What speed options change; all else of the pipeline is the same object."""


class Drawn(Struct, frozen=True):
    """A batch, and how long each of its steps took, in seconds."""

    pictures: tuple[Pillow.Image, ...]
    steps_s: tuple[float, ...]


class Drawer(Protocol):
    """Draws pictures of the seeds 0, 1 ... at once. Lack of memory leaves as what torch raises for it."""

    def draw(self, size: tuple[int, int], steps: int, batch: int) -> Drawn:
        """That many."""


class Plain:
    """Diffusers' own pipeline, a list of prompts and generators to a call."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def draw(self, size: tuple[int, int], steps: int, batch: int) -> Drawn:
        """See `Drawer`."""
        way = way_of(self._opened, _request(self._opened, size, steps))
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in range(batch)]
        ends: list[float] = []

        def stepped(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
            wait(self._opened.device)
            ends.append(time.perf_counter())
            return values

        told = dict(way.options) | {"prompt": [PROMPT] * batch, "generator": generators, "output_type": "pil"}
        with torch.inference_mode():
            drawn = way.pipeline(**told, callback_on_step_end=stepped).images
        return Drawn(tuple(drawn), tuple(after - before for before, after in pairwise(ends)))


class Stepwise:
    """The engine's family, all pictures of a batch in every step."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def draw(self, size: tuple[int, int], steps: int, batch: int) -> Drawn:
        """See `Drawer`."""
        opened, family = self._opened, self._opened.family
        request = _request(opened, size, steps)
        paintings: list[Any] = []
        took: list[float] = []
        try:
            with torch.inference_mode():
                for seed in range(batch):
                    paintings.append(family.begin(opened, request, seed))  # noqa: PERF401  those before a failure count
                while not all(each.done for each in paintings):
                    began = time.perf_counter()
                    self._step(paintings)
                    wait(opened.device)
                    took.append(time.perf_counter() - began)
                pictures = tuple(family.finish(opened, each) for each in paintings)
        finally:
            for each in paintings:
                family.drop(each)
        return Drawn(pictures, tuple(took))

    def _step(self, paintings: Sequence[Any]) -> None:
        """One for each: together, but those that are always alone."""
        alone = paintings[0].alone
        for some in [[each] for each in paintings] if alone else [list(paintings)]:
            if not some[0].done:
                self._opened.family.step(self._opened, some, len(some))
        for each in paintings:
            if each.failed is not None:
                raise each.failed


def hastened(base: Opened, speed: Speed) -> Opened:
    """That model with these options: with modules of its own over the same weights. Raises ModelError."""
    pipeline = copy.copy(base.pipeline)
    for name in _PARTS:
        part = getattr(pipeline, name, None)
        if isinstance(part, torch.nn.Module):
            vars(pipeline)[name] = _twin(part)
    own = Opened(
        model=base.model,
        load=replace(base.load, speed=speed),
        pipeline=pipeline,
        family=base.family,
        device=base.device,
    )
    hasten(own)
    return own


def wait(device: torch.device) -> None:
    """Until the device has done what it was told."""
    wait_for: dict[str, Callable[[], None]] = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}
    if device.type in wait_for:
        wait_for[device.type]()


def _twin(part: torch.nn.Module) -> torch.nn.Module:
    """Another module with the same numbers, not copied; giving one of them other weights leaves the other its own."""
    shared: dict[int, Any] = {
        id(each): torch.nn.Parameter(each.detach(), requires_grad=False) for each in part.parameters()
    }
    shared |= {id(each): each.detach() for each in part.buffers()}
    return copy.deepcopy(part, shared)


def _request(opened: Opened, size: tuple[int, int], steps: int) -> Generate:
    return Generate(model=opened.model, prompt=PROMPT, width=size[0], height=size[1], steps=steps)
