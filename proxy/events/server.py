"""The server itself, and what it keeps."""

from __future__ import annotations

from proxy.events.event import Event


class PicturesSwept(Event, frozen=True, kw_only=True, tag=True):
    """The janitor went through the store."""

    removed: int
    kept: int
    kept_bytes: int


class StoreFailed(Event, frozen=True, kw_only=True, tag=True):
    """The object store did not do its part; whoever asked was told what a full disk is told as."""

    what: str
    """`put`, `get`, `drop`, `list` or `sign`."""
    why: str


class RequestErased(Event, frozen=True, kw_only=True, tag=True):
    """A team had what is kept of a request deleted."""

    request: str
    team: str
    key: str
    pictures: int
    """That it had."""
    dropped: int
    """Of them, those that no other request has."""


class ConfigurationTaken(Event, frozen=True, kw_only=True, tag=True):
    """A configuration holds from now on."""

    by: str
    """Whose wish that was: `start`, `SIGHUP`, or a key."""
    changed: tuple[str, ...]
    """The rows of config.yaml that are otherwise than before."""


class ConfigurationRefused(Event, frozen=True, kw_only=True, tag=True):
    """A configuration is not as it should be; the one before holds."""

    by: str
    why: str


class SharedTurned(Event, frozen=True, kw_only=True, tag=True):
    """What this server shares with others can be reached no more, or can be again. Told once, until it turns."""

    state: str
    """`gone`, `back`."""
    why: str = ""


class ServerChanged(Event, frozen=True, kw_only=True, tag=True):
    """The server came up, drains or stops; or found something at start that a person should read."""

    what: str
    detail: str = ""


class ServersSeen(Event, frozen=True, kw_only=True, tag=True):
    """So many servers are at work on the ledger, this one among them."""

    count: int


class TakenOver(Event, frozen=True, kw_only=True, tag=True):
    """What servers that are over have left is this one's from now on."""

    owners: tuple[str, ...]
    """Their names; none, where nobody knows whose it was."""
    submissions: int
    jobs: int


class LeaseLapsed(Event, frozen=True, kw_only=True, tag=True):
    """The server was silent for so long that another has taken over what it had: it was paused, or could not write.

    It goes on with what is new.
    """

    owner: str
    late_s: float
    """Seconds from the end of its lease to when it could say that it is there."""
