"""The server itself, and what it keeps."""

from __future__ import annotations

from proxy.events.happening import Happening


class PicturesSwept(Happening, frozen=True, kw_only=True, tag=True):
    """The janitor went through the store."""

    removed: int
    kept: int
    kept_bytes: int


class ConfigurationTaken(Happening, frozen=True, kw_only=True, tag=True):
    """A configuration holds from now on."""

    by: str
    """Whose wish that was: `start`, `SIGHUP`, or a key."""
    changed: tuple[str, ...]
    """The rows of config.yaml that are otherwise than before."""


class ConfigurationRefused(Happening, frozen=True, kw_only=True, tag=True):
    """A configuration is not as it should be; the one before holds."""

    by: str
    why: str


class ServerChanged(Happening, frozen=True, kw_only=True, tag=True):
    """The server came up, drains or stops; or found something at start that a person should read."""

    what: str
    detail: str = ""
