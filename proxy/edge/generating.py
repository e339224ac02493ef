"""A request for pictures, from its first byte to its last."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from litestar.types import HTTPScope, Receive, Send
from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Code, Failure, Fault, Image, Note
from providers.contract.image import Buffer
from proxy.dialects.contract import Accepted, Ask, Dialect, Ended, Generating, Incoming, Outgoing, Served
from proxy.dialects.wants import Known
from proxy.edge.answering import notes_header, refusal, request_id, request_uuid, served
from proxy.edge.desk import Desk
from proxy.edge.preparing import Preparation
from proxy.edge.talking import Conversation
from proxy.edge.webhooks import call
from proxy.edge.wire import GoneError, begin, gone, headers_of, put, query_of, respond
from proxy.events import RequestEnded
from proxy.explain import explain, usd
from proxy.job import Answer, Job
from proxy.ledger.accounts import Key
from proxy.limits import Remaining
from proxy.transport import Lease

BROKEN = "The server had an error while processing your request."
UNSTORED = "The pictures were made and cannot be kept for a link now; try again, or ask for the pictures themselves."
ALIVE_S = 15.0
"""An event stream in which nothing happens says so this often."""


Speaker = tuple[Dialect, Generating]
"""A dialect, and its route on a path."""


class Visit:
    """One request."""

    def __init__(self, desk: Desk, speakers: Sequence[Speaker], scope: HTTPScope, receive: Receive, send: Send) -> None:
        """`speakers`: who shares the path; the last one takes what nobody claims, and what cannot be read."""
        self._desk = desk
        self._speakers = speakers
        self._dialect, self._route = speakers[-1]
        self._scope = scope
        self._receive = receive
        self._send = send
        self._id = request_id()
        self._began = time.perf_counter()
        self._headers = headers_of(scope)
        self._told: dict[str, Any] = {"operation": self._route.operation}
        self._key: Key | None = None
        self._remaining: Remaining | None = None
        self._entered = False
        self._lease: Lease | None = None
        self._taken = 0
        self._goes_on = False
        """Its caller is answered, its work is not done: `_ended` does what is left to do."""

    async def __call__(self) -> None:
        """Serve it. Whatever happens, it is answered in the dialect's words, and told."""
        status = 499  # the client closed its request
        try:
            self._key = key = await self._desk.admission.authenticate(self._headers)
            if len(self._speakers) > 1 and key.dialect is not None:
                self._speak([each for each in self._speakers if each[0].name == key.dialect] or self._speakers)
            self._remaining = await self._desk.admission.enter(key)
            self._entered = True
            status = await self._serve(key)
        except GoneError:
            self._told["delivered"] = False
        except Failure as failure:
            status = await self._refuse(failure)
        except Exception:  # a mistake of ours: the caller gets the dialect's words for that, the log the traceback
            logging.getLogger(__name__).exception("%s broke", self._id)
            status = await self._refuse(Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL))
        finally:
            self._leave()
            if not self._goes_on:
                self._tell(status)

    def _leave(self) -> None:
        """Count the request out, and give back what it took of memory; unless it goes on."""
        if self._goes_on:
            return
        if self._entered and self._key is not None:
            self._desk.admission.leave(self._key)
            self._entered = False
        if self._lease is not None:
            self._lease.release()
        self._desk.intake.give(self._taken)
        self._taken = 0

    async def _serve(self, key: Key) -> int:
        body = await self._desk.intake.read(self._headers, self._receive)
        self._taken = len(body)
        self._lease = lease = Lease(self._desk.room)
        incoming = self._incoming(body)
        if self._dialect.uuids:
            self._id = request_uuid()
        ask, job = await Preparation(self._desk, self._dialect, self._route, key, lease).job(self._id, incoming)
        self._told |= {"model": job.request.model, "operation": job.request.operation}
        if self._desk.prompts:
            self._told["prompt"] = job.request.prompt
        if "x-darkroom-dry-run" in self._headers:
            return await self._explain(job)
        if ask.streams:
            return await self._stream(ask, job)
        if self._route.accept is not None:
            return await self._accept(self._route.accept, ask, job)
        answer, joined = await self._desk.gateway.serve(job)
        return await self._deliver(ask, job, answer, joined)

    def _incoming(self, body: bytes) -> Incoming:
        """The request, in the dialect it turns out to be in."""
        incoming = Incoming(
            method=self._scope["method"],
            path=self._scope["path"],
            headers=self._headers,
            query=query_of(self._scope),
            body=body,
            options=self._desk.options.get(self._dialect.name, {}),
        )
        for speaker in self._speakers[:-1]:
            claims = speaker[1].claims
            if claims is not None and claims(incoming):
                self._speak([speaker])
                return replace(incoming, options=self._desk.options.get(self._dialect.name, {}))
        return incoming

    def _speak(self, speakers: Sequence[Speaker]) -> None:
        self._speakers = speakers
        self._dialect, self._route = speakers[-1]
        self._told["operation"] = self._route.operation

    # Answered before the pictures are there.

    async def _accept(self, accept: Callable[[Ask, Accepted], Outgoing], ask: Ask, job: Job) -> int:
        """Answer as soon as the money is held; until then, a failure is answered like any other."""
        held: asyncio.Future[tuple[int, tuple[Note, ...]]] = asyncio.get_running_loop().create_future()
        told = replace(job, held=lambda micros, notes: held.set_result((micros, notes)))
        work = self._desk.background.start(self._work(told))
        await asyncio.wait({work, held}, return_when=asyncio.FIRST_COMPLETED)
        id_ = job.id
        if held.done():
            micros, notes = held.result()
        else:  # it has come to its end already: an earlier request's answer, or nothing
            outcome = work.result()
            if isinstance(outcome, Failure):
                raise outcome
            id_, micros, notes = outcome.job, outcome.quoted, outcome.notes
        outgoing = accept(ask, Accepted(request_id=id_, created=job.created // 1000, held=from_micros(micros)))
        extra = {**self._id_headers(), "x-darkroom-estimated-cost": usd(from_micros(micros))}
        if notes:
            extra["x-darkroom-notes"] = notes_header(notes)
        await respond(self._send, outgoing, extra)
        if work.done():
            self._ended(work)
        else:
            self._goes_on = True
            work.add_done_callback(self._ended)
        return outgoing.status

    async def _work(self, job: Job) -> Answer | Failure:
        try:
            answer, joined = await self._desk.gateway.serve(job)
        except Failure as failure:
            return failure
        self._note(answer, joined)
        if not answer.stored:  # the disk was full when it was to be stored: whoever asks for it may have better luck
            self._desk.repeats.remember(job, answer)
        return answer

    def _ended(self, work: asyncio.Task[Answer | Failure]) -> None:
        """It is over, long after its caller was answered."""
        failure = None if work.cancelled() or work.exception() else work.result()
        if isinstance(failure, Failure):
            self._told |= refusal(failure)
        key = self._key
        if key is not None and key.webhook is not None and self._dialect.finished is not None:
            self._desk.background.start(self._call_back(self._dialect.finished, key))
        if not self._goes_on:
            return
        self._goes_on = False
        self._leave()
        self._tell(200)

    async def _call_back(self, finished: Callable[[Known, Ended], Any], key: Key) -> None:
        begins = self._desk.origin(self._scope, self._headers)
        known = await Conversation(self._desk, self._dialect, key, begins).look(self._id)
        if known is None:
            return
        charged = from_micros(self._told.get("charged", 0))
        options = self._desk.options.get(self._dialect.name, {})
        message = finished(known, Ended(team=key.team, charged=charged, options=options))
        if message is not None:
            await call(self._desk.guard, self._desk.tell, key, self._id, message)

    # From an answer to bytes.

    async def _deliver(self, ask: Ask, job: Job, answer: Answer, joined: bool) -> int:
        """Send the answer; one that cannot be received is kept for whoever asks again."""
        self._note(answer, joined)
        if joined and not answer.prompt:  # no prompt is kept; the request that repeats another says the same
            answer = replace(answer, prompt=job.request.prompt)
        try:
            links = await self._links(answer) if ask.links else ()
        except (OSError, ValueError) as error:  # a full disk: paid for all the same, and there for a retry
            if not joined:
                self._desk.repeats.remember(job, answer)
            raise Failure(Fault.UNAVAILABLE, UNSTORED, retry_after=1.0) from error
        pixels = await self._pixels(answer) if ask.pixels else ()
        outgoing = self._route.render(ask, self._served(answer, links, pixels))
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
        begins = self._desk.origin(self._scope, self._headers)
        return [self._desk.link(self._dialect, each, begins) for each in stored]

    async def _pixels(self, answer: Answer) -> list[bytes]:
        return [(await self._desk.studio.pixels(picture.image))[2] for picture in answer.pictures]

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
        gateway = self._desk.gateway
        told = explain(gateway.plan(job), job, budget, gateway.finish(job), writing=gateway.writing(job))
        outgoing = Outgoing(headers={"content-type": "application/json"}, body=(msgspec.json.encode(told),))
        await respond(self._send, outgoing, self._id_headers())
        return outgoing.status

    async def _refuse(self, failure: Failure) -> int:
        self._told |= refusal(failure)
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
            self._told |= refusal(failure)
            await self._push(streaming.failed(failure), began)
            await put(self._send, last=True)
            return 200
        self._note(answer, joined)
        await self._push(streaming.finished(ask, self._served(answer)), began, self._answer_headers(answer))
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

    def _served(self, answer: Answer, links: Sequence[str] = (), pixels: Sequence[bytes] = ()) -> Served:
        return served(answer, links, pixels, time.perf_counter() - self._began)
