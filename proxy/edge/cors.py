"""Cross-origin requests, where the configuration allows them: browsers ask first, and read what the answer allows.

Around the whole application, for its generating routes pass the router by.
"""

from __future__ import annotations

from collections.abc import Iterable

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


class Cors:
    """An application, and the origins whose pages may use it."""

    def __init__(self, inner: ASGIApp, origins: Iterable[str]) -> None:
        """`origins`: scheme, host and port, as a browser writes them; `*` for all of them."""
        self._inner = inner
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] is ScopeType.WEBSOCKET or not (origin := dict(scope["headers"]).get(b"origin")):
            await self._inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        allowed = self._allowed(origin.decode("latin-1"))
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
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
                shown = [(b"access-control-expose-headers", ", ".join(SHOWN).encode())] if allowed else []
                message = {**message, "headers": [*message["headers"], *allowed, *shown]}
            await send(message)

        await self._inner(scope, receive, told)

    def _allowed(self, origin: str) -> list[tuple[bytes, bytes]]:
        if not ("*" in self._origins or origin in self._origins):
            return []
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]
