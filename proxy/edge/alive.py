"""Bytes that keep a connection open while a JSON answer is being made, for callers behind short idle timeouts.

White space before a JSON text is legal and every parser skips it. Its price: the status is sent with the first of it,
so that what fails later can only be told in the body, of a 200, and what is known at the end is in no header. It
happens only where it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from litestar.types import Message, Send

from providers.contract import Code, Failure, Fault
from proxy.edge.wire import begin, put

T = TypeVar("T")
HEADER = "x-darkroom-keep-alive"
LEAST_S, MOST_S = 1, 600


class Alive:
    """Sends one answer, and blanks before it while there is none. It stands in the place of what sends."""

    def __init__(self, send: Send, every_s: float, headers: Mapping[str, str], begins: Callable[[], object]) -> None:
        """`headers` go with the first blank, and are then all there are; `begins` is told of it."""
        self._send = send
        self._every = every_s
        self._begins = begins
        self._headers = {**headers, HEADER: f"{every_s:g}", "x-accel-buffering": "no"}  # or nginx collects the blanks
        self.began = False
        """Whether the status was sent: 200, whatever comes."""

    async def through(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to; as long as it takes, a blank every so many seconds."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._every))[0]:
                if not self.began:
                    self.began = True
                    self._begins()
                    await begin(self._send, 200, self._headers)
                await put(self._send, b" ")
            return task.result()
        finally:
            task.cancel()  # where the caller went away before; to what is over, that is nothing

    async def send(self, message: Message) -> None:
        """Send on; where the status was sent, there is no other."""
        if not (self.began and message["type"] == "http.response.start"):
            await self._send(message)


def every(headers: Mapping[str, str], default: float | None) -> float | None:
    """Seconds between blanks, None for none: as the caller asks, else as configured. Raises REJECTED for nonsense."""
    said = headers.get(HEADER)
    if said is None:
        return default
    if said == "0":
        return None
    if not (said.isascii() and said.isdecimal() and len(said) <= 3 and LEAST_S <= int(said) <= MOST_S):
        detail = f"X-Darkroom-Keep-Alive takes {LEAST_S} to {MOST_S} seconds, or 0 for none, not '{said[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="keep_alive")
    return float(said)
