"""What is shared, as two servers see it: one process twice, or two connections to a Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

from proxy.events import Event
from proxy.shared import Board, Gates, MemoryBoard, MemoryGates
from proxy.shared.channel import RedisBoard
from proxy.shared.leases import RedisGates
from proxy.shared.link import Link
from proxy.shared.together import ended

LEASE_S = 0.6
WAIT_S = 5.0
_prefixes = count(1)


class End:
    """One server's end."""

    def __init__(self, gates: Gates, board: Board, link: Link | None = None) -> None:
        self.gates = gates
        self.board = board
        self.link = link
        self.told: list[Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def die(self) -> None:
        """As a process that is killed: nothing is given back, and nothing is renewed."""
        await ended(self.tasks)


@asynccontextmanager
async def over_redis(url: str, prefix: str, lease_s: float = LEASE_S) -> AsyncIterator[End]:
    """An end over Redis, connected and heard."""
    told: list[Event] = []
    link = Link(url, prefix, told.append)
    gates, board = RedisGates(link, lease_s), RedisBoard(link)
    end = End(gates, board, link)
    end.told = told
    await link.reach()
    end.tasks = [asyncio.create_task(each) for each in (link.run(), gates.run(), board.run())]
    if not link.gone:
        await asyncio.wait_for(board.listening.wait(), WAIT_S)
    try:
        yield end
    finally:
        await ended(end.tasks)
        await link.close()


@asynccontextmanager
async def two(url: str | None) -> AsyncIterator[tuple[End, End]]:
    """Two ends of one thing; in memory where there is no Redis."""
    if url is None:
        gates, board = MemoryGates(), MemoryBoard()
        yield End(gates, board), End(gates, board)
        return
    prefix = f"test{next(_prefixes)}:"
    async with AsyncExitStack() as stack:
        ends = [await stack.enter_async_context(over_redis(url, prefix)) for _ in range(2)]
        yield ends[0], ends[1]


async def until(so: Callable[[], bool], seconds: float = WAIT_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not so():
            await asyncio.sleep(0.01)
