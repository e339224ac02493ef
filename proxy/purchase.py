"""Buying pictures at one offer after another: money set aside, the vendor asked, what it did cost settled.

A model that gives fewer pictures in a call than are wanted is called several times at once, each call with a hold of
its own: a partial success is settled exactly, and only what is missing is bought elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from pricing import to_micros
from providers.contract import Failure, Fault, Note, Picture, Result, Upscale
from proxy.attempt import Attempts
from proxy.collected import Collected
from proxy.costs import settled
from proxy.enhance import Enhancer
from proxy.events import Tell
from proxy.explain import over_budget
from proxy.hedge import Ended, Hedging, Race, hedged
from proxy.job import Answer, Job
from proxy.ledger.book import Ledger
from proxy.ledger.orders import Held, Hold, Outcome, Refused, Repeated
from proxy.parts import Part, Submission, at_once, divided, order, order_larger, order_writing, said, whole
from proxy.pictures import Studio
from proxy.planned import UNKNOWN, Grounds
from proxy.policy import Choice
from proxy.purse import Purse
from proxy.quality import Inspector
from proxy.settling import Settling
from proxy.store import Pictures
from proxy.transport import Turn

FINAL = frozenset({Fault.REJECTED, Fault.MODERATED, Fault.AMBIGUOUS})
"""Faults after which nothing else is tried: another would say the same, or the picture may be paid for already."""
SHARE = 0.5
"""Of the time that is left, what an offer may take until it has sent what it is paid for, while another one stands."""


class Purchasing(Struct, frozen=True, kw_only=True):
    """What every purchase needs."""

    attempts: Attempts
    ledger: Ledger
    studio: Studio
    store: Pictures
    enhancer: Enhancer
    tell: Tell
    request_s: float
    """Seconds a job may take over all its attempts."""
    inspector: Inspector
    hedging: Hedging | None = None

    def begin(
        self, job: Job, notes: tuple[Note, ...], last: Choice | None = None, grounds: Grounds = UNKNOWN
    ) -> Purchase:
        """A purchase for a job; `last` makes every picture larger, and is held together with it.

        `grounds` are kept with the job: what was chosen from, and why.
        """
        return Purchase(self, job, notes, last, grounds)


class Purchase:
    """What one job has bought so far."""

    def __init__(
        self, needs: Purchasing, job: Job, notes: tuple[Note, ...], last: Choice | None, grounds: Grounds
    ) -> None:
        self._needs = needs
        self._job = job
        self._last = last
        self._policy = grounds.policy
        self._purse = Purse(needs.ledger, needs.tell, job, grounds)
        self._waiting: list[Hold] = []
        """What is held to make the pictures of an attempt larger."""
        self._day = datetime.fromtimestamp(job.created / 1000, UTC).date()
        self._settling = Settling(needs.tell, self._day)
        self._ends = time.monotonic() + needs.request_s
        self._got = Collected(job, notes, needs.studio, needs.store)
        self._parts: list[Part] = []
        self._reroutes = needs.inspector.reroutes
        self._prompt = job.request.prompt
        self._unwritten = job.request.enhance
        """The prompt is still to be written out, by an enhancer that has its price."""
        self._tried: set[str] = set()
        """Offers that were asked."""
        self._extra = needs.hedging.extra if needs.hedging is not None else 0
        """Micro-USD that second candidates may still add."""
        self._failure: Failure | None = None
        self._attempts = 0

    @property
    def over(self) -> bool:
        """Whether there is nothing left to buy, no sense in going on, or no time."""
        if not self._got.missing or self._reroutes < 0 or time.monotonic() >= self._ends:
            return True
        return self._failure is not None and self._failure.fault in FINAL

    def wants(self, choice: Choice) -> bool:
        """Whether an offer is to be tried: not twice, nor above the caller's ceiling after what others took."""
        return choice.offer.name not in self._tried and self._purse.affords(to_micros(choice.quote.usd))

    async def reserve(self, choice: Choice) -> Held | Refused | Repeated:
        """Set aside what an offer may take for what is still missing; first, end what an earlier one left."""
        await self._purse.close()
        missing = self._got.missing
        parts = whole(choice, missing) or await self._divided(choice, missing)
        self._parts = self._worded(choice, parts)
        orders = tuple([order(choice.offer, part) for part in self._parts])
        if self._last is not None:
            orders += (order_larger(self._last),) * missing
        if self._unwritten:
            orders += (order_writing(self._needs.enhancer, self._job.request),)
        first = not self._purse.holds
        held = await self._purse.hold(orders, alone=len(self._parts) == 1 and missing == self._job.request.n)
        if isinstance(held, Held) and first:
            self._job.held(self._purse.quoted, (*self._got.notes, *choice.fit.notes))
        elif isinstance(held, Refused):
            self._purse.tell_refused(held)
        return held

    async def attempt(self, choice: Choice, held: Held, rest: Sequence[Choice] = ()) -> None:
        """Ask an offer, once for every hold; `rest` are the candidates after it."""
        count = len(self._parts)
        self._waiting = list(held.holds[count:])
        if self._unwritten:
            await self._write_out(self._waiting.pop())
            self._parts = self._worded(choice, self._parts)
        self._tried.add(choice.offer.name)
        rest = [each for each in rest if each.offer.name not in self._tried]
        pairs = zip(self._parts, held.holds[:count], strict=True)
        sent = [Submission(choice.offer, part, hold) for part, hold in pairs]
        if len(sent) == 1:
            ended = await self._ask(choice, sent[0], rest)
        else:
            asked = await asyncio.gather(*[self._ask(choice, each, rest) for each in sent])
            ended = [each for answers in asked for each in answers]
        useless = self._got.spoiled
        for each in ended:
            if isinstance(each.answer, Failure):
                self._failed(each.sent, each.answer)
            else:
                await self._bought(each.choice, each.sent, each.answer)
        self._reroutes -= self._got.spoiled > useless
        while self._waiting:
            self._purse.end(Outcome(hold=self._waiting.pop().hold, kind="release", detail="not needed"))

    async def finish(self, refused: Refused | None) -> Answer:
        """End the job: with its pictures, or by raising why there are none."""
        got = self._got
        got.make_do()
        if not got:
            await self._purse.close(failed=not self._purse.ambiguous)
            if self._failure is not None:
                if self._failure.charged and self._failure.fault not in FINAL:  # trying again would be paying again
                    raise Failure(Fault.AMBIGUOUS, self._failure.detail) from self._failure
                raise self._failure
            raise over_budget(refused) if refused else Failure(Fault.UNAVAILABLE, BUSY, retry_after=1.0)
        if got.missing:
            why = self._failure.detail if self._failure else "the budget holds no more"
            got.notes.append(Note("n", f"{len(got)} of {self._job.request.n} pictures were made: {why}"))
        answer = got.answer(
            await got.store() if self._job.keep else (),
            prompt=self._prompt,
            policy=self._policy,
            quoted=self._purse.quoted,
            charged=self._purse.cost,
            attempts=self._attempts,
        )
        await self._purse.close(answer)
        return replace(answer, charged=self._purse.charged)

    async def abandon(self) -> None:
        """Something broke: end what is known, and leave to recovery what is not."""
        await self._purse.abandon(self._waiting)

    # Asking.

    async def _ask(self, choice: Choice, sent: Submission, rest: Sequence[Choice]) -> list[Ended]:
        """What comes of one call: of two, where a second candidate is asked for the same."""
        self._attempts += 1
        left = self._ends - time.monotonic()
        turn = Turn(patience=left * SHARE if rest else left)
        hedging = self._needs.hedging
        if hedging is None or not rest or not hedging.serves(self._policy, choice):
            ask = self._needs.attempts.ask
            return [
                Ended(choice, sent, await ask(self._job, sent.offer, sent.part.request, sent.hold, self._ends, turn))
            ]
        race = Race(hedging, self._job, self._settling, self._ends)
        ended = await race.run(choice, sent, turn, lambda: self._second(sent.part, rest))
        for released in race.released:
            self._purse.end(released)
        if (told := race.tell()) is not None:
            self._got.hedges.append(told[0])
            self._got.notes.append(told[1])
        return ended

    async def _second(self, part: Part, rest: Sequence[Choice]) -> tuple[Choice, Submission] | None:
        """Another candidate for a call, its money held: the first that is free to be asked and not too dear."""
        health = self._needs.attempts.health
        for choice in rest:
            if at_once(choice) < part.request.n:
                continue
            (other,) = self._worded(choice, await self._divided(choice, part.request.n))
            other = replace(other, request=replace(other.request, seed=part.request.seed))
            name, micros = choice.offer.name, other.micros
            if micros > self._extra or not self._purse.affords(micros) or not health.admit(name):
                continue
            self._extra -= micros
            held = await self._purse.hold((order(choice.offer, other, hedge=True),))
            if isinstance(held, Held):
                self._tried.add(name)
                self._attempts += 1
                return choice, Submission(choice.offer, other, held.holds[0])
            self._extra += micros
            health.forget_trial(name)
            self._needs.tell(hedged(self._job, choice.offer, micros, "refused"))
        return None

    async def _bought(self, choice: Choice, sent: Submission, result: Result) -> None:
        """Settle what was delivered, and bring it to what was asked for; what is of no use is put aside."""
        seen = [(picture, await self._flaw(sent, picture)) for picture in result.pictures]
        good = [picture for picture, flaw in seen if flaw is None]
        bad = [(picture, flaw) for picture, flaw in seen if flaw is not None]
        if bad:
            self._purse.end(self._settling.spoiled(sent, result, len(good), bad[0][1]))
        else:
            self._purse.end(self._settling.used(sent, result.usage, images=len(good), vendor_id=result.vendor_id))
        self._got.came(choice, result, len(good), bad)
        for drawn in good:
            picture = drawn if self._last is None else await self._enlarged(self._last, drawn)
            await self._got.add(choice, picture, drawn=picture is drawn)

    async def _flaw(self, sent: Submission, picture: Picture) -> str | None:
        inspector = self._needs.inspector
        return await inspector.flaw(picture.image, sent.part.request) if inspector.reroutes else None

    def _worded(self, choice: Choice, parts: list[Part]) -> list[Part]:
        """The calls with the prompt as it is by now."""
        return parts if self._prompt == self._job.request.prompt else said(choice, parts, self._prompt)

    async def _write_out(self, hold: Hold) -> None:
        """Have the prompt written out; it stays as it is, with a note, where that fails."""
        self._unwritten = False
        await self._needs.ledger.begin(hold.hold)
        try:
            written = await self._needs.enhancer.write(self._job.request, self._job.lease)
        except Failure as failure:
            self._got.notes.append(Note("prompt", f"is as it was sent: {failure.detail}", lossy=False))
            self._purse.end(self._settling.left(hold, failure))
            return
        self._prompt = written.prompt
        self._purse.end(Outcome(hold=hold.hold, kind="settle", micros=written.micros, detail="prompt"))
        self._needs.tell(settled(hold, written.micros, 0))

    async def _enlarged(self, last: Choice, picture: Picture) -> Picture:
        """The picture made larger; the picture as it is, with a note, where that fails."""
        if not self._waiting:
            return picture  # more than was asked for
        hold = self._waiting.pop()
        await self._needs.ledger.begin(hold.hold)
        request = last.fit.request
        assert isinstance(request, Upscale)
        part = Part(replace(request, picture=picture.image), last.billable, hold.micros)
        sent = Submission(last.offer, part, hold)
        (ended,) = await self._ask(last, sent, ())
        if isinstance(ended.answer, Failure):
            self._got.notes.append(Note("upscale", f"failed, the picture is as it was drawn: {ended.answer.detail}"))
            self._purse.end(self._settling.refused(sent, ended.answer))
            return picture
        self._purse.end(self._settling.used(sent, ended.answer.usage, vendor_id=ended.answer.vendor_id))
        larger = ended.answer.pictures[0]
        return replace(larger, seed=picture.seed, revised_prompt=picture.revised_prompt)

    def _failed(self, sent: Submission, failure: Failure) -> None:
        if self._failure is None or self._failure.fault not in FINAL:
            self._failure = failure
        self._purse.end(self._settling.refused(sent, failure))

    async def _divided(self, choice: Choice, n: int) -> list[Part]:
        """So many pictures as calls this model can take, a mask turned the way it wants."""
        request = await self._needs.studio.turn_mask(choice.fit.request, choice.offer.model.mask)
        return divided(choice, replace(request, n=n), self._day)


BUSY = "the only provider left is being tried by another request after a failure"
