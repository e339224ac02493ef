"""Bytes from and to a client, over ASGI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from litestar.types import HTTPScope, Receive, Send

from providers.contract import Code, Failure, Fault
from providers.contract.image import Buffer
from proxy.dialects.contract import Outgoing

JOINED = 65_536
"""An answer up to this size leaves in one piece."""


class GoneError(Exception):
    """The client went away before its request was read."""


class Intake:
    """How many bytes of requests are in memory at once."""

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = self._free = together

    def adopt(self, each: int, together: int) -> None:
        """Take in other sizes from now on; bodies that are being read stay counted."""
        self._each = each
        self._free += together - self._together
        self._together = together

    async def read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The body of a request; its room is to be given back by `give(len(body))`.

        Raises REJECTED where it is too large, THROTTLED where there is no room for it now, GoneError.
        """
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._each:
            raise self._too_large()
        pieces: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                piece: bytes = message.get("body", b"")  # type: ignore[assignment]
                if piece:
                    pieces.append(piece)
                    size += len(piece)
                    self._free -= len(piece)
                if size > self._each:
                    raise self._too_large()
                if self._free < 0:
                    detail = "Too many large requests are being received; try again."
                    raise Failure(Fault.THROTTLED, detail, code=Code.BUSY, retry_after=1.0)
                if not message.get("more_body", False):
                    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        except BaseException:  # refused, or broken off: nobody has a body whose room could be given back
            self._free += size
            raise

    def give(self, size: int) -> None:
        """Give the room of a body back."""
        self._free += size

    def _too_large(self) -> Failure:
        detail = f"The body of the request is larger than the {self._each} bytes allowed."
        return Failure(Fault.REJECTED, detail, code=Code.BODY_TOO_LARGE)


def headers_of(scope: HTTPScope) -> dict[str, str]:
    """A request's headers; names come in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def origin(scope: HTTPScope, headers: Mapping[str, str]) -> str:
    """Scheme and host the client used: as a reverse proxy on this machine says, else as the connection does."""
    scheme, host = scope["scheme"], headers.get("host", "localhost")
    client = scope["client"]
    if client is not None and client[0] in ("127.0.0.1", "::1"):
        if headers.get("x-forwarded-proto", "").partition(",")[0].strip() == "https":
            scheme = "https"
        host = headers.get("x-forwarded-host", host).partition(",")[0].strip()
    return f"{scheme}://{host}"


def query_of(scope: HTTPScope) -> dict[str, str]:
    """A request's query."""
    raw = scope["query_string"]
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}


def gone(receive: Receive) -> bool:
    """Whether the client has gone away, asked without waiting.

    The server's `receive` returns at once when there is something to say, and after the body that can only be a
    disconnect. So one step of it tells; a task to wait for it would cost every request ten times as much.
    """
    step = receive()
    try:
        step.send(None)  # type: ignore[attr-defined]
    except StopIteration as said:
        return bool(said.value["type"] == "http.disconnect")
    step.close()  # type: ignore[attr-defined]
    return False


async def respond(send: Send, outgoing: Outgoing, extra: Mapping[str, str], receive: Receive | None = None) -> bool:
    """Send a whole answer, its length announced. Returns whether the client was still there, if `receive` may tell."""
    pieces = joined(outgoing.body)
    length = sum([len(piece) for piece in pieces])
    await begin(send, outgoing.status, {**outgoing.headers, **extra, "content-length": str(length)})
    last = pieces.pop() if pieces else b""
    for piece in pieces:
        await put(send, piece)
    there = True
    if pieces and receive is not None:
        await put(send)  # returns when what went before has left; after the last piece there is no asking
        there = not gone(receive)
    await put(send, last, last=True)
    return there


async def begin(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """Send the status and the headers."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def put(send: Send, piece: Buffer = b"", *, last: bool = False) -> None:
    """Send a piece of a body."""
    event: Any = {"type": "http.response.body", "body": piece, "more_body": not last}
    await send(event)


def joined(pieces: Sequence[Buffer]) -> list[Buffer]:
    """The same bytes in fewer pieces: small ones together, large ones by themselves."""
    result: list[Buffer] = []
    small: list[Buffer] = []
    for piece in pieces:
        if len(piece) < JOINED:
            small.append(piece)
            continue
        if small:
            result.append(b"".join(small))
            small = []
        result.append(piece)
    if small:
        result.append(b"".join(small))
    return result
