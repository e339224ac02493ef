"""Tiny pipelines in the shape of real families, with random weights from a seed. No file, no network.

Worker process only: imports torch and diffusers. What they paint is abstract. Each has its family's own parts, text
encoders, schedulers and defaults, only narrow: what works with them works with the family.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from proxy.renderer.engine.untrained import flux, real, sd, sd3, sdxl
from proxy.renderer.engine.untrained.parts import sown
from proxy.renderer.loads import Untrained

_FAMILIES: dict[str, Callable[[], Any]] = {
    "sd": sd.pipeline,
    "sdxl": sdxl.pipeline,
    "sd3": sd3.pipeline,
    "flux": flux.pipeline,
}


def build(load: Untrained) -> Any:
    """The pipeline of that family for that seed, the same on every run: one to three million parameters."""
    with sown(load.seed):
        built = _FAMILIES[load.family]()
    built.set_progress_bar_config(disable=True)
    return built


def build_real(load: Untrained, dtype: torch.dtype, device: torch.device) -> Any:
    """The pipeline of that family with a denoiser and an autoencoder of real size, made where it is wanted."""
    with sown(load.seed), real.made_in(dtype, device):
        built = real.PIPELINES[load.family]()
    built.set_progress_bar_config(disable=True)
    return built.to(dtype)
