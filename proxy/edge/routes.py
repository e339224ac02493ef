"""Every route the server has: those of the dialects, and our own."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any, cast

import msgspec
from litestar import Request, Response, asgi, route
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, ExceptionHandlersMap, HTTPScope, Receive, Scope, Send

from providers.contract import Code, Failure, Fault, Secret
from proxy.catalogue import Catalogue
from proxy.dialects.contract import Card, Dialect, Generating, Incoming, Informing, Outgoing
from proxy.edge.generating import BROKEN, Desk, Visit, request_id
from proxy.edge.wire import origin, respond
from proxy.ledger.accounts import Key
from proxy.store.links import PATH

JSON = {"content-type": "application/json"}
AnyRequest = Request[Any, Any, Any]
Answerer = Callable[[AnyRequest], Awaitable[Outgoing]]


class Edge:
    """Builds the route handlers."""

    def __init__(
        self,
        desk: Desk,
        dialects: Sequence[Dialect],
        catalogue: Catalogue,
        metrics: Callable[[], Awaitable[bytes]] | None,
        metrics_token: Secret | None,
    ) -> None:
        """`metrics` renders the exposition where it is served on this address; the first dialect speaks for all."""
        self._desk = desk
        self._dialects = dialects
        self._catalogue = catalogue
        self._metrics = metrics
        self._metrics_token = metrics_token

    def handlers(self) -> list[ASGIRouteHandler | HTTPRouteHandler]:
        """Everything that can be asked of the server."""
        handlers: list[ASGIRouteHandler | HTTPRouteHandler] = [
            asgi(path, copy_scope=False)(handle) for path, handle in self.generating().items()
        ]
        handlers += [
            self._informing(dialect, entry)
            for dialect in self._dialects
            for entry in dialect.routes
            if isinstance(entry, Informing)
        ]
        first = self._dialects[0]
        handlers += [
            _handler("/v1/darkroom/requests/{id:str}", "GET", self._authenticated(first, self._request_state)),
            _handler(f"{PATH}/{{name:str}}", "GET", self._picture),
            _handler("/health/live", "GET", self._live),
            _handler("/health/ready", "GET", self._ready),
        ]
        if self._metrics is not None:
            handlers.append(_handler("/metrics", "GET", self._exposition))
        return handlers

    def exception_handlers(self) -> ExceptionHandlersMap:
        """What no route answers is answered in the first dialect's words too."""
        return {
            NotFoundException: lambda request, _: self._answered(self._unknown(request)),
            MethodNotAllowedException: lambda request, _: self._answered(
                _wrong_method(request.url.path, request.method)
            ),
            HTTPException: lambda _, error: self._answered(
                Failure(Fault.REJECTED, str(error.detail), code=Code.INVALID)
            ),
            Exception: lambda request, error: self._answered(_broken(request.url.path, error)),
        }

    def _answered(self, failure: Failure) -> Response[bytes]:
        return _response(self._dialects[0].render_error(failure))

    def _unknown(self, request: AnyRequest) -> Failure:
        detail = f"Unknown request URL: {request.method} {request.url.path}. A base_url for this server ends in /v1."
        return Failure(Fault.REJECTED, detail, code=Code.UNKNOWN_ROUTE)

    def generating(self) -> dict[str, ASGIApp]:
        """The routes that make pictures, by path: each answers everything itself, its own mistakes too."""
        return {
            entry.path: self._generating(dialect, entry)
            for dialect in self._dialects
            for entry in dialect.routes
            if isinstance(entry, Generating)
        }

    def _generating(self, dialect: Dialect, entry: Generating) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            http = cast(HTTPScope, scope)
            if http["method"] == entry.method:
                await Visit(self._desk, dialect, entry, http, receive, send)()
                return
            outgoing = dialect.render_error(_wrong_method(entry.path, http["method"]))
            await respond(send, outgoing, {"x-request-id": request_id(), "allow": entry.method})

        return handle

    def _informing(self, dialect: Dialect, entry: Informing) -> HTTPRouteHandler:
        async def tell(key: Key, incoming: Incoming) -> Outgoing:
            return entry.answer(incoming, self._cards(key))

        return _handler(entry.path, entry.method, self._authenticated(dialect, tell))

    def _authenticated(self, dialect: Dialect, tell: Callable[[Key, Incoming], Awaitable[Outgoing]]) -> Answerer:
        async def answer(request: AnyRequest) -> Outgoing:
            headers = dict(request.headers.items())
            try:
                key = await self._desk.admission.authenticate(headers)
                incoming = Incoming(
                    method=request.method,
                    path=request.url.path,
                    headers=headers,
                    origin=origin(request.scope, headers),
                    query=dict(request.query_params.items()),
                    parts={name: str(value) for name, value in request.path_params.items()},
                )
                return await tell(key, incoming)
            except Failure as failure:
                return dialect.render_error(failure)

        return answer

    def _cards(self, key: Key) -> list[Card]:
        """What this key can ask for. A test key is served by the sandbox under every name there is."""
        return [
            Card(
                name=listing.name,
                model=listing.model,
                providers=tuple(offer.provider for offer in listing.offers if offer.out is None),
                served_by=listing.served_by,
                retired=listing.retired,
            )
            for listing in self._catalogue
            if listing.available or key.test
        ]

    # Our own routes.

    async def _request_state(self, key: Key, incoming: Incoming) -> Outgoing:
        """What became of a request, for the team that made it; its pictures as links, if they are kept."""
        state = await self._desk.ledger.job(incoming.parts["id"])
        if state is None or state.team != key.team:
            raise Failure(Fault.REJECTED, "There is no such request of this team.", code=Code.UNKNOWN_ROUTE)
        told: dict[str, Any] = {
            "id": state.job,
            "object": "darkroom.request",
            "model": state.model,
            "state": state.state,
            "created": state.created // 1000,
            "finished": state.finished and state.finished // 1000,
            "images": None,
        }
        answer = await self._desk.repeats.answer_of(state)
        if answer is not None:
            base = (self._desk.public_url or incoming.origin).rstrip("/")
            links = [self._desk.links.link(stored) for stored in answer.stored]
            told["images"] = [{"url": f"{base}{link}"} for link in links]
        return Outgoing(headers=JSON, body=(msgspec.json.encode(told),))

    async def _picture(self, request: AnyRequest) -> Outgoing:
        """A stored picture, to whoever has its link."""
        stored = self._desk.links.read(str(request.path_params["name"]))
        body = await self._desk.store.get(stored) if stored is not None else None
        if stored is None or body is None:
            failure = Failure(Fault.REJECTED, "This link has expired or never was one.", code=Code.UNKNOWN_ROUTE)
            return self._dialects[0].render_error(failure)
        headers = {
            "content-type": stored.format.mime,
            "cache-control": "private, max-age=3600",
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        }
        return Outgoing(headers=headers, body=(body,))

    async def _live(self, _: AnyRequest) -> Outgoing:
        return _status(200, "ok")

    async def _ready(self, _: AnyRequest) -> Outgoing:
        """Ready: not draining, and the ledger answers."""
        try:
            async with asyncio.timeout(2):
                await self._desk.ledger.job("")
        except (Failure, TimeoutError):
            return _status(503, "the ledger does not answer")
        if self._desk.ledger.lost.is_set():
            return _status(503, "the ledger cannot be written")
        return _status(200, "ok") if self._desk.admission.open else _status(503, "shutting down")

    async def _exposition(self, request: AnyRequest) -> Outgoing:
        """The metrics, for whoever has the token; without one configured, for this machine alone."""
        assert self._metrics is not None
        if not self._may_see_metrics(request):
            detail = "Metrics are for this machine, unless metrics.token or metrics.bind is configured."
            return self._dialects[0].render_error(Failure(Fault.REJECTED, detail, code=Code.FORBIDDEN))
        headers = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
        return Outgoing(headers=headers, body=(await self._metrics(),))

    def _may_see_metrics(self, request: AnyRequest) -> bool:
        if self._metrics_token:
            said = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
            return hmac.compare_digest(said, self._metrics_token.reveal().encode())
        return request.client is not None and ip_address(request.client.host).is_loopback


def _handler(path: str, method: str, answer: Answerer) -> HTTPRouteHandler:
    async def handle(request: AnyRequest) -> Response[bytes]:
        return _response(await answer(request))

    methods: Any = ["GET", "HEAD"] if method == "GET" else [method]
    return route(path, http_method=methods, status_code=200)(handle)


def _response(outgoing: Outgoing) -> Response[bytes]:
    headers = {"x-request-id": request_id(), **outgoing.headers}
    media = headers.pop("content-type")
    return Response(b"".join(outgoing.body), status_code=outgoing.status, headers=headers, media_type=media)


def _status(status: int, said: str) -> Outgoing:
    return Outgoing(status=status, headers=JSON, body=(msgspec.json.encode({"status": said}),))


def _wrong_method(path: str, method: str) -> Failure:
    return Failure(Fault.REJECTED, f"{path} does not take {method}.", code=Code.WRONG_METHOD)


def _broken(path: str, error: Exception) -> Failure:
    logging.getLogger(__name__).error("%s broke", path, exc_info=error)
    return Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL)
