"""Room at the accounts of a provider: what would draw a vendor's 429 waits here instead, team by team in turn.

An account may have so many requests under way, and of some models fewer than that. Both limits may change at any time:
what is under way then stays, what waits goes by the new ones.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from proxy.health.turns import Share, Turns
from proxy.lines import Lane

Takes = Callable[[Lane], bool]
Wants = Callable[[], Sequence[Lane]]
Name = TypeVar("Name")
NOBODYS = Share()


class Doors(Protocol):
    """What may keep requests out of an account that has room, as far as the queue knows."""

    def closed(self, lane: Lane, offer: str) -> bool:
        """Whether nobody is to be sent there for now. Whoever opens it has the queue look again."""
        ...

    def took(self, lane: Lane, offer: str) -> None:
        """One was given room there."""
        ...


class _Open:
    """None that closes."""

    def closed(self, lane: Lane, offer: str) -> bool:
        return False

    def took(self, lane: Lane, offer: str) -> None:
        pass


class _Waiting:
    """A request that waits: whose, for which accounts, in which order, and whether one of them may be used by now."""

    __slots__ = ("given", "number", "offer", "order", "share", "takes", "wants")

    def __init__(
        self, share: Share, number: int, offer: str, order: Wants, wants: Sequence[Lane], takes: Takes
    ) -> None:
        self.share = share
        self.number = number
        self.offer = offer
        self.order = order
        self.wants = wants
        self.takes = takes
        self.given: asyncio.Future[Lane | None] = asyncio.get_running_loop().create_future()


class Queue:
    """The accounts of one provider. On the event loop only."""

    def __init__(self, lanes: Sequence[Lane], limits: Mapping[str, int | None], doors: Doors | None = None) -> None:
        """`limits`: requests of an offer that an account may have under way at once, where that is limited."""
        self._doors: Doors = doors or _Open()
        self.in_flight: Counter[str] = Counter()
        """By account; those of accounts that are gone among them, until they have ended."""
        self._of_offers: Counter[tuple[str, str]] = Counter()
        """By account and offer."""
        self._waiting: Turns[_Waiting] = Turns()
        self.lanes: tuple[Lane, ...] = ()
        self._limits: Mapping[str, int | None] = {}
        self.adopt(lanes, limits)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether it has neither accounts nor requests: nobody will miss it."""
        return not self.lanes and not self._waiting and not self.in_flight

    def adopt(self, lanes: Sequence[Lane], limits: Mapping[str, int | None]) -> None:
        """Go by these accounts and limits from now on: those that wait want them anew, or wait for nothing."""
        self.lanes = tuple(lanes)
        self._limits = limits
        for waiting in self._waiting:
            waiting.wants = waiting.order()
        self.look_again()

    def free(self, lane: Lane, offer: str) -> int | None:
        """Requests of an offer that an account could take now; None for any number."""
        if self._doors.closed(lane, offer):
            return 0
        account = None if lane.concurrency is None else max(0, lane.concurrency - self.in_flight[lane.name])
        limit = self._limits.get(offer)
        if limit is None:
            return account
        model = max(0, limit - self._of_offers[lane.name, offer])
        return model if account is None else min(account, model)

    def standing(self, offer: str, usable: Takes) -> tuple[int, int | None]:
        """How much room for an offer is taken, and how much there is at the accounts that may be used; None for any.

        Of the accounts' room and the model's own the smaller one counts, and it is taken so far that what is left of it
        is what is left of both.
        """
        lanes = [lane for lane in self.lanes if usable(lane)]
        load, limit = self.in_flight.total() + len(self._waiting), self._limits.get(offer)
        room = _total([lane.concurrency for lane in lanes])
        if limit is None:
            return load, room
        own = sum(count for (_, name), count in self._of_offers.items() if name == offer)
        own += sum(waiting.offer == offer for waiting in self._waiting)
        smaller = sum(limit if lane.concurrency is None else min(limit, lane.concurrency) for lane in lanes)
        spare = limit * len(lanes) - own
        return max(0, smaller - (spare if room is None else min(room - load, spare))), smaller

    def number(self) -> int:
        """For one that comes now, and may have to come again."""
        return self._waiting.number()

    async def enter(
        self, offer: str, order: Wants, takes: Takes, seconds: float, share: Share = NOBODYS, number: int | None = None
    ) -> Lane | None:
        """The first account wanted that may be used and has room; waits for its team's turn if none has.

        `number`: of one that comes again, and stands before all who came later. None where the time is up, or where no
        account may be used any more. Whoever is given one has to `leave` it.
        """
        wants = order()
        for lane in wants:
            if self.free(lane, offer) != 0 and takes(lane):
                self.occupy(lane, offer)
                return lane
        if seconds <= 0 or not any(takes(lane) for lane in wants):
            return None
        number = self.number() if number is None else number
        return await self._wait(_Waiting(share, number, offer, order, wants, takes), seconds)

    def occupy(self, lane: Lane, offer: str) -> None:
        """A request is at an account, with its room or without; it has to `leave`."""
        self.in_flight[lane.name] += 1
        self._of_offers[lane.name, offer] += 1
        self._doors.took(lane, offer)

    def leave(self, lane: Lane, offer: str) -> None:
        """A request has ended: the next one may have its room."""
        _one_less(self.in_flight, lane.name)
        _one_less(self._of_offers, (lane.name, offer))
        if self._waiting:
            self._hand_over()

    def look_again(self) -> None:
        """An account may be used again, or no more: give its room away, and send away who has nothing to wait for."""
        for waiting in tuple(self._waiting):
            if not any(waiting.takes(lane) for lane in waiting.wants):
                self._end(waiting)
        self._hand_over()

    def dismiss(self, offer: str) -> None:
        """Send away all who wait to ask an offer: it is out."""
        for waiting in tuple(self._waiting):
            if waiting.offer == offer:
                self._end(waiting)

    def _hand_over(self) -> None:
        full: set[str] = set()
        """Offers for which no account has room: most of those that wait, and need not be looked at."""

        def serves(waiting: _Waiting) -> bool:
            if waiting.offer in full:
                return False
            if all(self.free(lane, waiting.offer) == 0 for lane in self.lanes):
                full.add(waiting.offer)
                return False
            lane = next(
                (lane for lane in waiting.wants if self.free(lane, waiting.offer) != 0 and waiting.takes(lane)), None
            )
            if lane is None:
                return False
            self._give(waiting, lane)
            return True

        while self._waiting and not self._full() and self._waiting.serve(serves):
            pass

    def _full(self) -> bool:
        """Whether no account has room for anything."""
        return all(lane.concurrency == self.in_flight[lane.name] for lane in self.lanes)

    async def _wait(self, waiting: _Waiting, seconds: float) -> Lane | None:
        self._waiting.add(waiting, waiting.share, waiting.number)
        timer = asyncio.get_running_loop().call_later(seconds, self._end, waiting)
        try:
            return await waiting.given
        except asyncio.CancelledError:
            if waiting.given.done() and not waiting.given.cancelled():  # given a moment ago: the next one's
                given = waiting.given.result()
                if given is not None:
                    self.leave(given, waiting.offer)
            raise
        finally:
            self._waiting.drop(waiting)
            timer.cancel()

    def _give(self, waiting: _Waiting, lane: Lane) -> None:
        if not waiting.given.done():  # else its request was broken off, or the time was up
            self.occupy(lane, waiting.offer)
            waiting.given.set_result(lane)

    def _end(self, waiting: _Waiting) -> None:
        self._waiting.drop(waiting)
        if not waiting.given.done():
            waiting.given.set_result(None)


def _one_less(counted: Counter[Name], name: Name) -> None:
    counted[name] -= 1
    if not counted[name]:
        del counted[name]


def _total(rooms: Sequence[int | None]) -> int | None:
    """All of them together; None for any number, where one takes any."""
    return None if None in rooms else sum(room for room in rooms if room is not None)
