"""What is tried, and in which order, when a device runs out of memory. Pure: no torch, no clock.

First of all fewer pictures share the step: that is the engine's to do, and `Bounds` is how it learns how many. Then the
rungs: decode in tiles, evict idle models, move the model's idle parts to the machine's memory. Where none is left, the
one request fails that needs too much.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum

from msgspec import Struct

_RECOVERS = 32
"""Batches at the bound that go well before a larger one is tried."""
_RECOVERS_MOST = 4_096
_BOUNDS = 256
"""Groups remembered; the longest unused is forgotten."""


class Rung(StrEnum):
    """What is done about a shortage; each where those before it do not apply any more."""

    TILE = "tile"
    """The model's autoencoder works tile by tile from now on. Only pictures larger than a tile look different for it,
    and hardly. It helps where pictures are encoded or decoded, not in a denoising step."""
    EVICT = "evict"
    """Idle models leave the device."""
    OFFLOAD = "offload"
    """Of the model's parts, only the one at work is on the device from now on. Slower, the same pictures."""


class Trouble(Struct, frozen=True, kw_only=True):
    """A shortage, and what could still be done about it."""

    coding: bool
    """It was in encoding or decoding pictures, not in a denoising step."""
    tiles: bool
    """The autoencoder could work in tiles, and does not."""
    idle: bool
    """There are idle models on the device."""
    offloads: bool
    """The model's idle parts could be elsewhere, and are not."""


def next_rung(trouble: Trouble) -> Rung | None:
    """What to do about it, None where nothing is left. Every rung takes away its own reason, so a climb ends."""
    if trouble.coding and trouble.tiles:
        return Rung.TILE
    if trouble.idle:
        return Rung.EVICT
    return Rung.OFFLOAD if trouble.offloads else None


class _Bound(Struct):
    most: int
    recovers: int = _RECOVERS
    well: int = 0
    """Batches of that size that went well since."""
    grown: bool = False
    """It is an attempt to forget: less is known to be enough."""


class Bounds:
    """How many pictures of a group may share a step, learnt from shortages and carefully forgotten again.

    After some batches at the bound it doubles; if that is too much again, twice as many have to go well before the
    next try.
    """

    def __init__(self) -> None:
        self._bounds: dict[Hashable, _Bound] = {}

    def most(self, group: Hashable, limit: int) -> int:
        """Pictures of the group in a step, padding counted: `limit`, or less where that was too much."""
        bound = self._bounds.get(group)
        return limit if bound is None else min(limit, bound.most)

    def halve(self, group: Hashable, batch: int) -> int:
        """That many were too many; how many may be tried now."""
        known = self._bounds.pop(group, _Bound(batch))
        recovers = min(2 * known.recovers, _RECOVERS_MOST) if known.grown else known.recovers
        self._bounds[group] = _Bound(max(1, batch // 2), recovers)
        if len(self._bounds) > _BOUNDS:
            del self._bounds[next(iter(self._bounds))]
        return self._bounds[group].most

    def went_well(self, group: Hashable, batch: int) -> None:
        """That many were not too many."""
        bound = self._bounds.get(group)
        if bound is None or batch < bound.most:
            return
        bound.well += 1
        if bound.well >= bound.recovers:
            bound.most, bound.well, bound.grown = 2 * bound.most, 0, True
