"""Rows about money: holds without an answer, balances with vendors, prices that leave the list."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from proxy.config.bounds import Count


class LedgerRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money."""

    ambiguous_s: Annotated[float, Meta(ge=0)] = 86_400.0
    """Seconds a hold without an answer waits to be reconciled before it is settled at its quote."""


class BalancesRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What our accounts with the vendors still hold, where asking is free: metrics, and a warning in time."""

    every_s: Annotated[float, Meta(ge=0)] = 900.0
    """Seconds from one time of asking to the next; 0 never asks."""
    low_usd: Decimal = Decimal(5)
    """An account with less is low ..."""
    low_hours: Annotated[float, Meta(ge=0)] = 24.0
    """... and one that is empty sooner, at the pace of the last six hours."""

    def __post_init__(self) -> None:
        if not (self.low_usd.is_finite() and self.low_usd >= 0):
            raise ValueError(f"`low_usd` is {self.low_usd}: write USD, zero or more")


class DriftRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a vendor's own figures have left the price list: a warning, a metric, an alert."""

    threshold: Decimal = Decimal("0.1")
    """The share of the listed price that an offer's cost may be away from it."""
    samples: Count = 20
    """Submissions that are looked at together, the latest of an offer: fewer are no reason to warn."""

    def __post_init__(self) -> None:
        if not (self.threshold.is_finite() and self.threshold > 0):
            raise ValueError(f"`threshold` is {self.threshold}: write a share above zero, 0.1 for a tenth")
