"""Models of this machine, through a real server: an untrained pipeline in a worker process draws.

Its pictures have no meaning; its steps, its process and its crashes are real.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import sleep
from typing import Any

import httpx
import openai
import psutil
import pytest
from PIL import Image as Pillow

from tests.walk.running import Running, eventually, running

pytestmark = pytest.mark.slow

LEAVE_S = 0.5
MODEL = {
    "name": "painter",
    "title": "Painter",
    "load": {"type": "untrained"},
    "preload": True,
    "operations": ["generate"],
    "sizes": {"default": "64x64", "step": 64, "min_side": 64, "max_side": 768},
    "formats": ["png"],
    "honours": ["seed", "steps"],
    "at_once": 2,
    "previews": 3,
    "price": {"per": {"type": "second", "usd": "0.001", "seconds": "20"}},
}
CONFIG = {
    "providers": {"local": {"models": [MODEL]}},
    "default_model": "painter",
    "renderer": {"leave_s": LEAVE_S},
    "limits": {"breaker_failures": 100},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose worker has its model loaded."""
    with running(tmp_path_factory.mktemp("local"), CONFIG, {"OMP_NUM_THREADS": "1"}) as made:
        yield made


def worker(server: Running) -> int:
    """The process that draws."""
    found: list[int] = eventually(lambda: _pids(server), within=60)
    assert len(found) == 1
    return found[0]


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _pids(server: Running) -> list[int]:
    return [child.pid for child in psutil.Process(server.pid).children() if "renderer.worker" in _command(child)]


def asked(prompt: str, steps: int, **more: Any) -> dict[str, Any]:
    return {"model": "painter", "prompt": prompt, "size": "64x64", "extra_body": {"num_inference_steps": steps, **more}}


def lines(server: Running, event: str) -> list[dict[str, Any]]:
    return [line for line in server.log() if line["event"] == event]


def steps_done(server: Running) -> float:
    """Denoising steps that its engines did so far, as a dashboard would know."""
    text = httpx.get(server.base.removesuffix("/v1") + "/metrics").text
    found = [line for line in text.splitlines() if line.startswith("darkroom_renderer_steps_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def resting(server: Running) -> bool:
    """Whether no further step is done."""
    before = steps_done(server)
    sleep(0.3)
    return steps_done(server) == before


async def draw_all(server: Running, key: str, prompts: dict[str, int]) -> list[Any]:
    """What becomes of so many requests at once, by prompt and steps."""
    async with openai.AsyncOpenAI(base_url=server.base, api_key=key, max_retries=0, timeout=60) as client:
        work = [client.images.generate(**asked(prompt, steps)) for prompt, steps in prompts.items()]
        return await asyncio.gather(*work, return_exceptions=True)


def settled_once(server: Running, team: str, pictures: int) -> None:
    """Nothing is held, every hold has one end, and what was charged is what was drawn."""
    assert eventually(lambda: server.spent(team)[1] == 0)
    assert server.rows("holds") == []
    entries = [row for row in server.rows("entries") if row["team"] == team]
    ends = [row["hold"] for row in entries if row["kind"] in ("settle", "release")]
    assert sorted(ends) == sorted(row["hold"] for row in entries if row["kind"] == "hold")
    settled = [row for row in entries if row["kind"] == "settle"]
    assert sum(row["images"] for row in settled) == pictures
    assert server.spent(team)[0] == sum(row["micros"] for row in settled)
    assert all(row["micros"] > 0 for row in settled)


def test_a_worker_killed_while_it_draws_costs_nobody_a_picture(server: Running) -> None:
    key = server.key("killed", "1/total")
    first = worker(server)
    began = steps_done(server)
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(asyncio.run, draw_all(server, key, {f"boat {number}": 20 for number in range(4)}))
        eventually(lambda: steps_done(server) > began + 2)
        os.kill(first, signal.SIGKILL)
        answers = drawing.result(timeout=60)
    pictures = [answer for answer in answers if not isinstance(answer, Exception)]
    assert len(pictures) == 4, answers
    assert worker(server) != first
    (died,) = lines(server, "RendererDied")
    assert died["reason"] == "signal 9"
    assert died["jobs"] == 4
    settled_once(server, "killed", 4)


def test_unfinished_pictures_reach_the_official_client_as_it_draws(server: Running) -> None:
    client = server.client(server.key("watching"))
    events = list(client.images.generate(stream=True, partial_images=2, **asked("a boat", 12)))
    kinds = [event.type for event in events]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    seen = [b64decode(event.b64_json) for event in events]
    assert len(set(seen)) == 3
    last = Pillow.open(io.BytesIO(seen[-1]))
    assert last.size == (64, 64)
    settled_once(server, "watching", 1)


def test_what_is_drawn_for_a_client_that_went_away_is_left_off_and_free(server: Running) -> None:
    key = server.key("leaving", "1/total")
    with suppress(openai.APITimeoutError):
        server.client(key, timeout=1.0).images.generate(**asked("a boat", 900))
    eventually(lambda: resting(server), within=LEAVE_S + 5)
    assert eventually(lambda: server.spent("leaving") == (0, 0))
    assert server.rows("holds") == []
    ended = eventually(lambda: [line for line in lines(server, "RequestEnded") if line["team"] == "leaving"])
    assert [line["status"] for line in ended] == [499]


def test_a_clients_own_retry_finds_what_it_left(server: Running) -> None:
    """The official client gives up waiting, and asks again within the seconds that are drawn on for it."""
    key = server.key("retrying", "1/total")
    began = steps_done(server)
    answer = server.client(key, timeout=1.5, max_retries=4).images.generate(**asked("a boat", 80))
    assert answer.data
    assert steps_done(server) - began == 80
    settled_once(server, "retrying", 1)
