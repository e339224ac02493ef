"""The shape of config.yaml. Unknown keys are errors, secrets mask themselves, everything has a default that works."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct, field

from pricing.kinds import Kind
from providers.contract import Model, Secret
from proxy.renderer import Load

MEBIBYTE = 1_048_576


class PriceRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price the operator states, for a model the book does not have, or at a rate of their own."""

    per: Kind
    source: str = "config.yaml"


class ModelRow(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of a provider, declared here instead of in the provider's file."""

    price: PriceRow | None = None
    load: Load | None = None
    """How the local renderer comes by it."""
    preload: bool = False
    """Load it when the server starts, instead of for the first request."""


class ProviderRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider that may be used. Its name is the row's; its protocol is `speaks`, or the row's name."""

    speaks: str | None = None
    enabled: bool = True
    base: str | None = None
    """Origin and path prefix; the provider's own by default."""
    key: Secret | None = None
    """From the provider's usual environment variable by default."""
    models: tuple[ModelRow, ...] = ()
    """Added to the provider's own, or instead of one of the same name. A row with `speaks` has only these."""
    ceilings: Mapping[str, Decimal] = {}
    """USD a picture that a model without a known price may cost."""
    deadline_s: float = 300.0
    """Seconds one attempt may take."""
    options: Mapping[str, Any] = {}
    """What else this protocol understands; see the provider's file."""


class AliasRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name for a model: a retired one, a vendor's spelling, or a choice of ours."""

    to: tuple[str, ...]
    """Successors; the first that a configured provider offers is used."""
    retired: bool = False
    """Its sizes may be replaced by larger ones of the same shape, and the answer says who drew it."""


class PolicyRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules decide."""

    rules: tuple[str | dict[str, dict[str, Any]], ...] = (
        "configured",
        "capable",
        "allowed",
        "priced",
        "within_ceiling",
        "healthy",
        "prefer_local",
        "cheapest",
    )


class LimitsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken in at once."""

    body_bytes: int = 64 * MEBIBYTE
    """Largest request."""
    bodies_bytes: int = 256 * MEBIBYTE
    """All requests being read at once."""
    reply_bytes: int = 96 * MEBIBYTE
    """Largest reply of a vendor, and largest picture behind a link."""
    replies_bytes: int = 32 * MEBIBYTE
    """All vendors' replies held in memory at once; more of them wait, and TCP makes the vendors wait."""
    picture_pixels: int = 64_000_000
    """Largest picture taken in: what a decoder would have to allocate, whatever the file's size."""
    pictures: int = 10
    """Most pictures in one request."""
    breaker_failures: int = 5
    """Failures in a row that open an offer's breaker."""
    breaker_s: float = 30.0
    """Seconds a breaker stays open before one request may try again."""
    request_s: float = 570.0
    """Seconds a request may take over all its attempts; official clients give up after 600."""


class LinksRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Links the proxy follows: in requests, and in vendors' replies."""

    allow: tuple[str, ...] = ()
    """Hosts, or host:port, that may be private or plain http. All others are https and public."""


class StoreRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures given out as links."""

    public_url: str | None = None
    """Origin of the links; the request's own by default."""
    link_s: int = 3600
    """Seconds a link works."""
    keep_s: int = 86_400
    """Seconds a picture is kept for a repeated request."""


class RepeatsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that repeat an earlier one."""

    retry_s: float = 900.0
    """Seconds in which a client's own retry joins the request it repeats."""
    memory_bytes: int = 12 * MEBIBYTE
    """Finished answers kept in memory for that; pictures nobody received are kept on disk instead."""


class LedgerRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money."""

    ambiguous_s: float = 86_400.0
    """Seconds a hold without an answer waits to be reconciled before it is settled at its quote."""


class MetricsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`/metrics`: on the main address for this machine only, unless said otherwise."""

    bind: str | None = None
    """Serve it at this `host:port` instead, to whoever reaches it."""
    token: Secret | None = None
    """Serve it to whoever presents this bearer token."""


class LogRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log lines, JSON on standard error."""

    level: str = "info"
    prompts: bool = False
    """Whether lines may carry prompts."""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """config.yaml."""

    providers: Mapping[str, ProviderRow] = field(default_factory=lambda: {"sandbox": ProviderRow()})
    models: Mapping[str, AliasRow] = {}
    default_model: str = "sandbox"
    """What a request that names no model gets."""
    policy: PolicyRow = PolicyRow()
    limits: LimitsRow = LimitsRow()
    links: LinksRow = LinksRow()
    store: StoreRow = StoreRow()
    repeats: RepeatsRow = RepeatsRow()
    ledger: LedgerRow = LedgerRow()
    metrics: MetricsRow = MetricsRow()
    log: LogRow = LogRow()


class ConfigError(ValueError):
    """The configuration is not as it should be; the message says where and what to do."""


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read config.yaml; the defaults where there is none. Raises ConfigError."""
    if path is None:
        return Config()
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Give the right path with --config.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text") from error
    return parse(text, environ, str(path))


def parse(text: str, environ: Mapping[str, str], name: str = "config.yaml") -> Config:
    """The configuration in a text, `${NAME}` and `${NAME:-default}` taken from the environment. Raises ConfigError."""
    try:
        tree = yaml.safe_load(text) or {}
        return msgspec.convert(_expand(tree, environ), Config, dec_hook=_hook)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # YAML's own ValueError: a date like 2026-13-01
        raise ConfigError(f"{name} is not YAML: {error}") from error


_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _expand(tree: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {name: _expand(value, environ) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_expand(value, environ) for value in tree]
    if isinstance(tree, str):
        return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2] or "", tree)
    return tree


def _hook(kind: type, value: Any) -> Any:
    assert kind is Secret, kind
    if not isinstance(value, str):
        raise ValueError("a key is text: put it in quotes")  # noqa: TRY004  what msgspec adds the place to
    return Secret(value)
