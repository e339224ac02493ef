"""One attempt: an offer asked once, on one hold. What came of it is told to its breaker and to whoever listens."""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct

from providers.contract import Failure, Image, ImageRequest, Result
from proxy.catalogue import Catalogue
from proxy.events import AttemptEnded, Tell
from proxy.health import Health
from proxy.job import Job
from proxy.ledger.book import Ledger
from proxy.ledger.orders import Hold
from proxy.policy import Offer
from proxy.transport import Transport

LEAST_S = 0.1
"""Seconds an attempt gets at least, however late it is."""


class Attempts(Struct, frozen=True, kw_only=True):
    """Asks offers."""

    catalogue: Catalogue
    health: Health
    ledger: Ledger
    transport: Transport
    tell: Tell

    async def ask(self, job: Job, offer: Offer, request: ImageRequest, hold: Hold, ends: float) -> Result | Failure:
        """What an offer makes of a request, or why nothing; `ends` is when all attempts of the job have to be over."""
        line = self.catalogue.lines[offer.provider]
        began = time.monotonic()
        try:
            result = await self.transport.hold(
                line.provider.run(request, offer.model, line.account),
                line.provider,
                line.account,
                _Watch(self.ledger, hold, job),
                deadline=max(LEAST_S, min(line.deadline, ends - began)),
                lease=job.lease,
            )
        except Failure as failure:
            self.health.failed(offer.name, failure.fault, failure.detail, failure.retry_after)
            self._ended(job, offer, failure.fault, began, detail=failure.detail, vendor_id=failure.vendor_id)
            return failure
        except BaseException:  # broken off from outside: that says nothing of the offer
            self.health.forget_trial(offer.name)
            raise
        self.health.succeeded(offer.name)
        self._ended(job, offer, "ok", began, images=len(result.pictures), vendor_id=result.vendor_id)
        return result

    def _ended(self, job: Job, offer: Offer, outcome: str, began: float, **more: Any) -> None:
        seconds = time.monotonic() - began
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


class _Watch:
    """Keeps the tickets of one hold, and shows its unfinished pictures to the caller."""

    def __init__(self, ledger: Ledger, hold: Hold, job: Job) -> None:
        self._ledger = ledger
        self._hold = hold
        self._job = job

    async def ticket(self, text: str) -> None:
        await self._ledger.ticket(self._hold.hold, text)

    async def preview(self, image: Image, index: int) -> None:
        await self._job.preview(image, index)
