"""Who comes in, what they ask, how the answer leaves. One way for every route of the table."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import IO, Any

import msgspec
from litestar import Response, route
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from litestar.types import ExceptionHandlersMap
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Outgoing
from proxy.edge.admin.frame import BEGINS, Asked, Made, Nothing, Route, Streamed, encoded, matched, tag_of
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import JSON, Refusal, render_error
from proxy.edge.answering import BROKEN, refusal, request_id
from proxy.edge.asking import AnyRequest, response
from proxy.edge.talking import NOBODY
from proxy.edge.wire import GoneError
from proxy.events import RequestEnded
from proxy.ledger.accounts import Key

DIALECT = "admin"
"""In the place of a dialect's name, where requests are counted."""
OWN = "its_"
"""Before the names of what paths leave open: the router has other uses for some of them."""
PIECE = 65_536
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]+)`")


class Door:
    """Builds the handlers of the table."""

    def __init__(self, office: Office, table: Sequence[Route]) -> None:
        self._office = office
        self._table = table

    def handlers(self) -> list[HTTPRouteHandler]:
        """One for every row."""
        return [self._handler(each) for each in self._table]

    def exception_handlers(self) -> ExceptionHandlersMap:
        """What no row answers is refused in the same words."""
        return {
            NotFoundException: lambda request, _: _refused(request, Code.UNKNOWN_ROUTE, "There is no such route."),
            MethodNotAllowedException: lambda request, _: _refused(
                request, Code.WRONG_METHOD, f"{request.scope['path']} does not take {request.method}."
            ),
            HTTPException: lambda request, error: _refused(request, Code.INVALID, str(error.detail)),
            Exception: _broken,
        }

    def _handler(self, row: Route) -> HTTPRouteHandler:
        async def handle(request: AnyRequest) -> Response[Any]:
            return await self._answer(row, request)

        methods: Any = ["GET", "HEAD"] if row.method == "GET" else [row.method]
        path = BEGINS + re.sub(r"{(\w+)}", _open, row.path)
        return route(path, http_method=methods, status_code=row.status)(handle)

    async def _answer(self, row: Route, request: AnyRequest) -> Response[Any]:
        desk, began = self._office.desk, time.perf_counter()
        key, taken, why = NOBODY, 0, dict[str, str]()
        outgoing: Outgoing | Streamed = Outgoing(status=499)  # the client closed its request
        try:
            headers = dict(request.headers.items())
            key = await desk.admission.authenticate(headers)
            if "admin" not in key.grants:
                raise Failure(Fault.REJECTED, "This key may not administer the server.", code=Code.FORBIDDEN)
            body = await desk.intake.read(headers, request.receive)
            taken = len(body)
            outgoing = await self._told(row, _asked(row, key, request, body))
        except GoneError:
            pass  # nobody is there to be answered
        except Failure as failure:
            outgoing = render_error(failure)
            why = refusal(failure) | ({"code": failure.word} if isinstance(failure, Refusal) else {})
        finally:
            desk.intake.give(taken)
        status = row.status if isinstance(outgoing, Streamed) else outgoing.status
        about: dict[str, Any] = {"team": key.team, "key": key.key, "seconds": time.perf_counter() - began, **why}
        ended = RequestEnded(
            request=request_id(), dialect=DIALECT, route=BEGINS + row.path, operation=row.name, status=status, **about
        )
        desk.tell(ended)
        if isinstance(outgoing, Streamed):
            return _stream(outgoing, ended.request)
        return response(replace(outgoing, headers={"x-request-id": ended.request, **outgoing.headers}))

    async def _told(self, row: Route, asked: Asked) -> Outgoing | Streamed:
        told = await row.tell(self._office, asked)
        if isinstance(told, Streamed):
            return told
        headers, status = dict(JSON), row.status
        if isinstance(told, Made):
            headers["location"] = BEGINS + told.path
            told = told.told
        if row.tagged:
            headers["etag"] = tag_of(told)
            if row.method == "GET" and headers["etag"] in matched(asked.headers.get("if-none-match", "")):
                return Outgoing(status=304, headers=headers)
        return Outgoing(status=status, headers=headers, body=(encoded(told),))


def _open(part: re.Match[str]) -> str:
    """What a path leaves open, as the router writes it. A scope may have a slash in it: `user:acme/jo`."""
    return f"{{{OWN}{part[1]}:{'path' if part[1] == 'scope' else 'str'}}}"


# What is asked.


def _asked(row: Route, key: Key, request: AnyRequest, body: bytes) -> Asked:
    """A request in order. Raises `Refusal`."""
    headers = dict(request.headers.items())
    if row.guarded and not headers.get("if-match", "").strip():
        message = f"{row.method} takes If-Match: the ETag you read, or * for whatever state it is in."
        raise Refusal(428, "precondition_required", message)
    return Asked(
        who=key.key,
        parts={name.removeprefix(OWN): str(value).removeprefix("/") for name, value in request.path_params.items()},
        query=_query(row, request),
        body=_body(row, body),
        headers=headers,
    )


def _query(row: Route, request: AnyRequest) -> Any:
    said: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in said:
            raise Refusal(400, "repeated_parameter", f"`{name}` stands there twice.", name)
        said[name] = value
    try:
        return msgspec.convert(said, type=row.query, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error, "parameter") from error


def _body(row: Route, body: bytes) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=row.body)
    except msgspec.ValidationError as error:
        nothing = row.body is Nothing
        raise _misfit(error, "field", " This route takes no body." if nothing else "") from error
    except msgspec.DecodeError as error:
        raise Refusal(400, "not_json", "The body is not JSON.") from error


def _misfit(error: msgspec.ValidationError, what: str, more: str = "") -> Refusal:
    """What does not fit the struct of a query or a body, in the words of whoever sent it."""
    text = str(error)
    place = _PLACE.search(text)
    named = _NAMED.search(text)
    param = ".".join([*([place[1]] if place and place[1] else []), *([named[1]] if named else [])]) or None
    word = "invalid_value"
    if named is not None:
        word = f"unknown_{what}" if "unknown" in text else f"missing_{what}"
    message = _PLACE.sub("", text).replace("Object contains unknown field", f"There is no {what}")
    message = message.replace("Object missing required field", f"There has to be a {what}")
    return Refusal(400, word, f"{message}.{more}", param)


# How it leaves.


def _stream(streamed: Streamed, request: str) -> Stream:
    headers = {"x-request-id": request, "cache-control": "no-store"}
    if streamed.name is not None:
        headers["content-disposition"] = f'attachment; filename="{streamed.name}"'
    return Stream(_pieces(streamed.file), media_type=streamed.media, headers=headers)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
    finally:
        file.close()


def _refused(request: AnyRequest, code: Code, message: str) -> Response[bytes]:
    return response(render_error(Failure(Fault.REJECTED, message, code=code)))


def _broken(request: AnyRequest, error: Exception) -> Response[bytes]:
    logging.getLogger(__name__).error("%s broke", request.scope["path"], exc_info=error)
    return response(render_error(Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL)))
