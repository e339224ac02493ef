"""What lasts as long as the process, whatever the configuration: the ledger, the pictures, what is known of vendors.

Everything here is built once, told the rows it goes by, and told again when they change: `adopt` cannot fail.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Engine

from proxy.app.setup import Setup
from proxy.balance import Balances
from proxy.config import Config
from proxy.drift import Drift
from proxy.edge.admission import Admission
from proxy.edge.background import Background
from proxy.edge.slips import Slips
from proxy.edge.webhooks import Webhooks
from proxy.edge.wire import Intake
from proxy.events import Bus, Tell
from proxy.health import Health, Thresholds
from proxy.ledger.accounts import Accounts, KeyRing
from proxy.ledger.book import Ledger
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.scribe import Scribe
from proxy.limits import Limits
from proxy.logs import Log
from proxy.metrics import Metrics
from proxy.pictures import Studio
from proxy.recovery import Recovery
from proxy.renderer import CardRenderer, Renderer, WorkerRenderer
from proxy.repeats import Repeats
from proxy.shadow import Shadow
from proxy.store import DiskStore
from proxy.transport import Guard, Room, Transport
from proxy.twins import Twins

DRAIN_S = 30
"""Seconds that what is under way has to finish after SIGTERM; what needs longer leaves its ticket."""


class InUseError(RuntimeError):
    """Another server has the data folder."""


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
    store: DiskStore
    kept: DiskStore
    """The pictures of assets: nobody sweeps them."""
    studio: Studio
    room: Room
    guard: Guard
    transport: Transport
    health: Health
    balances: Balances
    repeats: Repeats
    shadow: Shadow
    twins: Twins
    recovery: Recovery
    background: Background
    admission: Admission
    intake: Intake
    webhooks: Webhooks
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
    lock = _lock(folder)
    stack.callback(os.close, lock)

    metrics, log = Metrics(), Log(config.log.level, sys.stderr.buffer, prompts=config.log.prompts)
    bus = Bus((metrics.hear, log.hear))
    stack.callback(bus.flush)
    tell = bus.tell
    drift = Drift(tell, threshold=config.drift.threshold, samples=config.drift.samples)
    bus.listen(drift.hear)
    engine = open_ledger(folder)
    ledger = Ledger(engine, await Scribe.start(folder / FILE, hold=lock), tell)
    stack.push_async_callback(ledger.shut)
    ring = KeyRing(Accounts(engine))
    ring.refresh()

    store, kept = DiskStore(folder / "pictures", tell), DiskStore(folder / "assets", tell)
    stack.callback(store.close)
    stack.callback(kept.close)
    studio = Studio(config.limits.picture_pixels)
    stack.callback(studio.close)
    room = Room(config.limits.replies_bytes)
    guard = Guard(config.links.allow, config.limits.reply_bytes)
    stack.push_async_callback(guard.close)
    transport = Transport(guard, await _renderers(config, stack), config.limits.reply_bytes)
    stack.push_async_callback(transport.close)

    health = Health(tell, thresholds(config), catalogue.lines)
    repeats = Repeats(ledger, store, config.repeats)
    shadow = Shadow(config.policy.shadow, config.policy.shadow_share, tell)
    stack.callback(shadow.close)
    recovery = Recovery(
        *(catalogue, ledger, transport, store, repeats, room, tell),
        health=health,
        expires_s=config.ledger.ambiguous_s,
    )
    stack.push_async_callback(recovery.close)
    await recovery.start()

    webhooks = Webhooks.with_secret_in(folder, guard, tell)
    stack.push_async_callback(webhooks.close)
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
        store=store,
        kept=kept,
        studio=studio,
        room=room,
        guard=guard,
        transport=transport,
        health=health,
        balances=Balances(catalogue.lines, transport, room, tell, config.balances),
        repeats=repeats,
        shadow=shadow,
        twins=Twins(ledger, store, studio, repeats, config.cache, tell),
        recovery=recovery,
        background=background,
        admission=Admission(ring, Limits()),
        intake=Intake(config.limits.body_bytes, config.limits.bodies_bytes),
        webhooks=webhooks,
        slips=Slips(folder / "slips"),
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


async def _renderers(config: Config, stack: AsyncExitStack) -> dict[str, Renderer]:
    """Who draws on this machine: cards always, diffusers where a model says how to load it."""
    models = [model for row in config.providers.values() if row.enabled for model in row.models]
    loads = {model.name: model.load for model in models if model.load is not None}
    renderers: dict[str, Renderer] = {"card": CardRenderer()}
    if loads:
        renderers["diffusers"] = WorkerRenderer(loads, preload=[model.name for model in models if model.preload])
    for renderer in renderers.values():
        await renderer.start()
        stack.push_async_callback(renderer.close)
    return renderers


def _lock(folder: Path) -> int:
    """Take the data folder for this process alone: a SQLite ledger has one server, and recovery relies on it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InUseError(
            f"another server is using {folder}: one folder has one server. Give this one its own with --data."
        ) from None
    return descriptor
