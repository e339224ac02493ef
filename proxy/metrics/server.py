"""What is shown of the server itself: its store, its configuration."""

from __future__ import annotations

from proxy.events import (
    ConfigurationRefused,
    ConfigurationTaken,
    LeaseLapsed,
    PicturesSwept,
    RequestErased,
    ServersSeen,
    SharedTurned,
    StoreFailed,
    TakenOver,
)
from proxy.metrics.register import Counts, Register


class Server:
    """The server."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._stored = register.gauge("store_bytes", "Bytes of pictures in the store, at the last sweep.")
        self._failures = register.counter("store_failures_total", "What the object store did not do.", "what")
        self._erased = register.counter("requests_erased_total", "Requests deleted by their team.", "team")
        self._configurations = register.counter(
            "configurations_total", "Configurations read, taken or refused.", "outcome"
        )
        self._stale = register.gauge(
            "configuration_stale", "1 while the one read last was refused and the one before holds, else 0."
        )

        self._servers = register.gauge("servers", "Servers at work on the ledger, as one of them sees it.")
        self._taken_over = register.counter(
            "taken_over_total", "Submissions that a server which is over had left, taken over by another."
        )
        self._lapses = register.counter(
            "lease_lapses_total", "Times a server was silent for so long that it was taken for dead."
        )
        self._gone = register.gauge(
            "shared_gone", "1 while what is shared with other servers cannot be reached, else 0."
        )

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {
            PicturesSwept: self._swept,
            StoreFailed: self._failed,
            RequestErased: self._forgot,
            ConfigurationTaken: self._taken,
            ConfigurationRefused: self._refused,
            SharedTurned: self._turned,
            ServersSeen: self._seen,
            TakenOver: self._took,
            LeaseLapsed: self._lapsed,
        }

    def _swept(self, event: PicturesSwept) -> None:
        self._stored.set(event.kept_bytes)

    def _failed(self, event: StoreFailed) -> None:
        self._of(self._failures, event.what).inc()

    def _forgot(self, event: RequestErased) -> None:
        self._of(self._erased, event.team).inc()

    def _taken(self, event: ConfigurationTaken) -> None:
        self._of(self._configurations, "taken").inc()
        self._stale.set(0)

    def _refused(self, event: ConfigurationRefused) -> None:
        self._of(self._configurations, "refused").inc()
        self._stale.set(1)

    def _seen(self, event: ServersSeen) -> None:
        self._servers.set(event.count)

    def _took(self, event: TakenOver) -> None:
        self._taken_over.inc(event.submissions)

    def _lapsed(self, _: LeaseLapsed) -> None:
        self._lapses.inc()

    def _turned(self, event: SharedTurned) -> None:
        self._gone.set(event.state == "gone")
