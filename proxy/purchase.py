"""Buying pictures at one offer after another: money set aside, the vendor asked, what it did cost settled.

A model that gives fewer pictures in a call than are wanted is called several times at once, each call with a hold of
its own: a partial success is settled exactly, and only what is missing is bought elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pricing import Billable, Quote, Usage, to_micros
from providers.contract import Edit, Failure, Fault, ImageRequest, Note, Picture, Result, Upscale
from providers.contract.request import split
from proxy.attempt import Attempts
from proxy.costs import cost_of, settled, total
from proxy.enhance import NAME, Enhancer
from proxy.events import BudgetRefused, HoldLeft, Overrun, Tell
from proxy.explain import over_budget
from proxy.finishing import as_asked
from proxy.job import Answer, Job, pack
from proxy.ledger.book import Ledger
from proxy.ledger.orders import Close, Held, Hold, HoldOrder, JobRecord, Outcome, Refused, Repeated, Reserve
from proxy.pictures import Studio
from proxy.policy import Choice, Offer
from proxy.policy.engine import quote_at
from proxy.store import DiskStore, Stored

FINAL = frozenset({Fault.REJECTED, Fault.MODERATED, Fault.AMBIGUOUS})
"""Faults after which nothing else is tried: another would say the same, or the picture may be paid for already."""


class Purchasing(Struct, frozen=True, kw_only=True):
    """What every purchase needs."""

    attempts: Attempts
    ledger: Ledger
    studio: Studio
    store: DiskStore
    enhancer: Enhancer
    tell: Tell
    request_s: float
    """Seconds a job may take over all its attempts."""

    def begin(self, job: Job, notes: tuple[Note, ...], last: Choice | None = None) -> Purchase:
        """A purchase for a job; `last` makes every picture larger, and is held together with it."""
        return Purchase(self, job, notes, last)


class _Part(Struct, frozen=True):
    """One call to be made, what its price depends on, and the most it may cost."""

    request: ImageRequest
    billable: Billable
    micros: int


class Purchase:
    """What one job has bought so far."""

    def __init__(self, needs: Purchasing, job: Job, notes: tuple[Note, ...], last: Choice | None) -> None:
        self._needs = needs
        self._job = job
        self._last = last
        self._waiting: list[Hold] = []
        """What is held to make the pictures of an attempt larger."""
        self._day = datetime.fromtimestamp(job.created / 1000, UTC).date()
        self._ends = time.monotonic() + needs.request_s
        self._missing = job.request.n
        self._parts: list[_Part] = []
        self._pictures: list[Picture] = []
        self._results: list[Result] = []
        self._notes = list(notes)
        self._prompt = job.request.prompt
        self._unwritten = job.request.enhance
        """The prompt is still to be written out, by an enhancer that has its price."""
        self._open: list[str] = []
        """Holds of the attempt that is under way."""
        self._outcomes: list[Outcome] = []
        self._failure: Failure | None = None
        self._recorded = 0
        self._quoted = 0
        self._cost = 0
        self._charged = 0
        self._attempts = 0
        self._ambiguous = False
        self._choice: Choice | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing left to buy, no sense in going on, or no time."""
        if not self._missing or time.monotonic() >= self._ends:
            return True
        return self._failure is not None and self._failure.fault in FINAL

    async def reserve(self, choice: Choice) -> Held | Refused | Repeated:
        """Set aside what an offer may take for what is still missing; first, end what an earlier one left."""
        if self._outcomes:
            await self._close()
        self._parts = self._said(choice, self._whole(choice) or await self._divided(choice))
        orders = tuple([self._order(choice.offer, part) for part in self._parts])
        if self._last is not None:
            orders += (self._last_order(self._last),) * self._missing
        if self._unwritten:
            orders += (self._enhancing(),)
        order = Reserve(job=self._record(orders), orders=orders, first=not self._recorded, sequence=self._recorded)
        held = await self._needs.ledger.reserve(order)
        if isinstance(held, Held):
            if not self._recorded:
                self._job.held(sum([hold.micros for hold in held.holds]), (*self._notes, *choice.fit.notes))
            self._recorded += len(held.holds)
            self._quoted += sum([hold.micros for hold in held.holds])
        elif isinstance(held, Refused):
            job = self._job
            self._needs.tell(
                BudgetRefused(
                    request=job.id,
                    team=job.key.team,
                    key=job.key.key,
                    scope=held.scope,
                    what=held.what,
                    window=held.window,
                )
            )
        return held

    async def attempt(self, choice: Choice, held: Held) -> None:
        """Ask an offer, once for every hold."""
        self._choice = choice
        count = len(self._parts)
        self._waiting = list(held.holds[count:])
        self._open = [hold.hold for hold in held.holds]
        if self._unwritten:
            await self._write_out(self._waiting.pop())
            self._parts = self._said(choice, self._parts)
        pairs = list(zip(self._parts, held.holds[:count], strict=True))
        if len(pairs) == 1:
            said = [await self._ask(choice.offer, *pairs[0])]
        else:
            said = await asyncio.gather(*[self._ask(choice.offer, part, hold) for part, hold in pairs])
        if any(isinstance(answer, Result) for answer in said):
            self._notes.extend(choice.fit.notes)
        for (part, hold), answer in zip(pairs, said, strict=True):
            if isinstance(answer, Failure):
                self._failed(choice.offer, part, hold, answer)
            else:
                await self._bought(choice.offer, part, hold, answer)
        while self._waiting:
            self._outcomes.append(Outcome(hold=self._waiting.pop().hold, kind="release", detail="not needed"))

    async def finish(self, refused: Refused | None) -> Answer:
        """End the job: with its pictures, or by raising why there are none."""
        if not self._pictures:
            await self._close(failed=not self._ambiguous)
            if self._failure is not None:
                if self._failure.charged and self._failure.fault not in FINAL:  # trying again would be paying again
                    raise Failure(Fault.AMBIGUOUS, self._failure.detail) from self._failure
                raise self._failure
            raise over_budget(refused) if refused else Failure(Fault.UNAVAILABLE, BUSY, retry_after=1.0)
        if self._missing:
            why = self._failure.detail if self._failure else "the budget holds no more"
            self._notes.append(Note("n", f"{len(self._pictures)} of {self._job.request.n} pictures were made: {why}"))
        answer = self._answer(await self._store() if self._job.keep else ())
        await self._close(answer)
        return replace(answer, charged=self._charged)

    async def abandon(self) -> None:
        """Something broke: end what is known, and leave to recovery what is not."""
        ended = {outcome.hold for outcome in self._outcomes}
        waiting = {hold.hold for hold in self._waiting}
        self._outcomes += [Outcome(hold=hold, kind="release", detail="never sent") for hold in waiting]
        self._outcomes += [Outcome(hold=hold, kind="ambiguous") for hold in self._open if hold not in ended | waiting]
        await self._close()

    # Asking.

    async def _ask(self, offer: Offer, part: _Part, hold: Hold) -> Result | Failure:
        self._attempts += 1
        return await self._needs.attempts.ask(self._job, offer, part.request, hold, self._ends)

    async def _bought(self, offer: Offer, part: _Part, hold: Hold, result: Result) -> None:
        cost = cost_of(offer, hold, part.billable, result.usage, self._day)
        usage = msgspec.json.encode(result.usage).decode()
        count = len(result.pictures)
        self._cost += cost
        said = result.vendor_id
        outcome = Outcome(hold=hold.hold, kind="settle", micros=cost, images=count, detail=usage, vendor_id=said)
        self._outcomes.append(outcome)
        self._results.append(result)
        self._missing = max(0, self._missing - count)
        self._notes.extend(result.notes)
        for drawn in result.pictures:
            picture = drawn if self._last is None else await self._enlarged(self._last, drawn)
            exact = self._job.request.exact and picture is drawn
            image, notes = await as_asked(self._needs.studio, picture.image, self._job.request, exact=exact)
            self._notes.extend(notes)
            self._pictures.append(picture if image is picture.image else replace(picture, image=image))
        self._needs.tell(settled(hold, cost, count))

    async def _write_out(self, hold: Hold) -> None:
        """Have the prompt written out; it stays as it is, with a note, where that fails."""
        self._unwritten = False
        await self._needs.ledger.begin(hold.hold)
        try:
            written = await self._needs.enhancer.write(self._job.request, self._job.lease)
        except Failure as failure:
            self._notes.append(Note("prompt", f"is as it was sent: {failure.detail}", lossy=False))
            self._left(hold, failure)
            return
        self._prompt = written.prompt
        self._cost += written.micros
        self._outcomes.append(Outcome(hold=hold.hold, kind="settle", micros=written.micros, detail="prompt"))
        self._needs.tell(settled(hold, written.micros, 0))

    def _said(self, choice: Choice, parts: list[_Part]) -> list[_Part]:
        """The calls with the prompt as it is by now, where the model takes one so long."""
        if self._prompt == self._job.request.prompt or len(self._prompt) > choice.offer.model.prompt_limit:
            return parts
        return [_Part(replace(part.request, prompt=self._prompt), part.billable, part.micros) for part in parts]

    async def _enlarged(self, last: Choice, picture: Picture) -> Picture:
        """The picture made larger; the picture as it is, with a note, where that fails."""
        if not self._waiting:
            return picture  # more than was asked for
        hold = self._waiting.pop()
        await self._needs.ledger.begin(hold.hold)
        request = last.fit.request
        assert isinstance(request, Upscale)
        part = _Part(replace(request, picture=picture.image), last.billable, hold.micros)
        answer = await self._ask(last.offer, part, hold)
        if isinstance(answer, Failure):
            self._notes.append(Note("upscale", f"failed, the picture is as it was drawn: {answer.detail}"))
            self._come_to_nothing(last.offer, part, hold, answer)
            return picture
        self._used(last.offer, part, hold, answer.usage, answer.vendor_id)
        larger = answer.pictures[0]
        return replace(larger, seed=picture.seed, revised_prompt=picture.revised_prompt)

    def _failed(self, offer: Offer, part: _Part, hold: Hold, failure: Failure) -> None:
        if self._failure is None or self._failure.fault not in FINAL:
            self._failure = failure
        self._come_to_nothing(offer, part, hold, failure)

    def _come_to_nothing(self, offer: Offer, part: _Part, hold: Hold, failure: Failure) -> None:
        """End the hold of a submission without a picture; what the vendor charges for it all the same is paid."""
        if failure.usage is None:
            self._left(hold, failure)
        else:
            self._used(offer, part, hold, failure.usage, failure.vendor_id)

    def _used(self, offer: Offer, part: _Part, hold: Hold, usage: Usage, said: str | None) -> None:
        """Settle what was used without a picture to count."""
        cost = cost_of(offer, hold, part.billable, usage, self._day)
        self._cost += cost
        detail = msgspec.json.encode(usage).decode()
        outcome = Outcome(hold=hold.hold, kind="settle", micros=cost, images=0, detail=detail, vendor_id=said)
        self._outcomes.append(outcome)
        self._needs.tell(settled(hold, cost, 0))

    def _left(self, hold: Hold, failure: Failure) -> None:
        """Release a hold; keep it, where the vendor may have charged for it."""
        if failure.fault is not Fault.AMBIGUOUS and not failure.charged:
            released = Outcome(hold=hold.hold, kind="release", detail=failure.fault, vendor_id=failure.vendor_id)
            self._outcomes.append(released)
            return
        self._ambiguous = True
        self._outcomes.append(Outcome(hold=hold.hold, kind="ambiguous"))
        self._needs.tell(
            HoldLeft(
                request=self._job.id,
                hold=hold.hold,
                team=hold.team,
                provider=hold.provider,
                model=hold.model,
                micros=hold.micros,
                why=failure.detail,
            )
        )

    # Writing down.

    def _whole(self, choice: Choice) -> list[_Part]:
        """The request as one call, where nothing of it is bought yet and the model takes it as it stands."""
        request = choice.fit.request
        if self._missing != request.n or request.n > at_once(choice) or isinstance(request, Edit):
            return []
        return [_Part(request, choice.billable, to_micros(choice.quote.usd))]

    async def _divided(self, choice: Choice) -> list[_Part]:
        """What is still missing, as calls this model can take, a mask turned the way it wants."""
        request = await self._needs.studio.turn_mask(choice.fit.request, choice.offer.model.mask)
        parts = split(replace(request, n=self._missing), at_once(choice))
        return [self._priced(choice.offer, part) for part in parts]

    def _priced(self, offer: Offer, request: ImageRequest) -> _Part:
        billable = request.billable()
        quote = quote_at(offer, billable, self._day)
        assert isinstance(quote, Quote), "the policy lets no unpriced offer through"
        return _Part(request, billable, to_micros(quote.usd))

    def _order(self, offer: Offer, part: _Part) -> HoldOrder:
        return HoldOrder(
            provider=offer.provider,
            model=offer.model.name,
            micros=part.micros,
            images=part.request.n,
            facts=msgspec.json.encode(part.billable).decode(),
        )

    def _enhancing(self) -> HoldOrder:
        return HoldOrder(
            provider=NAME,
            model=self._needs.enhancer.model,
            micros=self._needs.enhancer.quote(self._job.request.prompt),
            images=0,
            facts=msgspec.json.encode(self._job.request.billable()).decode(),
            waits=True,
        )

    def _last_order(self, last: Choice) -> HoldOrder:
        return HoldOrder(
            provider=last.offer.provider,
            model=last.offer.model.name,
            micros=to_micros(last.quote.usd),
            images=0,
            facts=msgspec.json.encode(last.billable).decode(),
            waits=True,
        )

    def _record(self, orders: tuple[HoldOrder, ...]) -> JobRecord:
        job = self._job
        whole = len(self._parts) == 1 and self._missing == job.request.n
        return JobRecord(
            job=job.id,
            team=job.key.team,
            key=job.key.key,
            dialect=job.dialect,
            model=job.request.model,
            facts=orders[0].facts if whole else msgspec.json.encode(job.request.billable()).decode(),
            print=job.print,
            idempotency=job.idempotency,
            recall=job.recall,
        )

    async def _close(self, answer: Answer | None = None, *, failed: bool = False) -> None:
        """Post the outcomes so far, and the job's end where it has come to one."""
        ends = self._recorded and (answer is not None or failed)
        if not self._outcomes and not ends:
            return
        order = Close(
            outcomes=tuple(self._outcomes),
            job=self._job.id if ends else None,
            state=("done" if answer is not None else "failed") if ends else None,
            answer=pack(answer) if answer is not None and answer.stored else None,
        )
        self._outcomes.clear()
        closed = await self._needs.ledger.close(order)
        self._charged += closed.charged
        if closed.overrun:
            self._needs.tell(Overrun(request=self._job.id, team=self._job.key.team, micros=closed.overrun))

    async def _store(self) -> tuple[Stored, ...]:
        try:
            return tuple([await self._needs.store.put(picture.image) for picture in self._pictures])
        except (OSError, ValueError) as error:  # a full disk, or base64 that does not decode: paid for all the same
            self._notes.append(Note("store", f"the pictures could not be stored ({type(error).__name__})"))
            return ()

    def _answer(self, stored: tuple[Stored, ...]) -> Answer:
        assert self._choice is not None
        said = self._results[-1]
        fitted = self._choice.fit.request
        return Answer(
            job=self._job.id,
            created=self._job.created // 1000,
            model=self._job.request.model,
            offer=self._choice.offer.name,
            pictures=tuple(self._pictures),
            prompt=self._prompt,
            missing=self._missing,
            stored=stored,
            usage=total([result.usage for result in self._results]),
            quality=said.quality or fitted.quality,
            background=said.background or fitted.background,
            notes=tuple(dict.fromkeys(self._notes)) if self._notes else (),
            quoted=self._quoted,
            charged=self._cost,
            attempts=self._attempts,
        )


def at_once(choice: Choice) -> int:
    """Pictures in one call; a stream of unfinished ones is about one picture."""
    return 1 if choice.fit.request.previews else choice.offer.model.at_once


BUSY = "the only provider left is being tried by another request after a failure"
