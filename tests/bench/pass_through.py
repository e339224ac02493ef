"""The reference: an aiohttp server that passes each request on by an aiohttp client, and does nothing else.

`python -m tests.bench.pass_through PORT VENDOR_PORT`
"""

from __future__ import annotations

import asyncio
import gc
import sys

import uvloop
from aiohttp import ClientSession, TCPConnector, web


async def main(port: int, vendor: int) -> None:
    """Serve until killed."""
    session = ClientSession(connector=TCPConnector(limit=0))

    async def generations(request: web.Request) -> web.Response:
        url = f"http://127.0.0.1:{vendor}/v1/images/generations"
        async with session.post(url, data=await request.read(), headers={"content-type": "application/json"}) as answer:
            return web.Response(body=await answer.read(), content_type="application/json")

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/v1/images/generations", generations)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    gc.freeze()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
