"""The board: news from one server to all of them. Who is not there when it is told does not hear of it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

Hear = Callable[[str], None]
"""How one is told: in a few words."""


class Board(Protocol):
    """Where news is told and heard, by topic. On the event loop only."""

    def tell(self, topic: str, words: str) -> None:
        """Something happened. This server's listeners hear it now, the others' in a moment, or never."""
        ...

    def listen(self, topic: str, hear: Hear) -> None:
        """Hear of a topic, whoever tells."""
        ...


class MemoryBoard:
    """Within this process."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Hear]] = defaultdict(list)

    def tell(self, topic: str, words: str) -> None:
        """See `Board`."""
        for hear in self._listeners.get(topic, ()):
            try:
                hear(words)
            except Exception:  # one listener's mistake is not another's
                logging.getLogger(__name__).exception("news of %s broke a listener", topic)

    def listen(self, topic: str, hear: Hear) -> None:
        """See `Board`."""
        self._listeners[topic].append(hear)
