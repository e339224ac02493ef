"""Wakes: whoever waits for a job that another server works on is told when that has ended."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from proxy.shared.board import Board

TOPIC = "ended"
LATEST = 4096
"""Jobs remembered to have ended: whoever looks first and waits then must not miss what was told between the two."""


class Wakes:
    """Tells, and wakes. A hint and nothing more: whoever is woken looks at the ledger, and whoever is not looks too."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._latest: OrderedDict[str, None] = OrderedDict()
        board.listen(TOPIC, self._ended)

    def tell(self, job: str) -> None:
        """A job has ended, and the ledger says how."""
        self._board.tell(TOPIC, job)

    async def wait(self, job: str, seconds: float) -> bool:
        """Wait until a job has ended, so long at most; whether it was told. At once where it was told before."""
        if job in self._latest:
            return True
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job, []).append(woken)
        try:
            async with asyncio.timeout(seconds):
                await woken
        except TimeoutError:
            return False
        finally:
            self._forget(job, woken)
        return True

    def _ended(self, job: str) -> None:
        self._latest[job] = None
        if len(self._latest) > LATEST:
            self._latest.popitem(last=False)
        for woken in self._waiting.pop(job, ()):
            if not woken.done():
                woken.set_result(None)

    def _forget(self, job: str, woken: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(job)
        if waiting is not None:
            waiting.remove(woken)
            if not waiting:
                del self._waiting[job]
