"""Rows about what is taken in: how much at once, for how long, and from where."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from proxy.config.bounds import MEBIBYTE, Count, Seconds


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
