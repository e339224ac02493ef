"""Rows about money: holds without an answer, balances with vendors, prices that leave the list."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from providers.contract import Secret
from proxy.config.bounds import Count


class LedgerRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money."""

    url: Secret | None = None
    """A PostgreSQL database, `postgresql://user:password@host/database`, which machines share; it takes the extra
    `postgres`. A SQLite file in the data folder by default, which the servers of one machine may share."""
    ambiguous_s: Annotated[float, Meta(ge=0)] = 86_400.0
    """Seconds a hold without an answer waits to be reconciled before it is settled at its quote."""
    lease_s: Annotated[float, Meta(ge=1)] = 15.0
    """Seconds without a word after which a server on another machine is taken for dead, and what it worked on is taken
    up by others. On the same machine and data folder that is known at once."""

    def __post_init__(self) -> None:
        if self.url is None:
            return
        try:
            parts = urlsplit(self.url.reveal())
            known = parts.scheme in {"postgresql", "postgres"} and parts.path.strip("/")
        except ValueError:  # its text would be shown with it
            known = ""
        if not known:
            raise ValueError("`url` of the ledger is no postgresql://user:password@host/database")
        if "password=" in parts.query:
            raise ValueError("`url` of the ledger has a password after its `?`: write it before the `@`")

    @property
    def address(self) -> str | None:
        """The URL as SQLAlchemy knows it, None for the file."""
        return None if self.url is None else self.url.reveal().replace("postgres://", "postgresql://", 1)


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
