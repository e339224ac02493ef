"""What was bought did cost: from a vendor's usage to micro-USD."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import reduce

from pricing import Billable, Unpriced, Usage, bill, expected, to_micros
from proxy.events import PaidUnusable, Settled
from proxy.ledger.orders import Hold
from proxy.policy import Offer
from proxy.policy.engine import bill_at, price_at

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


def expected_of(offer: Offer | None, billable: Billable, usage: Usage, day: date) -> int | None:
    """What the price list makes of what was delivered, in micro-USD, to be held against the vendor's own figure.

    None where there is nothing to compare: the vendor stated no figure that counts, delivered nothing, or has no price.
    """
    price = price_at(offer, day) if offer is not None else None
    if price is None or not usage.images or _counted(usage):
        return None
    said, listed = bill(price, billable, usage), expected(price, billable, usage.images)
    if isinstance(said, Unpriced) or isinstance(listed, Unpriced) or not said.metered:
        return None
    if not (said.usd.is_finite() and 0 <= said.usd < MOST):
        return None
    return to_micros(listed.against(said.usd))


def _counted(usage: Usage) -> bool:
    """Whether the vendor said no more than how many pictures there are, as most do."""
    return usage == Usage(images=usage.images)


def settled(hold: Hold, cost: int, images: int, listed: int | None = None) -> Settled:
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
        expected=listed,
    )


def unusable(hold: Hold, reason: str, micros: int) -> PaidUnusable:
    """What is told of a hold that did cost so much, in micro-USD, and brought nothing that anybody can use."""
    return PaidUnusable(
        request=hold.job, team=hold.team, provider=hold.provider, model=hold.model, reason=reason, micros=micros
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
