"""The money of one job: what is held for it, what has ended, what that did cost.

It knows nothing of offers and pictures; whoever buys says what to hold, and how each hold ends.
"""

from __future__ import annotations

from collections.abc import Iterable

from pricing import to_micros
from proxy.events import BudgetRefused, Overrun, Tell
from proxy.job import Answer, Job, pack
from proxy.ledger.book import Ledger
from proxy.ledger.orders import Close, Held, Hold, HoldOrder, JobRecord, Outcome, Refused, Repeated, Reserve
from proxy.parts import facts
from proxy.planned import Grounds


class Purse:
    """Holds and ends. Several may be held for at once."""

    def __init__(self, ledger: Ledger, tell: Tell, job: Job, grounds: Grounds) -> None:
        """`grounds` are kept with the job: what was chosen from, and why."""
        self._ledger = ledger
        self._tell = tell
        self._job = job
        self._grounds = grounds
        self._outcomes: list[Outcome] = []
        """How holds ended, as far as the ledger does not know yet."""
        self._open: dict[str, int] = {}
        """Holds that have not ended, with their micro-USD."""
        self.holds = 0
        """Places that holds of this job have taken: the ledger knows of the job from the first on."""
        self.quoted = 0
        """Micro-USD that were held in all; likewise below."""
        self.cost = 0
        """What vendors took."""
        self.charged = 0
        """What the team was charged."""
        self.ambiguous = False
        """Some of it may have been spent, and nobody knows."""

    async def hold(self, orders: tuple[HoldOrder, ...], *, alone: bool = False) -> Held | Refused | Repeated:
        """Set money aside, all of it or none; `alone`: the one call that is held for is the whole request."""
        sequence = self.holds
        record = self._record(orders[0].facts if alone else None)
        self.holds += len(orders)  # before it is written: others may ask meanwhile
        order = Reserve(job=record, orders=orders, first=not sequence, sequence=sequence)
        held = await self._ledger.reserve(order)
        if isinstance(held, Held):
            self.quoted += sum([hold.micros for hold in held.holds])
            self._open.update([(hold.hold, hold.micros) for hold in held.holds])
        elif not sequence:
            self.holds = 0
        return held

    def affords(self, micros: int) -> bool:
        """Whether the caller's own ceiling takes so much more, beside what was spent and may yet be."""
        spent = self.cost + sum(self._open.values())
        most = self._job.max_cost
        return most is None or not spent or spent + micros <= to_micros(most)

    def end(self, outcome: Outcome) -> None:
        """Note how a hold ended; `close` posts it."""
        self._outcomes.append(outcome)
        self.cost += outcome.micros
        if outcome.kind == "ambiguous":
            self.ambiguous = True
        else:
            self._open.pop(outcome.hold, None)

    async def close(self, answer: Answer | None = None, *, failed: bool = False) -> None:
        """Post the outcomes so far, and the job's end where it has come to one."""
        ends = self.holds and (answer is not None or failed)
        if not self._outcomes and not ends:
            return
        order = Close(
            outcomes=tuple(self._outcomes),
            job=self._job.id if ends else None,
            state=("done" if answer is not None else "failed") if ends else None,
            answer=pack(answer) if answer is not None and answer.stored else None,
        )
        self._outcomes.clear()
        closed = await self._ledger.close(order)
        self.charged += closed.charged
        if closed.overrun:
            self._tell(Overrun(request=self._job.id, team=self._job.key.team, micros=closed.overrun))

    async def abandon(self, waiting: Iterable[Hold]) -> None:
        """Something broke: release what waits, for nothing was sent for it, and leave open whatever has not ended."""
        ended = {outcome.hold for outcome in self._outcomes}
        unused = {hold.hold for hold in waiting}
        self._outcomes += [Outcome(hold=hold, kind="release", detail="never sent") for hold in unused]
        self._outcomes += [Outcome(hold=hold, kind="ambiguous") for hold in self._open if hold not in ended | unused]
        await self.close()

    def tell_refused(self, refused: Refused) -> None:
        """Tell that a budget could not take it."""
        self._tell(
            BudgetRefused(
                request=self._job.id,
                team=self._job.key.team,
                key=self._job.key.key,
                scope=refused.scope,
                what=refused.what,
                window=refused.window,
            )
        )

    def _record(self, alone: str | None) -> JobRecord:
        job = self._job
        return JobRecord(
            job=job.id,
            team=job.key.team,
            key=job.key.key,
            dialect=job.dialect,
            model=job.request.model,
            facts=alone or facts(job.request.billable()),
            print=job.print,
            idempotency=job.idempotency,
            recall=job.recall,
            twin=job.twin,
            plan=None if self.holds else self._grounds.plan,
            policy=self._grounds.policy,
            owner=self._ledger.owner,
            org=job.key.org,
            user=job.user,
        )
