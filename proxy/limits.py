"""Requests a minute and requests in flight. In memory, and never the truth about money: that is the ledger's."""

from __future__ import annotations

import time
from collections import Counter

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.ledger.accounts import Key

BUSY_RETRY_S = 1.0


class Remaining(Struct, frozen=True):
    """What the narrowest request window still has: for the headers clients read."""

    limit: int
    left: int
    reset_s: float


class Limits:
    """Windows and counters by scope (a key, a team)."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._flying: Counter[str] = Counter()

    async def enter(self, key: Key) -> Remaining | None:
        """Count a request in; it is to be counted out by `leave`. Raises QUOTA where a limit is reached.

        Nothing is counted for a request that is refused.
        """
        for scope, limit in key.limits:
            if limit.what == "in_flight" and self._flying[scope] >= limit.amount:
                detail = f"{limit.amount} requests of {_name(scope)} are in flight, which is its limit"
                raise Failure(Fault.QUOTA, detail, code=Code.BUSY, retry_after=BUSY_RETRY_S)
        remaining = await self._count(key)
        for scope, limit in key.limits:
            if limit.what == "in_flight":
                self._flying[scope] += 1
        return remaining

    def leave(self, key: Key) -> None:
        """Count a request out."""
        for scope, limit in key.limits:
            if limit.what == "in_flight" and self._flying[scope] > 0:
                self._flying[scope] -= 1

    async def _count(self, key: Key) -> Remaining | None:
        limits = [
            (scope, RateLimitItemPerMinute(budget.amount)) for scope, budget in key.limits if budget.what == "requests"
        ]
        for scope, item in limits:
            if not await self._windows.test(item, scope):
                reset = (await self._windows.get_window_stats(item, scope)).reset_time
                wait = min(max(1.0, reset - time.time()), 60.0)
                detail = f"{_name(scope)} may make {item.amount} requests a minute"
                raise Failure(Fault.QUOTA, detail, code=Code.RATE, retry_after=wait)
        narrowest: Remaining | None = None
        for scope, item in limits:
            await self._windows.hit(item, scope)
            stats = await self._windows.get_window_stats(item, scope)
            found = Remaining(item.amount, stats.remaining, max(0.0, stats.reset_time - time.time()))
            if narrowest is None or found.left < narrowest.left:
                narrowest = found
        return narrowest


def _name(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return f"team {name}" if kind == "team" else "this key"
