"""Submissions without an answer: left by a server that is over, or by a vendor that fell silent.

What servers have left that are over is taken over, at start and again and again: it carries this server's name from
then on, and nobody else ends it. What has a ticket is taken up again; what was drawn here is released, for nothing was
paid; the rest may have been paid for, and its hold stays until a person or the time decides. The same goes on for what
became ambiguous of this server's own. No money is invented or forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from pricing import Billable
from providers.contract import Failure, Fault, Image, Result
from proxy.catalogue import Catalogue
from proxy.costs import cost_of, expected_of, settled, total, unusable
from proxy.events import HoldEnded, HoldLeft, ServerChanged, Tell
from proxy.health import Health
from proxy.job import Answer, pack
from proxy.ledger.book import JobState, Ledger
from proxy.ledger.orders import Close, Hold, Outcome
from proxy.ledger.tenure import Tenure
from proxy.repeats import Repeats, Run
from proxy.store import Pictures
from proxy.transport import Lease, Room, Transport

PAUSE_S = 30.0
"""Between two looks at what is still without an answer."""
LOOK_S = 1.0
"""Between two looks at who is over: one row of each server is read."""


class Recovery:
    """Takes up what has no answer."""

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        tenure: Tenure,
        transport: Transport,
        store: Pictures,
        repeats: Repeats,
        room: Room,
        tell: Tell,
        *,
        health: Health,
        expires_s: float,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`expires_s`: how long a hold waits to be reconciled before it is settled at its quote."""
        self._ledger = ledger
        self._tenure = tenure
        self._transport = transport
        self._store = store
        self._repeats = repeats
        self._room = room
        self._tell = tell
        self._health = health
        self._clock = clock
        self._working: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.adopt(catalogue, expires_s=expires_s)

    def adopt(self, catalogue: Catalogue, *, expires_s: float) -> None:
        """Look for what is left by another configuration from now on."""
        self._catalogue = catalogue
        self._expires_ms = int(expires_s * 1000)

    async def start(self) -> None:
        """Take over what is left, and sort it; what can be resumed goes on in the background."""
        holds = await self._take_over()
        if holds:
            self._tell(ServerChanged(what="recovering", detail=f"{holds} submissions had no answer"))

    async def run(self) -> None:
        """Look again and again at who is over, and at what became ambiguous; ends by being cancelled."""
        looked = time.monotonic()
        while True:
            await asyncio.sleep(min(LOOK_S, PAUSE_S))
            try:
                await self._take_over()
                if time.monotonic() - looked >= PAUSE_S:
                    looked = time.monotonic()
                    await self._look_again()
            except (Failure, SQLAlchemyError):  # a look that fails must not be the last one
                logging.getLogger(__name__).exception("what is left without an answer could not be looked at")

    async def _take_over(self) -> int:
        """Sort what servers have left that are over; returns how many submissions."""
        taken = await self._tenure.take()
        begun: dict[str, list[Hold]] = defaultdict(list)
        for hold in taken.holds:
            begun[hold.job].append(hold)
        for job, group in begun.items():
            await self._sort(job, group)
        for job in taken.jobs:
            if job not in begun:  # its server died before it had set anything aside, or after all was settled
                await self._ledger.close(Close(outcomes=(), job=job, state="failed"))
        return len(taken.holds)

    async def _look_again(self) -> None:
        """Sort what became ambiguous of this server's own."""
        left: dict[str, list[Hold]] = defaultdict(list)
        for hold in await self._ledger.open_holds():
            if hold.state == "ambiguous" and hold.owner == self._ledger.owner:
                left[hold.job].append(hold)
        for job, group in left.items():
            if job not in self._working:
                await self._sort(job, group)

    async def close(self) -> None:
        """Stop; what is not done keeps its ticket."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sort(self, job: str, holds: list[Hold]) -> None:
        resumable: list[Hold] = []
        outcomes: list[Outcome] = []
        for hold in holds:
            line = self._catalogue.lines.get(hold.provider)
            if hold.state == "waiting":  # however old it is
                outcomes.append(Outcome(hold=hold.hold, kind="release", detail="never sent"))
            elif self._clock() - hold.at > self._expires_ms:
                outcomes.append(self._expire(hold))
            elif line is not None and line.provider.here:
                outcomes.append(Outcome(hold=hold.hold, kind="release", detail="drawn here by a process that died"))
            elif line is not None and line.provider.resume is not None and hold.ticket is not None:
                resumable.append(hold)
            elif hold.state == "open":
                outcomes.append(Outcome(hold=hold.hold, kind="ambiguous"))
                self._leave(hold, "the process that sent it died before an answer")
        state = await self._ledger.job(job)
        if outcomes:
            ended = all(outcome.kind != "ambiguous" for outcome in outcomes) and len(outcomes) == len(holds)
            ended = ended and state is not None and state.state == "open"  # not answered with what else it had bought
            await self._ledger.close(
                Close(outcomes=tuple(outcomes), job=job if ended else None, state="failed" if ended else None)
            )
        if resumable:
            silent = len(holds) > len(resumable) + sum(outcome.kind != "ambiguous" for outcome in outcomes)
            run = self._repeats.begin(job, state.print, None) if state is not None else None
            self._working.add(job)
            task = asyncio.create_task(self._resume(state, run, resumable, silent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _resume(self, state: JobState | None, run: Run | None, holds: list[Hold], silent: bool) -> None:
        """Take a job up by its tickets: whoever retries it meanwhile waits for the same answer.

        `silent`: others of its submissions have no ticket, so that without an answer it stays open.
        """
        try:
            results = await asyncio.gather(*[self._take_up(hold) for hold in holds])
            answer = await self._end(state, holds, results, silent)
            if run is not None and answer is not None:
                run.done(answer)
        finally:
            if run is not None:
                run.failed(Failure(Fault.UNAVAILABLE, "the request this one repeats came to nothing"))
                self._repeats.end(run)
            self._working.discard(holds[0].job)

    async def _take_up(self, hold: Hold) -> Result | Failure:
        line = self._catalogue.lines.get(hold.provider)
        assert hold.ticket is not None
        if line is None or line.provider.resume is None:  # since a moment ago
            return Failure(Fault.AMBIGUOUS, f"{hold.provider} is configured no more")
        lane, ticket = line.unseal(hold.ticket)
        if lane is None:  # another account does not know the job, and would say so as if it had come to nothing
            return Failure(Fault.AMBIGUOUS, f"the account of {hold.provider} that submitted it is configured no more")
        lease, offer = Lease(self._room), f"{hold.provider}/{hold.model}"
        self._health.occupy(offer, lane)  # the vendor counts it, too
        try:
            return await self._transport.hold(
                line.provider.resume(ticket, lane.account),
                line.provider,
                lane.account,
                _NobodyWatches(),
                deadline=line.deadline,
                lease=lease,
                paid=True,
            )
        except Failure as failure:
            return failure
        finally:
            lease.release()
            self._health.leave(offer, lane)

    async def _end(
        self, state: JobState | None, holds: list[Hold], results: list[Result | Failure], silent: bool
    ) -> Answer | None:
        """Settle what came, release what definitely will not, leave the rest; and note the job's answer."""
        try:
            answer = await self._answer(state, holds, results) if state is not None else None
        except OSError as error:  # a full disk: paid for, and to be had again
            answer, lost = None, Failure(Fault.AMBIGUOUS, f"its pictures cannot be stored ({type(error).__name__})")
            results = [lost if isinstance(result, Result) else result for result in results]
        outcomes = [self._outcome(hold, result) for hold, result in zip(holds, results, strict=True)]
        waiting = silent or any(outcome.kind == "ambiguous" for outcome in outcomes)
        ends = state is not None and state.state == "open" and (answer is not None or not waiting)
        await self._ledger.close(
            Close(
                outcomes=tuple(outcomes),
                job=state.job if ends and state is not None else None,
                state=None if not ends else "done" if answer is not None else "failed",
                answer=pack(answer) if answer is not None else None,
            )
        )
        return answer

    def _outcome(self, hold: Hold, result: Result | Failure) -> Outcome:
        usage = result.usage
        if usage is None:
            assert isinstance(result, Failure)
            if result.fault is Fault.AMBIGUOUS or result.charged:
                if hold.state == "open":
                    self._leave(hold, result.detail)
                return Outcome(hold=hold.hold, kind="ambiguous")
            self._tell_ended(hold, "released", 0)
            return Outcome(hold=hold.hold, kind="release", detail=result.fault, vendor_id=result.vendor_id)
        day = datetime.fromtimestamp(hold.at / 1000, UTC).date()
        billable = msgspec.json.decode(hold.facts, type=Billable)
        offer = self._catalogue.offer(f"{hold.provider}/{hold.model}")
        cost = cost_of(offer, hold, billable, usage, day)
        count = len(result.pictures) if isinstance(result, Result) else 0
        self._tell_ended(hold, "resumed", cost)
        self._tell(settled(hold, cost, count, expected_of(offer, billable, usage, day)))
        if isinstance(result, Failure) and cost:
            self._tell(unusable(hold, result.fault, cost))
        detail = msgspec.json.encode(usage).decode()
        said = result.vendor_id
        return Outcome(hold=hold.hold, kind="settle", micros=cost, images=count, detail=detail, vendor_id=said)

    async def _answer(self, state: JobState, holds: list[Hold], results: list[Result | Failure]) -> Answer | None:
        good = [result for result in results if isinstance(result, Result)]
        if not good:
            return None
        pictures = tuple(picture for result in good for picture in result.pictures)
        stored = tuple([await self._store.put(picture.image, state.job) for picture in pictures])
        return Answer(
            job=state.job,
            created=state.created // 1000,
            model=state.model,
            offer=f"{holds[0].provider}/{holds[0].model}",
            pictures=pictures,
            stored=stored,
            usage=total([result.usage for result in good]),
            quality=good[-1].quality,
            background=good[-1].background,
            quoted=sum(hold.micros for hold in holds),
            attempts=len(holds),
        )

    def _expire(self, hold: Hold) -> Outcome:
        self._tell_ended(hold, "expired", hold.micros)
        return Outcome(hold=hold.hold, kind="settle", micros=hold.micros, detail="no answer; settled at its quote")

    def _leave(self, hold: Hold, why: str) -> None:
        self._tell(
            HoldLeft(
                request=hold.job,
                hold=hold.hold,
                team=hold.team,
                provider=hold.provider,
                model=hold.model,
                micros=hold.micros,
                why=why,
            )
        )

    def _tell_ended(self, hold: Hold, how: str, micros: int) -> None:
        self._tell(
            HoldEnded(request=hold.job, hold=hold.hold, team=hold.team, provider=hold.provider, how=how, micros=micros)
        )


class _NobodyWatches:
    async def ticket(self, text: str) -> None:
        """The ticket is known already."""

    async def preview(self, image: Image, index: int) -> None:
        """Nobody is there to see it."""
