"""A sitting: a call of diffusers' own pipeline, suspended wherever it would run its denoiser.

The pipeline is written as one long loop; it runs here as a coroutine it does not know to be (a greenlet). Where it
calls its denoiser, it comes out with the arguments, and goes on with whatever it is given as the answer, perhaps much
later. So the engine can ask one denoiser for many pipelines at once, stop any of them between two steps, and leave all
else (prompts, masks, schedulers, guidance, the autoencoder) to the code that model authors test against.

Every sitting has a copy of the pipeline with a scheduler of its own; weights are shared. All sittings of a device run
on one thread.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

Pipeline = Any
Arguments = dict[str, Any]


class StandIn:
    """Passes for a part of a pipeline: it is that part, but for being called."""

    def __init__(self, part: Any, call: Callable[..., Any], **instead: Any) -> None:
        """`call` is what calling it does; `instead` holds attributes that are not the part's own."""
        self._part = part
        self._call = call
        self.__dict__.update(instead)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The part's: a pipeline looks among its parts for modules, to learn its device."""
        return type(self._part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """As it was made to."""
        return self._call(*arguments, **named)


class Sitting:
    """One picture's call of its pipeline. Start it, then answer until it `rests`, then take what it `ends` with."""

    def __init__(self, pipeline: Pipeline, options: Mapping[str, Any]) -> None:
        """`pipeline` is a copy for this sitting alone, called with `options`."""
        self.pipeline = pipeline
        self.asked: Arguments = {}
        """What the denoiser was last called with, by name."""
        self.last: tuple[Arguments, Any] | None = None
        """The last call that was answered, and its answer: all that a preview needs."""
        self.rests = False
        """Denoising is done; the autoencoder comes next."""
        self.steps = 0
        """Of the loop, done."""
        self._options = options
        self._trouble: Exception | None = None
        self._greenlet = greenlet(self._sit)

    @property
    def steps_in_all(self) -> int:
        """Of the loop, known once it was started."""
        return int(self.pipeline.num_timesteps)

    def start(self) -> None:
        """Run up to the first call of the denoiser. What the pipeline raises comes out; likewise below."""
        self._greenlet.switch()

    def answer(self, output: Any) -> None:
        """Go on with that answer, up to the next call of the denoiser or until it rests."""
        self.last = self.asked, output
        self._greenlet.switch((output,))  # as a denoiser answers that is told `return_dict=False`

    def end(self) -> Any:
        """Go on to the end: what the pipeline returns. After what `patient` work raised it can be called again."""
        returned = self._greenlet.switch()
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return returned

    def drop(self) -> None:
        """Unwind the pipeline, wherever it is."""
        if self._greenlet and not self._greenlet.dead:
            self._greenlet.throw(GreenletExit)

    def ask(self, names: tuple[str, ...]) -> Callable[..., Any]:
        """What stands in for the denoiser's call; `names` are those of its arguments by place."""

        def asked(*arguments: Any, **named: Any) -> Any:
            self.asked = dict(zip(names, arguments, strict=False)) | named
            return self._wait()

        return asked

    def patient(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """That work, which after an error (there was too little memory, say) waits for another `end` to try again."""

        def tried(*arguments: Any, **named: Any) -> Any:
            while True:
                try:
                    return work(*arguments, **named)
                except Exception as error:
                    self._trouble = error.with_traceback(None)  # its frames would keep the tensors alive
                self._wait()

        return tried

    def _sit(self) -> Any:
        return self.pipeline(**self._options, callback_on_step_end=self._stepped)

    def _stepped(self, pipeline: Pipeline, step: int, _: Any, values: Arguments) -> Arguments:
        self.steps = step + 1
        if self.steps == pipeline.num_timesteps:
            self.rests = True
            self._wait()
        return values

    @staticmethod
    def _wait() -> Any:
        """Leave to the engine, until it comes back."""
        return getcurrent().parent.switch()


def copied(pipeline: Pipeline, scheduler: Any) -> Pipeline:
    """The pipeline with the same weights, a scheduler of its own, and a state of its own while it is called."""
    own = copy.copy(pipeline)
    put(own, "scheduler", copy.deepcopy(scheduler))
    return own


def put(pipeline: Pipeline, name: str, part: Any) -> None:
    """Make that a part of the (copied) pipeline, past its `__setattr__`, which describes it in the configuration."""
    object.__setattr__(pipeline, name, part)


def names_of(denoiser: Any) -> tuple[str, ...]:
    """The denoiser's arguments in their places."""
    return tuple(inspect.signature(type(denoiser).forward).parameters)[1:]
