"""Every route the server has: those of the dialects, and our own."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from litestar import Response, asgi
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, ExceptionHandlersMap, HTTPScope, Receive, Scope, Send

from providers.contract import Code, Failure, Fault, Secret
from proxy.dialects.contract import Dialect, Generating, Incoming, Informing, Outgoing, Talking
from proxy.edge.answering import BROKEN, request_id
from proxy.edge.asking import Answerer, AnyRequest, authenticated, handler, response
from proxy.edge.campaigns import Campaigns
from proxy.edge.desk import Desk
from proxy.edge.generating import Speaker, Visit, attend
from proxy.edge.own import Exposition, Own
from proxy.edge.shelf import Shelf
from proxy.edge.talking import Conversation
from proxy.edge.wire import respond
from proxy.ledger.accounts import Key


class Edge:
    """Builds the route handlers."""

    def __init__(
        self,
        desk: Desk,
        dialects: Sequence[Dialect],
        metrics: tuple[Callable[[], Awaitable[bytes]], Secret | None] | None,
    ) -> None:
        """`metrics`: what renders the exposition, and the token it takes, where it is served on this address.

        The first dialect speaks for all.
        """
        self._desk = desk
        self._shelf = Shelf(desk.catalogue)
        self._dialects = dialects
        self._exposition = Exposition(*metrics, dialects[0]) if metrics is not None else None

    def handlers(self) -> list[ASGIRouteHandler | HTTPRouteHandler]:
        """Everything that can be asked of the server."""
        handlers: list[ASGIRouteHandler | HTTPRouteHandler] = [
            asgi(path, copy_scope=False)(handle) for path, handle in self.generating().items()
        ]
        for dialect in self._dialects:
            for entry in dialect.routes:
                if isinstance(entry, Generating):
                    continue
                make = self._informing if isinstance(entry, Informing) else self._talking
                answer = make(dialect, entry)  # type: ignore[arg-type]
                handlers.append(handler([entry.path, f"/{dialect.name}{entry.path}"], entry.method, answer))
        first = self._dialects[0]
        own = Own(self._desk, self._dialects)
        campaigns = Campaigns(self._desk, self._speakers())
        links = {dialect.links.rpartition("/")[0] for dialect in self._dialects}
        handlers.append(handler([f"{path}/{{name:str}}" for path in sorted(links)], "GET", own.picture))
        handlers += [
            handler("/v1/darkroom/requests/{id:str}", "GET", authenticated(self._desk, first, own.request_state)),
            handler("/v1/darkroom/requests/{id:str}", "DELETE", authenticated(self._desk, first, own.request_erased)),
            *[
                handler(f"/v1/darkroom/{name}", "POST", authenticated(self._desk, first, answer, operation=name))
                for name, answer in (("plan", campaigns.plan), ("estimate", campaigns.estimate))
            ],
            handler("/v1/darkroom/webhook-secret", "GET", authenticated(self._desk, first, own.webhook_secret)),
            handler("/v1/darkroom/openapi.json", "GET", own.openapi),
            handler("/v1/darkroom/docs", "GET", own.page),
            handler("/health/live", "GET", own.live),
            handler("/health/ready", "GET", own.ready),
        ]
        if self._exposition is not None:
            handlers.append(handler("/metrics", "GET", self._exposition.exposition))
        return handlers

    def exception_handlers(self) -> ExceptionHandlersMap:
        """What no route answers is answered in the words of the dialect it looks like."""
        return {
            NotFoundException: lambda request, _: self._answered(request, self._unknown(request)),
            MethodNotAllowedException: lambda request, _: self._answered(
                request, _wrong_method(request.scope["path"], request.method)
            ),
            HTTPException: lambda request, error: self._answered(
                request, Failure(Fault.REJECTED, str(error.detail), code=Code.INVALID)
            ),
            Exception: lambda request, error: self._answered(request, _broken(request.scope["path"], error)),
        }

    def _answered(self, request: AnyRequest, failure: Failure) -> Response[bytes]:
        return response(self._speaks(request.scope["path"]).render_error(failure))

    def _speaks(self, path: str) -> Dialect:
        """The dialect a path looks like, though it has no such route."""
        for dialect in self._dialects:
            begins = {"/".join(entry.path.split("/")[:3]) for entry in dialect.routes}
            if any(path == each or path.startswith(f"{each}/") for each in (*begins, f"/{dialect.name}")):
                return dialect
        return self._dialects[0]

    def _unknown(self, request: AnyRequest) -> Failure:
        detail = f"Unknown request URL: {request.method} {request.scope['path']}."
        if self._speaks(request.scope["path"]) is self._dialects[0]:
            detail += " A base_url for this server ends in /v1."
        return Failure(Fault.REJECTED, detail, code=Code.UNKNOWN_ROUTE)

    def generating(self) -> dict[str, ASGIApp]:
        """The routes that make pictures, by path: each answers everything itself, its own mistakes too.

        Where dialects share a path, each request tells which it speaks; under `/<dialect>` the path says it.
        """
        return {path: self._generating(speakers) for path, speakers in self._speakers().items()}

    def _speakers(self) -> dict[str, list[Speaker]]:
        """Who answers each path that makes pictures; the one that takes what nobody claims is the last."""
        speakers: dict[str, list[Speaker]] = defaultdict(list)
        for dialect in self._dialects:
            for entry in dialect.routes:
                if isinstance(entry, Generating):
                    speakers[entry.path].append((dialect, entry))
                    speakers[f"/{dialect.name}{entry.path}"].append((dialect, entry))
        return {path: sorted(found, key=lambda speaker: speaker[1].claims is None) for path, found in speakers.items()}

    def _generating(self, speakers: Sequence[Speaker]) -> ASGIApp:
        dialect, entry = speakers[-1]

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            http = cast(HTTPScope, scope)
            if http["method"] == entry.method:
                await attend(Visit(self._desk, speakers, http, receive, send))
                return
            outgoing = dialect.render_error(_wrong_method(entry.path, http["method"]))
            await respond(send, outgoing, {"x-request-id": request_id(), "allow": entry.method})

        return handle

    def _informing(self, dialect: Dialect, entry: Informing) -> Answerer:
        async def tell(key: Key, incoming: Incoming) -> Outgoing:
            return entry.answer(incoming, self._desk.cards(key, dialect.name, await self._shelf.prices()))

        return authenticated(self._desk, dialect, tell, entry)

    def _talking(self, dialect: Dialect, entry: Talking) -> Answerer:
        async def converse(key: Key, incoming: Incoming) -> Outgoing:
            begins = self._desk.public_url.rstrip("/") if self._desk.public_url else incoming.origin
            return await Conversation(self._desk, dialect, key, begins).hold(entry.talk(incoming))

        return authenticated(self._desk, dialect, converse, entry)


def _wrong_method(path: str, method: str) -> Failure:
    return Failure(Fault.REJECTED, f"{path} does not take {method}.", code=Code.WRONG_METHOD)


def _broken(path: str, error: Exception) -> Failure:
    logging.getLogger(__name__).error("%s broke", path, exc_info=error)
    return Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL)
