"""Deadlines of many conversations at once, watched by one clock.

A timer for every request is made and thrown away again nearly always unused; looking at all of them four times a second
costs a request less than a tenth, and nobody waits for a vendor to the millisecond.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

TICK_S = 0.25


class Limit:
    """The deadline of one task, while inside."""

    __slots__ = ("_cancelled", "_deadlines", "at", "task")

    def __init__(self, deadlines: Deadlines, at: float, task: asyncio.Task[object]) -> None:
        self._deadlines = deadlines
        self._cancelled = False
        self.at = at
        self.task = task

    def expire(self) -> None:
        """Break the task off."""
        self._cancelled = True
        self.task.cancel()

    def over(self) -> bool:
        """Whether a cancellation that arrived is this deadline's, and not somebody's who wants the task to end."""
        return self._cancelled and self.task.uncancel() == 0

    def __enter__(self) -> Limit:
        self._deadlines.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)


class Deadlines:
    """Every limit there is."""

    def __init__(self) -> None:
        self._limits: set[Limit] = set()
        self._tick: asyncio.TimerHandle | None = None

    def within(self, seconds: float) -> Limit:
        """A limit for the current task, to be entered: it is cancelled when the time is up."""
        task = asyncio.current_task()
        assert task is not None
        return Limit(self, time.monotonic() + seconds, task)

    def add(self, limit: Limit) -> None:
        """Watch a limit."""
        self._limits.add(limit)
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(TICK_S, self._look)

    def discard(self, limit: Limit) -> None:
        """Watch it no longer."""
        self._limits.discard(limit)

    def close(self) -> None:
        """Stop the clock."""
        if self._tick is not None:
            self._tick.cancel()

    def _look(self) -> None:
        now = time.monotonic()
        for limit in [limit for limit in self._limits if limit.at <= now]:
            self._limits.discard(limit)
            limit.expire()
        self._tick = asyncio.get_running_loop().call_later(TICK_S, self._look) if self._limits else None
