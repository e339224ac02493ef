"""The one driver: takes the steps of every provider's conversation, and supplies what adapters do without.

Clock, deadline, polling, pooling, size limits, signatures, guarded links, error mapping, cancellation. A paying call is
never replayed; what costs nothing to repeat is, until the deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from math import inf
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from providers.contract import (
    Account,
    Call,
    Drawn,
    Event,
    Failure,
    Fault,
    Fetch,
    Image,
    Next,
    Preview,
    Provider,
    Render,
    Reply,
    Step,
    Ticket,
)
from proxy.renderer import Renderer
from proxy.transport.deadlines import Deadlines
from proxy.transport.drawn import Wanted, always, draw
from proxy.transport.events import read_events
from proxy.transport.faults import by_error, by_status, retry_after
from proxy.transport.guard import ForbiddenError, Guard, LinkError
from proxy.transport.home import at_home
from proxy.transport.memory import Lease, read_whole

T = TypeVar("T")

RETRY_FIRST_S = 0.5
RETRY_MOST_S = 8.0
RETRY_AFTER_MOST_S = 60.0
FETCH_TRIES = 5
"""A link that does not answer by then has expired, for all we know; a ticket can ask for a new one."""
AGAIN = frozenset({Fault.UNAVAILABLE, Fault.THROTTLED, Fault.AMBIGUOUS})
"""What a call that costs nothing is repeated after."""


class Watcher(Protocol):
    """Who is told what happens on the way."""

    async def ticket(self, text: str) -> None:
        """Keep it durably; the conversation goes on when this returns."""

    async def preview(self, image: Image, index: int) -> None:
        """Show an unfinished picture."""


class Turn(Struct):
    """How far a conversation has come towards paying. Written by the driver, watched by whoever may break it off."""

    patience: float
    """Seconds until when what pays has to be sent; from then on only the deadline ends it."""
    paid: bool = False
    """Something was sent that may have to be paid for."""


class Transport:
    """Holds conversations. One per process."""

    def __init__(self, guard: Guard, renderers: Mapping[str, Renderer], reply_limit: int) -> None:
        self._guard = guard
        self._renderers = renderers
        self._limit = reply_limit
        self._deadlines = Deadlines()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=10),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity", "user-agent": "darkroom"},
            read_bufsize=32_768,
            trust_env=False,
        )

    def adopt(self, reply_limit: int) -> None:
        """Take replies of up to so many bytes from now on."""
        self._limit = reply_limit

    async def close(self) -> None:
        """Close the connections."""
        self._deadlines.close()
        await self._session.close()

    async def hold(
        self,
        conversation: Generator[Step, Any, T],
        provider: Provider,
        account: Account,
        watcher: Watcher,
        *,
        deadline: float,
        lease: Lease,
        paid: bool = False,
        turn: Turn | None = None,
        wanted: Wanted = always,
    ) -> T:
        """Hold a conversation to its end. Raises `Failure`, AMBIGUOUS if it may have been paid for without an answer.

        `deadline` is in seconds from now; `paid` says that the conversation takes up a job paid for earlier. `turn`
        gives it less time as long as it has sent nothing that pays. `wanted`: whether anybody still waits; where nobody
        does, what is drawn here is given up, and what is paid elsewhere goes on.
        """
        talk = _Talk(self, provider, account, watcher, lease, paid, wanted)
        began = time.monotonic()
        with self._deadlines.within(deadline if turn is None else min(deadline, turn.patience)) as limit:
            try:
                step = next(conversation)
                while True:
                    if turn is not None and isinstance(step, Call) and step.pays:
                        turn.paid = True
                        limit.at = began + deadline
                    step = conversation.send(await talk.take(step))
            except StopIteration as end:
                result: T = end.value
                return result
            except Failure as failure:
                if talk.paid and failure.usage is None and failure.fault is Fault.MALFORMED:
                    failure.charged = True
                raise
            except asyncio.CancelledError as error:
                if not limit.over():
                    raise
                fault = Fault.AMBIGUOUS if talk.paid else Fault.UNAVAILABLE
                raise Failure(fault, f"no result within {round(limit.at - began, 2):g} seconds") from error
            except Exception as error:  # a mistake in an adapter must not leave its hold hanging
                fault = Fault.AMBIGUOUS if talk.paid else Fault.MALFORMED
                raise Failure(fault, f"the adapter broke on the vendor's reply ({type(error).__name__})") from error
            finally:
                conversation.close()
                talk.close()

    def renderer(self, engine: str) -> Renderer:
        """Who draws for an engine. Raises UNAVAILABLE where nobody is configured to."""
        try:
            return self._renderers[engine]
        except KeyError:
            raise Failure(Fault.UNAVAILABLE, f"no {engine} renderer is configured") from None

    def session_for(self, url: str, account: Account) -> tuple[aiohttp.ClientSession, bool]:
        """The session for a call, and whether it is at home, where it may be signed.

        A URL from a reply may lead elsewhere: it is followed like any link, through the guard and unsigned.
        """
        if at_home(url, account):
            return self._session, True
        try:
            return self._guard.session_for(url), False
        except ForbiddenError as error:
            raise Failure(Fault.MALFORMED, f"the vendor's reply leads astray: {error}") from error

    async def fetch(self, url: str, lease: Lease) -> Image:
        """The picture behind a link of a reply. Raises MALFORMED for anything but a picture from where it may come."""
        try:
            return Image(await self._guard.fetch(url, lease))
        except LinkError as error:
            fault = Fault.MALFORMED if error.forbidden else Fault.UNAVAILABLE
            raise Failure(fault, f"the vendor's link cannot be followed: {error}") from error
        except ValueError as error:
            raise Failure(Fault.MALFORMED, f"the vendor's link leads to no picture: {error}") from error

    @property
    def reply_limit(self) -> int:
        """Most bytes of a reply."""
        return self._limit


class _Talk:
    """The state of one conversation: whether it was paid for, and the stream that is open."""

    def __init__(
        self,
        transport: Transport,
        provider: Provider,
        account: Account,
        watcher: Watcher,
        lease: Lease,
        paid: bool,
        wanted: Wanted,
    ) -> None:
        self._transport = transport
        self._provider = provider
        self._account = account
        self._watcher = watcher
        self._lease = lease
        self._wanted = wanted
        self._stream: aiohttp.ClientResponse | None = None
        self._events: AsyncIterator[Event] | None = None
        self.paid = paid

    def close(self) -> None:
        """Close the stream that is open, if one is."""
        if self._stream is not None:
            self._stream.close()

    async def take(self, step: object) -> Any:
        """Take one step; the answer is what the conversation is told."""
        if isinstance(step, Call):
            return await self._call(step)
        match step:
            case Next():
                return await self._next()
            case Fetch():
                return await self._repeat(lambda: self._transport.fetch(step.url, self._lease), FETCH_TRIES)
            case Render():
                return await self._render(step)
            case Ticket():
                return await self._watcher.ticket(step.text)
            case Preview():
                return await self._watcher.preview(step.image, step.index)
        raise AssertionError(f"not a step: {step!r}")

    async def _render(self, step: Render) -> Drawn:
        if step.after:
            await asyncio.sleep(step.after)
        return await draw(self._transport.renderer(step.engine), step, self._watcher.preview, self._wanted)

    async def _call(self, call: Call) -> Reply:
        if call.after:
            await asyncio.sleep(call.after)
        if not call.pays:
            return await self._repeat(lambda: self._send(call), least=call.after)
        self.paid = True  # until the vendor says otherwise: a cancelled or timed-out send may have been taken
        try:
            reply = await self._send(call)
        except Failure as failure:
            self.paid = failure.fault is Fault.AMBIGUOUS
            raise
        return reply

    async def _repeat(self, attempt: Callable[[], Awaitable[T]], tries: float = inf, least: float = 0.0) -> T:
        """Poll or fetch. That costs nothing, and what it waits for is paid: so again, until the deadline ends it.

        `least`: seconds in between, where the vendor wants to be asked no more often.
        """
        pause = max(RETRY_FIRST_S, least)
        while True:
            try:
                return await attempt()
            except Failure as failure:
                tries -= 1
                if not self.paid or failure.fault is Fault.MODERATED:
                    raise
                if failure.fault not in AGAIN or not tries:
                    raise Failure(Fault.AMBIGUOUS, f"paid for and not received: {failure.detail}") from failure
                wait = min(failure.retry_after or pause, RETRY_AFTER_MOST_S)
            await asyncio.sleep(wait)
            pause = max(least, min(pause * 2, RETRY_MOST_S))

    async def _next(self) -> Event | None:
        assert self._events is not None, "Next without a stream"
        try:
            return await anext(self._events, None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise by_error(error, pays=True) from error

    async def _send(self, call: Call) -> Reply:
        session, home = self._transport.session_for(call.url, self._account)
        headers = dict(call.headers)
        if home:
            headers.update(self._provider.sign(self._account))
        body = _body(call, headers)
        try:
            response = await session.request(call.method, call.url, headers=headers, data=body, allow_redirects=False)
            if call.stream and response.status < 300 and response.content_type == "text/event-stream":
                self._stream = response  # open for `Next`, to the end of the conversation
                self._events = read_events(response, self._transport.reply_limit)
                return Reply(status=response.status, headers=response.headers, streams=True)
            async with response:
                return await self._read(call, response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise by_error(error, pays=call.pays) from error

    async def _read(self, call: Call, response: aiohttp.ClientResponse) -> Reply:
        body = await read_whole(response, self._transport.reply_limit, self._lease)
        reply = Reply(status=response.status, headers=response.headers, body=body)
        if response.status >= 300 and response.status not in call.reads:
            failure = by_status(response.status, retry_after(response.headers))
            explained = self._provider.explain(reply, failure)
            explained.vendor_id = explained.vendor_id or response.headers.get(self._provider.id_header)
            raise explained
        return reply


def _body(call: Call, headers: dict[str, str]) -> bytes | aiohttp.FormData | None:
    if call.form:
        form = aiohttp.FormData(default_to_multipart=True)
        for part in call.form:
            form.add_field(part.name, part.value, filename=part.filename, content_type=part.mime)
        return form
    if call.json is not None:
        headers["content-type"] = "application/json"
        return msgspec.json.encode(call.json)
    return None
