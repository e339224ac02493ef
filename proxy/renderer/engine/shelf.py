"""The models in a device's memory: which are there, which go when room is needed, and who has to wait for it.

Pure bookkeeping, no torch: a `Keeper` opens, moves and drops what is kept here, and a fake one does in tests. For the
engine's one thread. What always holds: a busy model is never moved, and no more than the budget is used, unless what is
busy turned out heavier than was known before it was opened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from providers.contract import Failure, Fault
from proxy.renderer.wire import Shelved

T = TypeVar("T")

PATIENCE = 16
"""How often other models are still given out while one waits for room. Then they are not, and soon nothing is busy."""
LAPSES = 128
"""How often others are asked for, and it is not, until a model that waits is thought to be wanted no more."""


class ShortError(Exception):
    """The device ran out of memory while a model was opened or fetched, whatever the books say."""


class Keeper(Protocol[T]):
    """Opens and moves models. What it raises but `ShortError` goes to whoever asked for the model."""

    def needs(self, model: str) -> int:
        """Bytes on the device it will take, known without opening it. Raises UNAVAILABLE where it cannot be opened."""

    def open(self, model: str) -> T:
        """The model, on the device. Raises UNAVAILABLE, `ShortError`."""

    def weigh(self, opened: T) -> int:
        """Bytes it takes on the device now."""

    def park(self, opened: T) -> None:
        """Move it to the machine's memory; it keeps what it is."""

    def fetch(self, opened: T) -> None:
        """Move a parked one back. Raises `ShortError`."""

    def drop(self, opened: T) -> None:
        """Let go of it for good."""


class _Place(Struct, Generic[T], eq=False):
    opened: T
    bytes: int
    parked: bool = False


class _Claim(Struct):
    """A model that was refused for want of room."""

    passed: int = 0
    """How often others were given out since."""
    unasked: int = 0
    """How often others were asked for since it last was."""


class Shelf(Generic[T]):
    """One device's models, the latest used last."""

    def __init__(
        self,
        keeper: Keeper[T],
        budget_bytes: int,
        *,
        park_bytes: int = 0,
        tell: Callable[[Shelved], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`budget_bytes` of the device are for models. Up to `park_bytes` of the machine's memory keep what is evicted,
        0 where the device is the CPU: nothing is gained there. `tell` hears of every change. `now` is a
        clock in seconds, for how long models take to be loaded.
        """
        self._keeper = keeper
        self._budget = budget_bytes
        self._park = park_bytes
        self._tell = tell
        self._now = now
        self._places: dict[str, _Place[T]] = {}
        self._claims: dict[str, _Claim] = {}

    @property
    def used_bytes(self) -> int:
        """On the device."""
        return sum(each.bytes for each in self._places.values() if not each.parked)

    @property
    def models(self) -> tuple[str, ...]:
        """Those on the device, the latest used last."""
        return tuple(name for name, each in self._places.items() if not each.parked)

    @property
    def parked(self) -> tuple[str, ...]:
        """Those in the machine's memory, the next to be dropped first."""
        return tuple(name for name, each in self._places.items() if each.parked)

    def open(self, model: str, busy: Collection[str] = ()) -> T | None:
        """The model, opened where it was not. Idle ones may go for it, never a busy one; it is the caller who knows.

        None where there is no room for it beside what is busy, or where another model waited long enough for room:
        ask again after the next step. Raises UNAVAILABLE where it can never be opened here.
        """
        if self._stands_back(model):
            return None
        place = self._places.get(model)
        if place is None or place.parked:
            place = self._placed(model, place, frozenset(busy) - {model})
            if place is None:
                self._claims.setdefault(model, _Claim())
                return None
        self._claims.pop(model, None)
        for claim in self._claims.values():
            claim.passed += 1
        self._places[model] = self._places.pop(model)
        return place.opened

    def preload(self, models: Iterable[str]) -> tuple[str, ...]:
        """Open them ahead of any request; why some could not be. None of them is evicted for another one."""
        problems: list[str] = []
        loaded: list[str] = []
        for model in models:
            try:
                if self.open(model, loaded) is None:
                    self._claims.pop(model, None)
                    left = _told(self._budget - self.used_bytes)
                    problems.append(f"{model!r} is not preloaded: beside the others, {left} are left")
                else:
                    loaded.append(model)
            except Failure as failure:
                problems.append(failure.detail)
        return tuple(problems)

    def evict_idle(self, busy: Collection[str]) -> int:
        """Take all that is idle from the device; how many bytes that freed there."""
        before = self.used_bytes
        for name in self._idle(busy):
            self._evict(name)
        return before - self.used_bytes

    def reweigh(self, model: str) -> None:
        """Its weights take other room than before: some of them were moved."""
        place = self._places[model]
        place.bytes = self._keeper.weigh(place.opened)
        self._changed()

    def clear(self) -> None:
        """Drop everything: the engine ends."""
        for place in self._places.values():
            self._keeper.drop(place.opened)
        self._places.clear()
        self._claims.clear()
        self._changed()

    def _stands_back(self, model: str) -> bool:
        """Whether another one comes first: else the busy, asked for again and again, would keep it waiting for ever."""
        claim = self._claims.get(model)
        if claim is not None:
            claim.unasked = 0
        for each in self._claims.values():
            each.unasked += each is not claim
        self._claims = {name: each for name, each in self._claims.items() if each.unasked <= LAPSES}
        first = next(iter(self._claims), model)
        return first != model and self._claims[first].passed >= PATIENCE

    def _placed(self, model: str, place: _Place[T] | None, busy: frozenset[str]) -> _Place[T] | None:
        """The model on the device; None where there is no room now."""
        needs = self._keeper.needs(model) if place is None else place.bytes
        if needs > self._budget:
            detail = f"the local model {model!r} takes {_told(needs)}, and {_told(self._budget)} are there for models"
            raise Failure(Fault.UNAVAILABLE, detail)
        if not self._has_room(needs, busy):
            return None
        self._places.pop(model, None)  # it is not to be dropped for what is parked now
        self._make_room(needs, busy)
        began = self._now()
        try:
            place = self._brought(model, place)
        except ShortError:
            self.evict_idle(busy)
            place = self._brought_at_last(model)
        place.bytes = self._keeper.weigh(place.opened)
        took = self._now() - began
        self._make_room(0, busy | {model})
        self._changed({model: took})
        return place

    def _brought(self, model: str, place: _Place[T] | None) -> _Place[T]:
        """Opened, or fetched from where it was parked. Where that fails it is not kept: it may be half moved."""
        if place is None:
            place = _Place(self._keeper.open(model), 0)
        else:
            try:
                self._keeper.fetch(place.opened)
            except BaseException:
                self._keeper.drop(place.opened)
                raise
            place.parked = False
        self._places[model] = place
        return place

    def _brought_at_last(self, model: str) -> _Place[T]:
        try:
            return self._brought(model, None)
        except ShortError as error:
            detail = f"the memory is too small for the local model {model!r} beside what is under way; try again"
            raise Failure(Fault.UNAVAILABLE, detail) from error

    def _idle(self, busy: Collection[str]) -> list[str]:
        """On the device and not busy, longest unused first."""
        return [name for name in self.models if name not in busy]

    def _has_room(self, needs: int, busy: Collection[str]) -> bool:
        """Whether that many bytes could be made free."""
        return needs + sum(self._places[name].bytes for name in self.models if name in busy) <= self._budget

    def _make_room(self, needs: int, busy: Collection[str]) -> None:
        for name in self._idle(busy):
            if self.used_bytes + needs <= self._budget:
                break
            self._evict(name)

    def _evict(self, model: str) -> None:
        place = self._places.pop(model)
        if self._has_parking(place.bytes):
            self._keeper.park(place.opened)
            place.parked = True
            self._places[model] = place
        else:
            self._keeper.drop(place.opened)
        self._changed()

    def _has_parking(self, needs: int) -> bool:
        """Whether there is room to park that much. What has been parked longest is dropped for it."""
        if needs > self._park:
            return False
        taken = sum(self._places[name].bytes for name in self.parked)
        for name in self.parked:
            if taken + needs <= self._park:
                break
            taken -= self._places[name].bytes
            self._keeper.drop(self._places.pop(name).opened)
        return True

    def _changed(self, loaded: Mapping[str, float] | None = None) -> None:
        self._tell(Shelved(self.models, self.used_bytes, dict(loaded or {})))


def _told(bytes_: int) -> str:
    return f"{bytes_ / 1e9:.1f} GB" if bytes_ >= 10**9 else f"{bytes_ / 1e6:.2f} MB"
