"""Server-sent events from a vendor, one at a time.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp

from providers.contract import Event, Failure, Fault

_END = re.compile(rb"\r?\n\r?\n|\r\r")


async def read_events(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[Event]:
    """Every event that carries data. Raises MALFORMED where one is longer than `limit` bytes."""
    waiting = bytearray()
    searched = 0
    async for chunk in response.content.iter_any():
        waiting += chunk
        while end := _END.search(waiting, max(0, searched - 3)):
            event = _event(bytes(waiting[: end.start()]))
            del waiting[: end.end()]
            searched = 0
            if event is not None:
                yield event
        searched = len(waiting)
        if searched > limit:
            raise Failure(Fault.MALFORMED, f"the vendor sent an event of more than {limit} bytes")
    last = _event(bytes(waiting))
    if last is not None:
        yield last


def _event(block: bytes) -> Event | None:
    data = [line[5:].removeprefix(b" ") for line in re.split(rb"\r\n|\n|\r", block) if line.startswith(b"data:")]
    return Event(b"\n".join(data)) if data else None
