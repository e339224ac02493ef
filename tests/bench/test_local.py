"""How late the proxy's event loop is while local models draw: at rest, then with an engine in each home.

`make bench` prints the figures. A machine that is busy with other things is late at rest, too: what counts is the
difference within one run, and the target for the default home.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from providers.contract import Generate, Render
from proxy.renderer import LocalRenderer, Untrained
from proxy.renderer.homes.contract import Home
from proxy.renderer.homes.opening import open_engine
from proxy.renderer.homes.process import ProcessHome
from proxy.renderer.homes.thread import ThreadHome
from proxy.renderer.wire import Setup

pytestmark = pytest.mark.bench

TARGET_S = 0.010
EVERY_S = 0.002
SECONDS = 8.0
JOBS = 8
"""Requests under way at any time, each with unfinished pictures."""
SETUP = Setup({"painter": Untrained()}, ("painter",))
HOMES: dict[str, Callable[[], Home]] = {
    "process": lambda: ProcessHome(SETUP),
    "thread": lambda: ThreadHome(SETUP, open_engine),
}


async def lags() -> list[float]:
    """How much later than wanted a sleeper was woken, in seconds, again and again."""
    found = []
    ends = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < ends:
        await asyncio.sleep(EVERY_S)
        found.append(time.perf_counter() - began - EVERY_S)
    return found


@asynccontextmanager
async def drawing(home: Home, drawn: list[int]) -> AsyncIterator[None]:
    """A renderer that never rests; `drawn` counts its pictures."""
    renderer = LocalRenderer(home, SETUP.models, lambda _: None)
    await renderer.start()

    async def one(number: int) -> None:
        while True:
            request = Generate(model="painter", prompt="a boat", width=128, height=128, steps=8, seed=number)
            await renderer.draw(Render(engine="diffusers", model="painter", request=request, previews=2))
            drawn[0] += 1

    jobs = [asyncio.create_task(one(number)) for number in range(JOBS)]
    try:
        while not drawn[0]:  # what a first picture loads is no drawing
            await asyncio.sleep(0.05)
        yield
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await renderer.close()


def said(title: str, found: list[float], pictures: int) -> float:
    """Print a line; the 99th percentile."""
    cuts = statistics.quantiles(found, n=1000)
    figures = "  ".join(f"{name} {value * 1e3:6.2f} ms" for name, value in (("p50", cuts[499]), ("p99", cuts[989])))
    print(f"{title:>8}: {figures}  most {max(found) * 1e3:6.2f} ms  {pictures} pictures", file=sys.stderr)
    return cuts[989]


def test_the_loop_is_in_time_while_a_picture_is_drawn() -> None:
    async def measure() -> dict[str, float]:
        p99 = {"at rest": said("at rest", await lags(), 0)}
        for name, make in HOMES.items():
            drawn = [0]
            async with drawing(make(), drawn):
                before, found = drawn[0], await lags()
                p99[name] = said(name, found, drawn[0] - before)
                assert drawn[0] > before, "nothing was drawn: the figure says nothing"
        return p99

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        p99 = runner.run(measure())
    assert p99["process"] < max(TARGET_S, 2 * p99["at rest"]), p99
