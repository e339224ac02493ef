"""What cannot be taken apart: any other pipeline of diffusers, called whole, one picture at a time, in the same queue.

Nothing of the pipeline is replaced. It is suspended where it tells of a step it has done, so that others get their turn
in between; a picture that nobody waits for any more ends there, without being decoded.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from msgspec import Struct
from PIL import Image as Pillow

from providers.contract import Failure, Fault, ImageRequest
from proxy.renderer.engine.families.contract import Opened, Pipeline
from proxy.renderer.engine.families.sitting import Arguments, Sitting, copied
from proxy.renderer.engine.families.ways import Way, way_of
from proxy.renderer.engine.painting import Painting
from proxy.renderer.engine.samplers import sampler

_AT = "at the pipeline"
"""Whose turn it is, in `Opened.kept`."""
_TOKEN = 8
"""Pixels along the side of one latent pixel, near enough to compare the work of families."""


class Course(Sitting):
    """A call suspended after each of its steps, and nowhere else. A pipeline that tells of no steps runs in one go."""

    over = False
    """It has returned."""
    returned: Any = None
    steps_known: int | None = None
    """In all; a pipeline knows once it has begun, if it tells at all."""

    def go_on(self) -> None:
        """Up to the end of the next step, or to the very end. What the pipeline raises comes out, and ends it."""
        returned = self._greenlet.switch()
        if self._greenlet.dead:
            self.over, self.returned = True, returned

    def _sit(self) -> Any:
        takes = inspect.signature(type(self.pipeline).__call__).parameters
        heard: Arguments = {}
        if "callback_on_step_end" in takes:
            heard = {"callback_on_step_end": self._stepped}
        elif {"callback", "callback_steps"} <= takes.keys():  # before there was the other one
            heard = {"callback": lambda *_: self._stepped(self.pipeline, 0, 0, {}), "callback_steps": 1}
        return self.pipeline(**self._options, **heard)

    def _stepped(self, pipeline: Pipeline, step: int, _: Any, values: Arguments) -> Arguments:
        self.steps += 1
        self.steps_known = getattr(pipeline, "num_timesteps", None)
        self._wait()
        return values


class _State(Struct, eq=False):
    """What a painting of this family is."""

    way: Way
    begun: Callable[[], Course]
    """The call again from its beginning: after a lack of memory there is no other way."""
    course: Course
    kept: dict[str, Any]
    """The model's, where the turn is noted."""


class Whole:
    """Draws with any pipeline. No state: what it keeps is kept with the model."""

    def begin(self, opened: Opened, request: ImageRequest, seed: int) -> Painting:
        """See `contract.Family`, likewise below. Nothing is computed yet: that is the first step's."""
        way = way_of(opened, request)
        scheduler = _scheduler(way.pipeline, request.sampler or opened.load.sampler)

        def begun() -> Course:
            pipeline = copy.copy(way.pipeline) if scheduler is None else copied(way.pipeline, scheduler)
            # Noise from the CPU is the same on every device; a generator takes seeds of 64 bits.
            return Course(pipeline, way.options | {"generator": torch.Generator("cpu").manual_seed(seed % 2**64)})

        return Painting(
            model=opened.model,
            seed=seed,
            width=way.width,
            height=way.height,
            steps=_steps(way),
            guided=False,
            tokens=max(1, (way.width // _TOKEN) * (way.height // _TOKEN)),
            group=(opened.model, "whole"),
            state=_State(way, begun, begun(), opened.kept),
            alone=True,
        )

    def step(self, opened: Opened, paintings: Sequence[Painting], bucket: int) -> None:
        """One step; none while another painting is at the pipeline: what it does to the weights' modules is unknown."""
        (painting,) = paintings
        if opened.kept.setdefault(_AT, painting) is not painting:
            return
        painting.step = 0  # where it is if the call fails
        self._go_on(painting)
        course: Course = painting.state.course
        if course.steps_known:
            painting.steps = course.steps_known
        painting.guided = bool(getattr(course.pipeline, "do_classifier_free_guidance", False))
        painting.step = painting.steps if course.over else min(course.steps, painting.steps)

    def finish(self, opened: Opened, painting: Painting) -> Pillow.Image:
        """What is left of the call: decoding, or all of it where that had to be given up."""
        state: _State = painting.state
        while not state.course.over:
            self._go_on(painting)
        pictures = getattr(state.course.returned, "images", None)
        if pictures is None or not isinstance(pictures[0], Pillow.Image):
            kind = type(state.way.pipeline).__name__
            raise Failure(Fault.UNAVAILABLE, f"the local model {opened.model!r} makes no pictures: it is a {kind}")
        finished: Pillow.Image = state.way.finish(pictures[0])
        return finished

    def preview(self, opened: Opened, painting: Painting) -> Pillow.Image | None:
        """Unknown: every pipeline has its own latents."""
        return None

    def drop(self, painting: Painting) -> None:
        """End the call where it is, and let the next one at the pipeline."""
        painting.state.course.drop()
        _leave(painting)

    @staticmethod
    def _go_on(painting: Painting) -> None:
        state: _State = painting.state
        try:
            state.course.go_on()
        except BaseException:
            state.course = state.begun()
            raise
        if state.course.over:
            _leave(painting)


def _leave(painting: Painting) -> None:
    kept = painting.state.kept
    if kept.get(_AT) is painting:
        del kept[_AT]


def _scheduler(pipeline: Pipeline, name: Any) -> Any:
    """The scheduler to begin with, None where the pipeline has none that could be told."""
    own = getattr(pipeline, "scheduler", None)
    return own if name is None else sampler(own, str(name))


def _steps(way: Way) -> int:
    """Steps in all, as far as they are known before the call."""
    default = inspect.signature(type(way.pipeline).__call__).parameters.get("num_inference_steps")
    usual = default.default if default is not None and isinstance(default.default, int) else 1
    return max(1, int(way.options.get("num_inference_steps", usual)))
