"""Prices that no figure stands behind: nothing at all, and none that is known."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from pricing.kinds.lines import Line, Lines, Unpriced
from pricing.usage import Billable, Usage


class Free(Struct, tag="free", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Known to cost nothing, which is not the same as not known to cost anything."""

    why: str = field(default="free of charge")
    """Said in every breakdown."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """One line of zero, so that a breakdown says so."""
        return (Line(self.why, Decimal(job.n), Decimal(0)),)

    def metered(self, usage: Usage) -> Lines | None:
        """Nothing to meter."""
        return None


class Unpublished(Struct, tag="unpublished", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vendor publishes no price: there is no quote, and only its own charge tells what a picture cost."""

    why: str
    """Said wherever a quote would stand."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """Why there is none."""
        return Unpriced(self.why)

    def metered(self, usage: Usage) -> Lines | None:
        """Nothing to multiply a meter by."""
        return None
