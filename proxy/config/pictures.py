"""Rows about pictures that are there: how long they are kept, and who is given them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from proxy.config.bounds import MEBIBYTE, Count, check_url


class StoreRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pictures are kept, with what servers leave for each other, and how pictures are given out as links."""

    url: str | None = None
    """An object store that all servers share: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. A
    folder of the data folder by default. Credentials come from the environment, as the vendor's own tools take them."""
    options: Mapping[str, str] = {}
    """What to tell the object store besides: `endpoint`, `region`, `allow_http`, `timeout`, what else obstore knows."""
    links: Literal["proxied", "presigned"] = "proxied"
    """Whether a link is answered with the picture, or with a redirect to the object store's own link to it."""
    public_url: str | None = None
    """Origin of the links; the request's own by default."""
    link_s: Count = 3600
    """Seconds a link works."""
    keep_s: Count = 86_400
    """Seconds a picture is kept for a repeated request."""

    def __post_init__(self) -> None:
        check_url("public_url", self.public_url)
        if self.links == "presigned" and not self.url:
            raise ValueError("`links` is presigned, and the data folder has no links of its own: set `url`, too")


class RepeatsRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that repeat an earlier one."""

    retry_s: Annotated[float, Meta(ge=0)] = 900.0
    """Seconds in which a client's own retry joins the request it repeats."""
    memory_bytes: Annotated[int, Meta(ge=0)] = 12 * MEBIBYTE
    """Finished answers kept in memory for that; pictures nobody received are kept on disk instead."""
    wait_s: Annotated[float, Meta(ge=0)] = 120.0
    """Seconds that a request waits for the one it repeats, where another server works on that; then it is told to come
    again."""


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
