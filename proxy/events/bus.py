"""The bus: from whoever has something to tell to everyone who listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from proxy.events.event import Event

Tell = Callable[[Event], None]
"""How one is told."""
Hear = Callable[[Sequence[Event]], None]
"""How many are heard at once."""

FLUSH_S = 0.05
FLUSH_AT = 512


class Bus:
    """Brings events to listeners, many at a time.

    Telling costs a request an append; the listening is done together a moment later, which is cheaper than many times a
    little and keeps it out of every request's way.
    """

    def __init__(self, listeners: Iterable[Hear]) -> None:
        self._listeners = tuple(listeners)
        self._waiting: list[Event] = []
        self._due: asyncio.TimerHandle | None = None

    def listen(self, hear: Hear) -> None:
        """One more listener, who may have something to tell itself."""
        self._listeners += (hear,)

    def tell(self, event: Event) -> None:
        """Something happened. On the event loop only."""
        self._waiting.append(event)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)
        elif len(self._waiting) >= FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Let the listeners hear what waits."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        waiting, self._waiting = self._waiting, []
        if waiting:
            for hear in self._listeners:
                try:
                    hear(waiting)
                except Exception:  # whatever it is: a full disk under the log is no reason to stop counting, or serving
                    logging.getLogger(__name__).exception("a listener broke on %d events", len(waiting))
