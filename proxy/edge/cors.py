"""Cross-origin requests, where the configuration allows them: browsers ask first, and read what the answer allows.

Around the whole application, for its generating routes pass the router by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

KEPT_S = 600
"""Seconds a browser may remember what it was allowed."""
SHOWN = (
    *("x-request-id", "retry-after", "x-should-retry", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"),
    *("x-darkroom-provider", "x-darkroom-model", "x-darkroom-cost", "x-darkroom-estimated-cost", "x-darkroom-notes"),
    *("x-darkroom-attempts", "x-darkroom-repeats", "x-darkroom-cache", "age"),
    *("x-darkroom-policy", "x-darkroom-hedge"),
    *("location", "preference-applied", "x-darkroom-keep-alive"),
)
"""Headers of an answer that a page may read."""


class Origins(Protocol):
    """Knows the web pages that keys are for."""

    def origins(self, headers: Mapping[str, str]) -> frozenset[str] | None:
        """Those that the key in a request is for; None where it is not for some alone."""

    @property
    def every_origin(self) -> frozenset[str]:
        """Those that any key is for."""


class Cors:
    """An application, and the origins whose pages may use it: those of the configuration, or of the key alone."""

    def __init__(self, inner: ASGIApp, origins: Iterable[str], keys: Origins) -> None:
        """`origins`: scheme, host and port, as a browser writes them; `*` for all of them."""
        self._inner = inner
        self._origins = frozenset(origins)
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] is ScopeType.WEBSOCKET or not (origin := dict(scope["headers"]).get(b"origin")):
            await self._inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            allowed = _told(origin, self._for_any())
            asked = headers.get(b"access-control-request-headers", b"")
            more = [
                (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
                (b"access-control-allow-headers", asked),
                (b"access-control-max-age", str(KEPT_S).encode()),
            ]
            await send(
                {"type": "http.response.start", "status": 204, "headers": [*allowed, *(more if allowed else ())]}
            )
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowed = _told(origin, self._for(headers))  # by now a key that was just made is known
                shown = [(b"access-control-expose-headers", ", ".join(SHOWN).encode())] if allowed else []
                message = {**message, "headers": [*message["headers"], *allowed, *shown]}
            await send(message)

        await self._inner(scope, receive, told)

    def _for_any(self) -> frozenset[str]:
        """A browser asks before it sends a key: a page that some key is for may ask, and the key then decides."""
        return self._origins | self._keys.every_origin

    def _for(self, headers: Mapping[bytes, bytes]) -> frozenset[str]:
        own = self._keys.origins({"authorization": headers.get(b"authorization", b"").decode("latin-1")})
        return self._origins if own is None else own


def _told(origin: bytes, pages: frozenset[str]) -> list[tuple[bytes, bytes]]:
    if not ("*" in pages or origin.decode("latin-1") in pages):
        return []
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
