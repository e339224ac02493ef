"""What was bought did cost: from a vendor's usage to micro-USD."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import reduce

from pricing import Billable, Unpriced, Usage, to_micros
from proxy.events import Settled
from proxy.ledger.orders import Hold
from proxy.policy import Offer
from proxy.policy.engine import bill_at

MOST = Decimal(1_000_000_000)
"""USD no submission costs."""


def cost_of(offer: Offer | None, hold: Hold, billable: Billable, usage: Usage, day: date) -> int:
    """What a submission cost, in micro-USD: the vendor's own figure, else its price for what it delivered.

    Where neither says, or says what cannot be a charge, the hold counts, for the share that was delivered.
    """
    said = usage.usd
    if said is None and offer is not None:
        bill = bill_at(offer, billable, usage, day)
        said = None if isinstance(bill, Unpriced) else bill.usd
    if said is not None and said.is_finite() and 0 <= said < MOST:
        return to_micros(said)
    if not hold.images:  # held to work on a picture that counts already
        return hold.micros
    return -(-hold.micros * min(usage.images, hold.images) // hold.images)


def settled(hold: Hold, cost: int, images: int) -> Settled:
    """What is told of a hold that did cost so much, in micro-USD."""
    return Settled(
        request=hold.job,
        team=hold.team,
        key=hold.key,
        provider=hold.provider,
        model=hold.model,
        quoted=hold.micros,
        cost=cost,
        images=images,
    )


def total(usages: list[Usage]) -> Usage:
    """The usage of several calls together."""
    if len(usages) == 1:
        return usages[0]
    return reduce(_add, usages, Usage())


def _add(one: Usage, other: Usage) -> Usage:
    sums = {}
    for name in Usage.__struct_fields__:
        known = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        if known:
            sums[name] = sum(known[1:], known[0])
    return Usage(**sums)
