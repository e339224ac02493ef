"""What our accounts with the vendors hold, and for how long that lasts: asked now and then, where asking is free.

How fast an account empties is read off its own balance, reading by reading: that is the vendor's figure, and counts
what others spend with the same account. What is paid in between does not count.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct

from pricing import to_micros
from providers.contract import Failure, Fault, Image
from proxy.config import BalancesRow
from proxy.events import BalanceLow, BalanceRead, BalanceUnknown, Tell
from proxy.lines import Lane, Line
from proxy.transport import Lease, Room, Transport

FIRST_S = 10.0
"""A server that has just started has better things to do."""
DEADLINE_S = 20.0
RECENT_S = 6 * 3600.0
"""How far back the spending is looked at."""
SOONEST_S = 600.0
"""It takes so long until anything can be said of it."""
READINGS = 512


class Purse:
    """The readings of one account."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, Decimal]] = deque(maxlen=READINGS)

    def read(self, now: float, usd: Decimal) -> None:
        """A reading, at a moment of the clock."""
        self._readings.append((now, usd))
        while now - self._readings[0][0] > RECENT_S:
            self._readings.popleft()

    @property
    def latest(self) -> Decimal | None:
        """The last reading, in USD; None before the first."""
        return self._readings[-1][1] if self._readings else None

    def hours(self) -> float | None:
        """Hours until it is empty at the pace of the last hours; None while nobody can say, or nothing is spent."""
        spent = Decimal(0)
        before: Decimal | None = None
        for _, usd in self._readings:
            if before is not None and usd < before:  # a rise is money that came in
                spent += before - usd
            before = usd
        if before is None or not spent:
            return None
        span = self._readings[-1][0] - self._readings[0][0]
        return float(max(Decimal(0), before) / spent) * span / 3600 if span >= SOONEST_S else None


class _Asked(Struct):
    """An account that can be asked."""

    line: Line
    lane: Lane
    purse: Purse


class Balances:
    """Asks the vendors."""

    def __init__(
        self,
        lines: Mapping[str, Line],
        transport: Transport,
        room: Room,
        tell: Tell,
        row: BalancesRow,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Those of all accounts that have a key, at vendors that tell for nothing."""
        self._transport = transport
        self._room = room
        self._tell = tell
        self._clock = clock
        self._purses: dict[tuple[str, str], _Asked] = {}
        self._low: set[tuple[str, str]] = set()
        self._unknown: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()
        self.adopt(lines, row)

    def adopt(self, lines: Mapping[str, Line], row: BalancesRow) -> None:
        """Ask for these accounts from now on. What was read of one stays known, unless it has another key by now."""
        self._every = row.every_s
        self._low_micros = to_micros(row.low_usd)
        self._low_hours = row.low_hours
        known, self._purses = (
            self._purses,
            {
                (name, lane.name): _Asked(line, lane, Purse())
                for name, line in lines.items()
                if line.provider.balance is not None
                for lane in line.lanes
                if lane.account.key
            },
        )
        for place, asked in self._purses.items():
            if place in known and known[place].lane.account == asked.lane.account:
                asked.purse = known[place].purse
            else:
                self._low.discard(place)
                self._unknown.discard(place)
        self._low &= self._purses.keys()
        self._unknown &= self._purses.keys()
        self._changed.set()

    async def run(self) -> None:
        """Ask again and again, soon after a start and after a change; ends by being cancelled."""
        pause = FIRST_S
        while True:
            asks = self._every and self._purses
            if await self._changes_within(min(pause, self._every) if asks else None):
                pause = FIRST_S
            else:
                await self.ask()
                pause = self._every

    async def _changes_within(self, seconds: float | None) -> bool:
        """Whether others are to be asked before the time is up; None for however long that takes."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def known(self) -> Mapping[tuple[str, str], Purse]:
        """What was read of every account that can be asked, by provider and account."""
        return {place: asked.purse for place, asked in self._purses.items()}

    async def ask(self) -> None:
        """Ask every vendor once, one after the other."""
        for place, asked in self._purses.items():
            line, lane, purse = asked.line, asked.lane, asked.purse
            try:
                usd = await self._asked(line, lane)
            except Failure as failure:  # it matters to nobody's request; it is said once, until it works again
                if place not in self._unknown and self._keeps(place, purse):
                    self._unknown.add(place)
                    self._tell(BalanceUnknown(provider=line.name, account=lane.name, why=failure.detail))
                continue
            if not self._keeps(place, purse):
                continue  # it went while it was asked
            self._unknown.discard(place)
            purse.read(self._clock(), usd)
            self._say(place, to_micros(usd), purse.hours())

    def _keeps(self, place: tuple[str, str], purse: Purse) -> bool:
        return place in self._purses and self._purses[place].purse is purse

    async def _asked(self, line: Line, lane: Lane) -> Decimal:
        assert line.provider.balance is not None
        lease = Lease(self._room)
        try:
            usd = await self._transport.hold(
                line.provider.balance(lane.account),
                line.provider,
                lane.account,
                _NobodyWatches(),
                deadline=DEADLINE_S,
                lease=lease,
            )
        finally:
            lease.release()
        if not usd.is_finite():
            raise Failure(Fault.MALFORMED, "the vendor's figure is none")
        return usd

    def _say(self, place: tuple[str, str], micros: int, hours: float | None) -> None:
        provider, account = place
        low = micros < self._low_micros or (hours is not None and hours < self._low_hours)
        self._tell(BalanceRead(provider=provider, account=account, micros=micros, hours=hours, low=low))
        if not low:
            self._low.discard(place)
        elif place not in self._low:
            self._low.add(place)
            self._tell(BalanceLow(provider=provider, account=account, micros=micros, hours=hours))


class _NobodyWatches:
    async def ticket(self, text: str) -> None:
        raise AssertionError("to ask for a balance starts no job")

    async def preview(self, image: Image, index: int) -> None:
        raise AssertionError("to ask for a balance draws nothing")
