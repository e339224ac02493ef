"""Room at the accounts of a provider: what would draw a vendor's 429 waits here instead, first come, first served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from proxy.lines import Lane

Takes = Callable[[Lane], bool]


class _Waiting:
    """A request that waits: for which accounts, in which order, and whether one of them may be used by now."""

    __slots__ = ("given", "offer", "takes", "wants")

    def __init__(self, offer: str, wants: Sequence[Lane], takes: Takes) -> None:
        self.offer = offer
        self.wants = wants
        self.takes = takes
        self.given: asyncio.Future[Lane | None] = asyncio.get_running_loop().create_future()


class Queue:
    """The accounts of one provider. On the event loop only."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = tuple(lanes)
        self.in_flight = {lane.name: 0 for lane in lanes}
        """By account."""
        self._waiting: dict[_Waiting, None] = {}
        """In the order they came."""

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def free(self, lane: Lane) -> int | None:
        """Requests an account could take now; None for any number."""
        return None if lane.concurrency is None else max(0, lane.concurrency - self.in_flight[lane.name])

    def room(self, usable: Takes) -> int | None:
        """Requests that the accounts that may be used take at once; None for any number."""
        most = 0
        for lane in self.lanes:
            if usable(lane):
                if lane.concurrency is None:
                    return None
                most += lane.concurrency
        return most

    def load(self) -> int:
        """Requests there are, those that wait among them."""
        return sum(self.in_flight.values()) + len(self._waiting)

    async def enter(self, offer: str, wants: Sequence[Lane], takes: Takes, seconds: float) -> Lane | None:
        """The first account wanted that may be used and has room; waits for one if none has.

        None where the time is up, or where no account may be used any more. Whoever is given one has to `leave` it.
        """
        for lane in wants:
            if self.free(lane) != 0 and takes(lane):
                self.in_flight[lane.name] += 1
                return lane
        if seconds <= 0 or not any(takes(lane) for lane in wants):
            return None
        return await self._wait(_Waiting(offer, wants, takes), seconds)

    def leave(self, lane: Lane) -> None:
        """A request has ended: the next one may have its room."""
        self.in_flight[lane.name] -= 1
        if self._waiting:
            self._hand_over()

    def look_again(self) -> None:
        """An account may be used again, or no more: give its room away, and send away who has nothing to wait for."""
        for waiting in tuple(self._waiting):
            if not any(waiting.takes(lane) for lane in waiting.wants):
                self._end(waiting, None)
        self._hand_over()

    def dismiss(self, offer: str) -> None:
        """Send away all who wait to ask an offer: it is out."""
        for waiting in tuple(self._waiting):
            if waiting.offer == offer:
                self._end(waiting, None)

    def _hand_over(self) -> None:
        for waiting in tuple(self._waiting):
            if all(self.free(lane) == 0 for lane in self.lanes):
                return
            for lane in waiting.wants:
                if self.free(lane) != 0 and waiting.takes(lane):
                    self._end(waiting, lane)
                    break

    async def _wait(self, waiting: _Waiting, seconds: float) -> Lane | None:
        self._waiting[waiting] = None
        timer = asyncio.get_running_loop().call_later(seconds, self._end, waiting, None)
        try:
            return await waiting.given
        except asyncio.CancelledError:
            if waiting.given.done() and not waiting.given.cancelled():  # given a moment ago: the next one's
                given = waiting.given.result()
                if given is not None:
                    self.leave(given)
            raise
        finally:
            self._waiting.pop(waiting, None)
            timer.cancel()

    def _end(self, waiting: _Waiting, given: Lane | None) -> None:
        self._waiting.pop(waiting, None)
        if waiting.given.done():  # its request was broken off, or the time was up
            return
        if given is not None:
            self.in_flight[given.name] += 1
        waiting.given.set_result(given)
