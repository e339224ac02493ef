"""The shape of config.yaml. Unknown keys are errors, secrets mask themselves, everything has a default that works."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct, field

from pricing.kinds import Kind
from providers.contract import Model, Secret
from proxy.renderer import Load

MEBIBYTE = 1_048_576

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


def _check_url(name: str, url: str | None) -> None:
    """Empty is as if it were left out: the variable it names is not set."""
    if url and not url.startswith(("http://", "https://")):
        raise ValueError(f"`{name}` is {url!r}: write it with https:// or http://")


Rules = tuple[str | dict[str, dict[str, Any]], ...]
"""Rules in their order: a name, or one name with its settings."""


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
    """Requests an account may have under way at once, the others wait their turn; what the vendor states by default."""
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
        _check_url("base", self.base)
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


class LimitsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken in at once."""

    body_bytes: Count = 64 * MEBIBYTE
    """Largest request."""
    bodies_bytes: Count = 256 * MEBIBYTE
    """All requests being read at once."""
    reply_bytes: Count = 96 * MEBIBYTE
    """Largest reply of a vendor, and largest picture behind a link."""
    replies_bytes: Count = 32 * MEBIBYTE
    """All vendors' replies held in memory at once; more of them wait, and TCP makes the vendors wait."""
    picture_pixels: Count = 64_000_000
    """Largest picture taken in: what a decoder would have to allocate, whatever the file's size."""
    breaker_failures: Count = 5
    """Failures in a row that open an offer's breaker."""
    breaker_s: Seconds = 30.0
    """Seconds a breaker stays open before one request may try again."""
    breaker_rate: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of an offer's requests in the window that failed and open its breaker, too: 0.5 for every second one ..."""
    breaker_requests: Count = 20
    """... once there were so many of them."""
    window_s: Seconds = 300.0
    """How far back an offer's errors and its pace are looked at."""
    queue_s: Annotated[float, Meta(ge=0)] = 60.0
    """Seconds a request waits for room at a provider's accounts before the next offer is tried."""
    request_s: Seconds = 570.0
    """Seconds a request may take over all its attempts; official clients give up after 600."""
    keep_alive_s: Annotated[float, Meta(ge=1, le=600)] | None = None
    """Seconds of silence after which white space goes before a JSON answer, and again after as many; none by default.

    Its price: the status is 200 from then on, and a failure can only be told in the body.
    """

    def __post_init__(self) -> None:
        if self.body_bytes > self.bodies_bytes:
            raise ValueError("`bodies_bytes` is less than `body_bytes`: the largest request could never be read")


class LinksRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Links the proxy follows: in requests, and in vendors' replies."""

    allow: tuple[str, ...] = ()
    """Hosts, or host:port, that may be private or plain http. All others are https and public."""


class StoreRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures given out as links."""

    public_url: str | None = None
    """Origin of the links; the request's own by default."""
    link_s: Count = 3600
    """Seconds a link works."""
    keep_s: Count = 86_400
    """Seconds a picture is kept for a repeated request."""

    def __post_init__(self) -> None:
        _check_url("public_url", self.public_url)


class RepeatsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that repeat an earlier one."""

    retry_s: Annotated[float, Meta(ge=0)] = 900.0
    """Seconds in which a client's own retry joins the request it repeats."""
    memory_bytes: Annotated[int, Meta(ge=0)] = 12 * MEBIBYTE
    """Finished answers kept in memory for that; pictures nobody received are kept on disk instead."""


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


class ReuseRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A team's own pictures, given again."""

    age_s: Count
    """Seconds that a picture may be old."""


class CacheRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose finished pictures are given again to the same request with the same seed. Requests that run at the same
    time share their picture in any case.
    """

    default: ReuseRow | bool = False
    """For teams that are not named: `{age_s: 86400}`, or `off`."""
    teams: Mapping[str, ReuseRow | bool] = {}
    """By the team's name: `{age_s: 86400}`, or `off`."""

    def __post_init__(self) -> None:
        for name, row in (("default", self.default), *self.teams.items()):
            if row is True:
                raise ValueError(f"`{name}` is on: write for how long, {{age_s: 86400}}, or off")

    @property
    def longest_s(self) -> int:
        """Seconds that the oldest picture given to anybody may be old."""
        return max([row.age_s for row in (self.default, *self.teams.values()) if isinstance(row, ReuseRow)], default=0)


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


class MetricsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`/metrics`: on the main address for this machine only, unless said otherwise."""

    bind: str | None = None
    """Serve it at this `host:port` instead, to whoever reaches it."""
    token: Secret | None = None
    """Serve it to whoever presents this bearer token."""

    def __post_init__(self) -> None:
        if self.bind is not None and not self.bind.rpartition(":")[2].isdecimal():
            raise ValueError(f"`bind` is {self.bind!r}: write host:port")
        if self.token is not None and not self.token:  # not as if it were left out: that would open what it closes
            raise ValueError("`token` is empty: set the variable it names, or leave it out")


class EnhancerRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chat model that writes prompts out where a caller asks for that, at a server with OpenAI's chat completions."""

    base: str
    """Origin and path prefix, e.g. `https://api.openai.com/v1`."""
    model: str
    """As the server calls it."""
    key: Secret = Secret("")
    """None for a server that asks for none."""
    text_in: Decimal
    """USD per million tokens read."""
    text_out: Decimal
    """USD per million tokens written."""
    tokens: Annotated[int, Meta(ge=16, le=4000)] = 200
    """Most it may write."""
    limit_field: str = "max_completion_tokens"
    """How the server wants that to be said; older ones know `max_tokens`."""
    deadline_s: Annotated[float, Meta(gt=0)] = 20.0
    """Seconds it may take; the prompt stays as it was sent where it takes longer."""

    def __post_init__(self) -> None:
        for name, rate in (("text_in", self.text_in), ("text_out", self.text_out)):
            if not (rate.is_finite() and rate >= 0):
                raise ValueError(f"{name} is an amount in USD, not {rate}")


class CorsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which web pages may use the server from a browser."""

    origins: tuple[str, ...] = ()
    """Scheme, host and port, e.g. `https://studio.example.com`; `*` for every page. None by default."""


class LogRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log lines, JSON on standard error."""

    level: str = "info"
    """The least that is written: `debug`, `info`, `warning`, `error`."""
    prompts: bool = False
    """Whether lines may carry prompts."""

    def __post_init__(self) -> None:
        if self.level.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError(f"`level` is {self.level!r}: write debug, info, warning or error")


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """config.yaml."""

    providers: Mapping[str, ProviderRow] = field(default_factory=lambda: {"sandbox": ProviderRow()})
    models: Mapping[str, AliasRow] = {}
    default_model: str = "sandbox"
    """What a request that names no model gets."""
    classes: Mapping[str, tuple[str, ...] | ClassRow] = {}
    """Names for models of like quality: `photo.standard: [flux-pro-1.1, gpt-image-2]`."""
    policy: PolicyRow = PolicyRow()
    policies: Mapping[str, Rules] = {}
    """Policies by name, beside `house` and those that are built in, or instead of a built-in one."""
    teams: Mapping[str, TeamRow] = {}
    """How teams' requests are routed."""
    limits: LimitsRow = LimitsRow()
    links: LinksRow = LinksRow()
    store: StoreRow = StoreRow()
    repeats: RepeatsRow = RepeatsRow()
    cache: CacheRow = CacheRow()
    hedge: HedgeRow | None = None
    """Nobody is asked twice without it."""
    quality_check: QualityRow = QualityRow()
    ledger: LedgerRow = LedgerRow()
    drift: DriftRow = DriftRow()
    balances: BalancesRow = BalancesRow()
    dialects: Mapping[str, Mapping[str, Any]] = {}
    """Settings of a dialect, by its name; see the dialect."""
    metrics: MetricsRow = MetricsRow()
    enhancer: EnhancerRow | None = None
    """Without one, prompts are written out by words of our own, free of charge."""
    cors: CorsRow = CorsRow()
    log: LogRow = LogRow()

    def __post_init__(self) -> None:
        kept_s = max(self.store.keep_s, self.store.link_s)
        if self.cache.longest_s > kept_s:
            raise ValueError(
                f"`cache` gives pictures up to {self.cache.longest_s} s old, `store` keeps them {kept_s} s"
            )


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
        tree = yaml.load(text, _Loader)  # noqa: S506  a safe loader
    except yaml.MarkedYAMLError as error:  # its own text would show the line, and a line may hold a key
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}, line {line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # YAML's own ValueError: a date like 2026-13-01
        raise ConfigError(f"{name} is not YAML: {error}") from error
    tree = _expand({} if tree is None else tree, environ)
    try:
        return _converted(tree)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_with_names(tree, str(error))}") from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the earlier one would be dropped in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in names:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


def _converted(tree: Any) -> Config:
    return msgspec.convert(tree, Config, dec_hook=_hook)


_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[(\.\.\.)\]")


def _with_names(tree: Any, message: str) -> str:
    """The message, its path with the names that msgspec leaves out: `$.providers.openai`, not `$.providers[...]`."""
    says, found, path = message.rpartition(" - at `$")
    if not found:
        return message
    node, walked = tree, "$"
    for name, place, nameless in _STEP.findall(path):
        step = int(place) if place else _culprit(tree, node, message) if nameless else name
        walked += f"[{step}]" if place else f".{step}"
        node = node[step]
    return f"{says} - at `{walked}`"


def _culprit(tree: Any, entries: dict[str, Any], message: str) -> str:
    """The entry because of which the tree is refused with that message. Leaves the tree with no other."""
    kept = dict(entries)
    return next(name for name in kept if _complaint(tree, entries, {name: kept[name]}) == message)


def _complaint(tree: Any, entries: dict[str, Any], instead: dict[str, Any]) -> str:
    entries.clear()
    entries.update(instead)
    try:
        _converted(tree)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


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
