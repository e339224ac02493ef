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
    account: str = ""
    """Which of the provider's accounts, where it has several."""
    waited: float = 0.0
    """Seconds it waited for room at the account before; not part of `seconds`."""


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
    expected: int | None = None
    """What the price list makes of it, to be held against a cost by the vendor's own figure; None where it has none."""


class Overrun(_Event, frozen=True, kw_only=True, tag=True):
    """More was spent than a team's hold and budget gave: it is on the house. Micro-USD."""

    request: str
    team: str
    micros: int


class PaidUnusable(_Event, frozen=True, kw_only=True, tag=True):
    """A vendor charges for what nobody can use: a refusal, or a picture that is none. Micro-USD."""

    request: str
    team: str
    provider: str
    model: str
    reason: str
    """`blank`, `small`, or the fault: `moderated` and the like."""
    micros: int


class Hedged(_Event, frozen=True, kw_only=True, tag=True):
    """A second candidate was to be asked as well, because the first took long."""

    request: str
    team: str
    provider: str
    model: str
    outcome: str
    """`won`, `lost`, `cancelled` at no charge, `failed`; `refused` by a budget, and not asked."""
    micros: int
    """What was held for it, or would have been; micro-USD."""


class HedgePaid(_Event, frozen=True, kw_only=True, tag=True):
    """The one of two candidates that was too late was paid for all the same. Micro-USD."""

    request: str
    team: str
    provider: str
    model: str
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
    cache: str = ""
    """`hit`, `joined`: given the pictures of another request. `miss`: there were none. Empty where nobody looked."""
    delivered: bool = True
    """Whether the caller was still there."""
    early: bool = False
    """The caller was sent 200 before it had ended, to keep the connection open: `status` stands in the body at most."""


class Reused(_Event, frozen=True, kw_only=True, tag=True):
    """A request was given the pictures of another one of its team, and was charged nothing."""

    request: str
    team: str
    key: str
    how: str
    """`hit`: they were kept. `joined`: they were being made."""
    original: str
    """The request they were made for."""
    offer: str
    images: int
    micros: int
    """What they did cost, in micro-USD, and would have cost again."""


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


class AccountTurned(_Event, frozen=True, kw_only=True, tag=True):
    """The breaker of one of a provider's accounts changed, for one of its models."""

    provider: str
    model: str
    account: str
    state: str
    """`closed`, `open`, `half_open`."""
    why: str


class BalanceRead(_Event, frozen=True, kw_only=True, tag=True):
    """A vendor said what one of our accounts holds."""

    provider: str
    account: str
    micros: int
    """Micro-USD, its credits at what they cost."""
    hours: float | None = None
    """Until it is empty, at the pace of the last hours; None where nobody can say."""


class BalanceLow(_Event, frozen=True, kw_only=True, tag=True):
    """One of our accounts will soon be empty. Told once, until it is not low any more. Micro-USD."""

    provider: str
    account: str
    micros: int
    hours: float | None = None


class BalanceUnknown(_Event, frozen=True, kw_only=True, tag=True):
    """A vendor did not say what one of our accounts holds. Told once, until it does."""

    provider: str
    account: str
    why: str


class OfferMeasured(_Event, frozen=True, kw_only=True, tag=True):
    """How an offer did in the last minutes; told now and then. A figure nobody can state yet is None."""

    provider: str
    model: str
    error_rate: float | None = None
    p50: float | None = None
    """Seconds; likewise below."""
    p95: float | None = None
    p99: float | None = None


class AccountMeasured(_Event, frozen=True, kw_only=True, tag=True):
    """How busy an account is; told now and then, where it has changed."""

    provider: str
    account: str
    in_flight: int
    """Requests it has now."""
    waiting: int
    """Requests that wait for room at any of its provider's accounts."""


class PriceMeasured(_Event, frozen=True, kw_only=True, tag=True):
    """An offer's latest submissions, what they did cost over what the price list expects: 1 is as listed."""

    provider: str
    model: str
    ratio: float


class PriceDrifted(_Event, frozen=True, kw_only=True, tag=True):
    """A vendor's own figures have left an offer's listed price, or come back to it. Amounts in micro-USD."""

    provider: str
    model: str
    state: str
    """`drifted`, `recovered`."""
    ratio: float
    expected: int
    """By the price list, for the latest submissions together."""
    cost: int
    samples: int


class PicturesSwept(_Event, frozen=True, kw_only=True, tag=True):
    """The janitor went through the store."""

    removed: int
    kept: int
    kept_bytes: int


class ShadowPlanned(_Event, frozen=True, kw_only=True, tag=True):
    """A request was planned again by the policy on trial, which carries nothing out. Amounts in micro-USD."""

    request: str
    team: str
    policy: str
    outcome: str
    """`same` offer first, or it `differs`; `unserved`: only the policy in force has one, `no offer`: that has none any
    more. `skipped`: there were too many to plan. `failed`: the policy broke."""
    offer: str = ""
    """What the policy in force tries first."""
    instead: str = ""
    """What the one on trial would."""
    quoted: int = 0
    quoted_instead: int = 0


class ServerChanged(_Event, frozen=True, kw_only=True, tag=True):
    """The server came up, drains or stops; or found something at start that a person should read."""

    what: str
    detail: str = ""


Event = (
    LedgerPosted
    | AttemptEnded
    | Settled
    | Overrun
    | PaidUnusable
    | Hedged
    | HedgePaid
    | HoldLeft
    | HoldEnded
    | BudgetRefused
    | RequestEnded
    | BreakerTurned
    | AccountTurned
    | OfferMeasured
    | AccountMeasured
    | BalanceRead
    | BalanceLow
    | BalanceUnknown
    | PriceMeasured
    | PriceDrifted
    | PicturesSwept
    | ServerChanged
    | ShadowPlanned
    | WebhookEnded
    | Reused
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
                except Exception:  # a full disk under the log is no reason to stop counting, or serving
                    logging.getLogger(__name__).exception("a listener broke on %d events", len(waiting))
