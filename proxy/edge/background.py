"""Work that goes on after its caller was answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class Background:
    """Tasks nobody waits for, until the server stops."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s`: how long they may go on when the server stops."""
        self._patience = patience_s
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin something."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Wait a while for what is under way, then break it off: what has a ticket is taken up at the next start."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._patience)
        while self._tasks:  # what ends may have begun something else
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logging.getLogger(__name__).error("work in the background broke", exc_info=task.exception())
