"""The application: premises, and a service on them that another one can take the place of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import start_http_server

from proxy.app import chores
from proxy.app.premises import Premises, furnish
from proxy.app.service import Service
from proxy.app.setup import Setup
from proxy.config import Config, ConfigError
from proxy.edge.admin import Administration
from proxy.edge.pickup import Pickup
from proxy.events import ConfigurationRefused, ConfigurationTaken, ServerChanged
from proxy.ledger.accounts import Accounts
from proxy.metrics import Metrics, workers

REPORTS = 2
"""Reports that are added up at once for operators: each takes a core for its time."""


HANGUP = "SIGHUP"


class Application:
    """What a server runs. A request ends by the configuration it began with."""

    def __init__(
        self, setup: Setup, premises: Premises, environ: Mapping[str, str], again: Callable[[], Config] | None
    ) -> None:
        """`again`: reads the configuration anew, where it comes from a file."""
        self.premises = premises
        self._environ = environ
        self._again = again
        self._turn = asyncio.Lock()
        self.pass_on: Callable[[], None] | None = None
        """Has the other servers of a crew read the configuration again, too."""
        self._replaying, self._reporting = asyncio.Semaphore(1), asyncio.Semaphore(REPORTS)
        self._take(Service(setup, premises, self._administration()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        await self._serve(scope, receive, send)

    async def administer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection at the address that the admin API has to itself."""
        await self.service.admin(scope, receive, send)

    @property
    def config(self) -> Config:
        """The one that holds."""
        return self.service.setup.config

    async def reload(self, by: str) -> list[str]:
        """Read the configuration and the prices again, and go by them from the next request on.

        `by`: whose wish that is, for the record; where it is a key's, the whole crew does the same. Returns the rows
        that have changed. Raises ConfigError, and everything stays as it was: nothing is taken in part.
        """
        async with self._turn:
            try:
                service, changed = await asyncio.to_thread(self._read_again)
            except ConfigError as error:
                self.premises.tell(ConfigurationRefused(by=by, why=str(error)))
                raise
            self.premises.adopt(service.setup)
            self._take(service)
            self.tell_loaded(by, changed)
            if by != HANGUP and self.pass_on is not None:
                self.pass_on()
            return changed

    def tell_loaded(self, by: str, changed: list[str]) -> None:
        """That a configuration holds from now on, and what of it cannot be used."""
        for place in self.service.setup.catalogue.keyless:
            self.premises.tell(ServerChanged(what="account left out", detail=f"the key of {place} is empty"))
        self.premises.tell(ConfigurationTaken(by=by, changed=tuple(changed)))

    def _read_again(self) -> tuple[Service, list[str]]:
        """Whatever can go wrong goes wrong here, before anything is changed."""
        if self._again is None:
            raise ConfigError("there is no file that the configuration came from")
        setup = Setup.of(self._again(), self._environ)
        changed = setup.succeeds(self.service.setup)
        return Service(setup, self.premises, self._administration()), changed

    def _administration(self) -> Administration:
        return Administration(
            folder=self.premises.folder,
            environ=self._environ,
            config=lambda: self.config,
            reload=self.reload,
            turn=self._replaying,
            reports=self._reporting,
        )

    def _take(self, service: Service) -> None:
        self.service = service
        self._serve: ASGIApp = service.serve


@asynccontextmanager
async def opened(
    config: Config,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
    again: Callable[[], Config] | None = None,
) -> AsyncIterator[Application]:
    """The application, started; on leaving, everything is closed in reverse.

    `again` reads the configuration anew when it is to be reloaded. Raises ConfigError, SchemaError or InUseError before
    anything listens.
    """
    async with AsyncExitStack() as stack:
        setup = Setup.of(config, environ)
        premises = await furnish(setup, folder, stack)
        app = Application(setup, premises, environ, again)
        if config.metrics.bind is not None and not workers.shared():  # else their parent does
            _expose(config.metrics.bind, premises.metrics, stack)
        for work in (
            Pickup(app.service.desk).take_up(),
            premises.balances.run(),
            premises.tenure.run(),
            premises.recovery.run(),
            chores.report(premises.health),
            premises.news.run(),
            premises.learned.run(),
            chores.watch_keys(premises.ring, premises.shared.board),
            chores.write_used(premises.admission.used, Accounts(premises.engine)),
            chores.sweep(premises, lambda: app.config.store),
        ):
            task = asyncio.create_task(work)
            stack.push_async_callback(ended, task)
        app.tell_loaded("start", [])
        premises.tell(ServerChanged(what="started"))
        yield app
        premises.admission.open = False


async def ended(task: asyncio.Task[None]) -> None:
    """Break a task off, and wait until it is."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _expose(bind: str, metrics: Metrics, stack: AsyncExitStack) -> None:
    host, _, port = bind.rpartition(":")
    server, thread = start_http_server(int(port), host.strip("[]") or "127.0.0.1", metrics.registry)
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
