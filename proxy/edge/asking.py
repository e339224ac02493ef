"""Routes that make no picture: who is it, what is asked, and how the answer leaves."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from litestar import Request, Response, route
from litestar.handlers import HTTPRouteHandler
from msgspec.structs import replace

from providers.contract import Failure
from proxy.dialects.contract import Dialect, Incoming, Informing, Outgoing, Talking
from proxy.edge.answering import refusal, request_id, unstored
from proxy.edge.desk import Desk
from proxy.edge.permission import check_dialect
from proxy.edge.talking import NOBODY
from proxy.edge.wire import GoneError, origin
from proxy.events import RequestEnded
from proxy.ledger.accounts import Key

AnyRequest = Request[Any, Any, Any]
Answerer = Callable[[AnyRequest], Awaitable[Outgoing]]
Told = Callable[[Key, Incoming], Awaitable[Outgoing]]
"""What a key that asks is told. Raises `Failure`."""


def authenticated(
    desk: Desk,
    dialect: Dialect,
    tell: Told,
    entry: Informing | Talking | None = None,
    *,
    operation: str = "inform",
) -> Answerer:
    """Who may ask, what is asked, and what is told of it. Nobody has to say who they are where the entry is public."""
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
            key = NOBODY if public else await desk.admission.authenticate(headers)
            if entry is not None:
                check_dialect(key, dialect.name)
            body = await desk.intake.read(headers, request.receive)
            taken = len(body)
            incoming = Incoming(
                method=request.method,
                path=request.scope["path"],
                headers=headers,
                origin=origin(request.scope, headers),
                query=dict(request.query_params.items()),
                parts={name: str(value) for name, value in request.path_params.items()},
                body=body,
                options=desk.options.get(dialect.name, {}),
            )
            outgoing = await tell(key, incoming)
        except GoneError:
            pass  # nobody is there to be answered
        except (Failure, OSError) as error:
            failure = error if isinstance(error, Failure) else unstored(error)
            outgoing = dialect.render_error(failure)
            why |= refusal(failure)
        finally:
            desk.intake.give(taken)
        why |= {"team": key.team, "key": key.key, "seconds": time.perf_counter() - began}
        ended = told(request=request_id(), status=outgoing.status, **why)
        desk.tell(ended)
        return replace(outgoing, headers={"x-request-id": ended.request, **outgoing.headers})

    return answer


def handler(path: str | list[str], method: str, answer: Answerer) -> HTTPRouteHandler:
    """A route for the router."""

    async def handle(request: AnyRequest) -> Response[bytes]:
        return response(await answer(request))

    methods: Any = ["GET", "HEAD"] if method == "GET" else [method]
    return route(path, http_method=methods, status_code=200)(handle)


def response(outgoing: Outgoing) -> Response[bytes]:
    """An answer as the router has it."""
    headers = {"x-request-id": request_id(), **outgoing.headers}
    media = headers.pop("content-type", "application/json")
    return Response(b"".join(outgoing.body), status_code=outgoing.status, headers=headers, media_type=media)
