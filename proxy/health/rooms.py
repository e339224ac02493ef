"""Room at accounts that several servers share: what is kept to here is kept to by all of them together.

Whoever was given room by this server's queue then passes the gates of its account, where every server counts. Where
they are full, the queue is told to send nobody there for a moment, and the request goes back to its place in it. One of
those that wait tries again after a pause, or as soon as a server that was asked to tells that it has left; only when
that one got in do the others follow.

A server that is busy all the time would never let another one in: it leaves and enters in one breath. So who finds a
gate shut says that it wishes to pass, and a server that leaves and has heard a wish holds back for a moment.

Without the gates - Redis is gone - every server keeps to the limits alone. That may draw a vendor's 429 and nothing
worse. Where no limit is known, nobody is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from secrets import token_hex
from typing import Literal

import msgspec
from msgspec import Struct

from proxy.lines import Lane
from proxy.shared import Board, Gate, Gates, GoneError, Shut

PAUSE_S = 0.25
"""A gate that is full is tried again so often, whoever tells or does not."""
WAY_S = 0.05
"""Who leaves while another server wishes to pass lets that one go first for so long."""
WISH_S = 1.0
"""A wish that is not repeated is forgotten after so long."""
TOPIC = "room"
_Told = tuple[str, str, str]
"""Who tells, `wish` or `left`, the gate."""


Why = Literal["full", "trying", "given way"]
"""Why a door is closed: the gate said so; one tries; another server goes first."""


class _Door(Struct):
    """A gate that had no room when it was last tried, or is left to others; one that had has no door here."""

    timer: asyncio.TimerHandle | None = None
    """Until it is ajar: one may try. None while it is."""
    why: Why | None = None


class Rooms:
    """Of all accounts with a known limit. On the event loop only."""

    def __init__(
        self, gates: Gates, board: Board, limit: Callable[[str], int | None], again: Callable[[str], None]
    ) -> None:
        """`limit`: how many requests of an offer an account may have; `again`: an offer's queue is to look again."""
        self._shared = gates
        self._board = board
        self._limit = limit
        self._again = again
        self._own = token_hex(6)
        self._names = (f"{self._own}.{number}" for number in count())
        self._inside: dict[tuple[str, str], list[tuple[str, tuple[Gate, ...]]]] = defaultdict(list)
        """By offer and account: the visits under way, which are as good as each other."""
        self._doors: dict[str, _Door] = {}
        self._wishes: dict[str, dict[str, float]] = defaultdict(dict)
        """By gate and server, until when."""
        board.listen(TOPIC, self._heard)

    # For the queue.

    def closed(self, lane: Lane, offer: str) -> bool:
        """Whether nobody is to be sent to an account for now."""
        if not self._doors:
            return False
        doors = [self._doors.get(name) for name in _places(offer, lane)]
        return any(door is not None and door.timer is not None for door in doors)

    def took(self, lane: Lane, offer: str) -> None:
        """One goes there: if it is to try, the others wait for what it finds."""
        if self._doors:
            for name in _places(offer, lane):
                door = self._doors.get(name)
                if door is not None and door.timer is None:
                    self._close(name, PAUSE_S, offer, "trying")

    # For who asks.

    async def enter(self, offer: str, lane: Lane) -> bool:
        """Count a request in at its account, for all servers to see; `leave` it when it has ended.

        False where that has no room now: then it is closed, and nothing is counted.
        """
        gates = self._gates(offer, lane)
        if not gates:
            self._open(offer, lane)
            return True
        visit = next(self._names)
        try:
            said = await self._shared.enter(visit, gates)
        except GoneError:
            said = ()
        except BaseException:  # broken off, perhaps after it was counted: nobody else would let it out
            self._shared.leave(visit)
            raise
        if isinstance(said, Shut):
            self._found_full(gates[said.place].name, offer)
            return False
        self._inside[offer, lane.name].append((visit, gates))
        self._open(offer, lane)
        return True

    def occupy(self, offer: str, lane: Lane) -> None:
        """A request is at an account already, with room or without."""
        gates = self._gates(offer, lane)
        if gates:
            visit = next(self._names)
            self._shared.occupy(visit, gates)
            self._inside[offer, lane.name].append((visit, gates))

    def leave(self, offer: str, lane: Lane) -> None:
        """A request has ended. Nothing happens for one that nobody counted."""
        visits = self._inside.get((offer, lane.name))
        if not visits:
            return
        visit, gates = visits.pop()
        if not visits:
            del self._inside[offer, lane.name]
        self._shared.leave(visit)
        for gate in gates:
            if self._wished(gate.name):
                self._close(gate.name, WAY_S, offer, "given way")
                self._tell("left", gate.name)
            else:
                self._has_room(gate.name, offer)

    # Inside.

    def _gates(self, offer: str, lane: Lane) -> tuple[Gate, ...]:
        limits = zip(_places(offer, lane), (lane.concurrency, self._limit(offer)), strict=True)
        return tuple([Gate(name, most) for name, most in limits if most is not None])

    def _found_full(self, name: str, offer: str) -> None:
        door = self._doors.get(name)
        if door is None or door.why != "full":
            self._tell("wish", name)
        self._close(name, PAUSE_S, offer, "full")

    def _close(self, name: str, seconds: float, offer: str, why: Why) -> None:
        door = self._doors.setdefault(name, _Door())
        if door.timer is not None:
            door.timer.cancel()
        door.timer = asyncio.get_running_loop().call_later(seconds, self._ajar, name, offer)
        door.why = why

    def _has_room(self, name: str, offer: str) -> None:
        """As far as anybody knows; but what is left to another server is left to it."""
        door = self._doors.get(name)
        if door is not None and door.why != "given way":
            self._ajar(name, offer)

    def _ajar(self, name: str, offer: str) -> None:
        """One may try. The timer does this even where whoever was to try never came to it."""
        door = self._doors[name]
        if door.timer is not None:
            door.timer.cancel()
        door.timer = door.why = None
        self._again(offer)

    def _open(self, offer: str, lane: Lane) -> None:
        if not self._doors:
            return
        for name in _places(offer, lane):
            door = self._doors.get(name)
            if door is not None and door.why != "given way":
                del self._doors[name]
                if door.timer is not None:
                    door.timer.cancel()
                self._again(offer)

    def _wished(self, name: str) -> bool:
        """Whether another server wishes to pass; every wish is granted once."""
        wishes, now = self._wishes.get(name, {}), time.monotonic()
        while wishes:
            if wishes.pop(next(iter(wishes))) > now:
                return True
        self._wishes.pop(name, None)
        return False

    def _tell(self, what: str, name: str) -> None:
        self._board.tell(TOPIC, msgspec.json.encode((self._own, what, name)).decode())

    def _heard(self, words: str) -> None:
        server, what, name = msgspec.json.decode(words, type=_Told)
        if server == self._own:
            return
        if what == "wish":
            self._wishes[name][server] = time.monotonic() + WISH_S
        else:
            self._has_room(name, _offer(name))


def _places(offer: str, lane: Lane) -> tuple[str, str]:
    """The gates of an account, and of an offer at it."""
    return f"room:{offer.partition('/')[0]}@{lane.name}", f"room:{offer}@{lane.name}"


def _offer(name: str) -> str:
    """An offer that passes a gate, or its provider: enough to find the queue."""
    return name.removeprefix("room:").rpartition("@")[0]
