"""One picture on its way from a request to its pixels. State only: the engine and the families act on it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from msgspec import Struct


class Painting(Struct, kw_only=True, eq=False):
    """What the engine knows of one picture. A family makes it, and keeps `step`, `group` and `state` up to date.

    It owns all that changes while it is drawn (scheduler, generator, latents, embeddings), so that nothing another
    painting does can change its picture, and leaving it out of a step for as long as one likes costs nothing.
    """

    model: str
    seed: int
    width: int
    """Of the picture as drawn, in pixels, likewise `height`. A family may cut it to a smaller one at the end."""
    height: int
    steps: int
    """Denoising steps there are in all: fewer than asked for where the picture begins from another."""
    guided: bool
    """Every step runs the denoiser twice, with and without the prompt."""
    tokens: int
    """Work of one step: latent pixels (of a transformer: patches), twice those of a guided picture."""
    group: Hashable
    """Only paintings of equal groups share a step: same weights, same shape of everything the denoiser is given."""
    state: Any
    """The family's own."""
    step: int = 0
    """Denoising steps done."""
    alone: bool = False
    """It never shares a step with others: its load is `deterministic`, or its pipeline cannot be taken apart."""
    failed: Exception | None = None
    """What its own part of a shared step raised: it cannot go on, and the others can."""
    seconds: float = 0.0
    """Of the device, its share: of a step it shared, by tokens."""

    @property
    def done(self) -> bool:
        """Whether only finishing is left."""
        return self.step >= self.steps

    @property
    def left(self) -> int:
        """Denoising steps to do."""
        return self.steps - self.step
