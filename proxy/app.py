"""The composition root: from a configuration to a server. The only module that builds things."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import start_http_server
from sqlalchemy.exc import SQLAlchemyError

from pricing import Book, to_micros
from providers.contract import Failure
from proxy import dialects
from proxy.attempt import Attempts
from proxy.balance import Balances
from proxy.catalogue import Catalogue
from proxy.config import Config, ConfigError, HedgeRow
from proxy.drift import Drift
from proxy.edge import Edge
from proxy.edge.admission import Admission
from proxy.edge.background import Background
from proxy.edge.cors import Cors
from proxy.edge.desk import Desk
from proxy.edge.pickup import Pickup
from proxy.edge.slips import Slips
from proxy.edge.webhooks import Webhooks
from proxy.edge.wire import Intake
from proxy.enhance import Chat, Words
from proxy.events import Bus, ServerChanged
from proxy.gateway import Gateway
from proxy.health import Health, Thresholds
from proxy.hedge import Hedging, Later
from proxy.ledger.accounts import Accounts, KeyRing
from proxy.ledger.assets import Assets
from proxy.ledger.book import Ledger
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.scribe import Scribe
from proxy.limits import Limits
from proxy.logs import Log
from proxy.metrics import Metrics
from proxy.pictures import Studio
from proxy.policies import Policies
from proxy.purchase import Purchasing
from proxy.quality import Inspector
from proxy.recovery import Recovery
from proxy.renderer import CardRenderer, Renderer, WorkerRenderer
from proxy.repeats import Repeats
from proxy.shadow import Shadow
from proxy.store import DiskStore, Links
from proxy.transport import Guard, Room, Transport
from proxy.twins import Twins

FIRST = "openai"
"""The dialect that answers where nothing says which one is spoken."""
KEYS_S = 1.0
"""Keys and limits are looked at this often for changes by other processes."""
SWEEP_S = 300.0
REPORT_S = 5.0
"""What is measured of offers and accounts is told this often: as often as anybody scrapes it."""
GARBAGE = (10_000, 20, 50)
"""Collect less often than by default: what a request leaves is freed by its last reference, hardly by the collector."""
SWITCH_S = 0.0002
"""A worker thread gives the event loop its turn back after so long; by default after 5 ms, an answer's whole time."""
DRAIN_S = 30
"""Seconds that what is under way has to finish after SIGTERM; what needs longer leaves its ticket."""


class InUseError(RuntimeError):
    """Another server has the data folder."""


class LedgerLostError(RuntimeError):
    """The ledger could not be written any more."""


@asynccontextmanager
async def opened(config: Config, folder: Path, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Application]:
    """The application, started; on leaving, everything is closed in reverse.

    Raises ConfigError, SchemaError or InUseError before anything listens.
    """
    async with AsyncExitStack() as stack:
        lock = _lock(folder)
        stack.callback(os.close, lock)

        metrics = Metrics()
        bus = Bus((metrics.hear, Log(config.log.level, sys.stderr.buffer, prompts=config.log.prompts).hear))
        stack.callback(bus.flush)
        tell = bus.tell
        bus.listen(Drift(tell, threshold=config.drift.threshold, samples=config.drift.samples).hear)
        engine = open_ledger(folder)
        ledger = Ledger(engine, await Scribe.start(folder / FILE, hold=lock), tell)
        stack.push_async_callback(ledger.shut)
        catalogue = Catalogue(config, Book.load(), environ)
        policies = Policies(config)
        ring = KeyRing(Accounts(engine))
        ring.refresh()

        store = DiskStore(folder / "pictures", tell)
        stack.callback(store.close)
        links = Links.with_secret_in(folder, config.store.link_s)
        studio = Studio(config.limits.picture_pixels)
        stack.callback(studio.close)

        room = Room(config.limits.replies_bytes)
        guard = Guard(config.links.allow, config.limits.reply_bytes)
        stack.push_async_callback(guard.close)
        renderers = _renderers(config)
        for renderer in renderers.values():
            await renderer.start()
            stack.push_async_callback(renderer.close)
        transport = Transport(guard, renderers, config.limits.reply_bytes)
        stack.push_async_callback(transport.close)

        enhancer = Chat(config.enhancer, transport) if config.enhancer is not None else Words()
        health = Health(tell, _thresholds(config), catalogue.lines)
        repeats = Repeats(ledger, store, config.repeats)
        shadow = Shadow(config.policy.shadow, config.policy.shadow_share, tell)
        stack.callback(shadow.close)
        twins = Twins(ledger, store, studio, repeats, config.cache, tell)
        background = Background(DRAIN_S)
        attempts = Attempts(
            catalogue=catalogue,
            health=health,
            ledger=ledger,
            transport=transport,
            tell=tell,
            queue_s=config.limits.queue_s,
        )
        purchasing = Purchasing(
            attempts=attempts,
            ledger=ledger,
            studio=studio,
            store=store,
            enhancer=enhancer,
            tell=tell,
            request_s=config.limits.request_s,
            inspector=Inspector(studio, config.quality_check),
            hedging=_hedging(config.hedge, attempts, background.start),
        )
        recovery = Recovery(
            catalogue, ledger, transport, store, repeats, room, tell, expires_s=config.ledger.ambiguous_s
        )
        stack.push_async_callback(recovery.close)
        await recovery.start()

        admission = Admission(ring, Limits())
        webhooks = Webhooks.with_secret_in(folder, guard, tell)
        stack.push_async_callback(webhooks.close)
        slips = Slips(folder / "slips")
        kept = DiskStore(folder / "assets", tell)
        stack.callback(kept.close)
        stack.push_async_callback(background.close)
        spoken = [FIRST, *sorted(dialects.NAMES - {FIRST})]
        if unknown := config.dialects.keys() - set(spoken):
            raise ConfigError(f"dialects: there is no {', '.join(sorted(unknown))}; there are {', '.join(spoken)}")
        desk = Desk(
            gateway=Gateway(catalogue, policies, health, purchasing, repeats, twins, shadow),
            admission=admission,
            intake=Intake(config.limits.body_bytes, config.limits.bodies_bytes),
            background=background,
            slips=slips,
            webhooks=webhooks,
            catalogue=catalogue,
            policies=policies,
            ledger=ledger,
            repeats=repeats,
            store=store,
            links=links,
            enhancer=enhancer,
            assets=Assets(engine),
            kept=kept,
            studio=studio,
            guard=guard,
            room=room,
            tell=tell,
            public_url=config.store.public_url,
            prompts=config.log.prompts,
            dialects={name: dialects.load(name) for name in spoken},
            options=config.dialects,
            keep_alive_s=config.limits.keep_alive_s,
        )
        edge = Edge(
            desk,
            list(desk.dialects.values()),
            partial(_expose_here, bus, metrics) if config.metrics.bind is None else None,
            config.metrics.token,
        )
        if config.metrics.bind is not None:
            _expose(config.metrics.bind, metrics, stack)

        webhooks.start()
        pickup = Pickup(desk).take_up()
        balances = Balances(catalogue.lines, transport, room, tell, config.balances)
        for work in (
            balances.run(),
            _report(health),
            recovery.run(),
            pickup,
            _watch_keys(ring),
            _sweep(store, slips, ledger, config),
        ):
            task = asyncio.create_task(work)
            stack.push_async_callback(_end, task)
        for place in catalogue.keyless:
            tell(ServerChanged(what="account left out", detail=f"the key of {place} is empty"))
        tell(ServerChanged(what="started"))
        yield Application(edge, admission, ledger, config.cors.origins)
        admission.open = False


class Application:
    """What a server runs: Litestar, and past it a short way to the routes that make pictures.

    They have no parameters and answer their own exceptions; the router and its exception layer would only cost each of
    their requests a twentieth more.
    """

    def __init__(self, edge: Edge, admission: Admission, ledger: Ledger, origins: Sequence[str]) -> None:
        self._short = edge.generating()
        self.admission = admission
        self.ledger = ledger
        self._serve: ASGIApp = Cors(self._route, origins) if origins else self._route
        self.litestar = _Plain(
            route_handlers=edge.handlers(),
            exception_handlers=edge.exception_handlers(),
            openapi_config=None,
            logging_config=None,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        await self._serve(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._short.get(scope["path"], self.litestar)(scope, receive, send)


class _Plain(Litestar):
    """Without the plugins it loads for whatever library is installed: nothing here needs them, and to load pydantic's
    takes an eighth of the time to the first answer.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return plugins


async def serve(config: Config, folder: Path, host: str, port: int) -> None:
    """Serve until told to stop, then let what is under way finish."""
    async with opened(config, folder) as app:
        settings = uvicorn.Config(
            cast(Any, app),  # Litestar and uvicorn type the same protocol, each in its own words
            host=host,
            port=port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the edge reads what it needs of them, where it needs it
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN_S,
            backlog=2048,
        )
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.set_threshold(*GARBAGE)
        gc.enable()
        gc.freeze()  # what is here now stays: looking through it again and again is a fifth of a request's time
        listening = _Listening(settings, app.admission)
        watching = asyncio.create_task(_stop_without(app.ledger, listening))
        await listening.serve()
        await _end(watching)
        if app.ledger.lost.is_set():
            raise LedgerLostError("the process that writes the ledger has ended; start the server again")


class _Listening(uvicorn.Server):
    """Says one line when it listens, and lets nothing new in when it is told to stop."""

    def __init__(self, config: uvicorn.Config, admission: Admission) -> None:
        super().__init__(config)
        self._admission = admission

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and Ctrl-C; a second Ctrl-C does not wait. The process then ends by itself, with status 0.

        The base class raises the signal again at the end, which would kill us before everything is closed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup()
        for server in getattr(self, "servers", ()):
            host, port = server.sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"darkroom is ready: http://{shown}:{port}/v1", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        self._admission.open = False
        await super().shutdown()


def _thresholds(config: Config) -> Thresholds:
    return Thresholds(
        failures=config.limits.breaker_failures,
        seconds=config.limits.breaker_s,
        rate=config.limits.breaker_rate,
        least=config.limits.breaker_requests,
        window_s=config.limits.window_s,
    )


def _hedging(row: HedgeRow | None, attempts: Attempts, later: Later) -> Hedging | None:
    if row is None:
        return None
    return Hedging(
        after=None if row.after == "p95" else row.after,
        extra=to_micros(row.extra),
        policies=None if row.policies is None else frozenset(row.policies),
        attempts=attempts,
        later=later,
    )


def _renderers(config: Config) -> dict[str, Renderer]:
    """Who draws on this machine: cards always, diffusers where a model says how to load it."""
    models = [model for row in config.providers.values() if row.enabled for model in row.models]
    loads = {model.name: model.load for model in models if model.load is not None}
    renderers: dict[str, Renderer] = {"card": CardRenderer()}
    if loads:
        renderers["diffusers"] = WorkerRenderer(loads, preload=[model.name for model in models if model.preload])
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


async def _expose_here(bus: Bus, metrics: Metrics) -> bytes:
    """The exposition, with all that has happened until now."""
    bus.flush()
    return await asyncio.to_thread(metrics.expose)


def _expose(bind: str, metrics: Metrics, stack: AsyncExitStack) -> None:
    host, _, port = bind.rpartition(":")
    server, thread = start_http_server(int(port), host.strip("[]") or "127.0.0.1", metrics.registry)
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)


async def _stop_without(ledger: Ledger, listening: uvicorn.Server) -> None:
    """A server that cannot write its ledger must not go on: the next start sorts what the last one left."""
    await ledger.lost.wait()
    listening.should_exit = True


async def _report(health: Health) -> None:
    while True:
        await asyncio.sleep(REPORT_S)
        health.report()


async def _watch_keys(ring: KeyRing) -> None:
    while True:
        await asyncio.sleep(KEYS_S)
        try:
            await asyncio.to_thread(ring.refresh)
        except SQLAlchemyError:  # a look that fails must not be the last one: keys are revoked by it
            logging.getLogger(__name__).exception("keys could not be looked at")


async def _sweep(store: DiskStore, slips: Slips, ledger: Ledger, config: Config) -> None:
    """The janitor: pictures nobody may fetch any more, idempotency keys nobody may repeat any more."""
    keep = max(config.store.keep_s, config.store.link_s)
    while True:
        try:
            await store.sweep(keep)
            await slips.sweep(keep)
            await ledger.forget_keys(ledger.now() - keep * 1000)
        except (OSError, Failure):  # the janitor comes again
            logging.getLogger(__name__).exception("pictures could not be swept")
        await asyncio.sleep(SWEEP_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
