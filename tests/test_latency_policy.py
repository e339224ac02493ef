"""The fastest offer is the one that is fast now: a vendor that slows down loses its traffic, and no request is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from tests.edge.house import house
from tests.walk.vendors import OpenAIVendor, at, serving

ENOUGH = 8
"""Requests after which an offer's pace is known."""
SLOW_S = 0.25
MOST_SLOW = 12
"""Requests that may still go to the slow one before its pace tells."""


class PacedVendor(OpenAIVendor):
    """Takes its time, as a test says."""

    pause_s = 0.0

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.pause_s)
        return await super()._generations(request)


async def test_a_vendor_that_slows_down_loses_its_traffic_under_the_latency_policy(tmp_path: Path) -> None:
    one, two = PacedVendor(), PacedVendor()
    two.pause_s = 0.05
    with serving(one), serving(two):
        rows = {"one": at(one), "two": at(two)}
        config = {"providers": rows, "default_model": "photo", "policy": {"default": "fastest"}}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "100/total")
            for name in rows:
                for _ in range(ENOUGH):
                    assert (await home.post(key, x_darkroom_providers=name)).headers["x-darkroom-provider"] == name
            assert (await home.post(key)).headers["x-darkroom-provider"] == "one"
            one.pause_s = SLOW_S
            served: list[str] = []
            while served[-3:] != ["two"] * 3 and len(served) < 40:
                answer = await home.post(key)
                assert answer.status_code == 200
                served.append(answer.headers["x-darkroom-provider"])
                await asyncio.sleep(0.1)  # measurements are looked at a few times a second
            assert served[-3:] == ["two"] * 3, served
            assert served.count("one") <= MOST_SLOW
