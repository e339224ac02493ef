"""What is known of every offer: a circuit breaker, its errors and its pace in the last minutes, the room at its vendor.

Fed by what happened to real requests and by nothing else: a health check never buys a picture. Where a vendor has
several accounts, each has a breaker of its own for every offer: a key that is refused, or a limit that is reached,
takes out that account only, and the offer is out when all its accounts are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Failure, Fault
from proxy.events import AccountMeasured, AccountTurned, BreakerTurned, OfferMeasured, Tell
from proxy.health.breaker import COUNTED, CREDENTIAL_S, LONGEST_S, REFUSING, THROTTLED_S, Breakers
from proxy.health.queue import Queue
from proxy.health.window import Measured, Window
from proxy.lines import Lane, Line
from proxy.policy import Standing

__all__ = ["CREDENTIAL_S", "LONGEST_S", "REFUSING", "THROTTLED_S", "Health", "Thresholds"]

FRESH_S = 0.5
"""What was measured is measured anew no more often: to look at it costs every request."""


class Thresholds(Struct, frozen=True, kw_only=True):
    """What opens a breaker, and for how long."""

    failures: int
    """In a row."""
    seconds: float
    """It stays open, before one request may try."""
    rate: float = 0.5
    """Share of the requests in the window that failed, 0 to 1 ..."""
    least: int = 20
    """... where there were so many."""
    window_s: float = 300.0
    """How far back is looked."""


class _Seen(Struct):
    """An offer's window, and what it said when it was last asked."""

    window: Window
    measured: Measured = Measured()
    at: float = 0.0
    told: Measured | None = None


class Health:
    """Of all offers. In memory: a restart begins with trust. On the event loop only."""

    def __init__(
        self,
        tell: Tell,
        thresholds: Thresholds,
        lines: Mapping[str, Line] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lines`: how each provider is reached, by its name."""
        self._tell = tell
        self._opens = thresholds
        self._lines = lines or {}
        self._clock = clock
        kind = partial(Breakers, failures=thresholds.failures, seconds=thresholds.seconds, clock=clock)
        self._offers = kind(self._offer_turned)
        self._accounts = kind(self._account_turned)
        self._queues = {name: Queue(line.lanes) for name, line in self._lines.items()}
        self._seen: dict[str, _Seen] = {}
        self._standings: dict[str, Standing] = {}
        self._fresh_until = 0.0
        self._loads: dict[tuple[str, str], tuple[int, int]] = {}

    # What the policy is to know.

    def standings(self) -> Mapping[str, Standing]:
        """What is known, of every offer that was ever asked."""
        now = self._clock()
        if now >= self._fresh_until:
            self._standings = {offer: self._measured_standing(offer, now) for offer in self._seen}
            self._fresh_until = now + FRESH_S
        if not self._offers.shut:
            return self._standings
        out = {offer: self._out(self._standings.get(offer, Standing()), offer, now) for offer in self._offers.shut}
        return self._standings | out

    def states(self) -> Mapping[str, str]:
        """Every breaker's state."""
        return self._offers.states()

    def p95(self, offer: str) -> float | None:
        """Seconds that nineteen of twenty of an offer's latest requests took at most; None where nobody can say yet."""
        seen = self._seen.get(offer)
        return None if seen is None else self._measure(seen, self._clock()).p95

    # Who may ask.

    def admit(self, offer: str) -> bool:
        """Whether a request may try the offer now; for one that is open and due, this takes the one trial there is."""
        return self._offers.admit(offer)

    def forget_trial(self, offer: str, lane: Lane | None = None) -> None:
        """The request that was admitted came to nothing that says anything: the trial is free again."""
        self._offers.forget_trial(offer)
        if lane is not None and lane.name:
            self._accounts.forget_trial(_of(offer, lane))

    async def enter(self, offer: str, key: str, without: frozenset[str], seconds: float) -> Lane:
        """An account of the offer's provider with room for one request more; `leave` it when that has ended.

        `key` says which of several is preferred, `without` names those that have refused it already. Where all are busy
        it waits its turn. Raises THROTTLED when that takes more than `seconds`, UNAVAILABLE where the offer is out.
        """
        provider = offer.partition("/")[0]
        queue = self._queues[provider]
        wants = [lane for lane in self._lines[provider].order(key) if lane.name not in without]
        ends = time.monotonic() + seconds
        while True:
            patience = 0.0 if self._is_open(offer) else ends - time.monotonic()
            lane = await queue.enter(offer, wants, lambda lane: self._may(offer, lane), patience)
            if lane is None:
                failure = self._no_room(offer, wants)
                self._offers.forget_trial(offer)
                raise failure
            if not lane.name or self._accounts.admit(_of(offer, lane)):
                return lane
            queue.leave(lane)  # another request took the trial of this account a moment ago
            await asyncio.sleep(0)

    def leave(self, offer: str, lane: Lane) -> None:
        """A request that was at an account has ended."""
        self._queues[offer.partition("/")[0]].leave(lane)

    # What happened.

    def succeeded(self, offer: str, seconds: float, lane: Lane | None = None) -> None:
        """A request was served, and took so long."""
        now = self._clock()
        seen = self._window(offer)
        seen.window.served(now, seconds)
        if self._offers.succeeded(offer):
            seen.window.pardon(now)
        if lane is not None and lane.name and self._accounts.succeeded(_of(offer, lane)):
            self._queues[offer.partition("/")[0]].look_again()

    def failed(
        self, offer: str, fault: Fault, detail: str, retry_after: float | None, lane: Lane | None = None
    ) -> None:
        """A request failed; a fault of the request's own says nothing about the offer."""
        seen = self._window(offer)
        if lane is not None and lane.name:
            if fault in REFUSING:
                self._account_failed(offer, lane, fault, detail, retry_after)
                return
            self._accounts.forget_trial(_of(offer, lane))
        self._offers.failed(offer, fault, detail, retry_after)
        if fault in COUNTED:
            now = self._clock()
            seen.window.failed(now)
            failed, requests = seen.window.counts(now)
            if requests >= self._opens.least and failed >= self._opens.rate * requests and self._offers.usable(offer):
                reason = f"failed {failed} of its last {requests} requests: {detail}"
                self._offers.open(offer, None, fault, reason)

    def _account_failed(self, offer: str, lane: Lane, fault: Fault, detail: str, retry_after: float | None) -> None:
        """One account is out; the offer is, too, once all are, until the first of them may be tried again."""
        self._accounts.failed(_of(offer, lane), fault, detail, retry_after)
        first = self._accounts.soonest(_of(offer, each) for each in self._line(offer).lanes)
        if first is not None:
            self._offers.open(offer, first.opened_until, first.fault, f"has no account left: it {first.reason}")
        self._queues[offer.partition("/")[0]].look_again()

    # What is told now and then.

    def report(self) -> None:
        """Tell what is measured and has changed since."""
        now = self._clock()
        for offer, seen in self._seen.items():
            measured = self._measure(seen, now)
            if measured != seen.told:
                seen.told = measured
                provider, _, model = offer.partition("/")
                told = {name: getattr(measured, name) for name in ("error_rate", "p50", "p95", "p99")}
                self._tell(OfferMeasured(provider=provider, model=model, **told))
        for provider, queue in self._queues.items():
            for lane in queue.lanes:
                load = queue.in_flight[lane.name], queue.waiting
                if load != self._loads.get((provider, lane.name), (0, 0)):
                    self._loads[provider, lane.name] = load
                    self._tell(
                        AccountMeasured(provider=provider, account=lane.name, in_flight=load[0], waiting=load[1])
                    )

    # Inside.

    def _line(self, offer: str) -> Line:
        return self._lines[offer.partition("/")[0]]

    def _may(self, offer: str, lane: Lane) -> bool:
        return not lane.name or self._accounts.usable(_of(offer, lane))

    def _is_open(self, offer: str) -> bool:
        return offer in self._offers.shut and self._offers[offer].state == "open" and not self._offers.usable(offer)

    def _no_room(self, offer: str, wants: list[Lane]) -> Failure:
        if self._is_open(offer):
            standing = self._out(Standing(), offer, self._clock())
            return Failure(standing.fault, f"{offer} {standing.reason}", retry_after=standing.retry_after)
        if any(self._may(offer, lane) for lane in wants):
            return Failure(Fault.THROTTLED, f"{offer} had no room in time", retry_after=1.0)
        return Failure(Fault.UNAVAILABLE, f"{offer} has no account that may be used now", retry_after=1.0)

    def _window(self, offer: str) -> _Seen:
        seen = self._seen.get(offer)
        if seen is None:
            seen = self._seen[offer] = _Seen(Window(self._opens.window_s))
        return seen

    def _measure(self, seen: _Seen, now: float) -> Measured:
        if now >= seen.at + FRESH_S:
            seen.measured, seen.at = seen.window.measured(now), now
        return seen.measured

    def _measured_standing(self, offer: str, now: float) -> Standing:
        measured = self._measure(self._seen[offer], now)
        queue = self._queues.get(offer.partition("/")[0])
        return Standing(
            error_rate=measured.error_rate,
            p50=measured.p50,
            p95=measured.p95,
            p99=measured.p99,
            in_flight=0 if queue is None else queue.load(),
            room=None if queue is None else queue.room(lambda lane: self._may(offer, lane)),
        )

    def _out(self, standing: Standing, offer: str, now: float) -> Standing:
        """The standing of an offer whose breaker is not closed."""
        breaker = self._offers[offer]
        wait = breaker.opened_until - now
        if breaker.state == "open" and wait <= 0:
            return standing
        fault = Fault.THROTTLED if breaker.fault is Fault.THROTTLED else Fault.UNAVAILABLE
        return replace(standing, usable=False, reason=breaker.reason, fault=fault, retry_after=max(wait, 1.0))

    def _offer_turned(self, offer: str, state: str, why: str) -> None:
        self._tell(BreakerTurned(offer=offer, state=state, why=why))
        queue = self._queues.get(offer.partition("/")[0])
        if state == "open" and queue is not None:
            queue.dismiss(offer)

    def _account_turned(self, name: str, state: str, why: str) -> None:
        account, _, offer = name.partition(" ")
        provider, _, model = offer.partition("/")
        self._tell(AccountTurned(provider=provider, model=model, account=account, state=state, why=why))


def _of(offer: str, lane: Lane) -> str:
    """What the breaker of an account is known by: each offer finds out for itself, for limits and rights differ."""
    return f"{lane.name} {offer}"
