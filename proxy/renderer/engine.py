"""The diffusers engine: one request at a time, a whole pipeline each, a picture at a time.

Worker process only: imports torch and diffusers. It knows requests and pictures, not processes or frames. Pictures are
drawn one by one although a pipeline could draw several at once, because a batch changes their last bits: a seed gives
the same picture alone or among many.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import torch
from msgspec import Struct
from PIL import Image as Pillow

from providers.contract import Drawn, Failure, Fault, ImageRequest
from proxy.renderer.asked import seeds_of
from proxy.renderer.loads import Load
from proxy.renderer.pictures import encode
from proxy.renderer.pipelines import Pipeline, first_line, open_pipeline
from proxy.renderer.ways import Way, way_of

Progress = Callable[[float], None]


class _Model(Struct):
    load: Load
    pipeline: Pipeline


class DiffusersEngine:
    """Loads models on first use and keeps them."""

    def __init__(self, models: Mapping[str, Load]) -> None:
        self._models = models
        self._loaded: dict[str, _Model] = {}

    def load(self, model: str) -> None:
        """Make the model ready. Raises UNAVAILABLE where it is unknown or cannot be loaded."""
        self._ready(model)

    def draw(self, model: str, request: ImageRequest, progress: Progress) -> Drawn:
        """The request's pictures. `Drawn.seconds` is wall time without that of loading the model.

        Raises REJECTED for what the model cannot do, UNAVAILABLE where memory runs out or the pipeline breaks.
        """
        ready = self._ready(model)
        begun = time.perf_counter()
        seeds = seeds_of(request)
        try:
            way = way_of(ready.pipeline, ready.load, request)
            images = tuple(
                encode(_picture(way, seed, _share(progress, number, len(seeds))), request.format, request.compression)
                for number, seed in enumerate(seeds)
            )
            seconds = Decimal(f"{time.perf_counter() - begun:.6f}")
            return Drawn(images=images, seconds=seconds, seeds=seeds)
        except Failure:
            raise
        except Exception as error:  # anything a pipeline raises is this request's failure, and no other's
            if not _is_memory(error):
                raise Failure(
                    Fault.UNAVAILABLE, f"the local model {model!r} failed to draw: {first_line(error)}"
                ) from error
        # Only here, outside the handler, is the traceback gone that kept the pipeline's tensors alive.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise Failure(
            Fault.UNAVAILABLE, f"the memory is too small for this picture by {model!r}; ask for a smaller one"
        )

    def _ready(self, model: str) -> _Model:
        if model not in self._loaded:
            load = self._models.get(model)
            if load is None:
                raise Failure(Fault.UNAVAILABLE, f"no local model is called {model!r}")
            self._loaded[model] = _Model(load, open_pipeline(model, load))
        return self._loaded[model]


def _picture(way: Way, seed: int, progress: Progress) -> Pillow.Image:
    def stepped(pipeline: Pipeline, step: int, _: Any, values: dict[str, Any]) -> dict[str, Any]:
        progress(min(1.0, (step + 1) / pipeline.num_timesteps))
        return values

    # Noise from the CPU is the same on every device; a generator takes seeds of 64 bits.
    generator = torch.Generator("cpu").manual_seed(seed % 2**64)
    drawn = way.pipeline(**way.options, generator=generator, callback_on_step_end=stepped).images[0]
    return way.finish(drawn)


def _share(progress: Progress, number: int, total: int) -> Progress:
    """Progress of one picture as that of the whole request."""
    return lambda part: progress((number + part) / total)


def _is_memory(error: Exception) -> bool:
    """Is it a lack of memory? On a CPU torch says so in words only."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
