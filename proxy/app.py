"""The composition root: from a configuration to a server. The only module that builds things."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import uvicorn
from litestar import Litestar
from prometheus_client import start_http_server

from pricing import Book
from proxy import dialects
from proxy.catalogue import Catalogue
from proxy.config import Config
from proxy.edge import Edge
from proxy.edge.admission import Admission
from proxy.edge.generating import Desk
from proxy.edge.wire import Intake
from proxy.events import ServerChanged, Tell, broadcast
from proxy.gateway import Gateway
from proxy.health import Health
from proxy.ledger.accounts import Accounts, KeyRing
from proxy.ledger.book import Ledger
from proxy.ledger.engine import open_ledger
from proxy.limits import Limits
from proxy.logs import listener
from proxy.metrics import Metrics
from proxy.pictures import Studio
from proxy.policy.rules import load as load_rules
from proxy.purchase import Purchasing
from proxy.recovery import Recovery
from proxy.renderer import CardRenderer, Renderer, WorkerRenderer
from proxy.repeats import Repeats
from proxy.store import DiskStore, Links
from proxy.transport import Guard, Room, Transport

DIALECTS = ("openai",)
KEYS_S = 1.0
"""Keys and limits are looked at this often for changes by other processes."""
SWEEP_S = 300.0
DRAIN_S = 30


class InUseError(RuntimeError):
    """Another server has the data folder."""


@asynccontextmanager
async def opened(config: Config, folder: Path, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Litestar]:
    """The application, started; on leaving, everything is closed in reverse.

    Raises ConfigError, SchemaError or InUseError before anything listens.
    """
    async with AsyncExitStack() as stack:
        catalogue = Catalogue(config, Book.load(), environ)
        rules = load_rules(config.policy.rules)
        stack.callback(os.close, _lock(folder))

        metrics = Metrics()
        tell = broadcast((metrics.tell, listener(config.log.level)))
        engine = open_ledger(folder)
        ledger = Ledger(engine, tell)
        stack.push_async_callback(ledger.shut)
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

        health = Health(tell, failures=config.limits.breaker_failures, seconds=config.limits.breaker_s)
        repeats = Repeats(ledger, store, config.repeats)
        purchasing = Purchasing(
            catalogue=catalogue,
            health=health,
            ledger=ledger,
            transport=transport,
            studio=studio,
            store=store,
            tell=tell,
            request_s=config.limits.request_s,
        )
        recovery = Recovery(
            catalogue, ledger, transport, store, repeats, room, tell, expires_s=config.ledger.ambiguous_s
        )
        stack.push_async_callback(recovery.close)
        await recovery.start()

        admission = Admission(ring, Limits())
        desk = Desk(
            gateway=Gateway(catalogue, rules, health, purchasing, repeats),
            admission=admission,
            intake=Intake(config.limits.body_bytes, config.limits.bodies_bytes),
            ledger=ledger,
            repeats=repeats,
            store=store,
            links=links,
            studio=studio,
            guard=guard,
            room=room,
            tell=tell,
            public_url=config.store.public_url,
            prompts=config.log.prompts,
        )
        edge = Edge(
            desk,
            [dialects.load(name) for name in DIALECTS],
            catalogue,
            metrics.expose if config.metrics.bind is None else None,
            config.metrics.token,
        )
        if config.metrics.bind is not None:
            _expose(config.metrics.bind, metrics, stack)

        for work in (recovery.run(), _watch_keys(ring), _sweep(store, ledger, config)):
            task = asyncio.create_task(work)
            stack.push_async_callback(_end, task)
        yield _application(edge, admission, tell)
        admission.open = False


def _application(edge: Edge, admission: Admission, tell: Tell) -> Litestar:
    app = Litestar(
        route_handlers=edge.handlers(),
        exception_handlers=edge.exception_handlers(),
        openapi_config=None,
        logging_config=None,
    )
    app.state.admission = admission
    tell(ServerChanged(what="started"))
    return app


async def serve(config: Config, folder: Path, host: str, port: int) -> None:
    """Serve until told to stop, then let what is under way finish."""
    async with opened(config, folder) as app:
        settings = uvicorn.Config(
            app,
            host=host,
            port=port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN_S,
            backlog=2048,
        )
        gc.collect()
        gc.freeze()  # what is here now stays: looking through it again and again is a fifth of a request's time
        await _Listening(settings, app.state.admission).serve()


class _Listening(uvicorn.Server):
    """Says one line when it listens, and lets nothing new in when it is told to stop."""

    def __init__(self, config: uvicorn.Config, admission: Admission) -> None:
        super().__init__(config)
        self._admission = admission

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and Ctrl-C; a second one does not wait. The process then ends by itself, with status 0.

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


def _renderers(config: Config) -> dict[str, Renderer]:
    """Who draws on this machine: cards always, diffusers where a model says how to load it."""
    loads = {
        model.name: model.load
        for row in config.providers.values()
        if row.enabled
        for model in row.models
        if model.load is not None
    }
    renderers: dict[str, Renderer] = {"card": CardRenderer()}
    if loads:
        renderers["diffusers"] = WorkerRenderer(loads)
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


def _expose(bind: str, metrics: Metrics, stack: AsyncExitStack) -> None:
    host, _, port = bind.rpartition(":")
    server, thread = start_http_server(int(port), host or "127.0.0.1", metrics.registry)
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)


async def _watch_keys(ring: KeyRing) -> None:
    while True:
        await asyncio.sleep(KEYS_S)
        await asyncio.to_thread(ring.refresh)


async def _sweep(store: DiskStore, ledger: Ledger, config: Config) -> None:
    """The janitor: pictures nobody may fetch any more, idempotency keys nobody may repeat any more."""
    keep = max(config.store.keep_s, config.store.link_s)
    while True:
        await store.sweep(keep)
        await ledger.forget_keys(ledger.now() - keep * 1000)
        await asyncio.sleep(SWEEP_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
