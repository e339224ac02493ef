"""What lasts as long as the process, whatever the configuration: the ledger, the pictures, what is known of vendors.

Everything here is built once, told the rows it goes by, and told again when they change: `adopt` cannot fail.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Engine

from proxy.app.drawing import local_renderer
from proxy.app.setup import Setup
from proxy.app.storing import open_store
from proxy.balance import Balances
from proxy.config import Config, LedgerRow
from proxy.drift import Drift
from proxy.edge.admission import Admission
from proxy.edge.background import Background
from proxy.edge.budgets import BudgetNews
from proxy.edge.slips import Slips
from proxy.edge.webhooks import Webhooks
from proxy.edge.wire import Intake
from proxy.events import Bus, Tell
from proxy.health import Health, Thresholds
from proxy.learned import NAME as LEARNED
from proxy.learned import Learned, loads_of
from proxy.ledger.accounts import Accounts, KeyRing
from proxy.ledger.book import Ledger
from proxy.ledger.engine import open_ledger, place_of
from proxy.ledger.scribe import Scribe
from proxy.ledger.seat import Seat
from proxy.ledger.secrets import shared_secret
from proxy.ledger.tenure import Tenure
from proxy.limits import Limits
from proxy.logs import Log
from proxy.metrics import Metrics, workers
from proxy.pictures import Studio
from proxy.recovery import Recovery
from proxy.renderer import CardRenderer, LocalRenderer, Renderer
from proxy.repeats import Repeats
from proxy.shadow import Shadow
from proxy.shared import Shared, joined
from proxy.store import Pictures, Store
from proxy.transport import Guard, Room, Transport
from proxy.twins import Twins

DRAIN_S = 30
"""Seconds that what is under way has to finish after SIGTERM; what needs longer leaves its ticket."""


class Premises(Struct, frozen=True, kw_only=True):
    """What lasts."""

    folder: Path
    engine: Engine
    ring: KeyRing
    metrics: Metrics
    bus: Bus
    log: Log
    drift: Drift
    ledger: Ledger
    files: Store
    """What keeps all that is not the ledger's: shared with other servers, where it is an object store."""
    links_secret: bytes
    """What links are signed with."""
    store: Pictures
    kept: Pictures
    """The pictures of assets: nobody sweeps them."""
    studio: Studio
    room: Room
    guard: Guard
    transport: Transport
    local: LocalRenderer | None
    """Who draws with local models; None where there are none."""
    learned: Learned
    """What their pictures were measured to take."""
    shared: Shared
    """What this server and the others know together."""
    health: Health
    balances: Balances
    repeats: Repeats
    shadow: Shadow
    twins: Twins
    recovery: Recovery
    tenure: Tenure
    background: Background
    admission: Admission
    intake: Intake
    webhooks: Webhooks
    news: BudgetNews
    slips: Slips

    @property
    def tell(self) -> Tell:
        """Where everything that happens is told."""
        return self.bus.tell

    def adopt(self, setup: Setup) -> None:
        """Go by another configuration from now on. It is sound, so this cannot fail."""
        config, lines = setup.config, setup.catalogue.lines
        self.log.adopt(config.log.level, prompts=config.log.prompts)
        self.drift.adopt(threshold=config.drift.threshold, samples=config.drift.samples)
        self.studio.adopt(config.limits.picture_pixels)
        self.room.adopt(config.limits.replies_bytes)
        self.guard.adopt(config.links.allow, config.limits.reply_bytes)
        self.transport.adopt(config.limits.reply_bytes)
        self.health.adopt(thresholds(config), lines)
        self.balances.adopt(lines, config.balances)
        self.repeats.adopt(config.repeats)
        self.shadow.adopt(config.policy.shadow, config.policy.shadow_share)
        self.twins.adopt(config.cache)
        self.recovery.adopt(setup.catalogue, expires_s=config.ledger.ambiguous_s)
        self.intake.adopt(config.limits.body_bytes, config.limits.bodies_bytes)


async def furnish(setup: Setup, folder: Path, stack: AsyncExitStack) -> Premises:
    """Build it all, recovery done; on leaving the stack everything is closed in reverse.

    Raises SchemaError or InUseError before anything is changed.
    """
    config, catalogue = setup.config, setup.catalogue
    seat = Seat(folder)
    stack.callback(seat.close)
    metrics, log, drift, bus = _listeners(config, stack)
    tell = bus.tell
    engine = open_ledger(folder, config.ledger.address)
    ledger, tenure = await _books(config.ledger, folder, engine, seat, tell, stack)
    ring = KeyRing(Accounts(engine))
    ring.refresh()

    files = open_store(config.store, folder, tell)
    stack.callback(files.close)
    store, kept = Pictures(files, "pictures", tell), Pictures(files, "assets", tell)
    studio = Studio(config.limits.picture_pixels)
    stack.callback(studio.close)
    local = local_renderer(config, tell)
    learned = Learned(folder / LEARNED, loads_of(config), local)
    bus.listen(learned.hear)
    room, guard, transport = await _roads(config, local, stack)

    redis = config.shared.redis
    shared = await stack.enter_async_context(joined(redis.reveal() if redis else None, config.shared.prefix, tell))
    health = Health(tell, thresholds(config), catalogue.lines, shared=shared)
    several = bool(config.ledger.url or redis or workers.shared())
    repeats = Repeats(ledger, store, config.repeats, wakes=shared.wakes, shared=lambda: several or not tenure.alone)
    shadow = Shadow(config.policy.shadow, config.policy.shadow_share, tell)
    stack.callback(shadow.close)
    recovery = Recovery(
        *(catalogue, ledger, tenure, transport, store, repeats, room, tell),
        health=health,
        expires_s=config.ledger.ambiguous_s,
    )
    stack.push_async_callback(recovery.close)
    await recovery.start()

    secret = shared_secret(engine, "webhooks", folder / "webhooks.secret")
    webhooks = Webhooks(guard, files, secret, tell, owner=ledger.owner)
    stack.push_async_callback(webhooks.close)
    news = BudgetNews(ledger, webhooks, tell)
    bus.listen(news.hear)
    background = Background(DRAIN_S)
    stack.push_async_callback(background.close)
    return Premises(
        folder=folder,
        engine=engine,
        ring=ring,
        metrics=metrics,
        bus=bus,
        log=log,
        drift=drift,
        ledger=ledger,
        files=files,
        links_secret=shared_secret(engine, "links", folder / "links.secret"),
        store=store,
        kept=kept,
        studio=studio,
        room=room,
        guard=guard,
        transport=transport,
        local=local,
        learned=learned,
        shared=shared,
        health=health,
        balances=Balances(catalogue.lines, transport, room, tell, config.balances),
        repeats=repeats,
        shadow=shadow,
        twins=Twins(ledger, store, studio, repeats, config.cache, tell),
        recovery=recovery,
        tenure=tenure,
        background=background,
        admission=Admission(ring, Limits(shared.gates, config.shared.when_gone)),
        intake=Intake(config.limits.body_bytes, config.limits.bodies_bytes),
        webhooks=webhooks,
        news=news,
        slips=Slips(files, ledger.owner),
    )


def thresholds(config: Config) -> Thresholds:
    """What opens a breaker."""
    return Thresholds(
        failures=config.limits.breaker_failures,
        seconds=config.limits.breaker_s,
        rate=config.limits.breaker_rate,
        least=config.limits.breaker_requests,
        window_s=config.limits.window_s,
    )


def _listeners(config: Config, stack: AsyncExitStack) -> tuple[Metrics, Log, Drift, Bus]:
    """Who hears what happens, and the bus it is told on."""
    metrics, log = Metrics(), Log(config.log.level, sys.stderr.buffer, prompts=config.log.prompts)
    bus = Bus((metrics.hear, log.hear))
    stack.callback(bus.flush)
    drift = Drift(bus.tell, threshold=config.drift.threshold, samples=config.drift.samples)
    bus.listen(drift.hear)
    return metrics, log, drift, bus


async def _books(
    row: LedgerRow, folder: Path, engine: Engine, seat: Seat, tell: Tell, stack: AsyncExitStack
) -> tuple[Ledger, Tenure]:
    """The ledger, and what shows others that this server still writes in it."""
    scribe = await Scribe.start(place_of(folder, row.address), hold=seat.descriptor, tell=tell)
    ledger = Ledger(engine, scribe, tell, owner=seat.owner)
    stack.push_async_callback(ledger.shut)
    tenure = Tenure(ledger, seat, row.lease_s, tell)
    await tenure.renew()
    stack.push_async_callback(tenure.end)
    return ledger, tenure


async def _roads(config: Config, local: LocalRenderer | None, stack: AsyncExitStack) -> tuple[Room, Guard, Transport]:
    """What leads outside: room for replies, who goes where a stranger's link leads, who talks to vendors."""
    room = Room(config.limits.replies_bytes)
    guard = Guard(config.links.allow, config.limits.reply_bytes)
    stack.push_async_callback(guard.close)
    transport = Transport(guard, await _renderers(local, stack), config.limits.reply_bytes)
    stack.push_async_callback(transport.close)
    return room, guard, transport


async def _renderers(local: LocalRenderer | None, stack: AsyncExitStack) -> dict[str, Renderer]:
    """Who draws on this machine: cards always, diffusers where a model says how to load it."""
    renderers: dict[str, Renderer] = {"card": CardRenderer()}
    if local is not None:
        renderers["diffusers"] = local
    for renderer in renderers.values():
        await renderer.start()
        stack.push_async_callback(renderer.close)
    return renderers
