"""Servers on loopback for the transport to talk to: well-behaved ones by aiohttp, all others by bare sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec import Struct

CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""For a handful of names under `.test`, signed by itself; with its key, which is no secret."""


class Seen(Struct, kw_only=True):
    """One request, as it arrived."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    peer: int
    """The client's port: the same for two requests on one connection."""
    at: float


class Server:
    """What arrived at a server, and where it listens."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.port = 0
        self.connections = 0
        """Counted for bare sockets only."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"


Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer, *, tls: bool = False) -> AsyncIterator[Server]:
    """A proper HTTP server, the same answer to everything."""
    server = Server()

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        server.seen.append(
            Seen(
                method=request.method,
                host=request.host,
                path=request.path_qs,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.read(),
                peer=request.transport.get_extra_info("peername")[1],
                at=time.monotonic(),
            )
        )
        return await answer(request)

    runner = web.ServerRunner(web.Server(take, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


Talk = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def misbehaving(talk: Talk) -> AsyncIterator[Server]:
    """A server that reads requests whole, and does to each what `talk` says: the how-manieth it is, and a writer.

    It goes on reading from a connection until somebody closes it.
    """
    server = Server()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = head.split(" ", 2)
                peer = writer.get_extra_info("peername")[1]
                seen = Seen(
                    method=method,
                    host=headers["host"],
                    path=path,
                    headers=headers,
                    body=body,
                    peer=peer,
                    at=time.monotonic(),
                )
                server.seen.append(seen)
                await talk(len(server.seen), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(take, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def closed_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def eventually(check: Callable[[], object], *, within: float = 5.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


async def left(request: web.BaseRequest) -> None:
    """Wait, inside a handler, until the client has closed the connection."""
    await eventually(lambda: request.transport is None or request.transport.is_closing())


class Names:
    """What host names resolve to, in place of the network's answer. A server's address may depend on the port asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, list[list[tuple[str, int]]]] = {}
        """By name, or name:port: one answer after another, the last one for ever."""
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def point(self, name: str, *answers: list[tuple[str, int]]) -> None:
        """Let a name resolve to addresses."""
        self.answers[name] = list(answers)

    def _look_up(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        name = str(host).lower().rstrip(".")
        answers = self.answers.get(f"{name}:{port}", self.answers.get(name))
        if answers is None:
            if name.endswith(".test"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return self._real(host, port, *args, **options)
        self.asked.append(name)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, at, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, at))
            for address, at in found
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Names under `.test` exist only where a test says so; and our own certificate is trusted."""
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=CERTIFICATE))
    return Names(monkeypatch)
