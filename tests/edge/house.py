"""The whole application in this process, on a folder of its own; and a wire to a server, byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import msgspec
import yaml

from proxy.app import Application, opened
from proxy.config import load
from proxy.events import Tell
from proxy.ledger.accounts import Accounts
from proxy.ledger.clerk import Clerk
from proxy.ledger.clock import now_ms
from proxy.ledger.orders import Answer, Order
from tests.walk.running import Running

BODY = {"model": "photo", "prompt": "A boat", "response_format": "b64_json"}
GENERATIONS = "/images/generations"


class Here:
    """Writes the ledger in this very thread, at whatever time it is told to be: a process for every test is slow."""

    def __init__(self, file: Path) -> None:
        self.behind_s = 0.0
        self._clerk = Clerk(file, lambda: now_ms() - int(self.behind_s * 1000))

    @classmethod
    async def start(cls, file: Path, *, hold: int | None = None, tell: Tell) -> Here:
        """In the place of the process that a server starts."""
        return cls(file)

    async def post(self, orders: Sequence[Order]) -> list[Answer]:
        return self._clerk.post(orders)

    async def close(self) -> None:
        self._clerk.close()


class House(Running):
    """The application itself instead of a server: what a test asks of either is the same."""

    app: Application
    http: httpx.AsyncClient

    async def post(self, key: str, body: Mapping[str, Any] | bytes = BODY, /, **headers: str) -> httpx.Response:
        """Ask for pictures; underscores in the names of headers are dashes."""
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): said for name, said in headers.items()}}
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.http.post(GENERATIONS, content=content, headers=sent)

    async def get(self, key: str, path: str) -> httpx.Response:
        """Ask about something."""
        return await self.http.get(path, headers={"authorization": f"Bearer {key}"})

    def another_key(self, team: str, *grants: str) -> str:
        """One more key of a team."""
        return Accounts(self.engine()).create_key(team, grants=frozenset(grants))[1]

    def rewrite(self, config: Mapping[str, Any]) -> None:
        """Write another config.yaml; nobody reads it before it is told to."""
        self.config.write_text(yaml.safe_dump(dict(config)))


@asynccontextmanager
async def house(folder: Path, config: Mapping[str, Any], kind: type[House] = House) -> AsyncIterator[House]:
    """Open it; a folder that was used before is opened as after a restart."""
    made = kind(folder, config)
    async with AsyncExitStack() as stack:
        with patch("proxy.app.premises.Scribe", Here):
            again = partial(load, made.config, {})
            app = await stack.enter_async_context(opened(again(), made.data, {}, again))
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the same protocol in other words
        async with httpx.AsyncClient(transport=transport, base_url="http://darkroom.test/v1", timeout=20) as http:
            made.app, made.http = app, http
            yield made


class Visitor:
    """One request as ASGI has it, by hand: its body comes when the test says, and it may go away at any moment."""

    def __init__(self, key: str, path: str = GENERATIONS, **headers: str) -> None:
        self.sent: list[dict[str, Any]] = []
        """What it was sent."""
        self.asked = 0
        """How often its body was asked for."""
        self.takes = asyncio.Event()
        self.takes.set()
        """Cleared, it takes nothing in."""
        self._coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = False
        told = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): said for name, said in headers.items()}}
        self._scope = {
            "type": "http",
            "method": "POST",
            "path": f"/v1{path}",
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "headers": [(name.encode(), said.encode()) for name, said in told.items()],
        }

    def leads_to(self, path: str) -> Visitor:
        """Asks for a path of the whole server."""
        self._scope["path"] = path
        return self

    def says(self, piece: bytes, *, more: bool = False) -> Visitor:
        """A piece of the body arrives."""
        self._coming.put_nowait({"type": "http.request", "body": piece, "more_body": more})
        return self

    def goes_away(self) -> Visitor:
        """The connection breaks."""
        self._gone = True
        self._coming.put_nowait({"type": "http.disconnect"})
        return self

    async def visit(self, app: Application) -> Visitor:
        """Be served."""
        await app(self._scope, self._receive, self._send)  # type: ignore[arg-type]
        return self

    @property
    def status(self) -> int | None:
        """What it was answered with; None for nothing at all."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        """Of its answer."""
        return {name.decode(): said.decode() for name, said in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        """Of its answer."""
        return b"".join(bytes(message.get("body", b"")) for message in self.sent)

    async def _receive(self) -> dict[str, Any]:
        self.asked += 1
        return {"type": "http.disconnect"} if self._gone and self._coming.empty() else await self._coming.get()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.takes.wait()
        self.sent.append(message)


class Wire:
    """A connection to a server, and what comes over it."""

    def __init__(self, server: Running, *, window: int | None = None) -> None:
        """`window`: how many bytes it takes in before they are read."""
        host, _, port = server.base.removeprefix("http://").removesuffix("/v1").partition(":")
        self._socket = socket.socket()
        if window is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._socket.settimeout(15)
        self._socket.connect((host, int(port)))
        self._read = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def head(self, key: str, *lines: str, method: str = "POST", path: str = GENERATIONS) -> Wire:
        """Send the head of a request."""
        told = [f"{method} /v1{path} HTTP/1.1", "host: darkroom.test", f"authorization: Bearer {key}", *lines]
        return self.send("\r\n".join([*told, "", ""]).encode())

    def send(self, piece: bytes) -> Wire:
        """Send bytes as they are."""
        self._socket.sendall(piece)
        return self

    def chunk(self, piece: bytes) -> Wire:
        """Send a piece of a chunked body; an empty one ends it."""
        return self.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer, whole: status, headers, body."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): said.strip() for name, _, said in (line.partition(":") for line in head[1:] if line)}
        status = int(head[0].split(" ")[1])
        length = int(headers.get("content-length", 0)) if status >= 200 else 0
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return status, headers, body

    def takes(self, size: int) -> None:
        """Wait for so many bytes, whatever they are."""
        while len(self._read) < size:
            self._more()

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        self._socket.settimeout(seconds)
        try:
            return not self._read and self._socket.recv(1, socket.MSG_PEEK) == b"never"
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(15)

    def closed(self) -> bool:
        """Whether the other side hangs up."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _until(self, end: bytes) -> bytes:
        while end not in self._read:
            self._more()
        found, _, self._read = self._read.partition(end)
        return found

    def _more(self) -> None:
        piece = self._socket.recv(65_536)
        assert piece, f"hung up after {self._read[:200]!r}"
        self._read += piece
