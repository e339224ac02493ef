"""One of every event there is, as the server tells it."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.events import (
    AttemptEnded,
    BreakerTurned,
    BudgetRefused,
    Event,
    HoldEnded,
    HoldLeft,
    LedgerPosted,
    Overrun,
    PicturesSwept,
    RequestEnded,
    ServerChanged,
    Settled,
    WebhookEnded,
)

REQUEST = RequestEnded(
    request="req_1",
    dialect="openai",
    route="/v1/images/generations",
    status=200,
    seconds=1.5,
    team="acme",
    key="k_1",
    operation="generate",
    model="auto",
    offer="stub/photo",
    images=2,
    attempts=1,
    quoted=80_000,
    charged=80_000,
)
REFUSED = RequestEnded(
    request="req_2", dialect="openai", route="/v1/images/edits", status=400, seconds=0.1, fault="rejected", detail="no"
)
REPEATED = replace(REQUEST, request="req_6", joined=True, delivered=False, charged=0)
ATTEMPT = AttemptEnded(request="req_1", provider="stub", model="photo", outcome="ok", seconds=1.2, images=2)
SETTLED = Settled(
    request="req_1", team="acme", key="k_1", provider="stub", model="photo", quoted=80_000, cost=60_000, images=2
)
TURNED = BreakerTurned(offer="stub/photo", state="open", why="keeps failing")
LEFT = HoldLeft(
    request="req_3", hold="h_1", team="acme", provider="stub", model="photo", micros=40_000, why="no answer in time"
)
ENDED = HoldEnded(request="req_3", hold="h_1", team="acme", provider="stub", how="expired", micros=40_000)
OVER_BUDGET = BudgetRefused(request="req_4", team="acme", key="k_1", scope="team:acme", what="usd", window="day")
OVERRUN = Overrun(request="req_5", team="acme", micros=1_500_000)
POSTED = LedgerPosted(orders=3, seconds=0.002)
SWEPT = PicturesSwept(removed=1, kept=2, kept_bytes=4096)
STARTED = ServerChanged(what="started")
CALLED = WebhookEnded(request="req_1", team="acme", outcome="taken", tries=1)

ALL: tuple[Event, ...] = (
    *(REQUEST, REFUSED, REPEATED, ATTEMPT, SETTLED, TURNED, LEFT, ENDED, OVER_BUDGET, OVERRUN, POSTED, SWEPT, STARTED),
    CALLED,
)
