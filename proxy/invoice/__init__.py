"""A vendor's invoice held against the ledger: read line by line, matched, and never a word changed on either side."""

from proxy.invoice.matching import Reconciliation
from proxy.invoice.reading import Columns, InvoiceError, Line, Rates, found_columns, read
from proxy.invoice.telling import Found, Pair, Report, Side
from proxy.invoice.worth import Worth

__all__ = [
    "Columns",
    "Found",
    "InvoiceError",
    "Line",
    "Pair",
    "Rates",
    "Reconciliation",
    "Report",
    "Side",
    "Worth",
    "found_columns",
    "read",
]
