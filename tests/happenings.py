"""One of every event there is, as the server tells it."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.events import (
    AccountMeasured,
    AccountTurned,
    AttemptEnded,
    BalanceLow,
    BalanceRead,
    BalanceUnknown,
    BreakerTurned,
    BudgetReached,
    BudgetRefused,
    BudgetUsed,
    ConfigurationRefused,
    ConfigurationTaken,
    Event,
    Forgotten,
    Hedged,
    HedgePaid,
    HoldEnded,
    HoldLeft,
    LeaseLapsed,
    LedgerAway,
    LedgerBack,
    LedgerPosted,
    MemoryStrained,
    ModelsShelved,
    OfferMeasured,
    Overrun,
    PaidUnusable,
    PictureMeasured,
    PicturesSwept,
    PriceDrifted,
    PriceMeasured,
    QueueMoved,
    RendererDied,
    RendererRested,
    RendererStarted,
    RequestEnded,
    RequestErased,
    Reused,
    ServerChanged,
    ServersSeen,
    Settled,
    ShadowPlanned,
    SharedTurned,
    StepShared,
    StoreFailed,
    TakenOver,
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
    policy="house",
    images=2,
    attempts=1,
    quoted=80_000,
    charged=80_000,
)
REFUSED = RequestEnded(
    request="req_2", dialect="openai", route="/v1/images/edits", status=400, seconds=0.1, fault="rejected", detail="no"
)
REPEATED = replace(REQUEST, request="req_6", joined=True, delivered=False, charged=0)
ATTEMPT = AttemptEnded(
    request="req_1", provider="stub", model="photo", outcome="ok", seconds=1.2, images=2, account="eu", waited=0.5
)
SETTLED = Settled(
    request="req_1", team="acme", key="k_1", provider="stub", model="photo", quoted=80_000, cost=60_000, images=2
)
MEASURED = PriceMeasured(provider="stub", model="photo", ratio=1.25)
DRIFTED = PriceDrifted(
    provider="stub", model="photo", state="drifted", ratio=1.25, expected=800_000, cost=1_000_000, samples=20
)
TURNED = BreakerTurned(offer="stub/photo", state="open", why="keeps failing")
ACCOUNT = AccountTurned(provider="stub", model="photo", account="eu", state="open", why="is refused")
OFFER = OfferMeasured(provider="stub", model="photo", error_rate=0.1, p50=1.0, p95=2.0, p99=3.0)
BUSY = AccountMeasured(provider="stub", account="eu", in_flight=24, waiting=3)
FORGOTTEN = Forgotten(provider="gone", model="photo")
BALANCE = BalanceRead(provider="stub", account="eu", micros=9_870_000, hours=12.5, low=True)
LOW = BalanceLow(provider="stub", account="eu", micros=9_870_000, hours=12.5)
UNSAID = BalanceUnknown(provider="stub", account="us", why="no answer")
LEFT = HoldLeft(
    request="req_3", hold="h_1", team="acme", provider="stub", model="photo", micros=40_000, why="no answer in time"
)
ENDED = HoldEnded(request="req_3", hold="h_1", team="acme", provider="stub", how="expired", micros=40_000)
UNUSABLE = PaidUnusable(request="req_7", team="acme", provider="stub", model="photo", reason="moderated", micros=40_000)
HEDGED = Hedged(request="req_8", team="acme", provider="other", model="photo", outcome="lost", micros=40_000)
HEDGE_PAID = HedgePaid(request="req_8", team="acme", provider="other", model="photo", micros=40_000)
OVER_BUDGET = BudgetRefused(request="req_4", team="acme", key="k_1", scope="team:acme", what="usd", window="day")
REACHED = BudgetReached(scope="team:acme", what="usd", window="month", share=80, limit=1_000_000, used=800_000)
USED = BudgetUsed(scope="team:acme", what="usd", window="month", share=0.8)
OVERRUN = Overrun(request="req_5", team="acme", micros=1_500_000)
POSTED = LedgerPosted(orders=3, seconds=0.002)
AWAY = LedgerAway(why="connection refused")
BACK = LedgerBack(seconds=1.5, tries=4)
SWEPT = PicturesSwept(removed=1, kept=2, kept_bytes=4096)
GIVEN = replace(REQUEST, request="req_9", cache="hit", charged=0)
REUSED = Reused(
    request="req_9", team="acme", key="k_1", how="hit", original="req_1", offer="stub/photo", images=2, micros=80_000
)
STARTED = ServerChanged(what="started")
TWO = ServersSeen(count=2)
HEIR = TakenOver(owners=("s_1",), submissions=2, jobs=1)
LAPSED = LeaseLapsed(owner="s_1", late_s=4.0)
TAKEN = ConfigurationTaken(by="SIGHUP", changed=("policy",))
UNSOUND = ConfigurationRefused(by="SIGHUP", why="config.yaml: no")
ALONE = SharedTurned(state="gone", why="connection refused")
UNKEPT = StoreFailed(what="put", why="connection refused")
ERASED = RequestErased(request="req_1", team="acme", key="k_1", pictures=2, dropped=1)
CALLED = WebhookEnded(request="req_1", team="acme", outcome="taken", tries=1)
SHADOWED = ShadowPlanned(
    request="req_1",
    team="acme",
    policy="fastest",
    outcome="differs",
    offer="stub/photo",
    instead="other/photo",
    quoted=80_000,
    quoted_instead=60_000,
)
WORKS = RendererStarted(engine="cuda:0", place="process 4711", seconds=6.5)
FELL = RendererDied(engine="cuda:0", reason="signal 9", jobs=3)
RESTS = RendererRested(engine="cuda:0", reason="exit status 0")
STRAINED = MemoryStrained(engine="cuda:0", model="sdxl", rung="evict")
SHELVED = ModelsShelved(engine="cuda:0", models=("sdxl",), used_bytes=7_000_000_000)
DRAWN = PictureMeasured(engine="cuda:0", model="sdxl", width=1024, height=1024, steps=30, guided=True, seconds=1.5)
STEPPED = StepShared(engine="cuda:0", model="sdxl", pictures=4, seconds=0.05)
QUEUED = QueueMoved(waiting=2, inside=4, wait_s=7.5)

ALL: tuple[Event, ...] = (
    *(UNUSABLE, HEDGED, HEDGE_PAID),
    *(REQUEST, REFUSED, REPEATED, ATTEMPT, SETTLED, TURNED, LEFT, ENDED, OVER_BUDGET, OVERRUN, POSTED, SWEPT, STARTED),
    *(AWAY, BACK),
    *(REACHED, USED),
    *(TAKEN, UNSOUND, ALONE, TWO, HEIR, LAPSED),
    *(UNKEPT, ERASED),
    SHADOWED,
    *(GIVEN, REUSED),
    *(WORKS, FELL, RESTS, SHELVED, STRAINED, DRAWN, STEPPED, QUEUED),
    *(CALLED, MEASURED, DRIFTED),
    *(ACCOUNT, OFFER, BUSY, FORGOTTEN, BALANCE, LOW, UNSAID),
)
