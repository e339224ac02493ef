"""Rows about who is asked for what: names and classes of models, teams, policies, asking a second candidate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from proxy.config.bounds import Count, Seconds

Rules = tuple[str | dict[str, dict[str, Any]], ...]
"""Rules in their order: a name, or one name with its settings."""


class AliasRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name for a model: a retired one, a vendor's spelling, or a choice of ours."""

    to: tuple[str, ...]
    """Successors; the first that a configured provider offers is used."""
    retired: bool = False
    """Its sizes may be replaced by larger ones of the same shape, and the answer says who drew it."""
    ends: date | None = None
    """The day from which its successors serve it, even where an offer of the name itself is configured."""
    title: str = ""
    """What it is called where a dialect has names for people."""
    description: str = ""
    """A sentence about it, in the same place."""
    dialect: str | None = None
    """Told only to callers of this dialect; to all of them by default."""
    listed: bool = True
    """Whether callers are told of it at all; it can be asked for either way."""


class ClassRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models of like quality under one name, so that price may choose across models."""

    models: Annotated[tuple[str, ...], Meta(min_length=1)]
    """By the names callers ask for."""
    tier: Literal["draft", "standard", "premium"] | None = None
    """What its models are worth to the rule `best`; by default what its name ends in, else `standard`."""
    policy: str | None = None
    """The policy that decides for it."""
    title: str = ""
    """What it is called where a dialect has names for people."""
    description: str = ""
    """A sentence about it, in the same place."""


class TeamRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a team's requests are routed. Its keys and budgets are in the ledger: `darkroom teams`."""

    policy: str | None = None
    """The policy that decides for its requests; `policy.default` by default."""
    may: tuple[str, ...] | None = None
    """The policies its requests may name in X-Darkroom-Policy; `policy.may` by default."""
    pins: Mapping[str, str] = {}
    """The provider, or the one offer (`provider/model`), that serves a name for it, and nobody else."""
    bans: tuple[str, ...] = ()
    """Providers, models and offers that never serve it."""
    regions: tuple[str, ...] | None = None
    """Where what it sends may be kept; anywhere by default."""


class PolicyRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules decide."""

    default: str = "house"
    """The policy that decides where nothing else is said: `house` is the one of `rules`."""
    may: tuple[str, ...] | None = None
    """The policies a request may name in X-Darkroom-Policy, where its team's `may` does not say; all by default."""
    shadow: str | None = None
    """A policy on trial: planned for live requests after they were answered, never carried out, and counted."""
    shadow_share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """The share of requests it is planned for."""
    rules: Rules = (
        "configured",
        "capable",
        "allowed",
        "priced",
        "within_ceiling",
        "healthy",
        "prefer_local",
        "cheapest",
    )
    """The policy `house`."""


class HedgeRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second candidate for a request that takes long. The first to answer wins; the other may cost, too."""

    after: Literal["p95"] | Seconds = "p95"
    """Seconds without an answer, or `p95`: what 95 of 100 requests to the offer take, once that is known."""
    extra: Decimal
    """The most USD that second candidates may add to one request."""
    policies: tuple[str, ...] | None = None
    """The policies under which it is done; all by default."""

    def __post_init__(self) -> None:
        if not self.extra.is_finite() or self.extra < 0:
            raise ValueError(f"`extra` is {self.extra}: write USD a request, zero or more")


class QualityRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures that are of no use, and bought again from the next candidate. They may have to be paid for, too."""

    blank: bool = False
    """Those of one colour."""
    small: bool = False
    """Those with a side less than half of what the vendor was asked for."""
    reroutes: Count = 1
    """How often one request may be bought again for it; then it is answered with what there is, and a note."""
