"""Prices by the second of GPU: at a rate that somebody states, or at what a machine of one's own comes to."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from pricing.kinds.lines import Line, Lines, Unpriced
from pricing.usage import Billable, Usage

SECONDS_A_YEAR = 31_557_600
"""Of 365.25 days."""
PLACES = 12
"""Of the rate of a machine of one's own, rounded up: from then on every amount is exact."""


class _Seconds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seconds: Decimal
    """The longest one picture may take: what a hold covers. Pictures drawn on this machine are held at what such
    pictures were measured to take, as soon as that is known, and never above this."""

    @property
    def rate(self) -> Decimal:
        """USD a second."""
        raise AssertionError("a price by the second is one of the two below")  # pragma: no cover

    def bound(self, job: Billable) -> Lines | Unpriced:
        """The longest `n` pictures may take, by what was measured where that is known and less."""
        each = self.seconds if job.seconds is None else min(job.seconds, self.seconds)
        return (Line("second of GPU", each * job.n, each * job.n * self.rate),)

    def metered(self, usage: Usage) -> Lines | None:
        """The seconds used."""
        return None if usage.seconds is None else (Line("second of GPU", usage.seconds, usage.seconds * self.rate),)


class PerSecond(_Seconds, tag="second", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for a second of GPU."""

    usd: Decimal
    """Price of one second."""

    @property
    def rate(self) -> Decimal:
        """USD a second."""
        return self.usd


class Owned(_Seconds, tag="owned", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine of one's own: what it did cost, spread over the seconds it works, and the power it draws meanwhile.

    A second is `purchase_usd / (years x 31557600 x utilisation) + watts / 1000 x usd_per_kwh / 3600` USD. A machine of
    $36,000 that works 40 % of four years and draws 900 W at $0.20 a kWh comes to $0.000763 a second, or $2.75 an hour
    of work.
    """

    purchase_usd: Decimal
    """What it did cost, with all that it needs to run."""
    years: Decimal
    """It is used for, before it is worth nothing."""
    utilisation: Decimal
    """Share of all that time in which it draws pictures, above 0 and at most 1: the less it works, the dearer each
    second in which it does."""
    watts: Decimal = Decimal(0)
    """It draws while it works, cooling included."""
    usd_per_kwh: Decimal = Decimal(0)
    """Price of power."""

    def __post_init__(self) -> None:
        """Refuse what comes to no rate."""
        for name in ("seconds", "purchase_usd", "years", "utilisation", "watts", "usd_per_kwh"):
            figure: Decimal = getattr(self, name)
            if not figure.is_finite() or figure < 0:
                raise ValueError(f"{name} is a number, zero or more, not {figure}")
        if not self.years or not 0 < self.utilisation <= 1:
            raise ValueError("a machine is used for some years, and utilisation is above 0 and at most 1")

    @property
    def rate(self) -> Decimal:
        """USD a second, rounded up."""
        works = Fraction(self.years) * SECONDS_A_YEAR * Fraction(self.utilisation)
        power = Fraction(self.watts) * Fraction(self.usd_per_kwh) / 3_600_000
        exact = (Fraction(self.purchase_usd) / works + power) * 10**PLACES
        return Decimal(-(-exact.numerator // exact.denominator)).scaleb(-PLACES)
