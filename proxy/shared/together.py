"""All that is shared, as a configuration wants it: within this process, or through Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from proxy.events import Tell
from proxy.shared.board import Board, MemoryBoard
from proxy.shared.gates import Gates
from proxy.shared.wakes import Wakes


class Shared(Struct, frozen=True, kw_only=True):
    """What this server and the others know together."""

    board: Board
    wakes: Wakes
    gates: Gates | None = None
    """Those of all servers; None where there is but this one, whose own gates are all there are."""


@asynccontextmanager
async def joined(redis: str | None, prefix: str, tell: Tell) -> AsyncIterator[Shared]:
    """Share with whoever has the same Redis; without one, share with nobody.

    A Redis that cannot be reached is told of, and tried again until it can: nobody waits for it. Raises
    ModuleNotFoundError where its library, the extra `redis`, is not installed.
    """
    if redis is None:
        board = MemoryBoard()
        yield Shared(board=board, wakes=Wakes(board))
        return
    try:
        from proxy.shared.channel import RedisBoard  # an extra: only who has a Redis needs its library
        from proxy.shared.leases import RedisGates
        from proxy.shared.link import Link
    except ModuleNotFoundError as error:
        detail = "`shared.redis` needs a library that is not installed: pip install 'darkroom[redis]'"
        raise ModuleNotFoundError(detail, name=error.name) from error

    link = Link(redis, prefix, tell)
    gates, others = RedisGates(link), RedisBoard(link)
    await link.reach()
    running = [asyncio.create_task(each) for each in (link.run(), gates.run(), others.run())]
    try:
        yield Shared(board=others, wakes=Wakes(others), gates=gates)
    finally:
        await ended(running)
        await link.close()


async def ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Break tasks off, and wait until they are: again and again, for redis-py may take a cancellation for its own."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.1)
