"""Who is it, and may it come in now? Decided before the body is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from providers.contract import Code, Failure, Fault
from proxy.edge.permission import check_page
from proxy.ledger.accounts import Key, KeyRing, Used
from proxy.limits import Entry, Limits

LOOK_AGAIN_S = 0.2
"""An unknown key makes the ring look for new ones, at most so often: a key just made works, a guess has to wait."""


class Admission:
    """Knows keys and counts requests in and out."""

    def __init__(self, ring: KeyRing, limits: Limits) -> None:
        self._ring = ring
        self._limits = limits
        self.used = Used()
        """When keys were presented."""
        self._looked = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.open = True
        """False while the server drains."""

    async def authenticate(self, headers: Mapping[str, str]) -> Key:
        """Whose request it is. Raises REJECTED with UNAUTHENTICATED, in words that never repeat the key.

        With FORBIDDEN where a web page sent it that the key is not for.
        """
        kind, _, secret = headers.get("authorization", "").partition(" ")
        secret = secret.strip()
        if kind.lower() != "bearer" or not secret:
            detail = "You didn't provide an API key. Send it as a header: Authorization: Bearer dk_live_..."
            raise Failure(Fault.REJECTED, detail, code=Code.UNAUTHENTICATED)
        key = self._ring.find(secret)
        if key is None:
            await self._look()
            key = self._ring.find(secret)
        now = time.time_ns() // 1_000_000
        if key is None or not key.works(now):
            shown = f"{secret[:8]}…" if secret.startswith("dk_") else "it does not look like one of ours"
            detail = f"Incorrect API key provided: {shown}. Keys are made with: darkroom keys create"
            raise Failure(Fault.REJECTED, detail, code=Code.UNAUTHENTICATED)
        check_page(key, headers)
        self.used.note(key, now)
        return key

    def origins(self, headers: Mapping[str, str]) -> frozenset[str] | None:
        """The web pages that the key in a request is for: None where it is not for some alone, or there is no key."""
        secret = headers.get("authorization", "").partition(" ")[2].strip()
        key = self._ring.find(secret) if secret else None
        return frozenset(key.origins) if key is not None and key.origins else None

    @property
    def every_origin(self) -> frozenset[str]:
        """Every web page that some key is for."""
        return self._ring.origins

    async def _look(self) -> None:
        """Look for new keys. All who wait for one wait for the same look, and looks keep their distance."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_once())
        await asyncio.shield(self._looking)

    async def _look_once(self) -> None:
        try:
            await asyncio.sleep(self._looked + LOOK_AGAIN_S - time.monotonic())
            await asyncio.to_thread(self._ring.refresh)
        finally:
            self._looked = time.monotonic()
            self._looking = None

    async def enter(self, key: Key, size: int | None, *, unnamed: bool = False) -> Entry | None:
        """Count a request of so many bytes in, as `Limits` does; None as its size where it does not say.

        Raises as that, and UNAVAILABLE while the server drains.
        """
        if not self.open:
            raise Failure(Fault.UNAVAILABLE, "The server is shutting down; try again.", retry_after=1.0)
        return await self._limits.enter(key, size, unnamed=unnamed)

    async def name(self, entry: Entry | None, key: Key, user: str | None) -> None:
        """Whose request it is is known by now. Raises QUOTA where that end user's limit is reached."""
        await self._limits.name(entry, key, user)

    def leave(self, entry: Entry | None) -> None:
        """Count it out."""
        self._limits.leave(entry)
