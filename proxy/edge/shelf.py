"""What pictures start at, offer by offer, as the model list tells it: worked out once a day, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

from proxy.catalogue import Catalogue
from proxy.policy.engine import quote_at
from proxy.tariff import least, tariff

Prices = Mapping[str, Decimal | str | None]
"""By offer, USD of its cheapest plain picture; why there is none; None where it makes no plain one."""


class Shelf:
    """The price tags of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._day: date | None = None
        self._prices: Prices = {}
        self._one = asyncio.Lock()

    async def prices(self) -> Prices:
        """Those of today."""
        today = datetime.now(UTC).date()
        if self._day != today:
            async with self._one:
                if self._day != today:
                    self._prices = await asyncio.to_thread(self._worked_out, today)
                    self._day = today
        return self._prices

    def _worked_out(self, day: date) -> Prices:
        return {
            offer.name: least(tariff(offer.model, partial(quote_at, offer, day=day)))
            for offer in self._catalogue.every_offer()
        }
