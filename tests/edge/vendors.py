"""Vendors that misbehave in ways the documented ones do not."""

from __future__ import annotations

import base64
import random
from io import BytesIO
from typing import Any

from aiohttp import web
from PIL import Image

from tests.walk.vendors import OpenAIVendor

DEARER = {"per": {"type": "image", "rows": [{"price": "0.07"}]}}


def noise(width: int, height: int) -> bytes:
    """A picture no codec makes smaller: three bytes a pixel."""
    drawn = Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))
    target = BytesIO()
    drawn.save(target, "PNG", compress_level=0)
    return target.getvalue()


class LargeVendor(OpenAIVendor):
    """Its pictures are as large as a test wants them."""

    def __init__(self, picture: bytes) -> None:
        super().__init__()
        self.picture = picture

    def _answer(self, count: int) -> dict[str, Any]:
        return {"created": 1, "data": [{"b64_json": base64.b64encode(self.picture).decode()}] * count}


class FickleVendor(OpenAIVendor):
    """Does with each request what its list says, in their order; then what vendors do."""

    def __init__(self) -> None:
        super().__init__()
        self.does: list[str] = []

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        told = self.does.pop(0) if self.does else "ok"
        if told == "ok":
            return await super()._generations(request)
        self.submits.append(await request.json())
        await self.opened()
        if told == "hangs up":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if told in BODIES:
            return web.Response(status=200, text=BODIES[told], content_type="application/json")
        status, code = SAYS[told]
        error = {"message": f"it {told}", "type": "some_error", "param": None, "code": code}
        return web.json_response({"error": error}, status=status)


SAYS: dict[str, tuple[int, str | None]] = {
    "refuses": (400, "invalid_value"),
    "moderates": (400, "moderation_blocked"),
    "refuses our key": (401, "invalid_api_key"),
    "has no credit": (429, "insufficient_quota"),
    "throttles": (429, "rate_limit_exceeded"),
    "breaks": (500, None),
    "is down": (503, None),
    "gives up waiting": (504, None),
}
BODIES = {"says nothing": '{"created": 1, "data": []}', "talks nonsense": "<html>"}
