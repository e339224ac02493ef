"""Rows about pictures that are there: how long they are kept, and who is given them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from proxy.config.bounds import MEBIBYTE, Count, check_url


class StoreRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures given out as links."""

    public_url: str | None = None
    """Origin of the links; the request's own by default."""
    link_s: Count = 3600
    """Seconds a link works."""
    keep_s: Count = 86_400
    """Seconds a picture is kept for a repeated request."""

    def __post_init__(self) -> None:
        check_url("public_url", self.public_url)


class RepeatsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that repeat an earlier one."""

    retry_s: Annotated[float, Meta(ge=0)] = 900.0
    """Seconds in which a client's own retry joins the request it repeats."""
    memory_bytes: Annotated[int, Meta(ge=0)] = 12 * MEBIBYTE
    """Finished answers kept in memory for that; pictures nobody received are kept on disk instead."""


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
