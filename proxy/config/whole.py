"""All of config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from proxy.config.enhancing import EnhancerRow
from proxy.config.limits import LimitsRow, LinksRow
from proxy.config.money import BalancesRow, DriftRow, LedgerRow
from proxy.config.pictures import CacheRow, RepeatsRow, StoreRow
from proxy.config.providers import ProviderRow
from proxy.config.renderer import RendererRow
from proxy.config.routing import AliasRow, ClassRow, HedgeRow, PolicyRow, QualityRow, Rules, TeamRow
from proxy.config.serving import AdminRow, CorsRow, LogRow, MetricsRow, SharedRow


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
    admin: AdminRow = AdminRow()
    metrics: MetricsRow = MetricsRow()
    enhancer: EnhancerRow | None = None
    """Without one, prompts are written out by words of our own, free of charge."""
    renderer: RendererRow = RendererRow()
    cors: CorsRow = CorsRow()
    shared: SharedRow = SharedRow()
    log: LogRow = LogRow()

    def __post_init__(self) -> None:
        kept_s = max(self.store.keep_s, self.store.link_s)
        if self.cache.longest_s > kept_s:
            raise ValueError(
                f"`cache` gives pictures up to {self.cache.longest_s} s old, `store` keeps them {kept_s} s"
            )
