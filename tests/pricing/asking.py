"""Short ways to ask a price for a figure, or for the reason why there is none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pricing import Bill, Billable, Price, Quote, Unpriced, Usage, bill, quote
from pricing.kinds import Kind

DAY = date(2026, 6, 1)


def priced(per: Kind, credit: Decimal | None = None) -> Price:
    """A stanza that charges like `per`."""
    return Price(models=("m",), per=per, since=DAY, checked=DAY, source="the price list", credit=credit)


def quoted(per: Kind, job: Billable) -> Quote:
    """The quote, which there must be."""
    found = quote(priced(per), job)
    assert isinstance(found, Quote), found
    return found


def usd(per: Kind, job: Billable) -> Decimal:
    """What the quote comes to."""
    return quoted(per, job).usd


def reason(per: Kind, job: Billable) -> str:
    """Why there is no quote, which there must not be."""
    found = quote(priced(per), job)
    assert isinstance(found, Unpriced), found
    return found.reason


def billed(price: Price, job: Billable, usage: Usage) -> Bill:
    """The bill, which there must be."""
    found = bill(price, job, usage)
    assert isinstance(found, Bill), found
    return found
