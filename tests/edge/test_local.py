"""Local models through the whole application, a stub drawing in a worker process: crashes, and clients that leave."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import pytest_asyncio

from proxy.renderer.homes.process import ProcessHome
from tests.edge.house import House, Visitor, house
from tests.renderer.stub import AGES, STUB, until

MODEL = {
    "name": "painter",
    "title": "Painter",
    "load": {"type": "untrained"},
    "operations": ["generate"],
    "sizes": {"default": "64x64", "step": 64, "min_side": 64, "max_side": 768},
    "formats": ["png"],
    "honours": ["seed", "steps"],
    "at_once": 2,
    "price": {"per": {"type": "second", "usd": "0.001", "seconds": "20"}},
}
LEAVE_S = 0.2


def config(**row: Any) -> dict[str, Any]:
    return {
        "providers": {"local": {"models": [MODEL]}},
        "default_model": "painter",
        "renderer": {"leave_s": LEAVE_S, **row},
    }


def body(prompt: str = "A boat", steps: int = 1, **more: Any) -> dict[str, Any]:
    asked = {"model": "painter", "prompt": prompt, "size": "64x64", "response_format": "b64_json"}
    return {**asked, "num_inference_steps": steps, **more}


@pytest_asyncio.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    with patch("proxy.app.drawing.ProcessHome", partial(ProcessHome, command=STUB)):
        async with house(tmp_path, config(slots=4, queue_limit=2)) as made:
            yield made


def standing(home: House) -> Any:
    return home.app.premises.local.standing  # type: ignore[union-attr]


def pid(home: House) -> int:
    found: int | None = home.app.premises.local._home.pid  # type: ignore[union-attr]
    assert found is not None
    return found


async def drawing(home: House, requests: int) -> None:
    """Wait until an engine has so many, and has begun."""
    await until(lambda: standing(home).inside == requests and standing(home).warm)
    await asyncio.sleep(0.1)


def ends(home: House, team: str) -> list[str]:
    """How its holds ended; every hold has one end, and none is left."""
    assert home.rows("holds") == []
    entries = [row for row in home.rows("entries") if row["team"] == team]
    over = {row["hold"]: row["kind"] for row in entries if row["kind"] != "hold"}
    assert len(over) == len(entries) / 2
    assert over.keys() == {row["hold"] for row in entries if row["kind"] == "hold"}
    return sorted(over.values())


async def test_a_killed_worker_costs_nobody_a_picture(home: House) -> None:
    key = home.key("acme", "1/total")
    asking = [asyncio.create_task(home.post(key, body(f"boat {n}", steps=20))) for n in range(4)]
    await drawing(home, 4)
    os.kill(pid(home), signal.SIGKILL)
    answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert ends(home, "acme") == ["settle"] * 4
    assert home.spent("acme")[1] == 0


async def test_a_request_two_workers_die_of_fails_alone_and_is_free(home: House) -> None:
    key, other = home.key("acme", "1/total"), home.key("beside", "1/total")
    beside = asyncio.create_task(home.post(other, body(steps=30)))
    await drawing(home, 1)
    answer = await home.post(key, body("die"))
    assert answer.status_code == 503
    assert "ended 2 times" in answer.text
    assert (await beside).status_code == 200
    assert (ends(home, "acme"), home.spent("acme")) == (["release"], (0, 0))
    assert ends(home, "beside") == ["settle"]


async def test_a_full_queue_is_told_with_when_to_come_back(home: House) -> None:
    key = home.key("acme", "1/total")
    asking = [asyncio.create_task(home.post(key, body(f"boat {n}", steps=40))) for n in range(6)]
    await until(lambda: standing(home).queue == 2)
    refused = await home.post(key, body())
    assert refused.status_code == 429
    assert float(refused.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in await asyncio.gather(*asking)] == [200] * 6
    assert ends(home, "acme").count("settle") == 6  # whether the refused one was held before depends on the plan


async def test_what_is_drawn_for_a_client_that_went_away_is_left_off_and_free(home: House) -> None:
    key = home.key("acme", "1/total")
    visitor = Visitor(key).says(msgspec.json.encode(body(steps=AGES)))
    visiting = asyncio.create_task(visitor.visit(home.app))
    await drawing(home, 1)
    visitor.goes_away()
    async with asyncio.timeout(5):  # to its end it would take twenty seconds
        await visiting
    assert visitor.status is None
    assert standing(home).inside == 0
    assert (ends(home, "acme"), home.spent("acme")) == (["release"], (0, 0))


@pytest.mark.parametrize("how", ["a key", "a retry", "a twin"])
async def test_it_is_drawn_on_for_whoever_comes_back_or_waits_for_the_same(home: House, how: str) -> None:
    key = home.key("acme", "1/total")
    asked = body(steps=60, seed=1)
    headers = {"idempotency_key": "order"} if how == "a key" else {}
    visitor = Visitor(key, **headers).says(msgspec.json.encode(asked))
    visiting = asyncio.create_task(visitor.visit(home.app))
    await drawing(home, 1)
    if how == "a retry":
        headers = {"x_stainless_retry_count": "1"}
    again = None if how == "a key" else asyncio.create_task(home.post(key, asked, **headers))
    await asyncio.sleep(0.05)
    visitor.goes_away()
    await visiting
    answer = await (again or home.post(key, asked, **headers))
    assert answer.status_code == 200
    assert ends(home, "acme") == ["settle"]
