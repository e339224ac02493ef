"""Money: held, paid, refused, and paid for nothing. Amounts in micro-USD."""

from __future__ import annotations

from proxy.events.event import Event


class LedgerPosted(Event, frozen=True, kw_only=True, tag=True):
    """A transaction of the ledger was committed."""

    orders: int
    seconds: float


class LedgerAway(Event, frozen=True, kw_only=True, tag=True):
    """The database of the ledger does not answer; whatever wants to pay waits."""

    why: str


class LedgerBack(Event, frozen=True, kw_only=True, tag=True):
    """It answers again, and what waited is posted."""

    seconds: float
    tries: int


class Settled(Event, frozen=True, kw_only=True, tag=True):
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


class Overrun(Event, frozen=True, kw_only=True, tag=True):
    """More was spent than a team's hold and budget gave: it is on the house. Micro-USD."""

    request: str
    team: str
    micros: int


class PaidUnusable(Event, frozen=True, kw_only=True, tag=True):
    """A vendor charges for what nobody can use: a refusal, or a picture that is none. Micro-USD."""

    request: str
    team: str
    provider: str
    model: str
    reason: str
    """`blank`, `small`, or the fault: `moderated` and the like."""
    micros: int


class Hedged(Event, frozen=True, kw_only=True, tag=True):
    """A second candidate was to be asked as well, because the first took long."""

    request: str
    team: str
    provider: str
    model: str
    outcome: str
    """`won`, `lost`, `cancelled` at no charge, `failed`; `refused` by a budget, and not asked."""
    micros: int
    """What was held for it, or would have been; micro-USD."""


class HedgePaid(Event, frozen=True, kw_only=True, tag=True):
    """The one of two candidates that was too late was paid for all the same. Micro-USD."""

    request: str
    team: str
    provider: str
    model: str
    micros: int


class HoldLeft(Event, frozen=True, kw_only=True, tag=True):
    """A submission has no answer: its hold stays until it is reconciled or expires. Micro-USD."""

    request: str
    hold: str
    team: str
    provider: str
    model: str
    micros: int
    why: str


class HoldEnded(Event, frozen=True, kw_only=True, tag=True):
    """A hold without an answer was ended after all."""

    request: str
    hold: str
    team: str
    provider: str
    how: str
    """`resumed`, `expired`, `released`."""
    micros: int


class BudgetReached(Event, frozen=True, kw_only=True, tag=True):
    """So much of a limit is used; once in each of its windows, whichever server it was."""

    scope: str
    what: str
    window: str
    share: int
    """Per cent, as it was asked to be told."""
    limit: int
    """In micro-USD, pictures or pixels; likewise below."""
    used: int


class BudgetUsed(Event, frozen=True, kw_only=True, tag=True):
    """What is used of a team's or an organisation's limit by now: settled and held, over the limit of now."""

    scope: str
    what: str
    window: str
    share: float


class BudgetRefused(Event, frozen=True, kw_only=True, tag=True):
    """A budget could not take a request."""

    request: str
    team: str
    key: str
    scope: str
    what: str
    window: str
