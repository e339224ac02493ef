"""The server around the application: sockets, signals, the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import uvicorn

from proxy.app import premises
from proxy.app.application import HANGUP, Application, ended, opened
from proxy.app.beside import beside
from proxy.app.bootstrap import say_first_key
from proxy.config import Config, ConfigError
from proxy.ledger.book import Ledger

GARBAGE = (10_000, 20, 50)
"""Collect less often than by default: what a request leaves is freed by its last reference, hardly by the collector."""
SWITCH_S = 0.0002
"""A worker thread gives the event loop its turn back after so long; by default after 5 ms, an answer's whole time."""


class LedgerLostError(RuntimeError):
    """The ledger could not be written any more."""


async def serve(
    again: Callable[[], Config],
    folder: Path,
    host: str,
    port: int,
    *,
    bootstrap: bool = False,
    given: socket.socket | None = None,
) -> None:
    """Serve until told to stop, then let what is under way finish.

    `again` reads the configuration: now, and on every SIGHUP. With `bootstrap`, a ledger without any key gets one that
    may administer, which is printed. `given`: the socket of a crew, whose parent is there as long as standard input has
    no end. Raises what `opened` raises, and LedgerLostError.
    """
    async with opened(again(), folder, again=again) as app:
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
            timeout_graceful_shutdown=premises.DRAIN_S,
            backlog=2048,
        )
        if bootstrap:
            await asyncio.to_thread(say_first_key, app.premises.engine)
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.set_threshold(*GARBAGE)
        gc.enable()
        gc.freeze()  # what is here now stays: looking through it again and again is a fifth of a request's time
        listening = _Listening(settings, app)
        ledger = app.premises.ledger
        watching = asyncio.create_task(_stop_without(ledger, listening))
        if given is not None:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), listening.orphaned)
            app.pass_on = _tell_the_crew
        async with _administered(app, shared=given is not None):
            await listening.serve(None if given is None else [given])
        await ended(watching)
        if ledger.lost.is_set():
            raise LedgerLostError("the process that writes the ledger has ended; start the server again")


def _administered(app: Application, *, shared: bool) -> AbstractAsyncContextManager[None]:
    """Serves the admin API meanwhile, where it has an address of its own."""
    bind = app.config.admin.bind
    return nullcontext() if bind is None else beside(app.administer, bind, shared=shared)


class _Listening(uvicorn.Server):
    """Says one line when it listens, and lets nothing new in when it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self._app = app
        self._reloads: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and Ctrl-C; a second Ctrl-C does not wait. The process then ends by itself, with status 0.

        The base class raises the signal again at the end, which would kill us before everything is closed. SIGHUP has
        the configuration read again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in getattr(self, "servers", ()):
            host, port = server.sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"darkroom is ready: http://{shown}:{port}/v1", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.premises.admission.open = False
        await super().shutdown(sockets)

    def orphaned(self) -> None:
        """Stop when the parent of the crew is gone, however it went."""
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.handle_exit(signal.SIGTERM, None)

    def _reload(self) -> None:
        async def reload() -> None:
            with suppress(ConfigError):  # what is wrong with it was told as an event
                await self._app.reload(HANGUP)

        task = asyncio.create_task(reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)


def _tell_the_crew() -> None:
    """The parent passes it on to all of its workers, this one among them, which then finds nothing new."""
    os.kill(os.getppid(), signal.SIGHUP)


async def _stop_without(ledger: Ledger, listening: uvicorn.Server) -> None:
    """A server that cannot write its ledger must not go on: the next start sorts what the last one left."""
    await ledger.lost.wait()
    listening.should_exit = True
