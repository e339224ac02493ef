"""What happened, as values. Whoever wants to know listens (metrics, logs); nobody calls a listener by name."""

from __future__ import annotations

from proxy.events.bus import FLUSH_AT, FLUSH_S, Bus, Event, Hear, Tell
from proxy.events.money import (
    BudgetRefused,
    Hedged,
    HedgePaid,
    HoldEnded,
    HoldLeft,
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
    PicturesSwept,
    ServerChanged,
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
    "BudgetRefused",
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
    "LedgerPosted",
    "OfferMeasured",
    "Overrun",
    "PaidUnusable",
    "PicturesSwept",
    "PriceDrifted",
    "PriceMeasured",
    "RequestEnded",
    "Reused",
    "ServerChanged",
    "Settled",
    "ShadowPlanned",
    "Tell",
    "WebhookEnded",
]
