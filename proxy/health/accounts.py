"""Our accounts with every provider: which may be asked for what, and who waits for room at them.

An account has a breaker of its own for every offer, for limits and rights differ. Where a provider has but one, that
has no name and no breaker: what is held against it is held against the offer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from msgspec import Struct

from providers.contract import Fault, Provider
from proxy.events import AccountMeasured, Forgotten, Tell
from proxy.health.breaker import Breaker, Breakers
from proxy.health.queue import Queue
from proxy.health.rooms import Rooms
from proxy.health.turns import Share
from proxy.lines import Lane, Line
from proxy.policy.places import kept_in
from proxy.shared import Shared


class Asking(Struct, frozen=True, kw_only=True):
    """A request that wants to an offer, as it was planned."""

    offer: str
    key: str
    """Which of several accounts is preferred."""
    speaks: Provider
    """The protocol it is written for."""
    without: frozenset[str] = frozenset()
    """Accounts that have refused it already."""
    regions: frozenset[str] | None = None
    """Where what is sent may be kept; None for anywhere."""
    share: Share = Share()
    """Whose turn it waits for."""


class Accounts:
    """Of all providers. On the event loop only."""

    def __init__(self, tell: Tell, breakers: Breakers, lines: Mapping[str, Line], shared: Shared | None = None) -> None:
        """`lines`: how each provider is reached, by its name; `shared`: with whom they share the accounts' room."""
        self._tell = tell
        self._breakers = breakers
        self._lines = dict(lines)
        self._rooms = None
        if shared is not None and shared.gates is not None:
            self._rooms = Rooms(shared.gates, shared.board, self._limit, self.look_again)
        self._queues = {name: Queue(line.lanes, _limits(line), self._rooms) for name, line in self._lines.items()}
        self._loads: dict[tuple[str, str], tuple[int, int]] = {}
        """As they were told."""

    def adopt(self, lines: Mapping[str, Line]) -> frozenset[str]:
        """Go by these lines from now on; the names of the providers that have an account they did not have before.

        An account with another key begins with trust. What is under way at those that are gone ends as it would have;
        who waits for them goes to those there are, or is sent away.
        """
        before, self._lines = self._lines, dict(lines)
        for event in _gone(before, self._lines):
            self._tell(event)
        self._breakers.forget(lambda name: self._lane(name) is None)
        self._loads = {place: load for place, load in self._loads.items() if self._named(*place) is not None}
        changed = frozenset(_changed(before, self._lines))
        for name in tuple(self._breakers.shut):
            lane = self._lane(name)
            if lane is not None and (_provider(_offer(name)), lane.name) in changed:
                self._breakers.pardon(name, "its key was changed")
        for provider in {*self._queues, *self._lines}:
            self._adopt_queue(provider)
        return frozenset(provider for provider, _ in changed)

    # What there is.

    def has(self, offer: str) -> bool:
        """Whether an offer is configured."""
        provider, _, model = offer.partition("/")
        line = self._lines.get(provider)
        return line is not None and line.offers(model)

    def guards(self, name: str) -> bool:
        """Whether there is what the breaker of an account guards."""
        return self._lane(name) is not None

    def mark(self, offer: str) -> str:
        """What tells the accounts of an offer from others under the same names, and tells nothing of their keys."""
        line = self._lines[_provider(offer)]
        own = [(lane.name, lane.account.base, lane.account.key.reveal()) for lane in line.lanes]
        return blake2b(repr(own).encode(), digest_size=6, person=b"accounts").hexdigest()

    def is_current(self, offer: str, lane: Lane) -> bool:
        """Whether an account is the one that is configured under its name: neither gone, nor with another key."""
        now = self._named(_provider(offer), lane.name)
        return now is lane or (now is not None and now.account == lane.account)

    def wanted(self, asking: Asking) -> list[Lane]:
        """The accounts that a request may be sent to, in its order; none, once they speak another protocol."""
        line = self._lines.get(_provider(asking.offer))
        if line is None or line.provider is not asking.speaks or not self.has(asking.offer):
            return []
        return [
            lane
            for lane in line.order(asking.key)
            if lane.name not in asking.without and kept_in(lane.region, asking.regions)
        ]

    # Whether they may be asked.

    def may(self, offer: str, lane: Lane) -> bool:
        """Whether an account may be asked for an offer now."""
        return not lane.name or self._breakers.usable(_of(offer, lane))

    def admit(self, offer: str, lane: Lane) -> bool:
        """Whether a request may be sent to an account now; for one that is open and due, this takes its one trial."""
        return not lane.name or self._breakers.admit(_of(offer, lane))

    def forget_trial(self, offer: str, lane: Lane) -> None:
        """What came of a request says nothing of the account it was sent to."""
        if lane.name and self.is_current(offer, lane):
            self._breakers.forget_trial(_of(offer, lane))

    def succeeded(self, offer: str, lane: Lane) -> None:
        """An account has served a request."""
        if lane.name and self.is_current(offer, lane) and self._breakers.succeeded(_of(offer, lane)):
            self.look_again(offer)

    def failed(self, offer: str, lane: Lane, fault: Fault, detail: str, retry_after: float | None) -> None:
        """An account has refused a request."""
        self._breakers.failed(_of(offer, lane), fault, detail, retry_after)

    def soonest(self, offer: str) -> Breaker | None:
        """Where every account is out for an offer, the breaker of that which may be tried first."""
        lanes = self._lines[_provider(offer)].lanes
        return self._breakers.soonest(_of(offer, lane) for lane in lanes) if lanes[0].name else None

    def troubled(self) -> frozenset[str]:
        """The offers for which an account is out."""
        return frozenset(_offer(name) for name in self._breakers.shut)

    # Room.

    async def enter(self, asking: Asking, seconds: float) -> Lane | None:
        """An account with room for a request; None where there is none in time."""
        offer = asking.offer
        queue = self._queues.get(_provider(offer))
        if queue is None:
            return None
        wants, takes = (lambda: self.wanted(asking)), (lambda lane: self.may(offer, lane))
        if self._rooms is None:
            return await queue.enter(offer, wants, takes, seconds, asking.share)
        number, ends = queue.number(), time.monotonic() + seconds
        while True:
            lane = await queue.enter(offer, wants, takes, ends - time.monotonic(), asking.share, number)
            if lane is None:
                return None
            inside = False
            try:
                inside = await self._rooms.enter(offer, lane)
            finally:
                if not inside:  # the other servers have it all, or it was broken off
                    self._leave_queue(offer, lane)
            if inside:
                return lane

    def occupy(self, offer: str, lane: Lane) -> None:
        """A request is at an account, whether or not that has room."""
        provider = _provider(offer)
        if provider not in self._queues:
            self._queues[provider] = self._queue()
        self._queues[provider].occupy(lane, offer)
        if self._rooms is not None:
            self._rooms.occupy(offer, lane)

    def leave(self, offer: str, lane: Lane) -> None:
        """A request that was at an account has ended."""
        if self._rooms is not None:
            self._rooms.leave(offer, lane)
        self._leave_queue(offer, lane)

    def _leave_queue(self, offer: str, lane: Lane) -> None:
        provider = _provider(offer)
        self._queues[provider].leave(lane, offer)
        if self._queues[provider].idle:  # it was the last one at a provider that is gone
            del self._queues[provider]

    def standing(self, offer: str) -> tuple[int, int | None]:
        """How much room for an offer is taken, and how much there is; None where nobody knows."""
        queue = self._queues.get(_provider(offer))
        return (0, None) if queue is None else queue.standing(offer, lambda lane: self.may(offer, lane))

    def look_again(self, offer: str) -> None:
        """An account of an offer may be used again, or no more."""
        queue = self._queues.get(_provider(offer))
        if queue is not None:
            queue.look_again()

    def dismiss(self, offer: str) -> None:
        """Send away all who wait to ask an offer."""
        queue = self._queues.get(_provider(offer))
        if queue is not None:
            queue.dismiss(offer)

    def news(self) -> Iterator[AccountMeasured]:
        """How busy accounts are, where that has changed since this was last asked."""
        for provider, queue in self._queues.items():
            for lane in queue.lanes:
                load = queue.in_flight[lane.name], queue.waiting
                if load != self._loads.get((provider, lane.name), (0, 0)):
                    self._loads[provider, lane.name] = load
                    yield AccountMeasured(provider=provider, account=lane.name, in_flight=load[0], waiting=load[1])

    def busy(self) -> Iterator[tuple[str, Lane, int, int]]:
        """Every account with its provider, how many requests are at it, and how many wait for the provider."""
        for provider, queue in self._queues.items():
            for lane in queue.lanes:
                yield provider, lane, queue.in_flight[lane.name], queue.waiting

    # Inside.

    def _queue(self) -> Queue:
        """For a provider that is new, or gone."""
        return Queue((), {}, self._rooms)

    def _limit(self, offer: str) -> int | None:
        """How many requests of an offer an account may have under way at once; None for any number."""
        provider, _, model = offer.partition("/")
        line = self._lines.get(provider)
        return None if line is None else line.models.get(model)

    def _adopt_queue(self, provider: str) -> None:
        line = self._lines.get(provider)
        lanes = () if line is None else line.lanes
        queue = self._queues.get(provider)
        if queue is None:
            queue = self._queues[provider] = self._queue()
        queue.adopt(lanes, {} if line is None else _limits(line))
        if queue.idle:
            del self._queues[provider]

    def _named(self, provider: str, account: str) -> Lane | None:
        line = self._lines.get(provider)
        return None if line is None else next((lane for lane in line.lanes if lane.name == account), None)

    def _lane(self, name: str) -> Lane | None:
        """The account that a breaker guards; None where it is gone, or the offer is."""
        offer = _offer(name)
        return self._named(_provider(offer), name.partition(" ")[0]) if self.has(offer) else None


def _limits(line: Line) -> dict[str, int | None]:
    return {f"{line.name}/{model}": most for model, most in line.models.items() if most is not None}


def _changed(before: Mapping[str, Line], after: Mapping[str, Line]) -> Iterator[tuple[str, str]]:
    """Every account, by provider and name, that was not there before, or not with this key and address."""
    for name, line in after.items():
        known = {lane.name: lane.account for lane in before[name].lanes} if name in before else {}
        for lane in line.lanes:
            if known.get(lane.name) != lane.account:
                yield name, lane.name


def _gone(before: Mapping[str, Line], after: Mapping[str, Line]) -> Iterator[Forgotten]:
    """What is configured no more."""
    for name, line in before.items():
        if name not in after:
            yield Forgotten(provider=name)
            continue
        left = {lane.name for lane in after[name].lanes}
        for lane in line.lanes:
            if lane.name not in left:
                yield Forgotten(provider=name, account=lane.name)
        for model in line.models:
            if not after[name].offers(model):
                yield Forgotten(provider=name, model=model)


def _of(offer: str, lane: Lane) -> str:
    """What the breaker of an account is known by."""
    return f"{lane.name} {offer}"


def _offer(name: str) -> str:
    """The offer of a breaker."""
    return name.partition(" ")[2]


def _provider(offer: str) -> str:
    return offer.partition("/")[0]
