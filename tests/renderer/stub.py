"""A `WorkerRenderer` over the stub worker, and how to ask it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from providers.contract import Generate, Render
from proxy.renderer import Untrained, WorkerRenderer

STUB = (sys.executable, str(Path(__file__).with_name("stub_worker.py")))
AGES = 1_000
"""Steps of a job that ends only by being stopped."""


def render(prompt: str = "", *, steps: int = 1, model: str = "stub", **more: Any) -> Render:
    return Render(
        engine="diffusers", model=model, request=Generate(model=model, prompt=prompt, steps=steps, seed=1, **more)
    )


def renderer(*models: str, **options: Any) -> WorkerRenderer:
    return WorkerRenderer({name: Untrained() for name in models or ("stub",)}, command=STUB, **options)


async def until(true: Callable[[], object], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)


def begun(pool: WorkerRenderer) -> Callable[[], bool]:
    """Is the worker drawing? From outside: nothing waits, and yet one would have to."""
    return lambda: pool.pid is not None and pool.waiting == 0 and pool.expected_wait > 0
