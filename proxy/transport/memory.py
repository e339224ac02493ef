"""How much of the vendors' replies is in memory at once.

Bytes are admitted, not requests. A reply that finds no room is not read: TCP makes the vendor wait.
"""

from __future__ import annotations

import asyncio
from collections import deque

import aiohttp

from providers.contract import Failure, Fault

SMALL = 65_536
"""A reply up to this size is not worth waiting for."""
GRAIN = 1_048_576
"""What is claimed at a time for a reply that does not say how long it is."""


class Room:
    """A number of bytes that may be held at once, given out in order of asking."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def claim(self, size: int) -> None:
        """Wait for `size` bytes; what is larger than all the room waits until it is alone in it."""
        wanted = min(size, self._size)
        if not self._queue and self._free >= wanted:
            self._free -= size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += size
            self._next()
            raise

    def adopt(self, size: int) -> None:
        """Have another size from now on. What is held stays held: others wait until it is given back."""
        self._free += size - self._size
        self._size = size
        self._next()

    def take(self, size: int) -> None:
        """Take `size` bytes without waiting, also where there is no room left."""
        self._free -= size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._next()

    def _next(self) -> None:
        while self._queue:
            size, turn = self._queue[0]
            if not turn.done():
                if min(size, self._size) > self._free:
                    return
                self._free -= size
                turn.set_result(None)
            self._queue.popleft()


class Lease:
    """What one request holds of the room, given back at once when its answer is on its way.

    A request waits for its first bytes only, also where it makes several calls at once. If it had to wait again while
    holding some, two requests could wait for each other for ever.
    """

    def __init__(self, room: Room, family: _Family | None = None) -> None:
        self._room = room
        self._family = family or _Family()
        self.held = 0

    async def claim(self, size: int) -> None:
        """Hold `size` bytes more."""
        if size <= SMALL:
            return
        family = self._family
        async with family.first:
            if family.held:
                self._room.take(size)
            else:
                await self._room.claim(size)
            self.held += size
            family.held += size

    def branch(self) -> Lease:
        """A lease for a call that may go on when this request was answered: what it holds is given back by itself."""
        return Lease(self._room, self._family)

    def join(self, branch: Lease) -> None:
        """Hold what a branch held: its reply is the answer."""
        self.held, branch.held = self.held + branch.held, 0

    def release(self) -> None:
        """Give everything back."""
        held, self.held = self.held, 0
        if held:
            self._family.held -= held
            self._room.give(held)


class _Family:
    """A lease and its branches, which wait as one."""

    def __init__(self) -> None:
        self.first = asyncio.Lock()
        self.held = 0


async def read_whole(response: aiohttp.ClientResponse, limit: int, lease: Lease) -> bytes | bytearray:
    """The body, never more than `limit` bytes of it, once there is room. Raises MALFORMED beyond."""
    expected = response.content_length
    if expected is None or response.headers.get("content-encoding", "identity") != "identity":
        return await _read_unmeasured(response, limit, lease)
    if expected > limit:
        raise Failure(Fault.MALFORMED, f"the vendor's reply has {expected} bytes, more than the {limit} allowed")
    if expected <= SMALL:
        return await response.read()
    await lease.claim(expected)
    body = bytearray(expected)
    at = 0
    with memoryview(body) as view:
        async for chunk in response.content.iter_any():
            view[at : at + len(chunk)] = chunk
            at += len(chunk)
    return body


async def _read_unmeasured(response: aiohttp.ClientResponse, limit: int, lease: Lease) -> bytearray:
    body = bytearray()
    claimed = SMALL
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise Failure(Fault.MALFORMED, f"the vendor's reply has more than the {limit} bytes allowed")
        if len(body) > claimed:
            await lease.claim(GRAIN)
            claimed += GRAIN
    return body
