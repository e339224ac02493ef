"""How submissions end: from what a vendor answered to an outcome for the ledger, told to whoever listens.

The one place that decides whether a submission is paid for, released or left open, whoever asked and whoever waits.
"""

from __future__ import annotations

from datetime import date

import msgspec
from msgspec import Struct

from pricing import Usage
from providers.contract import Failure, Fault, Result
from proxy.costs import cost_of, expected_of, settled, unusable
from proxy.events import HoldLeft, Tell
from proxy.ledger.orders import Hold, Outcome
from proxy.parts import Submission


class Settling(Struct, frozen=True):
    """Ends the submissions of jobs of one day."""

    tell: Tell
    day: date
    """Whose prices count."""

    def used(self, sent: Submission, usage: Usage, *, images: int = 0, vendor_id: str | None = None) -> Outcome:
        """It was used, and is paid for; `images` of what came of it count as pictures delivered."""
        cost = cost_of(sent.offer, sent.hold, sent.part.billable, usage, self.day)
        self.tell(settled(sent.hold, cost, images, expected_of(sent.offer, sent.part.billable, usage, self.day)))
        detail = msgspec.json.encode(usage).decode()
        return Outcome(
            hold=sent.hold.hold, kind="settle", micros=cost, images=images, detail=detail, vendor_id=vendor_id
        )

    def refused(self, sent: Submission, failure: Failure) -> Outcome:
        """Nothing came of it; what the vendor charges for it all the same is paid."""
        if failure.usage is None:
            return self.left(sent.hold, failure)
        outcome = self.used(sent, failure.usage, vendor_id=failure.vendor_id)
        self._unusable(sent.hold, failure.fault, outcome.micros)
        return outcome

    def spoiled(self, sent: Submission, result: Result, good: int, flaw: str) -> Outcome:
        """Some of its pictures are of no use: paid for as the vendor charges; released where it charges for nothing."""
        outcome = self.used(sent, result.usage, images=good, vendor_id=result.vendor_id)
        wasted = outcome.micros * (len(result.pictures) - good) // len(result.pictures)
        self._unusable(sent.hold, flaw, wasted)
        if outcome.micros or good:
            return outcome
        return Outcome(hold=sent.hold.hold, kind="release", detail=flaw, vendor_id=result.vendor_id)

    def left(self, hold: Hold, failure: Failure) -> Outcome:
        """Release a hold; leave it open, where the vendor may have charged for it."""
        if failure.fault is not Fault.AMBIGUOUS and not failure.charged:
            return Outcome(hold=hold.hold, kind="release", detail=failure.fault, vendor_id=failure.vendor_id)
        self.tell(
            HoldLeft(
                request=hold.job,
                hold=hold.hold,
                team=hold.team,
                provider=hold.provider,
                model=hold.model,
                micros=hold.micros,
                why=failure.detail,
            )
        )
        return Outcome(hold=hold.hold, kind="ambiguous")

    def _unusable(self, hold: Hold, reason: str, micros: int) -> None:
        if micros:
            self.tell(unusable(hold, reason, micros))
