"""Vendors that keep books: what each of their answers did cost, to the micro-dollar, whatever a proxy makes of it."""

from __future__ import annotations

import base64
import random
import threading
import time
from collections import Counter
from typing import Any

from aiohttp import web

from tests.walk.vendors import PICTURE, Vendor

PER_TOKEN = 40
"""Micro-USD of a token that is drawn."""
LISTED = 1056
"""Tokens a picture is listed at."""
TEXT = base64.b64encode(PICTURE).decode()


class Bookkeeper(Vendor):
    """Speaks OpenAI's Images API. It charges `story` by the token, not as listed, and `poster` by the picture."""

    def __init__(self, seed: int, *, fails: float = 0.1) -> None:
        """`fails`: the share of requests it answers with an error, for nothing."""
        super().__init__()
        self._lots = random.Random(seed)
        self._fails = fails
        self._lock = threading.Lock()
        self.charged = 0
        """Micro-USD, in all."""
        self.answers: Counter[str] = Counter()
        """By what was answered."""

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/images/generations", self._generations)]

    async def _generations(self, request: web.Request) -> web.Response:
        asked = await request.json()
        await self.opened()
        with self._lock:
            if self._lots.random() < self._fails:
                return self._failing()
            self.answers["ok"] += 1
            return self._charging(asked)

    def _failing(self) -> web.Response:
        if self._lots.random() < 0.5:
            self.answers["down"] += 1
            return web.json_response({"error": {"message": "out of order", "type": "server_error"}}, status=500)
        self.answers["refused"] += 1
        error = {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked"}
        return web.json_response({"error": error}, status=400)

    def _charging(self, asked: dict[str, Any]) -> web.Response:
        count = asked.get("n", 1)
        answer: dict[str, Any] = {"created": 1, "data": [{"b64_json": TEXT}] * count}
        if asked["model"] == "poster":
            self.charged += 80_000 * count
            return web.json_response(answer)
        tokens = round(LISTED * count * self._lots.choice((0.25, 0.5, 1, 1, 1.25)))
        self.charged += tokens * PER_TOKEN
        answer["usage"] = {
            "input_tokens": 0,
            "output_tokens": tokens,
            "total_tokens": tokens,
            "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
        }
        return web.json_response(answer)

    def row(self) -> dict[str, Any]:
        """Its row in config.yaml: two models, each at its own price."""
        tokens = {
            "type": "token",
            "text_in": "0",
            "image_in": "0",
            "image_out": str(PER_TOKEN),
            "output": {"type": "tiers", "tiers": [{"up_to": 100_000_000, "tokens": LISTED}]},
        }
        sized = {"sizes": {"default": "64x64", "listed": ["64x64"]}, "at_once": 4}
        poster = {"type": "image", "rows": [{"price": "0.08"}]}
        models = [
            {"name": "story", "price": {"per": tokens}, **sized},
            {"name": "poster", "price": {"per": poster}, **sized},
        ]
        return {"speaks": "openai", "base": f"{self.origin}/v1", "key": "k", "models": models}


class Studio(Vendor):
    """Black Forest Labs' way: a submission is a job with a price, polled until it is drawn."""

    def __init__(self, pace_s: float) -> None:
        """`pace_s`: seconds until a job is drawn."""
        super().__init__()
        self.pace_s = pace_s
        self.jobs: dict[str, tuple[str, float]] = {}
        """By id: the prompt, and when it was taken."""
        self.prompts: Counter[str] = Counter()
        """How often each prompt was submitted."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/{model}", self._submit),
            web.get("/poll/{id}", self._poll),
            web.get("/pictures/{id}.png", self._picture),
        ]

    @property
    def charged(self) -> int:
        """Micro-USD, in all: four cents a job."""
        return 40_000 * len(self.jobs)

    async def _submit(self, request: web.Request) -> web.Response:
        prompt = (await request.json())["prompt"]
        place = str(len(self.jobs) + 1)
        self.jobs[place] = (prompt, time.monotonic())
        self.prompts[prompt] += 1
        return web.json_response({"id": place, "polling_url": f"{self.origin}/poll/{place}", "cost": 4})

    async def _poll(self, request: web.Request) -> web.Response:
        place = request.match_info["id"]
        self.polls += 1
        if time.monotonic() < self.jobs[place][1] + self.pace_s:
            return web.json_response({"id": place, "status": "Pending"})
        sample = f"{self.origin}/pictures/{place}.png"
        return web.json_response({"id": place, "status": "Ready", "result": {"sample": sample, "seed": 7}})

    async def _picture(self, _: web.Request) -> web.Response:
        return web.Response(body=PICTURE, content_type="image/png")
