"""Every metric there is, declared here and fed by events. Nothing else counts anything.

A topic is a class in a file: it declares its metrics, and says which events count and how.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import generate_latest

from proxy.events import Event
from proxy.metrics import workers
from proxy.metrics.attempts import Attempts
from proxy.metrics.money import Money
from proxy.metrics.offers import BREAKER, Offers
from proxy.metrics.register import Counts, Register, Topic
from proxy.metrics.renderer import Renderer
from proxy.metrics.requests import Requests
from proxy.metrics.server import Server
from proxy.metrics.trial import Trial

__all__ = ["BREAKER", "Metrics", "workers"]


class Metrics:
    """A listener that counts."""

    def __init__(self) -> None:
        register = Register()
        self.registry = register.registry
        topics: tuple[Topic, ...] = (
            Requests(register),
            Attempts(register),
            Money(register),
            Offers(register),
            Server(register),
            Renderer(register),
            Trial(register),
        )
        self._counts: Counts = {}
        for topic in topics:
            self._counts |= topic.counts()

    def expose(self) -> bytes:
        """The exposition, of all workers where there are several. Milliseconds of work: not for an event loop."""
        folder = workers.shared()
        return generate_latest(self.registry) if folder is None else workers.expose(folder)

    def hear(self, events: Sequence[Event]) -> None:
        """Count events."""
        for event in events:
            count = self._counts.get(type(event))
            if count is not None:
                count(event)
