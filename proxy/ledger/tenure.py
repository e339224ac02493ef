"""A server among the others on its ledger: it says again and again that it is there, and takes over from who is not."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection

from providers.contract import Failure
from proxy.events import LeaseLapsed, ServersSeen, TakenOver, Tell
from proxy.ledger.book import Ledger
from proxy.ledger.orders import Renew, Take, Taken
from proxy.ledger.owners import Owner, listed, orphaned
from proxy.ledger.seat import Seat

SHARE = 5
"""A lease is renewed so many times before it is over."""
GRACE = 1 / 3
"""Of a lease, how much longer others wait: their clocks need not be quite the same."""
JOBS_MS = 2 * 86_400_000
"""How far back a server that runs looks for jobs without a hold; when it starts, it looks through all."""


class Tenure:
    """The standing of one server."""

    def __init__(self, ledger: Ledger, seat: Seat, lease_s: float, tell: Tell) -> None:
        """`lease_s`: seconds without a word after which it is taken for dead."""
        self._ledger = ledger
        self._seat = seat
        self._lease_ms = int(lease_s * 1000)
        self._tell = tell
        self._began = ledger.now()
        self._until = 0
        self._looked = False
        self._seen = 0

    @property
    def pause_s(self) -> float:
        """Seconds from one word to the next."""
        return self._lease_ms / SHARE / 1000

    async def renew(self) -> None:
        """Say that it is at work. Raises UNAVAILABLE where the ledger cannot be written."""
        now = self._ledger.now()
        renewed = await self._ledger.renew(self._word(now + self._lease_ms))
        if renewed.lapsed and self._until:
            self._tell(LeaseLapsed(owner=self._seat.owner, late_s=(now - self._until) / 1000))
        self._until = now + self._lease_ms
        if renewed.others + 1 != self._seen:
            self._seen = renewed.others + 1
            self._tell(ServersSeen(count=self._seen))

    @property
    def alone(self) -> bool:
        """Whether no other server was at work when this one last said that it is."""
        return self._seen <= 1

    async def run(self) -> None:
        """Say so again and again; ends by being cancelled."""
        while True:
            await asyncio.sleep(self.pause_s)
            try:
                await self.renew()
            except Failure:  # a word that fails must not be the last one
                logging.getLogger(__name__).exception("the lease could not be renewed")

    async def end(self) -> None:
        """Say that it is over: what it leaves is anybody's, at once."""
        try:
            await self._ledger.renew(self._word(0))
        except Failure:  # its lock says so, too, and its lease will
            logging.getLogger(__name__).exception("the lease could not be ended")

    async def take(self) -> Taken:
        """What others have left, for this server to end. The first look goes through all; raises UNAVAILABLE."""
        now = self._ledger.now()
        over, anything = await self._ledger.read(lambda connection: self._over(connection, now))
        if self._looked and not anything:
            return Taken((), (), ())
        taken = await self._ledger.take(
            Take(
                owner=self._seat.owner,
                over=tuple(over),
                before=self._before(now),
                since=now - JOBS_MS if self._looked else 0,
            )
        )
        self._looked = True
        for owner in taken.owners:
            self._seat.forget(owner)
        if taken.owners or taken.holds or taken.jobs:
            self._tell(TakenOver(owners=taken.owners, submissions=len(taken.holds), jobs=len(taken.jobs)))
        return taken

    def _over(self, connection: Connection, now: int) -> tuple[list[str], bool]:
        """Servers that are surely over, and whether there is anything to take."""
        known = [each for each in listed(connection) if each.owner != self._seat.owner]
        over = [each.owner for each in known if self._left(each)]
        late = any(each.until < self._before(now) for each in known)
        return over, bool(over) or late or orphaned(connection, self._seat.owner)

    def _left(self, other: Owner) -> bool:
        return self._seat.left(other.owner, other.place)

    def _before(self, now: int) -> int:
        """Leases that ended before this moment are over for everybody."""
        return now - int(self._lease_ms * GRACE)

    def _word(self, until: int) -> Renew:
        return Renew(owner=self._seat.owner, place=self._seat.place, began=self._began, until=until)
