"""What is shown of the server itself: its store, its configuration."""

from __future__ import annotations

from proxy.events import ConfigurationRefused, ConfigurationTaken, PicturesSwept
from proxy.metrics.register import Counts, Register


class Server:
    """The server."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._stored = register.gauge("store_bytes", "Bytes of pictures in the store, at the last sweep.")
        self._configurations = register.counter(
            "configurations_total", "Configurations read, taken or refused.", "outcome"
        )
        self._stale = register.gauge(
            "configuration_stale", "1 while the one read last was refused and the one before holds, else 0."
        )

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {PicturesSwept: self._swept, ConfigurationTaken: self._taken, ConfigurationRefused: self._refused}

    def _swept(self, event: PicturesSwept) -> None:
        self._stored.set(event.kept_bytes)

    def _taken(self, event: ConfigurationTaken) -> None:
        self._of(self._configurations, "taken").inc()
        self._stale.set(0)

    def _refused(self, event: ConfigurationRefused) -> None:
        self._of(self._configurations, "refused").inc()
        self._stale.set(1)
