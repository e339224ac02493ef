"""Vendors that behave as documented, over real HTTP, in a thread of their own. They count what they are asked."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.pictures import png

PICTURE = png(64, 64, (40, 90, 160))


class Vendor:
    """What both vendors share: a server, a list of what was submitted, and switches a test can throw."""

    def __init__(self) -> None:
        self.submits: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.fails: dict[str, tuple[int, dict[str, str], dict[str, Any]]] = {}
        """By model: status, headers, body."""
        self.fail_next: list[tuple[int, dict[str, str], dict[str, Any]]] = []
        self.gate = threading.Event()
        self.gate.set()
        """Closed, the vendor takes requests and does not answer them."""
        self.polls = 0
        self.port = 0

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        raise NotImplementedError

    async def opened(self) -> None:
        """Wait for the gate."""
        while not self.gate.is_set():
            await asyncio.sleep(0.01)

    def refusal(self, model: str) -> web.Response | None:
        """What it was told to fail with, if anything."""
        told = self.fail_next.pop(0) if self.fail_next else self.fails.get(model)
        if told is None:
            return None
        status, headers, body = told
        return web.json_response(body, status=status, headers=headers)


class OpenAIVendor(Vendor):
    """Speaks OpenAI's Images API."""

    usage: dict[str, Any] | None = None
    links = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/images/generations", self._generations),
            web.post("/v1/images/edits", self._edits),
            web.get("/pictures/one.png", self._picture),
        ]

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.submits.append(asked)
        self.headers.append(dict(request.headers))
        await self.opened()
        refused = self.refusal(asked["model"])
        if refused is not None:
            return refused
        if asked.get("stream"):
            return await self._stream(request, asked.get("partial_images", 0))
        return web.json_response(self._answer(asked.get("n", 1)), headers={"x-request-id": "vendor-1"})

    async def _edits(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked: dict[str, Any] = {}
        for name, value in form.items():
            asked[name] = value.file.read() if isinstance(value, web.FileField) else value
        self.submits.append(asked)
        await self.opened()
        return self.refusal(str(asked["model"])) or web.json_response(self._answer(int(asked.get("n", 1))))

    def _answer(self, count: int) -> dict[str, Any]:
        datum = (
            {"url": f"{self.origin}/pictures/one.png"}
            if self.links
            else {"b64_json": base64.b64encode(PICTURE).decode(), "revised_prompt": "as drawn"}
        )
        answer: dict[str, Any] = {"created": 1, "data": [datum] * count}
        return answer | ({"usage": self.usage} if self.usage else {})

    async def _stream(self, request: web.Request, partials: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        text = base64.b64encode(PICTURE).decode()
        shared = {"b64_json": text, "created_at": 1, "size": "64x64", "quality": "high", "background": "opaque"}
        for index in range(partials):
            event = {"type": "image_generation.partial_image", "partial_image_index": index, **shared}
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        done = {"type": "image_generation.completed", "output_format": "png", "usage": self.usage, **shared}
        await response.write(f"event: {done['type']}\ndata: {json.dumps(done)}\n\n".encode())
        return response

    async def _picture(self, _: web.Request) -> web.Response:
        return web.Response(body=PICTURE, content_type="image/png")


class PollingVendor(Vendor):
    """Black Forest Labs' way: submit, then poll the URL the submission returned."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/{model}", self._submit),
            web.get("/poll/{id}", self._poll),
            web.get("/pictures/{id}.png", self._picture),
        ]

    async def _submit(self, request: web.Request) -> web.Response:
        self.submits.append(await request.json())
        self.headers.append(dict(request.headers))
        refused = self.refusal(request.match_info["model"])
        place = str(len(self.submits))
        return refused or web.json_response({"id": place, "polling_url": f"{self.origin}/poll/{place}", "cost": 4})

    async def _poll(self, request: web.Request) -> web.Response:
        self.polls += 1
        if not self.gate.is_set():
            return web.json_response({"id": request.match_info["id"], "status": "Pending"})
        sample = f"{self.origin}/pictures/{request.match_info['id']}.png"
        return web.json_response({"status": "Ready", "result": {"sample": sample, "seed": 7}})

    async def _picture(self, _: web.Request) -> web.Response:
        return web.Response(body=PICTURE, content_type="image/png")


@contextmanager
def serving(vendor: Vendor) -> Iterator[None]:
    """Serve a vendor while inside."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=1 << 27)
        app.add_routes(vendor.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        assert site._server is not None
        vendor.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield
    finally:
        vendor.gate.set()
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def at(vendor: Vendor, **more: Any) -> dict[str, Any]:
    """A row of config.yaml for a vendor that speaks OpenAI, at four cents a picture."""
    price = {"per": {"type": "image", "rows": [{"price": "0.04"}]}}
    photo: dict[str, Any] = {
        "name": "photo",
        "operations": ["generate", "edit.general", "edit.inpaint"],
        "sizes": {"default": "64x64", "listed": ["64x64", "128x64"]},
        "qualities": ["low", "high"],
        "mask": "transparent",
        "inputs": 4,
        "previews": 3,
        "price": price,
        **more,
    }
    return {"speaks": "openai", "base": f"{vendor.origin}/v1", "models": [photo, {**photo, "name": "spare"}]}


Check = Callable[[], Any]
