"""The shape of config.yaml. Unknown keys are errors, secrets mask themselves, everything has a default that works."""

from __future__ import annotations

from proxy.config.enhancing import EnhancerRow
from proxy.config.limits import LimitsRow, LinksRow
from proxy.config.money import BalancesRow, DriftRow, LedgerRow
from proxy.config.pictures import CacheRow, RepeatsRow, ReuseRow, StoreRow
from proxy.config.providers import AccountRow, ModelRow, PriceRow, ProviderRow
from proxy.config.reading import ConfigError, load, parse, read_text
from proxy.config.renderer import RendererRow
from proxy.config.routing import AliasRow, ClassRow, HedgeRow, PolicyRow, QualityRow, Rules, TeamRow
from proxy.config.serving import AdminRow, CorsRow, LogRow, MetricsRow, SharedRow
from proxy.config.whole import Config

__all__ = [
    "AccountRow",
    "AdminRow",
    "AliasRow",
    "BalancesRow",
    "CacheRow",
    "ClassRow",
    "Config",
    "ConfigError",
    "CorsRow",
    "DriftRow",
    "EnhancerRow",
    "HedgeRow",
    "LedgerRow",
    "LimitsRow",
    "LinksRow",
    "LogRow",
    "MetricsRow",
    "ModelRow",
    "PolicyRow",
    "PriceRow",
    "ProviderRow",
    "QualityRow",
    "RendererRow",
    "RepeatsRow",
    "ReuseRow",
    "Rules",
    "SharedRow",
    "StoreRow",
    "TeamRow",
    "load",
    "parse",
    "read_text",
]
