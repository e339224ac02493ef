"""Estimates of ten thousand requests, through the whole application in this process: under five seconds.

`make bench` prints the figures, beside a loop that only reads the same JSON. While one is under way, the event loop is
asked for its turn again and again: how long it kept others waiting is a figure, too.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.edge.house import House, house

pytestmark = pytest.mark.bench

REQUESTS = 10_000
OFFERS = 6
MOST_S = 5.0
PROMPT = "A photograph of a boat on a lake in the morning, mist over the water"


def _config() -> dict[str, Any]:
    """A model at six vendors, each at a price of its own."""
    return {"providers": {f"vendor-{place}": _vendor(place) for place in range(OFFERS)}, "default_model": "photo"}


def _vendor(place: int) -> dict[str, Any]:
    price = {"per": {"type": "image", "rows": [{"price": f"0.0{place + 2}"}]}}
    sizes = {"default": "1024x1024", "listed": ["1024x1024", "1536x1024"]}
    model = {"name": "photo", "qualities": ["low", "high"], "sizes": sizes, "at_once": 4, "price": price}
    return {"speaks": "openai", "base": "https://vendor.test/v1", "models": [model]}


def _body(number: int | None) -> dict[str, Any]:
    """Without a number all are alike."""
    prompt = PROMPT if number is None else f"{PROMPT}, number {number}"
    return {"model": "photo", "prompt": prompt, "size": "1024x1024", "quality": "high", "n": 4}


async def _asked(home: House, key: str, requests: list[dict[str, Any]]) -> tuple[Any, float, float]:
    """The answer, the seconds it took, and the longest that others had to wait."""
    content = json.dumps({"requests": requests, "at_once": 16}).encode()
    worst = 0.0

    async def others() -> None:
        nonlocal worst
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - began)

    waiting = asyncio.create_task(others())
    began = time.perf_counter()
    url = "http://darkroom.test/v1/darkroom/estimate"
    answer = await home.http.post(url, content=content, headers={"authorization": f"Bearer {key}"})
    took = time.perf_counter() - began
    waiting.cancel()
    assert answer.status_code == 200, answer.text
    return answer.json(), took, worst


@pytest.mark.parametrize("different", [False, True], ids=["alike", "all different"])
async def test_ten_thousand_requests_are_estimated_within_five_seconds(
    different: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = [_body(number if different else None) for number in range(REQUESTS)]
    began = time.perf_counter()
    for each in requests:
        json.loads(json.dumps(each))
    baseline = time.perf_counter() - began
    async with house(tmp_path, _config()) as home:
        told, took, worst = await _asked(home, home.key("acme", "100/month", "60/day"), requests)
    assert (told["requests"], told["images"], told["refused"]) == (REQUESTS, 4 * REQUESTS, [])
    assert (told["expected_usd"], told["high_usd"]) == ("800", "2800")
    assert told["breaks_first"]["window"] == "day"
    assert took < MOST_S
    with capsys.disabled():
        what = "different" if different else "alike"
        print(
            f"\n{REQUESTS} requests, {what}, {OFFERS} offers each: {took:.2f} s;"
            f" others waited at most {worst * 1000:.0f} ms; their JSON alone {baseline:.2f} s"
        )
