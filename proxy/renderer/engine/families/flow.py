"""Transformers that learnt to flow: what Stable Diffusion 3 and Flux have in common.

They predict a velocity, the direction from the picture to noise, which does not depend on a schedule: where a picture
is on its way is a number between 0 and 1, the part of it that is noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from diffusers.hooks.hooks import StateManager

from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.families.sitting import Sitting, StandIn, names_of
from proxy.renderer.engine.families.stock import StockFamily
from proxy.renderer.engine.painting import Painting


class FlowFamily(StockFamily):
    """Models with a transformer that predicts a velocity."""

    DENOISER: ClassVar[str] = "transformer"

    def step(self, opened: Opened, paintings: Sequence[Painting], bucket: int) -> None:
        """See `contract.Family`. A transformer that caches its blocks is asked for one picture after another.

        It remembers answers from step to step and compares whole batches, so a picture would depend on its neighbours.
        """
        transformer = opened.pipeline.transformer
        if not getattr(transformer, "is_cache_enabled", False):
            super().step(opened, paintings, bucket)
            return
        for painting in paintings:
            if painting.done:
                continue  # it made its step before there was too little memory for another's
            with transformer.cache_context(_context(painting.state.sitting)):
                super().step(opened, [painting], 1)

    def drop(self, painting: Painting) -> None:
        """See `contract.Family`. What its blocks answered goes with it."""
        sitting: Sitting = painting.state.sitting
        _forget(sitting.pipeline.transformer, _name(sitting))
        super().drop(painting)

    def stood_in(self, sitting: Sitting, denoiser: Any) -> StandIn:
        """The pipeline's own context around a call would stay open while others call: only its name is noted."""
        stand_in = StandIn(denoiser, sitting.ask(names_of(denoiser)), half="")

        @contextmanager
        def noted(name: str, **_: Any) -> Iterator[None]:
            vars(stand_in)["half"] = name
            yield

        vars(stand_in)["cache_context"] = noted
        return stand_in


def _context(sitting: Sitting) -> str:
    """Whose answers are remembered together: those of one half (with the prompt, without) of one picture."""
    return f"{_name(sitting)} {sitting.pipeline.transformer.half}"


def _name(sitting: Sitting) -> str:
    return str(id(sitting))


def _forget(transformer: Any, name: str) -> None:
    """Let go of what is remembered under that name; the library can only forget everybody's."""
    if not getattr(transformer, "is_cache_enabled", False):
        return
    hooks = (
        hook
        for module in transformer.modules()
        for hook in getattr(getattr(module, "_diffusers_hook", None), "hooks", {}).values()
    )
    for states in (each for hook in hooks for each in vars(hook).values() if isinstance(each, StateManager)):
        for context in [context for context in states._state_cache if context.split()[0] == name]:
            del states._state_cache[context]
