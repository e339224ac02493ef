"""What a family of models is to the engine, and what an opened model is to a family.

A family says how pictures of its kind are drawn step by step. The usual way is `stock.StockFamily`: every painting is
a call of diffusers' own pipeline, suspended wherever it would run its denoiser, so that a family is a handful of facts
(which of the pipeline's parts is the denoiser, which of its arguments all paintings share, how a preview is made of
what it predicts) and results equal the stock pipeline's because it is the stock pipeline.

All of it runs on the engine's thread, inside `torch.inference_mode()` but for opening.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

import torch
from msgspec import Struct, field
from PIL import Image as Pillow

from providers.contract import ImageRequest
from proxy.renderer.engine.painting import Painting
from proxy.renderer.loads import Load

Pipeline = Any
"""A diffusers pipeline: the library is not typed, and its families share no useful class."""


class Opened(Struct, kw_only=True, eq=False):
    """A model in memory, ready to draw. The shelf makes it and lets go of it."""

    model: str
    load: Load
    pipeline: Pipeline
    """On its device, in its dtype, with its LoRAs and its speed options. Never called itself: families copy it."""
    family: Family
    device: torch.device
    used_bytes: int = 0
    """What it takes of the device's memory while nothing is drawn."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What the family wants to keep beside the model, such as encoded prompts; goes with it."""


class Family(Protocol):
    """How models of one kind draw. It has no state of its own: one instance serves all models of its kind.

    Lack of memory leaves as what torch raises for it. After that `step`, `finish` and `preview` can be called again
    with the same paintings, or fewer, as if nothing had happened: that is how the engine climbs down.
    """

    def begin(self, opened: Opened, request: ImageRequest, seed: int) -> Painting:
        """The painting before its first step: words read, pictures encoded, noise drawn.

        Raises `Failure` REJECTED, naming the field, for what this model cannot do.
        """

    def step(self, opened: Opened, paintings: Sequence[Painting], bucket: int) -> None:
        """One denoising step for each of them, by one call of the denoiser.

        They are of one group. The call is made as for `bucket` pictures, which are as many as there are paintings or
        more: what one painting gets then depends on `bucket`, and neither on its neighbours nor on its place.
        """

    def finish(self, opened: Opened, painting: Painting) -> Pillow.Image:
        """The picture of a painting that is `done`, in the size the request wants."""

    def preview(self, opened: Opened, painting: Painting) -> Pillow.Image | None:
        """How it looks so far, perhaps smaller, None where that cannot be told. It changes nothing."""

    def drop(self, painting: Painting) -> None:
        """Let go of a painting that will not be finished, or is."""


class Shelf(Protocol):
    """The models in memory, as the engine sees them. All calls come from the engine's thread."""

    def open(self, model: str, busy: Collection[str]) -> Opened | None:
        """The model, loaded where it was not. Others may be let go of for that, but never one that is `busy`.

        None where it fits only once one of the busy is done. Raises `Failure` UNAVAILABLE where it is unknown, cannot
        be loaded, or could never fit.
        """

    def preload(self, models: Iterable[str]) -> tuple[str, ...]:
        """Load them ahead of any request; why some could not be."""

    def relieve(self, opened: Opened, busy: Collection[str], *, coding: bool) -> str | None:
        """Make room for work that `opened` just failed to do for lack of memory, by the next rung of the ladder.

        The rungs: free what is cached, tile the autoencoder (`coding`: where it was at work), let go of idle models,
        offload. What was done, in words; None where nothing is left to do. The engine has halved the batch before, and
        tries again after.
        """

    def clear(self) -> None:
        """Let go of all models: the engine ends."""

    def resident(self) -> tuple[tuple[str, ...], int]:
        """Names of the models in memory, and the bytes they use."""


Tell = Callable[[Any], None]
"""Takes one message to the proxy, from the engine's thread. It must not block for long, and what it raises ends all."""
