"""Two candidates for one picture: where the first takes unusually long, a second is asked as well; the first to answer
wins.

Both have their money held before they are asked. The one that lost is broken off where that is free: nothing was sent
yet, or it is drawn here. Else the vendor charges for it: it goes on after the answer, is settled on a line of its own
when it ends, and its picture is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Failure, Note, Result
from proxy.attempt import Attempts
from proxy.events import Hedged, HedgePaid, Overrun
from proxy.job import Hedge, Job, unseen
from proxy.ledger.orders import Close, Outcome
from proxy.parts import Submission
from proxy.policy import Choice, Offer
from proxy.settling import Settling
from proxy.transport import Lease, Turn

Later = Callable[[Coroutine[Any, Any, None]], object]
"""Has work done that nobody waits for, and that a server which stops waits for a while."""


class Hedging(Struct, frozen=True, kw_only=True):
    """When a second candidate is asked as well, and what every race needs."""

    after: float | None
    """Seconds without an answer; None for what 95 of 100 requests to the offer take."""
    extra: int
    """Micro-USD that second candidates may add to one request."""
    policies: frozenset[str] | None = None
    """The policies under which it is done; None for all."""
    attempts: Attempts
    later: Later

    def serves(self, policy: str | None, choice: Choice) -> bool:
        """Whether an offer may get company. Unfinished pictures are shown of one candidate, or they would be of two."""
        if choice.fit.request.previews or (self.policies is not None and policy not in self.policies):
            return False
        return self.patience(choice.offer.name) is not None

    def patience(self, offer: str) -> float | None:
        """Seconds until a second candidate is asked beside an offer; None where too little is known of it to say."""
        return self.attempts.health.p95(offer) if self.after is None else self.after


class Ended(Struct, frozen=True):
    """A submission that has an answer."""

    choice: Choice
    sent: Submission
    answer: Result | Failure


class _Side(Struct):
    choice: Choice
    sent: Submission
    turn: Turn
    lease: Lease
    task: asyncio.Task[Result | Failure]
    fate: str = "asked"
    """In the end: `won`, `lost`, `cancelled`, `failed`."""

    @property
    def won(self) -> bool:
        return self.task.done() and not self.task.cancelled() and isinstance(self.task.result(), Result)

    @property
    def free(self) -> bool:
        """Whether to break it off costs nothing."""
        return self.sent.offer.here or not self.turn.paid


Second = Callable[[], Awaitable[tuple[Choice, Submission] | None]]
"""Sets money aside for a second candidate; None where there is none, or no money for it."""


class Race:
    """One picture, or one call's worth of them, asked of two candidates."""

    def __init__(self, hedging: Hedging, job: Job, settling: Settling, ends: float) -> None:
        """`ends` is when all attempts of the job have to be over."""
        self._hedging = hedging
        self._job = job
        self._settling = settling
        self._ends = ends
        self._sides: list[_Side] = []
        """Those that are this race's to break off."""
        self._asked: list[_Side] = []
        self.released: list[Outcome] = []
        """Holds of what was broken off, or never asked."""

    async def run(self, choice: Choice, sent: Submission, turn: Turn, second: Second) -> list[Ended]:
        """Everything that was answered by the time one has won; only a winner has pictures, and it is the first."""
        patience = self._hedging.patience(sent.offer.name)
        try:
            first = self._start(choice, sent, turn)
            await asyncio.wait([first.task], timeout=patience)
            if not first.task.done():
                await self._start_second(turn, second)
            await self._wait()
            return await self._end()
        finally:  # what is left here was broken off with the job: its holds are for the next start to sort
            for side in self._sides:
                side.task.cancel()

    def _start(self, choice: Choice, sent: Submission, turn: Turn) -> _Side:
        lease = self._job.lease.branch()
        job = replace(self._job, lease=lease, preview=unseen)
        asked = self._hedging.attempts.ask(job, sent.offer, sent.part.request, sent.hold, self._ends, turn)
        side = _Side(choice, sent, turn, lease, asyncio.create_task(asked))
        self._sides.append(side)
        self._asked.append(side)
        return side

    async def _start_second(self, turn: Turn, second: Second) -> None:
        found = await second()
        if found is None:
            return
        choice, sent = found
        if self._sides[0].won:  # while the money was set aside
            self.released.append(Outcome(hold=sent.hold.hold, kind="release", detail="not needed"))
            self._hedging.attempts.health.forget_trial(sent.offer.name)
            return
        self._start(choice, sent, Turn(patience=turn.patience))

    async def _wait(self) -> None:
        """Until one has won, or none is left that could."""
        while not any(side.won for side in self._sides):
            waiting = [side.task for side in self._sides if not side.task.done()]
            if not waiting:
                return
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def _end(self) -> list[Ended]:
        winner = next((side for side in self._sides if side.won), None)
        ended: list[Ended] = []
        for side in list(self._sides):
            side.fate = "won" if side is winner else await self._came_to(side)
            if side.fate in ("won", "failed"):
                self._job.lease.join(side.lease)
                ended.append(Ended(side.choice, side.sent, side.task.result()))
        ended.sort(key=lambda each: isinstance(each.answer, Failure))
        return ended

    def tell(self) -> tuple[Hedge, Note] | None:
        """Tell what came of the second candidate, and return what its caller is to know of it; None where none was."""
        if len(self._asked) < 2:
            return None
        first, second = self._asked
        sent = second.sent
        self._hedging.attempts.tell(hedged(self._job, sent.offer, sent.hold.micros, second.fate))
        said = f"{sent.offer.name} was asked as well because {first.sent.offer.name} took long"
        beside = 0
        for side in self._asked:
            if side.fate == "lost":
                beside += side.sent.hold.micros
                most = from_micros(side.sent.hold.micros)
                said += f"; {side.sent.offer.name} was too late, and may cost up to {most:f} USD more"
        return Hedge(sent.offer.name, second.fate, beside), Note("hedge", said, lossy=False)

    async def _came_to(self, side: _Side) -> str:
        """What became of one that has not won: `failed`, `cancelled` at no charge, or `lost`, and goes on or has ended
        with a picture too late.
        """
        if not side.task.done() and side.free:
            side.task.cancel()
            await asyncio.wait([side.task])
        if side.task.cancelled():
            side.lease.release()
            self.released.append(Outcome(hold=side.sent.hold.hold, kind="release", detail="not needed"))
            return "cancelled"
        if side.task.done() and isinstance(side.task.result(), Failure):
            return "failed"
        self._sides.remove(side)
        self._hedging.later(self._pay(side))
        return "lost"

    async def _pay(self, side: _Side) -> None:
        """Settle what one that lost comes to, on its own line; if the server stops first, its next start does."""
        try:
            outcome = self._outcome(side.sent, await side.task)
        except Exception:  # a mistake of ours must not leave a hold that nobody looks at
            await self._hedging.attempts.ledger.close(
                Close(outcomes=(Outcome(hold=side.sent.hold.hold, kind="ambiguous"),))
            )
            raise
        finally:
            side.lease.release()
        closed = await self._hedging.attempts.ledger.close(Close(outcomes=(outcome,)))
        hold = side.sent.hold
        if closed.overrun:
            self._hedging.attempts.tell(Overrun(request=hold.job, team=hold.team, micros=closed.overrun))
        if outcome.micros:
            self._hedging.attempts.tell(
                HedgePaid(
                    request=hold.job, team=hold.team, provider=hold.provider, model=hold.model, micros=outcome.micros
                )
            )

    def _outcome(self, sent: Submission, answer: Result | Failure) -> Outcome:
        if isinstance(answer, Failure):
            return self._settling.refused(sent, answer)
        return self._settling.used(sent, answer.usage, vendor_id=answer.vendor_id)


def hedged(job: Job, offer: Offer, micros: int, outcome: str) -> Hedged:
    """What is told of a second candidate."""
    return Hedged(
        request=job.id,
        team=job.key.team,
        provider=offer.provider,
        model=offer.model.name,
        micros=micros,
        outcome=outcome,
    )
