"""What happened, as values. Whoever wants to know listens (metrics, logs); nobody calls a listener by name.

A new event is a Struct in the file of its topic, and its name here.
"""

from __future__ import annotations

from proxy.events.bus import FLUSH_AT, FLUSH_S, Bus, Hear, Tell
from proxy.events.event import Event
from proxy.events.money import (
    BudgetReached,
    BudgetRefused,
    BudgetUsed,
    Hedged,
    HedgePaid,
    HoldEnded,
    HoldLeft,
    LedgerAway,
    LedgerBack,
    LedgerPosted,
    Overrun,
    PaidUnusable,
    Settled,
)
from proxy.events.offers import (
    AccountMeasured,
    AccountTurned,
    BalanceLow,
    BalanceRead,
    BalanceUnknown,
    BreakerTurned,
    Forgotten,
    OfferMeasured,
    PriceDrifted,
    PriceMeasured,
)
from proxy.events.requests import (
    AttemptEnded,
    RequestEnded,
    Reused,
    ShadowPlanned,
    WebhookEnded,
)
from proxy.events.server import (
    ConfigurationRefused,
    ConfigurationTaken,
    LeaseLapsed,
    PicturesSwept,
    RequestErased,
    ServerChanged,
    ServersSeen,
    SharedTurned,
    StoreFailed,
    TakenOver,
)

__all__ = [
    "FLUSH_AT",
    "FLUSH_S",
    "AccountMeasured",
    "AccountTurned",
    "AttemptEnded",
    "BalanceLow",
    "BalanceRead",
    "BalanceUnknown",
    "BreakerTurned",
    "BudgetReached",
    "BudgetRefused",
    "BudgetUsed",
    "Bus",
    "ConfigurationRefused",
    "ConfigurationTaken",
    "Event",
    "Forgotten",
    "Hear",
    "HedgePaid",
    "Hedged",
    "HoldEnded",
    "HoldLeft",
    "LeaseLapsed",
    "LedgerAway",
    "LedgerBack",
    "LedgerPosted",
    "OfferMeasured",
    "Overrun",
    "PaidUnusable",
    "PicturesSwept",
    "PriceDrifted",
    "PriceMeasured",
    "RequestEnded",
    "RequestErased",
    "Reused",
    "ServerChanged",
    "ServersSeen",
    "Settled",
    "ShadowPlanned",
    "SharedTurned",
    "StoreFailed",
    "TakenOver",
    "Tell",
    "WebhookEnded",
]
