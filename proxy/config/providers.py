"""Rows about who is asked: providers, our accounts with them, their models, prices that we state."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, Struct

from pricing.kinds import Kind
from providers.contract import Model, Secret
from proxy.config.bounds import Count, Seconds, check_url
from proxy.renderer import Load


class PriceRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price the operator states, for a model the book does not have, or at a rate of their own."""

    per: Kind
    """What it is charged by, and how much."""
    source: str = "config.yaml"
    """Where the figures are from; shown with every quote."""


class ModelRow(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of a provider, declared here instead of in the provider's file."""

    price: PriceRow | None = None
    load: Load | None = None
    """How the local renderer comes by it."""
    preload: bool = False
    """Load it when the server starts, instead of for the first request."""


class AccountRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several accounts with a provider."""

    name: Annotated[str, Meta(pattern=r"\A[\w.-]{0,40}\Z")] = ""
    """In metrics, logs and tickets; its place in the list by default. A job goes on with the account of that name."""
    key: Secret
    """What the vendor knows the account by."""
    weight: Count = 1
    """Its share of the work, beside the weights of the others."""
    concurrency: Count | None = None
    """Requests it may have under way at once; the row's `concurrency` by default."""
    region: str | None = None
    """Where it keeps what it is sent; the row's `region` by default. Who wants one is served by the accounts there."""


class ProviderRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider that may be used. Its name is the row's; its protocol is `speaks`, or the row's name."""

    speaks: str | None = None
    """The protocol, where the row's name is not one: `openai` for any server that speaks OpenAI's Images API."""
    enabled: bool = True
    """Off, it is as if the row were not there."""
    base: str | None = None
    """Origin and path prefix; the provider's own by default."""
    key: Secret | None = None
    """From the provider's usual environment variable by default."""
    accounts: tuple[AccountRow, ...] = ()
    """Several keys instead of one: they share the work, and one that is refused takes out itself only."""
    concurrency: Count | None = None
    """Requests an account may have under way at once, the others wait their turn; what the vendor states by default.
    Servers that share a Redis keep to it together, others each by itself."""
    concurrencies: Mapping[str, Count] = {}
    """The same for a model, where it has a lower limit of its own; what the vendor states by default."""
    models: tuple[ModelRow, ...] = ()
    """Added to the provider's own, or instead of one of the same name. A row with `speaks` has only these."""
    ceilings: Mapping[str, Decimal] = {}
    """USD a picture that a model without a known price may cost."""
    deadline_s: Seconds = 300.0
    """Seconds one attempt may take."""
    region: str | None = None
    """Where it keeps what it is sent, e.g. `eu` or `us-east`: what X-Darkroom-Region and a team's `regions` ask for."""
    seconds: Mapping[str, Seconds] = {}
    """Seconds a model is expected to take, until enough of its requests were timed."""
    options: Mapping[str, Any] = {}
    """What else this protocol understands; see the provider's file."""

    def __post_init__(self) -> None:
        check_url("base", self.base)
        if self.accounts and self.key is not None:
            raise ValueError("`key` and `accounts` are both given: put the key among the accounts")
        called = [account.name or str(place) for place, account in enumerate(self.accounts, 1)]
        if twice := {name for name in called if called.count(name) > 1}:
            raise ValueError(f"`accounts` has {', '.join(sorted(twice))} twice: a name is one account")
        names = [model.name for model in self.models]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"`models` has {', '.join(sorted(twice))} twice: a name is one model")
        for name, usd in self.ceilings.items():
            if not usd.is_finite() or usd < 0:
                raise ValueError(f"the ceiling of {name} is {usd}: write USD a picture, zero or more")
