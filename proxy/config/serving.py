"""Rows about the server itself: metrics, web pages, log lines."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from providers.contract import Secret


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


class AdminRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`/admin/v1`: on the main address, unless said otherwise. Keys need the grant `admin` either way."""

    bind: str | None = None
    """Serve it at this `host:port` instead, and not on the main address: one that only operators reach."""

    def __post_init__(self) -> None:
        if self.bind is not None and not (self.bind.rpartition(":")[0] and self.bind.rpartition(":")[2].isdecimal()):
            raise ValueError(f"`bind` is {self.bind!r}: write host:port")


class SharedRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What several servers know together: request windows, requests in flight, health, news. Never money.

    Only looked at when the server starts.
    """

    redis: Secret | None = None
    """Of a Redis or Valkey that all of them reach: `redis://[:PASSWORD@]HOST:PORT/0`, `rediss://…`, `unix://…`. Without
    one, this server shares with nobody."""
    when_gone: Literal["open", "closed"] = "open"
    """Where it cannot be reached: `open` lets requests in by what this server alone has counted, `closed` refuses those
    that a limit stands on (503, with Retry-After). Budgets hold either way."""
    prefix: str = "darkroom:"
    """What every name in it begins with: one for all servers of one ledger."""

    def __post_init__(self) -> None:
        if self.redis is not None and not self.redis.reveal().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("`redis` is no address of a Redis: write redis://, rediss:// or unix:// before it")


class CorsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which web pages may use the server from a browser, with any key that names no pages of its own."""

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
