"""Who is it, and may it come in now? Decided before the body is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from providers.contract import Code, Failure, Fault
from proxy.ledger.accounts import Key, KeyRing
from proxy.limits import Limits, Remaining

LOOK_AGAIN_S = 0.2
"""An unknown key makes the ring look for new ones, at most so often: a key just made works, a guess has to wait."""


class Admission:
    """Knows keys and counts requests in and out."""

    def __init__(self, ring: KeyRing, limits: Limits) -> None:
        self._ring = ring
        self._limits = limits
        self._looked = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.open = True
        """False while the server drains."""

    async def authenticate(self, headers: Mapping[str, str]) -> Key:
        """Whose request it is. Raises REJECTED with UNAUTHENTICATED, in words that never repeat the key."""
        kind, _, secret = headers.get("authorization", "").partition(" ")
        secret = secret.strip()
        if kind.lower() != "bearer" or not secret:
            detail = "You didn't provide an API key. Send it as a header: Authorization: Bearer dk_live_..."
            raise Failure(Fault.REJECTED, detail, code=Code.UNAUTHENTICATED)
        key = self._ring.find(secret)
        if key is None:
            await self._look()
            key = self._ring.find(secret)
        if key is None or not key.works(time.time_ns() // 1_000_000):
            shown = f"{secret[:8]}…" if secret.startswith("dk_") else "it does not look like one of ours"
            detail = f"Incorrect API key provided: {shown}. Keys are made with: darkroom keys create"
            raise Failure(Fault.REJECTED, detail, code=Code.UNAUTHENTICATED)
        return key

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

    async def enter(self, key: Key) -> Remaining | None:
        """Count a request in. Raises QUOTA where a limit is reached, UNAVAILABLE while the server drains."""
        if not self.open:
            raise Failure(Fault.UNAVAILABLE, "The server is shutting down; try again.", retry_after=1.0)
        return await self._limits.enter(key) if key.limits else None

    def leave(self, key: Key) -> None:
        """Count it out."""
        self._limits.leave(key)
