"""A stub vendor that speaks OpenAI and answers at once: `python -m tests.bench.vendor PORT`.

The model asked for is the size of the answer.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import sys

import uvloop
from aiohttp import web

from tests.pictures import png


def reply(size: int) -> bytes:
    """An answer of about `size` bytes: a real picture's head, then padding that is valid base64."""
    picture = png(64, 64, (40, 90, 160))
    text = base64.b64encode(picture + bytes(max(0, (size * 3) // 4 - len(picture) - 120))).decode()
    return json.dumps({"created": 1, "data": [{"b64_json": text}]}).encode()


async def main(port: int) -> None:
    """Serve until killed."""
    replies = {"small": reply(1_000), "large": reply(2_000_000)}

    async def generations(request: web.Request) -> web.Response:
        asked = json.loads(await request.read())
        return web.Response(body=replies[asked["model"]], content_type="application/json")

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/v1/images/generations", generations)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    gc.freeze()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
