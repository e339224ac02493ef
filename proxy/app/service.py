"""What serves by one configuration: the walk, the edge and its routes. Another configuration gets another one."""

from __future__ import annotations

import asyncio
from functools import partial

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.types import ASGIApp, Receive, Scope, Send

from pricing import to_micros
from proxy import dialects
from proxy.app.premises import Premises
from proxy.app.setup import Setup
from proxy.attempt import Attempts
from proxy.config import HedgeRow
from proxy.edge import Edge
from proxy.edge.admin import BEGINS, TABLE, Administration, Door, Office
from proxy.edge.cors import Cors
from proxy.edge.desk import Desk
from proxy.enhance import Chat, Enhancer, Words
from proxy.events import Bus
from proxy.gateway import Gateway
from proxy.hedge import Hedging, Later
from proxy.ledger.assets import Assets
from proxy.metrics import Metrics
from proxy.purchase import Purchasing
from proxy.quality import Inspector
from proxy.store import Links


class Service:
    """Litestar, and past it a short way to the routes that make pictures.

    They have no parameters and answer their own exceptions; the router and its exception layer would only cost each of
    their requests a twentieth more.
    """

    def __init__(self, setup: Setup, premises: Premises, administration: Administration) -> None:
        self.setup = setup
        config = setup.config
        self.desk = _desk(setup, premises)
        edge = Edge(
            self.desk,
            list(self.desk.dialects.values()),
            (partial(_expose, premises.bus, premises.metrics), config.metrics.token)
            if not config.metrics.bind
            else None,
        )
        self._short = edge.generating()
        self.litestar = _plain(edge)
        self.admin: ASGIApp = _plain(Door(_office(self.desk, premises, administration), TABLE))
        """Serves the admin API."""
        self._inside = self.admin if config.admin.bind is None else self.litestar
        """Who is asked for it at the main address."""
        self.serve: ASGIApp = Cors(self._route, config.cors.origins, premises.admission)
        """Serves one connection, as ASGI has it."""

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        inside = self._inside if path.startswith(BEGINS) else self.litestar
        await self._short.get(path, inside)(scope, receive, send)


class _Plain(Litestar):
    """Without the plugins it loads for whatever library is installed: nothing here needs them, and to load pydantic's
    takes an eighth of the time to the first answer.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return plugins


def _plain(routes: Edge | Door) -> Litestar:
    return _Plain(
        route_handlers=routes.handlers(),
        exception_handlers=routes.exception_handlers(),
        openapi_config=None,
        logging_config=None,
    )


def _office(desk: Desk, premises: Premises, administration: Administration) -> Office:
    return Office(
        desk=desk,
        engine=premises.engine,
        ring=premises.ring,
        health=premises.health,
        balances=premises.balances,
        administration=administration,
    )


def _desk(setup: Setup, premises: Premises) -> Desk:
    config = setup.config
    enhancer = Chat(config.enhancer, premises.transport) if config.enhancer is not None else Words()
    return Desk(
        gateway=Gateway(
            setup.catalogue,
            setup.policies,
            premises.health,
            _purchasing(setup, premises, enhancer),
            premises.repeats,
            premises.twins,
            premises.shadow,
            premises.learned,
        ),
        admission=premises.admission,
        intake=premises.intake,
        background=premises.background,
        slips=premises.slips,
        webhooks=premises.webhooks,
        catalogue=setup.catalogue,
        policies=setup.policies,
        ledger=premises.ledger,
        repeats=premises.repeats,
        store=premises.store,
        links=Links(premises.links_secret, config.store.link_s),
        enhancer=enhancer,
        assets=Assets(premises.engine),
        kept=premises.kept,
        studio=premises.studio,
        guard=premises.guard,
        room=premises.room,
        tell=premises.tell,
        public_url=config.store.public_url,
        presigned=config.store.links == "presigned",
        prompts=config.log.prompts,
        dialects={name: dialects.load(name) for name in setup.spoken},
        options=config.dialects,
        keep_alive_s=config.limits.keep_alive_s,
        leave_s=config.renderer.leave_s,
    )


def _purchasing(setup: Setup, premises: Premises, enhancer: Enhancer) -> Purchasing:
    config = setup.config
    attempts = Attempts(
        catalogue=setup.catalogue,
        health=premises.health,
        ledger=premises.ledger,
        transport=premises.transport,
        tell=premises.tell,
        queue_s=config.limits.queue_s,
    )
    return Purchasing(
        attempts=attempts,
        ledger=premises.ledger,
        studio=premises.studio,
        store=premises.store,
        enhancer=enhancer,
        tell=premises.tell,
        request_s=config.limits.request_s,
        inspector=Inspector(premises.studio, config.quality_check),
        hedging=_hedging(config.hedge, attempts, premises.background.start),
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


async def _expose(bus: Bus, metrics: Metrics) -> bytes:
    """The exposition, with all that has happened until now."""
    bus.flush()
    return await asyncio.to_thread(metrics.expose)
