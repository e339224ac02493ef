"""What happened, as values. Whoever wants to know listens (metrics, logs); nobody calls a listener by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct


class LedgerPosted(Struct, frozen=True, kw_only=True):
    """A transaction of the ledger was committed."""

    orders: int
    seconds: float


class AttemptEnded(Struct, frozen=True, kw_only=True):
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


class Settled(Struct, frozen=True, kw_only=True):
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


class Overrun(Struct, frozen=True, kw_only=True):
    """More was spent than a team's hold and budget gave: it is on the house. Micro-USD."""

    request: str
    team: str
    micros: int


class HoldLeft(Struct, frozen=True, kw_only=True):
    """A submission has no answer: its hold stays until it is reconciled or expires. Micro-USD."""

    request: str
    hold: str
    team: str
    provider: str
    model: str
    micros: int
    why: str


class HoldEnded(Struct, frozen=True, kw_only=True):
    """A hold without an answer was ended after all."""

    request: str
    hold: str
    team: str
    provider: str
    how: str
    """`resumed`, `expired`, `released`."""
    micros: int


class BudgetRefused(Struct, frozen=True, kw_only=True):
    """A budget could not take a request."""

    request: str
    team: str
    key: str
    scope: str
    what: str
    window: str


class RequestEnded(Struct, frozen=True, kw_only=True):
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
    detail: str = ""
    prompt: str = ""
    joined: bool = False
    """Answered with the result of an earlier request it repeats."""
    delivered: bool = True
    """Whether the caller was still there."""


class BreakerTurned(Struct, frozen=True, kw_only=True):
    """An offer's breaker changed."""

    offer: str
    state: str
    """`closed`, `open`, `half_open`."""
    why: str


class PicturesSwept(Struct, frozen=True, kw_only=True):
    """The janitor went through the store."""

    removed: int
    kept: int
    kept_bytes: int


class ServerChanged(Struct, frozen=True, kw_only=True):
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
)
Tell = Callable[[Event], None]


def broadcast(listeners: Iterable[Tell]) -> Tell:
    """One listener that tells them all."""
    everyone = tuple(listeners)

    def tell(event: Event) -> None:
        for listener in everyone:
            listener(event)

    return tell
