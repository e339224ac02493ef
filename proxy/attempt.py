"""One attempt: an offer asked once, on one hold. What came of it is told to its breaker and to whoever listens."""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Failure, Image, ImageRequest, Result
from proxy.catalogue import Catalogue
from proxy.events import AttemptEnded, Tell
from proxy.health import REFUSING, Asking, Health, Share
from proxy.job import Job
from proxy.ledger.book import Ledger
from proxy.ledger.orders import Hold
from proxy.lines import Lane, Line
from proxy.policy import Offer
from proxy.transport import Transport, Turn

LEAST_S = 0.1
"""Seconds an attempt gets at least, however late it is."""


class Attempts(Struct, frozen=True, kw_only=True):
    """Asks offers."""

    catalogue: Catalogue
    health: Health
    ledger: Ledger
    transport: Transport
    tell: Tell
    queue_s: float
    """Seconds a request waits for room at an offer's accounts, at most."""

    async def ask(
        self, job: Job, offer: Offer, request: ImageRequest, hold: Hold, ends: float, turn: Turn
    ) -> Result | Failure:
        """What an offer makes of a request, or why nothing; `ends` is when all attempts of the job have to be over.

        Of several accounts the next one is asked where one refuses us and nothing was sold, on the same hold.
        `turn` says how long it may take to send something that pays, and is told when it does.
        """
        line = self.catalogue.lines[offer.provider]
        refused: Failure | None = None
        asking = Asking(
            offer=offer.name,
            key=hold.hold,
            speaks=line.provider,
            regions=None if offer.here else job.regions,
            share=Share(job.key.team, job.key.weight),
        )
        while True:
            began = time.monotonic()
            try:
                lane = await self.health.enter(asking, self._patience(began, ends, turn))
            except Failure as failure:
                if refused is None:
                    waited = time.monotonic() - began
                    self._ended(job, offer, failure.fault, 0.0, detail=failure.detail, waited=waited)
                return refused or failure
            except BaseException:  # broken off from outside, or a mistake of ours: neither says anything of the offer
                self.health.forget_trial(offer.name)
                raise
            waited = time.monotonic() - began
            turn.patience -= waited
            try:
                answer = await self._ask(job, offer, request, hold, ends, turn, line, lane, waited)
            finally:
                self.health.leave(offer.name, lane)
            if not isinstance(answer, Failure) or not lane.name or not _is_the_accounts(answer):
                return answer
            refused, asking = answer, replace(asking, without=asking.without | {lane.name})
            turn.paid = False  # nothing was sold: until something is sent again, it may be broken off

    def _patience(self, now: float, ends: float, turn: Turn) -> float:
        """Seconds it may wait for room."""
        return min(self.queue_s, ends - now, turn.patience)

    async def _ask(
        self,
        job: Job,
        offer: Offer,
        request: ImageRequest,
        hold: Hold,
        ends: float,
        turn: Turn,
        line: Line,
        lane: Lane,
        waited: float,
    ) -> Result | Failure:
        """What comes of it at one account."""
        began = time.monotonic()
        at = {"account": lane.name, "waited": waited}
        try:
            result = await self.transport.hold(
                line.provider.run(request, offer.model, lane.account),
                line.provider,
                lane.account,
                _Watch(self.ledger, hold, job, line, lane),
                deadline=max(LEAST_S, min(line.deadline, ends - began)),
                lease=job.lease,
                turn=turn,
                wanted=job.wanted,
            )
        except Failure as failure:
            seconds = time.monotonic() - began
            self.health.failed(offer.name, failure.fault, failure.detail, failure.retry_after, lane)
            self._ended(job, offer, failure.fault, seconds, detail=failure.detail, vendor_id=failure.vendor_id, **at)
            return failure
        except BaseException:  # broken off from outside, or a mistake of ours: neither says anything of the offer
            self.health.forget_trial(offer.name, lane)
            raise
        seconds = time.monotonic() - began
        self.health.succeeded(offer.name, seconds, lane)
        self._ended(job, offer, "ok", seconds, images=len(result.pictures), vendor_id=result.vendor_id, **at)
        return result

    def _ended(self, job: Job, offer: Offer, outcome: str, seconds: float, **more: Any) -> None:
        self.tell(
            AttemptEnded(
                request=job.id,
                provider=offer.provider,
                model=offer.model.name,
                outcome=outcome,
                seconds=seconds,
                **more,
            )
        )


def _is_the_accounts(failure: Failure) -> bool:
    """Whether another account may do what this one did not, and it can be asked without paying twice."""
    return failure.fault in REFUSING and failure.usage is None and not failure.charged


class _Watch:
    """Keeps the tickets of one hold, and shows its unfinished pictures to the caller."""

    def __init__(self, ledger: Ledger, hold: Hold, job: Job, line: Line, lane: Lane) -> None:
        self._ledger = ledger
        self._hold = hold
        self._job = job
        self._line = line
        self._lane = lane

    async def ticket(self, text: str) -> None:
        await self._ledger.ticket(self._hold.hold, self._line.seal(self._lane, text))

    async def preview(self, image: Image, index: int) -> None:
        await self._job.preview(image, index)
