"""A request for pictures, from its first byte to its last."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from litestar.types import HTTPScope, Receive, Send
from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Code, Failure, Fault, Image, Note
from providers.contract.image import Buffer
from proxy.dialects.contract import Accepted, Ask, Dialect, Generating, Incoming, Outgoing, Served
from proxy.edge.alive import Alive, every
from proxy.edge.answering import BROKEN, UNSTORED, notes_header, refusal, request_id, request_uuid, served
from proxy.edge.desk import Desk
from proxy.edge.later import PATIENCE_S, Errand, Outcome, call_back, ending
from proxy.edge.pickup import Pickup, accepted, announced
from proxy.edge.preference import WEBHOOK, Preference, check_address, preferred
from proxy.edge.preparing import Preparation
from proxy.edge.rendering import rendered
from proxy.edge.slips import Slip
from proxy.edge.webhooks import Letter
from proxy.edge.wire import GoneError, begin, gone, headers_of, put, query_of, respond
from proxy.events import RequestEnded
from proxy.explain import explain, usd
from proxy.job import Answer, Job
from proxy.ledger.accounts import Key
from proxy.limits import Remaining
from proxy.transport import Lease

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
        wish = None if ask.streams else preferred(self._headers)
        if WEBHOOK in self._headers:
            check_address(self._headers[WEBHOOK], self._desk.guard, later=bool(wish or self._route.accept))
        pause = every(self._headers, self._desk.keep_alive_s)
        if ask.streams:
            return await self._stream(ask, job, pause or ALIVE_S)
        if wish is not None:
            return await self._come_back(wish, ask, job, incoming)
        if self._route.accept is not None:
            return await self._accept(self._route.accept, ask, job)
        if pause is None:
            answer, joined = await self._desk.gateway.serve(job)
        else:
            answer, joined = await self._alive(pause).through(self._desk.gateway.serve(job))
        return await self._deliver(ask, job, answer, joined)

    def _alive(self, pause: float) -> Alive:
        """Blanks before the answer, whatever it will be, from the first pause on."""
        headers = {"content-type": self._dialect.media_type, **self._id_headers()}
        alive = Alive(self._send, pause, headers, lambda: self._told.update(early=True))
        self._send = alive.send
        return alive

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
        errand = Errand(self._desk, job, self._note)
        await errand.begun()
        id_, micros, notes = errand.terms()
        outgoing = accept(ask, Accepted(request_id=id_, created=job.created // 1000, held=from_micros(micros)))
        await respond(self._send, outgoing, self._terms_headers(micros, notes))
        self._go_on(errand, outgoing.status, self._called_back)
        return outgoing.status

    async def _come_back(self, wish: Preference, ask: Ask, job: Job, incoming: Incoming) -> int:
        """Answer 202, and go on; with the answer itself, where the caller would wait and it is there in time."""
        errand = Errand(self._desk, replace(job, keep=True), self._note)
        await errand.begun(PATIENCE_S)
        if wish.wait is not None and await errand.over(wish.wait - (time.perf_counter() - self._began)):
            return await self._deliver(ask, job, *errand.answer())
        _, micros, notes = errand.terms()
        slip = self._slip(job, incoming)
        self._desk.slips.running.add(slip.id)
        try:
            await self._desk.slips.put(slip, incoming.body)
        except OSError:  # a full disk: nobody could come back with it
            self._desk.slips.running.discard(slip.id)
            logging.getLogger(__name__).exception("%s cannot be kept for later", self._id)
            await errand.over(math.inf)
            return await self._deliver(ask, job, *errand.answer())
        told = {**announced(slip), "estimated_cost_usd": usd(from_micros(micros))}
        outgoing = Outgoing(status=202, headers=accepted(slip, wish), body=(msgspec.json.encode(told),))
        await respond(self._send, outgoing, self._terms_headers(micros, notes))
        self._go_on(errand, outgoing.status, None)
        self._desk.background.start(self._see_through(slip, errand, job.request.prompt))
        return outgoing.status

    async def _see_through(self, slip: Slip, errand: Errand, prompt: str) -> None:
        try:
            await Pickup(self._desk).end(slip, await ending(self._desk, errand, prompt, self._began))
        finally:  # broken off by the end of the server: the next one takes it up
            self._desk.slips.running.discard(slip.id)

    def _go_on(self, errand: Errand, status: int, then: Callable[[], None] | None) -> None:
        """The caller is answered; what is left to do is done when the errand is over."""
        self._goes_on = True

        def over(work: asyncio.Task[Outcome]) -> None:
            failure = None if work.cancelled() or work.exception() else work.result()
            if isinstance(failure, Failure):
                self._told |= refusal(failure)
            if then is not None:
                then()
            self._goes_on = False
            self._leave()
            self._tell(status)

        errand.work.add_done_callback(over)

    def _called_back(self) -> None:
        """A job of the dialect's own has ended: its words go to the address that wants to be told."""
        assert self._key is not None
        url, bearer = self._webhook(self._key)
        if url is not None and self._dialect.finished is not None:
            letter = Letter(request=self._id, team=self._key.team, key=self._key.key, url=url, body=b"", bearer=bearer)
            begins = self._desk.origin(self._scope, self._headers)
            charged = self._told.get("charged", 0)
            self._desk.background.start(call_back(self._desk, self._dialect, self._key, letter, charged, begins))

    def _webhook(self, key: Key) -> tuple[str | None, str | None]:
        """Whom to tell, and the token for that: a caller's own address is never shown that of the key's."""
        url = self._headers.get(WEBHOOK)
        if url is not None or key.webhook is None:
            return url, None
        return key.webhook, key.webhook_key.reveal() if key.webhook_key else None

    def _slip(self, job: Job, incoming: Incoming) -> Slip:
        url, bearer = self._webhook(job.key)
        return Slip(
            id=job.id,
            team=job.key.team,
            key=job.key.key,
            dialect=self._dialect.name,
            path=self._route.path,
            kind=self._headers.get("content-type", ""),
            query=incoming.query,
            model=job.request.model,
            created=job.created,
            begins=self._desk.origin(self._scope, self._headers),
            webhook=url,
            bearer=bearer,
        )

    def _terms_headers(self, micros: int, notes: Sequence[Note]) -> dict[str, str]:
        headers = {**self._id_headers(), "x-darkroom-estimated-cost": usd(from_micros(micros))}
        if notes:
            headers["x-darkroom-notes"] = notes_header(notes)
        return headers

    # From an answer to bytes.

    async def _deliver(self, ask: Ask, job: Job, answer: Answer, joined: bool) -> int:
        """Send the answer; one that cannot be received is kept for whoever asks again."""
        self._note(answer, joined)
        if joined and not answer.prompt:  # no prompt is kept; the request that repeats another says the same
            answer = replace(answer, prompt=job.request.prompt)
        begins, seconds = self._desk.origin(self._scope, self._headers), time.perf_counter() - self._began
        try:
            outgoing = await rendered(self._desk, (self._dialect, self._route), ask, answer, begins, seconds)
        except (OSError, ValueError) as error:  # a full disk: paid for all the same, and there for a retry
            if not joined:
                self._desk.repeats.remember(job, answer)
            raise Failure(Fault.UNAVAILABLE, UNSTORED, retry_after=1.0) from error
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
        repeated = answer.job if answer.job != self._id else answer.repeats
        if repeated is not None:
            headers["x-darkroom-repeats"] = repeated
        if answer.job == self._id and answer.how is not None:
            headers["x-darkroom-cache"] = answer.how
            headers |= {} if answer.how == "miss" else {"age": str(max(0, int(time.time()) - answer.created))}
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

    async def _stream(self, ask: Ask, job: Job, pause: float) -> int:
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
            await asyncio.wait({work, waiting}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
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
            "cache": "" if joined else answer.how or "",
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

    def _served(self, answer: Answer) -> Served:
        return served(answer, (), (), time.perf_counter() - self._began)
