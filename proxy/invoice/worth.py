"""What the units of an invoice are worth in USD."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from pricing.kinds import PerCredit
from proxy.invoice.reading import InvoiceError
from proxy.policy import Offer
from proxy.policy.engine import price_at


class Worth:
    """What units are worth: as told, else credits as the price book has them for the model on the day."""

    def __init__(self, vendor: str, offers: Iterable[Offer], told: Mapping[str, Decimal]) -> None:
        self._vendor = vendor
        self._offers = tuple(offers)
        self._told = told
        self._booked = lru_cache(maxsize=4096)(self._by_the_book)

    def __call__(self, unit: str, model: str | None, day: date | None) -> Decimal:
        """USD for one. Raises InvoiceError where neither says."""
        if unit in self._told:
            return self._told[unit]
        if unit != "credits":
            raise InvoiceError(f"nobody has said what one {unit!r} is in USD: say --rate {unit}=…")
        return self._booked(model, day or datetime.now(UTC).date())

    def _by_the_book(self, model: str | None, day: date) -> Decimal:
        named = [each for each in self._offers if model in (each.model.name, each.model.vendor_name)]
        found: set[Decimal] = set()
        for offer in named or self._offers:
            price = price_at(offer, day)
            rate = None if price is None else price.per.usd if isinstance(price.per, PerCredit) else price.credit
            found |= set() if rate is None else {rate}
        if len(found) != 1:
            says = "does not say" if not found else f"has {len(found)} answers to"
            raise InvoiceError(
                f"the price book {says} what a credit of {self._vendor} is on {day}: say --rate credits=…"
            )
        return found.pop()
