"""Prices by the area of a picture, in megapixels as the vendor counts them."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct

from pricing.kinds.lines import UNMEASURED, Line, Lines, Unpriced, measured
from pricing.usage import Billable, Usage


class PerMegapixel(Struct, tag="megapixel", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for each megapixel written, and perhaps for each one read, with the vendor's rounding."""

    usd: Decimal
    """Each further megapixel written (each one, where `first` is absent)."""
    first: Decimal | None = None
    """The first megapixel of a picture, where it costs otherwise."""
    read: Decimal = Decimal(0)
    """Each megapixel of a picture sent along."""
    pixels: Literal[1_000_000, 1_048_576] = 1_000_000
    """Pixels in the vendor's megapixel."""
    round: Literal["up", "exact"] = "up"
    """Whether a megapixel begun counts whole."""
    minimum: Decimal = Decimal(0)
    """Fewest megapixels billed for a picture."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """Megapixels of `n` pictures, and of everything sent along once per picture."""
        if job.width is None or job.height is None:
            return Unpriced("the vendor chooses the size, and the price depends on it")
        if self.read and not measured(job):
            return Unpriced(UNMEASURED)
        size = self._megapixels(job.width, job.height)
        first = self.usd * min(size, Decimal(1)) if self.first is None else self.first
        written = first + max(size - 1, Decimal(0)) * self.usd
        lines = [Line("megapixel written", size * job.n, written * job.n)]
        if job.inputs and self.read:
            sent = sum((self._megapixels(width, height) for width, height in job.inputs), Decimal(0))
            lines.append(Line("megapixel read", sent * job.n, sent * self.read * job.n))
        return tuple(lines)

    def metered(self, usage: Usage) -> Lines | None:
        """The megapixels the vendor counted, where all of them cost the same."""
        if usage.units is None or self.first is not None or self.read:
            return None
        return (Line("megapixel", usage.units, usage.units * self.usd),)

    def _megapixels(self, width: int, height: int) -> Decimal:
        size = Decimal(width * height) / self.pixels
        if self.round == "up":
            size = size.to_integral_value(ROUND_CEILING)
        return max(size, self.minimum)
