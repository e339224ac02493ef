"""Draws with a model ahead of its first request, so that nobody waits for what is done but once. Imports torch."""

from __future__ import annotations

import torch

from providers.contract import Failure, Generate
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.painting import Painting
from proxy.renderer.models.choosing import ModelError

WARM_STEPS = 2
WARM_BUCKETS = (1, 2)
"""What is compiled for one picture is special, and what is compiled for two serves any number."""


def warm(opened: Opened) -> None:
    """Draw at the sizes the load names, so that nobody waits for what is done but once. Raises ModelError."""
    for size in opened.load.speed.warm_up:
        width, height = map(int, size.split("x"))
        request = Generate(model=opened.model, prompt="warm", width=width, height=height, steps=WARM_STEPS)
        for bucket in WARM_BUCKETS:
            try:
                shared = _drawn(opened, request, bucket)
            except Failure as failure:
                raise ModelError(f"`warm_up: {size}`: {failure.detail}") from failure
            if not shared:
                break


def _drawn(opened: Opened, request: Generate, bucket: int) -> bool:
    """Draw that many of the same at once; False, having drawn nothing more, where each is drawn alone anyway."""
    family = opened.family
    paintings: list[Painting] = []
    try:
        with torch.inference_mode():
            for seed in range(bucket):
                paintings.append(family.begin(opened, request, seed))  # noqa: PERF401  those before one that fails count
            if bucket > 1 and paintings[0].alone:
                return False
            while not paintings[0].done:
                family.step(opened, paintings, bucket)
                for painting in paintings:
                    if painting.failed is not None:
                        raise painting.failed
            family.finish(opened, paintings[0])
    finally:
        for painting in paintings:
            family.drop(painting)
    return True
