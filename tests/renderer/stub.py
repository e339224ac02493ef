"""A `LocalRenderer` over homes with the stub engine, and how to ask it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from providers.contract import Generate, Render
from proxy.events import Event
from proxy.renderer import EngineOptions, LocalRenderer, Untrained
from proxy.renderer.homes.contract import Home
from proxy.renderer.homes.process import ProcessHome
from proxy.renderer.homes.thread import ThreadHome
from proxy.renderer.wire import Setup
from tests.renderer.stub_engine import StubEngine

STUB = (sys.executable, str(Path(__file__).with_name("stub_engine.py")))
AGES = 1_000
"""Steps of a job that ends only by being stopped."""


def asked(prompt: str = "", *, steps: int | None = 1, model: str = "stub", **more: Any) -> Generate:
    return Generate(model=model, prompt=prompt, steps=steps, **{"seed": 1, **more})


def render(prompt: str = "", *, model: str = "stub", previews: int = 0, **more: Any) -> Render:
    return Render(engine="diffusers", model=model, request=asked(prompt, model=model, **more), previews=previews)


def setup(*models: str, preload: tuple[str, ...] = (), slots: int = 1) -> Setup:
    return Setup({name: Untrained() for name in models or ("stub",)}, preload, EngineOptions(slots=slots))


def in_process(setup: Setup, **options: Any) -> ProcessHome:
    return ProcessHome(setup, command=STUB, **options)


def in_thread(setup: Setup, **options: Any) -> ThreadHome:
    return ThreadHome(setup, StubEngine, **options)


HOMES: dict[str, Callable[..., Home]] = {"process": in_process, "thread": in_thread}
"""Every home there is, by what a test is called that has it."""


class Local(LocalRenderer):
    """A renderer over one worker process with the stub engine; it keeps what it tells."""

    def __init__(
        self,
        *models: str,
        queue_limit: int = 64,
        preload: tuple[str, ...] = (),
        slots: int = 1,
        home: Home | None = None,
        **options: Any,
    ) -> None:
        self.home = home or in_process(setup(*models, preload=preload, slots=slots), **options)
        self.told: list[Event] = []
        super().__init__(self.home, models or ("stub",), self.told.append, queue_limit=queue_limit)

    @property
    def pid(self) -> int | None:
        assert isinstance(self.home, ProcessHome)
        return self.home.pid

    def all_told(self, kind: type[Event]) -> list[Any]:
        """What it told of a kind."""
        return [event for event in self.told if isinstance(event, kind)]


async def until(true: Callable[[], object], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)


def begun(local: Local, jobs: int = 1) -> Callable[[], bool]:
    """Is the engine drawing so many, for all that can be seen from outside?"""
    return lambda: local.home.warm != frozenset() and local.standing.inside >= jobs
