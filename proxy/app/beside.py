"""The admin API on an address of its own, beside the server's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import uvicorn
from litestar.types import ASGIApp

from proxy.config import ConfigError

BACKLOG = 64
CLOSES_S = 5
"""Seconds that what operators ask has to end when the server stops."""


class _Beside(uvicorn.Server):
    """Signals are for the server it is beside."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def beside(app: ASGIApp, bind: str, *, shared: bool) -> AsyncIterator[None]:
    """Serve an application at `host:port` meanwhile.

    `shared`: several processes listen there, and each connection is one's. Raises ConfigError where nobody can.
    """
    listening = _listening(bind, shared=shared)
    settings = uvicorn.Config(
        cast(Any, app),  # as for the main server
        interface="asgi3",  # it cannot tell by a method
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSES_S,
    )
    server = _Beside(settings)
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listening.close()


def _listening(bind: str, *, shared: bool) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shared else socket.SO_REUSEADDR, 1)
        made.bind((host, int(port)))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise ConfigError(f"admin.bind: nobody can listen at {bind}: {error.strerror or error}") from error
    made.setblocking(False)
    return made
