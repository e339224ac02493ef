"""Rows about the server itself: metrics, web pages, log lines."""

from __future__ import annotations

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
