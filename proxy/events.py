"""What happened, as values. Whoever wants to know listens (metrics, logs); nobody calls a listener by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct


class _Event(Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """What all of them have: a name, when they are written down."""


class LedgerPosted(_Event, frozen=True, kw_only=True, tag=True):
    """A transaction of the ledger was committed."""

    orders: int
    seconds: float


class AttemptEnded(_Event, frozen=True, kw_only=True, tag=True):
    """One submission to one offer ended."""

    request: str
    provider: str
    model: str
    outcome: str
    """`ok`, or the fault."""
    seconds: float
    images: int = 0
    detail: str = ""
    vendor_id: str | None = None


class Settled(_Event, frozen=True, kw_only=True, tag=True):
    """A submission was paid for. Amounts in micro-USD."""

    request: str
    team: str
    key: str
    provider: str
    model: str
    quoted: int
    cost: int
    """What the vendor took."""
    images: int


class Overrun(_Event, frozen=True, kw_only=True, tag=True):
    """More was spent than a team's hold and budget gave: it is on the house. Micro-USD."""

    request: str
    team: str
    micros: int


class HoldLeft(_Event, frozen=True, kw_only=True, tag=True):
    """A submission has no answer: its hold stays until it is reconciled or expires. Micro-USD."""

    request: str
    hold: str
    team: str
    provider: str
    model: str
    micros: int
    why: str


class HoldEnded(_Event, frozen=True, kw_only=True, tag=True):
    """A hold without an answer was ended after all."""

    request: str
    hold: str
    team: str
    provider: str
    how: str
    """`resumed`, `expired`, `released`."""
    micros: int


class BudgetRefused(_Event, frozen=True, kw_only=True, tag=True):
    """A budget could not take a request."""

    request: str
    team: str
    key: str
    scope: str
    what: str
    window: str


class RequestEnded(_Event, frozen=True, kw_only=True, tag=True):
    """A request was answered."""

    request: str
    dialect: str
    route: str
    status: int
    seconds: float
    team: str = ""
    key: str = ""
    operation: str = ""
    model: str = ""
    """As the caller named it."""
    offer: str = ""
    images: int = 0
    attempts: int = 0
    quoted: int = 0
    charged: int = 0
    fault: str = ""
    code: str = ""
    field: str = ""
    """What of the request was refused."""
    detail: str = ""
    prompt: str = ""
    joined: bool = False
    """Answered with the result of an earlier request it repeats."""
    delivered: bool = True
    """Whether the caller was still there."""


class WebhookEnded(_Event, frozen=True, kw_only=True, tag=True):
    """A caller's own address was told of a request's end, or could not be."""

    request: str
    team: str
    outcome: str
    """`taken`, `refused`, `forbidden`, `given up`."""
    tries: int


class BreakerTurned(_Event, frozen=True, kw_only=True, tag=True):
    """An offer's breaker changed."""

    offer: str
    state: str
    """`closed`, `open`, `half_open`."""
    why: str


class PicturesSwept(_Event, frozen=True, kw_only=True, tag=True):
    """The janitor went through the store."""

    removed: int
    kept: int
    kept_bytes: int


class ServerChanged(_Event, frozen=True, kw_only=True, tag=True):
    """The server came up, drains or stops; or found something at start that a person should read."""

    what: str
    detail: str = ""


Event = (
    LedgerPosted
    | AttemptEnded
    | Settled
    | Overrun
    | HoldLeft
    | HoldEnded
    | BudgetRefused
    | RequestEnded
    | BreakerTurned
    | PicturesSwept
    | ServerChanged
    | WebhookEnded
)
Tell = Callable[[Event], None]


Hear = Callable[[Sequence[Event]], None]

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
                except Exception:  # a full disk under the log is no reason to stop counting, or serving
                    logging.getLogger(__name__).exception("a listener broke on %d events", len(waiting))
