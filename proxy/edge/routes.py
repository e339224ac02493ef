"""Every route the server has: those of the dialects, and our own."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any, cast

import msgspec
from litestar import Request, Response, asgi, route
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, ExceptionHandlersMap, HTTPScope, Receive, Scope, Send
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault, Secret
from proxy.dialects.contract import Dialect, Generating, Incoming, Informing, Outgoing, Talking
from proxy.edge import documentation
from proxy.edge.answering import BROKEN, refusal, request_id
from proxy.edge.campaigns import Campaigns
from proxy.edge.desk import Desk
from proxy.edge.generating import Speaker, Visit
from proxy.edge.pickup import Pickup, again
from proxy.edge.shelf import Shelf
from proxy.edge.talking import NOBODY, Conversation
from proxy.edge.wire import GoneError, origin, respond
from proxy.events import RequestEnded
from proxy.explain import explain_served
from proxy.ledger.accounts import Key
from proxy.ledger.book import JobState
from proxy.ledger.submissions import served

JSON = {"content-type": "application/json"}
AnyRequest = Request[Any, Any, Any]
Answerer = Callable[[AnyRequest], Awaitable[Outgoing]]


class Edge:
    """Builds the route handlers."""

    def __init__(
        self,
        desk: Desk,
        dialects: Sequence[Dialect],
        metrics: Callable[[], Awaitable[bytes]] | None,
        metrics_token: Secret | None,
    ) -> None:
        """`metrics` renders the exposition where it is served on this address; the first dialect speaks for all."""
        self._desk = desk
        self._shelf = Shelf(desk.catalogue)
        self._dialects = dialects
        self._metrics = metrics
        self._metrics_token = metrics_token

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
                handlers.append(_handler([entry.path, f"/{dialect.name}{entry.path}"], entry.method, answer))
        first = self._dialects[0]
        campaigns = Campaigns(self._desk, self._speakers())
        links = {dialect.links.rpartition("/")[0] for dialect in self._dialects}
        handlers.append(_handler([f"{path}/{{name:str}}" for path in sorted(links)], "GET", self._picture))
        handlers += [
            _handler("/v1/darkroom/requests/{id:str}", "GET", self._authenticated(first, self._request_state)),
            *[
                _handler(f"/v1/darkroom/{name}", "POST", self._authenticated(first, answer, operation=name))
                for name, answer in (("plan", campaigns.plan), ("estimate", campaigns.estimate))
            ],
            _handler("/v1/darkroom/webhook-secret", "GET", self._authenticated(first, self._webhook_secret)),
            _handler("/v1/darkroom/openapi.json", "GET", self._openapi),
            _handler("/v1/darkroom/docs", "GET", self._page),
            _handler("/health/live", "GET", self._live),
            _handler("/health/ready", "GET", self._ready),
        ]
        if self._metrics is not None:
            handlers.append(_handler("/metrics", "GET", self._exposition))
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
        return _response(self._speaks(request.scope["path"]).render_error(failure))

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
                await Visit(self._desk, speakers, http, receive, send)()
                return
            outgoing = dialect.render_error(_wrong_method(entry.path, http["method"]))
            await respond(send, outgoing, {"x-request-id": request_id(), "allow": entry.method})

        return handle

    def _informing(self, dialect: Dialect, entry: Informing) -> Answerer:
        async def tell(key: Key, incoming: Incoming) -> Outgoing:
            return entry.answer(incoming, self._desk.cards(key, dialect.name, await self._shelf.prices()))

        return self._authenticated(dialect, tell, entry)

    def _talking(self, dialect: Dialect, entry: Talking) -> Answerer:
        async def converse(key: Key, incoming: Incoming) -> Outgoing:
            begins = self._desk.public_url.rstrip("/") if self._desk.public_url else incoming.origin
            return await Conversation(self._desk, dialect, key, begins).hold(entry.talk(incoming))

        return self._authenticated(dialect, converse, entry)

    def _authenticated(
        self,
        dialect: Dialect,
        tell: Callable[[Key, Incoming], Awaitable[Outgoing]],
        entry: Informing | Talking | None = None,
        *,
        operation: str = "inform",
    ) -> Answerer:
        public = isinstance(entry, Talking) and entry.public
        told = partial(
            RequestEnded,
            dialect=dialect.name,
            route=entry.path if entry is not None else "",
            operation="talk" if isinstance(entry, Talking) else operation,
        )

        async def answer(request: AnyRequest) -> Outgoing:
            headers = dict(request.headers.items())
            key, taken, began = NOBODY, 0, time.perf_counter()
            outgoing = Outgoing(status=499)  # the client closed its request
            why: dict[str, Any] = {}
            try:
                key = NOBODY if public else await self._desk.admission.authenticate(headers)
                body = await self._desk.intake.read(headers, request.receive)
                taken = len(body)
                incoming = Incoming(
                    method=request.method,
                    path=request.scope["path"],
                    headers=headers,
                    origin=origin(request.scope, headers),
                    query=dict(request.query_params.items()),
                    parts={name: str(value) for name, value in request.path_params.items()},
                    body=body,
                    options=self._desk.options.get(dialect.name, {}),
                )
                outgoing = await tell(key, incoming)
            except GoneError:
                pass  # nobody is there to be answered
            except Failure as failure:
                outgoing = dialect.render_error(failure)
                why |= refusal(failure)
            finally:
                self._desk.intake.give(taken)
            why |= {"team": key.team, "key": key.key, "seconds": time.perf_counter() - began}
            ended = told(request=request_id(), status=outgoing.status, **why)
            self._desk.tell(ended)
            return replace(outgoing, headers={"x-request-id": ended.request, **outgoing.headers})

        return answer

    # Our own routes.

    async def _request_state(self, key: Key, incoming: Incoming) -> Outgoing:
        """What became of a request, for the team that made it; its pictures as links, if they are kept."""
        base = (self._desk.public_url or incoming.origin).rstrip("/")
        slip = await self._desk.slips.find(incoming.parts["id"], key.team)
        state = await self._desk.ledger.job(incoming.parts["id"])
        told: dict[str, Any] = {}
        if state is not None and state.team == key.team:
            told = await self._job_told(state, None if slip is not None else base)
        elif slip is None:
            raise Failure(Fault.REJECTED, "There is no such request of this team.", code=Code.UNKNOWN_ROUTE)
        if slip is not None:
            told |= await Pickup(self._desk).told(slip, base)
        headers = again(slip.id) if slip is not None and told["state"] == "open" else {}
        return Outgoing(headers={**JSON, **headers}, body=(msgspec.json.encode(told),))

    async def _job_told(self, state: JobState, base: str | None) -> dict[str, Any]:
        """What the ledger knows of a request; with links to its pictures, where `base` says what they begin with."""
        told: dict[str, Any] = {
            "id": state.job,
            "object": "darkroom.request",
            "model": state.model,
            "state": state.state,
            "created": state.created // 1000,
            "finished": state.finished and state.finished // 1000,
            "images": None,
        }
        found = await self._desk.ledger.read(lambda connection: served(connection, state.job))
        if found is not None:
            told |= explain_served(found)
        answer = await self._desk.repeats.answer_of(state) if base is not None else None
        if answer is not None and base is not None:
            links = [self._desk.link(self._dialects[0], stored, base) for stored in answer.stored]
            told["images"] = [{"url": link} for link in links]
        return told

    async def _webhook_secret(self, key: Key, _: Incoming) -> Outgoing:
        """What verifies the messages that a key's requests send."""
        told = {"object": "darkroom.webhook_secret", "secret": self._desk.webhooks.secret_of(key.key)}
        return Outgoing(headers={**JSON, "cache-control": "no-store"}, body=(msgspec.json.encode(told),))

    async def _picture(self, request: AnyRequest) -> Outgoing:
        """A stored picture, to whoever has its link."""
        stored = self._desk.links.read(str(request.path_params["name"]))
        body = None
        if stored is not None:
            body = await self._desk.store.get(stored) or await self._desk.kept.get(stored)
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

    async def _openapi(self, _: AnyRequest) -> Outgoing:
        """What the server tells of itself, for programs."""
        body = await asyncio.to_thread(lambda: msgspec.json.encode(documentation.openapi(self._dialects)))
        return Outgoing(headers={**JSON, "cache-control": "public, max-age=300"}, body=(body,))

    async def _page(self, _: AnyRequest) -> Outgoing:
        """The same, for people."""
        body = (await asyncio.to_thread(documentation.page, self._dialects)).encode()
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "public, max-age=300",
            "content-security-policy": documentation.CONTENT_POLICY,
            "x-content-type-options": "nosniff",
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


def _handler(path: str | list[str], method: str, answer: Answerer) -> HTTPRouteHandler:
    async def handle(request: AnyRequest) -> Response[bytes]:
        return _response(await answer(request))

    methods: Any = ["GET", "HEAD"] if method == "GET" else [method]
    return route(path, http_method=methods, status_code=200)(handle)


def _response(outgoing: Outgoing) -> Response[bytes]:
    headers = {"x-request-id": request_id(), **outgoing.headers}
    media = headers.pop("content-type", "application/json")
    return Response(b"".join(outgoing.body), status_code=outgoing.status, headers=headers, media_type=media)


def _status(status: int, said: str) -> Outgoing:
    return Outgoing(status=status, headers=JSON, body=(msgspec.json.encode({"status": said}),))


def _wrong_method(path: str, method: str) -> Failure:
    return Failure(Fault.REJECTED, f"{path} does not take {method}.", code=Code.WRONG_METHOD)


def _broken(path: str, error: Exception) -> Failure:
    logging.getLogger(__name__).error("%s broke", path, exc_info=error)
    return Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL)
