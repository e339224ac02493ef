"""Gates: each lets so much through, over a moving window or at once. A visit passes all of its gates, or none."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from msgspec import Struct

SWEEP_S = 60.0
"""Gates that nobody is behind any more are forgotten this often."""
AGAIN_S = 1.0
"""When to come again to a gate that opens as others leave: nobody can say when that is."""


class Gate(Struct, frozen=True):
    """A limit, and what one visit takes of it."""

    name: str
    most: int
    takes: int = 1
    window_s: float | None = None
    """What is taken counts for so long, whoever has left; None: until it is given back."""
    weighed: bool = False
    """Whether a visit may take more than one."""


class Left(Struct, frozen=True):
    """What a gate with a window has left, after a visit."""

    most: int
    left: int
    reset_s: float
    """Until the oldest of what was taken counts no more."""


class Shut(Struct, frozen=True):
    """A visit that was not let in, and for which nothing was counted."""

    place: int
    """The first gate without room, in the order they were asked."""
    retry_s: float


class GoneError(Exception):
    """What is shared cannot be reached now."""


class Gates(Protocol):
    """Where visits are counted in and out. A visit is known by a name that no other has."""

    async def enter(self, visit: str, gates: Sequence[Gate]) -> tuple[Left, ...] | Shut:
        """Count a visit in at all gates, or at none; says what those with windows have left, in their order.

        Raises GoneError where that cannot be found out; it is to leave all the same.
        """
        ...

    def occupy(self, visit: str, gates: Sequence[Gate]) -> None:
        """Count a visit in at gates without a window, whether or not they have room: it is there already."""
        ...

    def leave(self, visit: str) -> None:
        """Give back what it holds; windows go on counting it. Nothing happens to one that is not inside."""
        ...


class MemoryGates:
    """Gates of this process. On the event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: dict[str, _Taken] = {}
        self._inside: dict[str, tuple[Gate, ...]] = {}
        self._sweep_at = clock() + SWEEP_S

    async def enter(self, visit: str, gates: Sequence[Gate]) -> tuple[Left, ...] | Shut:
        """See `Gates`."""
        return self.enter_now(visit, gates)

    def enter_now(self, visit: str, gates: Sequence[Gate]) -> tuple[Left, ...] | Shut:
        """The same without waiting: nothing here does."""
        now = self._clock()
        if now >= self._sweep_at:
            self._sweep(now)
        found = [self._of(gate, now) for gate in gates]
        for place, (gate, taken) in enumerate(zip(gates, found, strict=True)):
            if taken.sum + gate.takes > gate.most:
                return Shut(place, AGAIN_S if gate.window_s is None else taken.opens(now, gate.window_s))
        for gate, taken in zip(gates, found, strict=True):
            taken.add(visit, inf if gate.window_s is None else now + gate.window_s, gate.takes)
        self._inside[visit] = tuple(gates)
        return tuple(
            [
                Left(gate.most, gate.most - taken.sum, taken.opens(now, gate.window_s))
                for gate, taken in zip(gates, found, strict=True)
                if gate.window_s is not None
            ]
        )

    def occupy(self, visit: str, gates: Sequence[Gate]) -> None:
        """See `Gates`."""
        for gate in gates:
            self._of(gate, self._clock()).add(visit, inf, gate.takes)
        self._inside[visit] = tuple(gates)

    def leave(self, visit: str) -> None:
        """See `Gates`."""
        self._out(visit, windows=False)

    def withdraw(self, visit: str) -> None:
        """As if it had never come: windows do not count it, either."""
        self._out(visit, windows=True)

    def _out(self, visit: str, *, windows: bool) -> None:
        for gate in self._inside.pop(visit, ()):
            taken = self._taken.get(gate.name)
            if taken is not None and (windows or gate.window_s is None):
                taken.drop(visit)
                if not taken.by:
                    del self._taken[gate.name]

    def _of(self, gate: Gate, now: float) -> _Taken:
        taken = self._taken.get(gate.name)
        if taken is None:
            taken = self._taken[gate.name] = _Taken()
        taken.prune(now)
        return taken

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + SWEEP_S
        for name, taken in tuple(self._taken.items()):
            taken.prune(now)
            if not taken.by:
                del self._taken[name]


class _Taken:
    """What is taken of one gate: by visit, until when and how much."""

    __slots__ = ("by", "sum")

    def __init__(self) -> None:
        self.by: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """In the order they came, which with a window is the order in which they end."""
        self.sum = 0

    def add(self, visit: str, ends: float, takes: int) -> None:
        self.by[visit] = (ends, takes)
        self.sum += takes

    def drop(self, visit: str) -> None:
        _, takes = self.by.pop(visit, (0.0, 0))
        self.sum -= takes

    def prune(self, now: float) -> None:
        while self.by and self.by[next(iter(self.by))][0] <= now:
            _, (_, takes) = self.by.popitem(last=False)
            self.sum -= takes

    def opens(self, now: float, window_s: float) -> float:
        return next(iter(self.by.values()))[0] - now if self.by else window_s
