"""A request for pictures, from its first byte to its last."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from litestar.types import HTTPScope, Receive, Send
from msgspec import Struct
from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Code, Edit, Failure, Fault, Image, Note
from providers.contract.image import Buffer
from proxy.dialects.contract import Ask, Dialect, Generating, Incoming, Outgoing, Served, Shown, Source
from proxy.edge.admission import Admission
from proxy.edge.wire import GoneError, Intake, begin, gone, headers_of, origin, put, query_of, respond
from proxy.events import RequestEnded, Tell
from proxy.explain import explain, usd
from proxy.gateway import Gateway
from proxy.job import Answer, Job
from proxy.ledger.accounts import Key
from proxy.ledger.book import Ledger
from proxy.limits import Remaining
from proxy.pictures import Studio, check_mask
from proxy.repeats import Repeats
from proxy.store import DiskStore, Links
from proxy.transport import Guard, Lease, LinkError, Room

LARGE = 262_144
"""A body from this size on is parsed and hashed in a thread."""
BROKEN = "The server had an error while processing your request."
UNSTORED = "The pictures were made and cannot be kept for a link now; try again, or ask for the pictures themselves."
UNFIT = re.compile(r"[^ -~]")
"""What no header may carry: clients refuse the whole answer for it."""
ALIVE_S = 15.0
"""An event stream in which nothing happens says so this often."""


class Desk(Struct, frozen=True, kw_only=True):
    """What the edge needs of the rest."""

    gateway: Gateway
    admission: Admission
    intake: Intake
    ledger: Ledger
    repeats: Repeats
    store: DiskStore
    links: Links
    studio: Studio
    guard: Guard
    room: Room
    tell: Tell
    public_url: str | None
    prompts: bool
    """Whether events may carry prompts."""


def request_id() -> str:
    """A new id: in order of time, and not to be guessed."""
    return f"req_{time.time_ns() // 1000:014x}{os.urandom(8).hex()}"


class Visit:
    """One request."""

    def __init__(
        self, desk: Desk, dialect: Dialect, route: Generating, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        self._desk = desk
        self._dialect = dialect
        self._route = route
        self._scope = scope
        self._receive = receive
        self._send = send
        self._id = request_id()
        self._began = time.perf_counter()
        self._headers = headers_of(scope)
        self._told: dict[str, Any] = {"operation": route.operation}
        self._key: Key | None = None
        self._remaining: Remaining | None = None

    async def __call__(self) -> None:
        """Serve it. Whatever happens, it is answered in the dialect's words, and told."""
        status = 499  # the client closed its request
        try:
            self._key = key = await self._desk.admission.authenticate(self._headers)
            self._remaining = await self._desk.admission.enter(key)
            try:
                status = await self._serve(key)
            finally:
                self._desk.admission.leave(key)
        except GoneError:
            self._told["delivered"] = False
        except Failure as failure:
            status = await self._refuse(failure)
        except Exception:  # a mistake of ours: the caller gets the dialect's words for that, the log the traceback
            logging.getLogger(__name__).exception("%s broke", self._id)
            status = await self._refuse(Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL))
        finally:
            self._tell(status)

    async def _serve(self, key: Key) -> int:
        body = await self._desk.intake.read(self._headers, self._receive)
        lease = Lease(self._desk.room)
        try:
            ask, job = await self._prepare(key, body, lease)
            self._told |= {"model": job.request.model, "operation": job.request.operation}
            if self._desk.prompts:
                self._told["prompt"] = job.request.prompt
            if "x-darkroom-dry-run" in self._headers:
                return await self._explain(job)
            if ask.streams:
                return await self._stream(ask, job)
            answer, joined = await self._desk.gateway.serve(job)
            return await self._deliver(ask, job, answer, joined)
        finally:
            lease.release()
            self._desk.intake.give(len(body))

    # From bytes to a job.

    async def _prepare(self, key: Key, body: bytes, lease: Lease) -> tuple[Ask, Job]:
        incoming = Incoming(
            method=self._scope["method"],
            path=self._scope["path"],
            headers=self._headers,
            query=query_of(self._scope),
            body=body,
        )
        if len(body) < LARGE:
            ask, print_ = self._route.parse(incoming), fingerprint(key, incoming)
        else:
            ask, print_ = await asyncio.to_thread(lambda: (self._route.parse(incoming), fingerprint(key, incoming)))
        images = [await self._picture(source, lease) for source in ask.sources] if ask.sources else []
        request = ask.compose(images)
        if isinstance(request, Edit) and request.mask is not None:
            check_mask(request.pictures[0], request.mask.image, request.mask.changes)
        idempotency = self._headers.get("idempotency-key") or None
        job = Job(
            id=self._id,
            key=key,
            dialect=self._dialect.name,
            request=request,
            print=print_,
            created=time.time_ns() // 1_000_000,
            lease=lease,
            idempotency=_checked_key(idempotency),
            retry=_count(self._headers.get("x-stainless-retry-count")),
            strict=_strict(self._headers.get("x-darkroom-strict", "false")),
            max_cost=_ceiling(self._headers.get("x-darkroom-max-cost")),
            keep=ask.links or idempotency is not None,
            notes=ask.notes,
        )
        return ask, job

    async def _picture(self, source: Source, lease: Lease) -> Image:
        body = source.body
        if source.url is not None:
            body = await self._follow(source.url, source.field, lease)
        assert body is not None
        return await self._desk.studio.inspect(body, source.field)

    async def _follow(self, url: str, field: str, lease: Lease) -> bytes:
        """What is behind a caller's link. Raises REJECTED."""
        try:
            async with asyncio.timeout(60):
                return await self._desk.guard.fetch(url, lease)
        except (LinkError, TimeoutError) as error:
            why = f": {error}" if isinstance(error, LinkError) else ""
            detail = f"Failed to download the image of '{field}'{why}."
            raise Failure(Fault.REJECTED, detail, code=Code.UNREACHABLE_LINK, field=field) from error

    # From an answer to bytes.

    async def _deliver(self, ask: Ask, job: Job, answer: Answer, joined: bool) -> int:
        """Send the answer; one that cannot be received is kept for whoever asks again."""
        self._note(answer, joined)
        try:
            links = await self._links(answer) if ask.links else ()
        except (OSError, ValueError) as error:  # a full disk: paid for all the same, and there for a retry
            if not joined:
                self._desk.repeats.remember(job, answer)
            raise Failure(Fault.UNAVAILABLE, UNSTORED, retry_after=1.0) from error
        outgoing = self._route.render(ask, served(answer, links))
        delivered = not gone(self._receive)
        if delivered:
            delivered = await respond(self._send, outgoing, self._answer_headers(answer), self._receive)
        self._told["delivered"] = delivered
        if not joined:
            await self._after(job, answer, delivered)
        return outgoing.status

    async def _after(self, job: Job, answer: Answer, delivered: bool) -> None:
        """Remember the answer for a retry; one that nobody may have received is kept for longer."""
        if delivered:
            self._desk.repeats.remember(job, answer)
        else:
            await self._desk.repeats.keep(answer)

    async def _links(self, answer: Answer) -> list[str]:
        stored = answer.stored or [await self._desk.store.put(picture.image) for picture in answer.pictures]
        return [f"{self._origin()}{self._desk.links.link(each)}" for each in stored]

    def _origin(self) -> str:
        if self._desk.public_url:
            return self._desk.public_url.rstrip("/")
        return origin(self._scope, self._headers)

    def _answer_headers(self, answer: Answer) -> dict[str, str]:
        provider, _, model = answer.offer.partition("/")
        headers = {
            **self._id_headers(),
            "x-darkroom-provider": provider,
            "x-darkroom-model": model,
            "x-darkroom-estimated-cost": usd(from_micros(answer.quoted)),
            "x-darkroom-cost": usd(from_micros(answer.charged)),
            "x-darkroom-attempts": str(answer.attempts),
        }
        if answer.job != self._id:
            headers["x-darkroom-repeats"] = answer.job
        if answer.notes:
            headers["x-darkroom-notes"] = notes_header(answer.notes)
        return headers

    def _id_headers(self) -> dict[str, str]:
        headers = {"x-request-id": self._id}
        if self._remaining is not None:
            headers["x-ratelimit-limit-requests"] = str(self._remaining.limit)
            headers["x-ratelimit-remaining-requests"] = str(self._remaining.left)
            headers["x-ratelimit-reset-requests"] = f"{self._remaining.reset_s:.0f}s"
        return headers

    async def _explain(self, job: Job) -> int:
        wanted = self._headers["x-darkroom-dry-run"]
        if wanted != "plan":
            raise Failure(Fault.REJECTED, f"X-Darkroom-Dry-Run takes 'plan', not '{wanted[:40]}'.", code=Code.INVALID)
        budget = await self._desk.ledger.budget(job.key.team, job.key.key)
        told = explain(self._desk.gateway.plan(job), job, budget)
        outgoing = Outgoing(headers={"content-type": "application/json"}, body=(msgspec.json.encode(told),))
        await respond(self._send, outgoing, self._id_headers())
        return outgoing.status

    async def _refuse(self, failure: Failure) -> int:
        self._told |= {"fault": failure.fault, "detail": failure.detail}
        outgoing = self._dialect.render_error(failure)
        await respond(self._send, outgoing, self._id_headers())
        return outgoing.status

    # Event by event.

    async def _stream(self, ask: Ask, job: Job) -> int:
        """Unfinished pictures as they come, then the finished ones. Errors before the first event are plain answers."""
        streaming = self._route.streaming
        if streaming is None:
            raise Failure(Fault.REJECTED, "This route does not stream.", code=Code.INVALID, field="stream")
        events: asyncio.Queue[Sequence[Buffer]] = asyncio.Queue()

        async def preview(image: Image, index: int) -> None:
            await events.put(streaming.preview(ask, image, index, job.created // 1000))

        work = asyncio.create_task(self._desk.gateway.serve(replace(job, preview=preview)))
        began = False
        while True:
            waiting = asyncio.create_task(events.get())
            await asyncio.wait({work, waiting}, timeout=ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
            pieces: Sequence[Buffer] | None = waiting.result() if waiting.done() else None
            if pieces is None:
                waiting.cancel()
                if work.done():
                    break
                pieces = [streaming.alive]
            began = await self._push(pieces, began)
        try:
            answer, joined = await work
        except Failure as failure:
            if not began:
                raise
            self._told |= {"fault": failure.fault, "detail": failure.detail}
            await self._push(streaming.failed(failure), began)
            await put(self._send, last=True)
            return 200
        self._note(answer, joined)
        await self._push(streaming.finished(ask, served(answer)), began, self._answer_headers(answer))
        delivered = not gone(self._receive)
        await put(self._send, last=True)
        self._told["delivered"] = delivered
        if not joined:
            await self._after(job, answer, delivered)
        return 200

    async def _push(self, pieces: Sequence[Buffer], began: bool, headers: Mapping[str, str] | None = None) -> bool:
        if not began:
            fixed = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
            await begin(self._send, 200, {**fixed, **(headers or self._id_headers())})
        for piece in pieces:
            await put(self._send, piece)
        return True

    # What is told of it.

    def _note(self, answer: Answer, joined: bool) -> None:
        self._told |= {
            "offer": answer.offer,
            "images": len(answer.pictures),
            "attempts": answer.attempts,
            "quoted": answer.quoted,
            "charged": 0 if joined else answer.charged,
            "joined": joined,
        }

    def _tell(self, status: int) -> None:
        self._desk.tell(
            RequestEnded(
                request=self._id,
                dialect=self._dialect.name,
                route=self._route.path,
                status=status,
                seconds=time.perf_counter() - self._began,
                team=self._key.team if self._key else "",
                key=self._key.key if self._key else "",
                **self._told,
            )
        )


def served(answer: Answer, links: Sequence[str] = ()) -> Served:
    """An answer as a dialect renders it; with the links to its pictures, where links are wanted."""
    return Served(
        request_id=answer.job,
        created=answer.created,
        model=answer.model,
        pictures=tuple(
            [
                Shown(
                    image=picture.image,
                    link=links[place] if links else None,
                    revised_prompt=picture.revised_prompt,
                    seed=picture.seed,
                )
                for place, picture in enumerate(answer.pictures)
            ]
        ),
        usage=answer.usage,
        quality=answer.quality,
        background=answer.background,
    )


def fingerprint(key: Key, incoming: Incoming) -> bytes:
    """What is the same for a request and its retry: key, route and body, whatever boundary a form was built with."""
    hashed = hashlib.sha256(f"{key.key}\n{incoming.path}\n".encode())
    boundary = incoming.headers.get("content-type", "").partition("boundary=")[2].strip('"')
    if boundary:
        for piece in incoming.body.split(boundary.encode("latin-1")):
            hashed.update(piece)
    else:
        hashed.update(incoming.body)
    return hashed.digest()


def notes_header(notes: Sequence[Note]) -> str:
    """Notes in one header: `field: detail; field: detail`, in plain ASCII and not too long for any proxy."""
    text = "; ".join(f"{note.field}: {note.detail}" for note in notes)
    plain = UNFIT.sub("?", text)
    return plain if len(plain) <= 1000 else f"{plain[:997]}..."


def _checked_key(key: str | None) -> str | None:
    if key is not None and len(key) > 255:
        raise Failure(Fault.REJECTED, "An Idempotency-Key has at most 255 characters.", code=Code.INVALID)
    return key


def _count(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 4 else 0


def _strict(text: str) -> bool:
    if text.lower() not in ("true", "1", "false", "0"):
        detail = f"X-Darkroom-Strict takes 'true' or 'false', not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="strict")
    return text.lower() in ("true", "1")


def _ceiling(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > 20 or amount < 0:  # 1E-999999999 would fill the memory in words
        detail = f"X-Darkroom-Max-Cost is an amount in USD, not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="max_cost")
    return amount
