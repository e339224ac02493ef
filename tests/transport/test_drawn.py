"""What is drawn here, and for whom."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from providers.contract import Drawn, Failure, Fault, Generate, Render
from proxy.renderer import Show, unseen
from proxy.transport import drawn as module
from proxy.transport.drawn import always, draw

STEP = Render(engine="diffusers", model="m", request=Generate(model="m", prompt="A boat"))
DRAWN = Drawn(images=(), seconds=Decimal(1))


class Slow:
    """A renderer that takes its time, and knows whether it was told to stop."""

    def __init__(self, seconds: float, failure: Failure | None = None) -> None:
        self.seconds = seconds
        self.failure = failure
        self.stopped = False

    async def start(self) -> None:
        raise AssertionError

    async def draw(self, step: Render, show: Show = unseen) -> Drawn:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if self.failure is not None:
            raise self.failure
        return DRAWN

    async def close(self) -> None:
        raise AssertionError


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


async def test_what_somebody_waits_for_is_drawn_to_its_end() -> None:
    assert await draw(Slow(0.05), STEP, unseen, always) is DRAWN


async def test_what_nobody_waits_for_is_given_up_and_tried_nowhere_else() -> None:
    renderer = Slow(60)
    with pytest.raises(Failure) as caught:
        await draw(renderer, STEP, unseen, lambda: False)
    assert caught.value.fault is Fault.REJECTED
    assert not caught.value.charged
    assert renderer.stopped


async def test_a_failure_is_the_renderers_own() -> None:
    failure = Failure(Fault.THROTTLED, "full", retry_after=3)
    with pytest.raises(Failure) as caught:
        await draw(Slow(0, failure), STEP, unseen, lambda: False)
    assert caught.value is failure


async def test_broken_off_from_outside_it_stops_drawing() -> None:
    renderer = Slow(60)
    work = asyncio.create_task(draw(renderer, STEP, unseen, always))
    await asyncio.sleep(0.02)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert renderer.stopped
