"""The price book: one YAML file per vendor, read strictly, kept by date.

Old prices stay, so that an old request can be priced with the book of its day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec

from pricing.quote import Price

FOLDER = Path(__file__).parent / "prices"


class Book:
    """Prices by vendor and model. Immutable once built."""

    def __init__(self, stanzas: Mapping[str, Iterable[Price]]) -> None:
        """Index stanzas by vendor; raises ValueError where two of them hold for one model on one day."""
        self._prices: dict[tuple[str, str], list[Price]] = {}
        for vendor, prices in stanzas.items():
            for price in prices:
                for model in price.models:
                    self._prices.setdefault((vendor, model), []).append(price)
        for (vendor, model), prices in self._prices.items():
            prices.sort(key=lambda price: price.since)
            for earlier, later in pairwise(prices):
                if earlier.until is None or earlier.until > later.since:
                    raise ValueError(f"{vendor}: {model} has two prices on {later.since}")

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Book:
        """Read every `<vendor>.yaml` in a folder; raises ValueError naming the file that is not as it should be."""
        stanzas: dict[str, list[Price]] = {}
        for path in sorted(folder.glob("*.yaml")):
            try:
                stanzas[path.stem] = msgspec.yaml.decode(path.read_bytes(), type=list[Price])
            except (msgspec.DecodeError, ValueError) as error:  # YAML's own ValueError: a date like 2026-13-01
                raise ValueError(f"{path.name}: {error}") from error
        return cls(stanzas)

    def price(self, vendor: str, model: str, on: date) -> Price | None:
        """The price of a model on a day, or None where the book has none."""
        for price in reversed(self._prices.get((vendor, model), ())):
            if price.since <= on:
                return price if price.until is None or on < price.until else None
        return None

    def __iter__(self) -> Iterator[tuple[str, str, Price]]:
        """Every (vendor, model, price), in order."""
        for (vendor, model), prices in sorted(self._prices.items()):
            for price in prices:
                yield vendor, model, price

    def stale(self, on: date, older: timedelta) -> list[tuple[str, str, Price]]:
        """Prices still in force that nobody has compared with their source for longer than `older`."""
        return [
            entry for entry in self if (entry[2].until is None or on < entry[2].until) and on - entry[2].checked > older
        ]
