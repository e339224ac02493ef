"""The ground floor: what a request costs.

Pure. Nothing here knows a provider, a dialect, a clock or a network; the only thing read is this folder's own YAML.
Money is `Decimal` in USD; an unknown price is `Unpriced`, which cannot be added up and is never zero.
"""

from pricing.book import Book
from pricing.expected import Expected, expected
from pricing.money import MICROS_PER_USD, from_micros, to_micros
from pricing.pace import Drawing, Pace
from pricing.quote import Bill, Line, Price, Quote, Unpriced, bill, ceiling, quote
from pricing.usage import Billable, Usage

__all__ = [
    "MICROS_PER_USD",
    "Bill",
    "Billable",
    "Book",
    "Drawing",
    "Expected",
    "Line",
    "Pace",
    "Price",
    "Quote",
    "Unpriced",
    "Usage",
    "bill",
    "ceiling",
    "expected",
    "from_micros",
    "quote",
    "to_micros",
]
