"""What is known of every offer: a circuit breaker, its errors and its pace in the last minutes, the room at its vendor.

Fed by what happened to real requests and by nothing else: a health check never buys a picture. Where a vendor has
several accounts, each has a breaker of its own for every offer: a key that is refused, or a limit that is reached,
takes out that account only, and the offer is out when all its accounts are.

Servers share the room at accounts, what turns breakers, and what they count of errors and pace: a window is that of
all servers' requests, within about a second. Failures in a row each counts by itself, for its own have an order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from providers.contract import Failure, Fault
from proxy.events import AccountTurned, BreakerTurned, Tell
from proxy.health.accounts import Accounts, Asking
from proxy.health.breaker import COUNTED, CREDENTIAL_S, LONGEST_S, REFUSING, THROTTLED_S, Breakers, What
from proxy.health.elsewhere import Elsewhere, Kind
from proxy.health.pace import FRESH_S, Paces
from proxy.health.pooled import Later, Pooled
from proxy.health.standings import AccountStanding, Thresholds, account_standings
from proxy.health.turns import Share
from proxy.health.window import Counts
from proxy.lines import Lane, Line
from proxy.policy import Standing
from proxy.shared import Shared

__all__ = [
    "CREDENTIAL_S",
    "LONGEST_S",
    "REFUSING",
    "THROTTLED_S",
    "AccountStanding",
    "Asking",
    "Health",
    "Share",
    "Thresholds",
]

LEAST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Whoever found no room is told to come again in so many seconds: this many at least, and at most."""


class Health:
    """Of all offers. In memory: a restart begins with trust. On the event loop only."""

    def __init__(
        self,
        tell: Tell,
        thresholds: Thresholds,
        lines: Mapping[str, Line],
        *,
        shared: Shared | None = None,
        clock: Callable[[], float] = time.monotonic,
        later: Later | None = None,
    ) -> None:
        """`lines`: how each provider is reached, by its name; `shared`: what other servers hear of, and count; `later`:
        see `Pooled`.
        """
        self._tell = tell
        self._opens = thresholds
        self._clock = clock
        kind = partial(Breakers, failures=thresholds.failures, seconds=thresholds.seconds, clock=clock)
        self._offers = kind(self._offer_turned)
        self._of_accounts = kind(self._account_turned)
        self._accounts = Accounts(tell, self._of_accounts, lines, shared)
        if shared is not None:
            kinds: dict[Kind, Breakers] = {"offer": self._offers, "account": self._of_accounts}
            Elsewhere(shared.board, kinds, self._accounts, self._heard, clock)
        pooled = None
        if shared is not None and shared.gates is not None:
            pooled = Pooled(shared.board, self._observed, later)
        self._paces = Paces(thresholds.window_s, pooled)
        self._standings: dict[str, Standing] = {}
        self._fresh_until = 0.0

    def adopt(self, opens: Thresholds, lines: Mapping[str, Line]) -> None:
        """Go by another configuration from now on; what is known of the offers and accounts it still has stays known.

        An account with another key begins with trust, and so does an offer that was out for what its accounts had to
        say. What is under way at accounts that are gone ends as it would have; who waits for them goes to those there
        are, or is sent away where there is none.
        """
        self._opens = opens
        for breakers in (self._offers, self._of_accounts):
            breakers.adopt(opens.failures, opens.seconds)
        changed = self._accounts.adopt(lines)
        self._offers.forget(self._is_gone)
        self._paces.adopt(opens.window_s, self._is_gone, self._clock())
        self._fresh_until = 0.0
        for offer in tuple(self._offers.shut):
            if self._offers[offer].fault in REFUSING and offer.partition("/")[0] in changed:
                self._offers.pardon(offer, "it has another account")
        for offer in self._accounts.troubled() - self._offers.shut:
            self._check_accounts(offer)

    # What the policy is to know.

    def standings(self) -> Mapping[str, Standing]:
        """What is known, of every offer that was ever asked."""
        now = self._clock()
        if now >= self._fresh_until:
            self._standings = {offer: self._measured_standing(offer, now) for offer in self._paces}
            self._fresh_until = now + FRESH_S
        if not self._offers.shut:
            return self._standings
        out = {offer: self._out(self._standings.get(offer, Standing()), offer, now) for offer in self._offers.shut}
        return self._standings | out

    def states(self) -> Mapping[str, str]:
        """Every breaker's state."""
        return self._offers.states()

    def accounts(self) -> list[AccountStanding]:
        """What is known of every account we have, in the order of the configuration."""
        return account_standings(self._of_accounts.states(), self._accounts.busy())

    def p95(self, offer: str) -> float | None:
        """Seconds that nineteen of twenty of an offer's latest requests took at most; None where nobody can say yet."""
        return self._paces.measured(offer, self._clock()).p95

    # Who may ask.

    def admit(self, offer: str) -> bool:
        """Whether a request may try the offer now; for one that is open and due, this takes the one trial there is."""
        return self._offers.admit(offer)

    def forget_trial(self, offer: str, lane: Lane | None = None) -> None:
        """The request that was admitted came to nothing that says anything: the trial is free again."""
        self._offers.forget_trial(offer)
        if lane is not None:
            self._accounts.forget_trial(offer, lane)

    async def enter(self, asking: Asking, seconds: float) -> Lane:
        """An account of the offer's provider with room for one request more; `leave` it when that has ended.

        Where all are busy it waits its turn. Raises THROTTLED when that takes more than `seconds`, UNAVAILABLE where
        the offer is out, or none of its accounts will do.
        """
        offer, ends = asking.offer, time.monotonic() + seconds
        while True:
            patience = 0.0 if self._is_open(offer) else ends - time.monotonic()
            lane = await self._accounts.enter(asking, patience)
            if lane is None:
                failure = self._no_room(asking)
                self._offers.forget_trial(offer)
                raise failure
            if self._accounts.admit(offer, lane):
                return lane
            self._accounts.leave(offer, lane)  # another request took the trial of this account a moment ago
            await asyncio.sleep(0)

    def occupy(self, offer: str, lane: Lane) -> None:
        """A job of an earlier process is at an account, whether or not that has room; `leave` it when it has ended."""
        self._accounts.occupy(offer, lane)

    def leave(self, offer: str, lane: Lane) -> None:
        """A request that was at an account has ended."""
        self._accounts.leave(offer, lane)

    # What happened.

    def succeeded(self, offer: str, seconds: float, lane: Lane | None = None) -> None:
        """A request was served, and took so long."""
        if self._is_gone(offer):
            return
        now = self._clock()
        self._paces.served(offer, now, seconds)
        if self._offers.succeeded(offer):
            self._paces.pardon(offer, now)
        if lane is not None:
            self._accounts.succeeded(offer, lane)

    def failed(
        self, offer: str, fault: Fault, detail: str, retry_after: float | None, lane: Lane | None = None
    ) -> None:
        """A request failed; a fault of the request's own says nothing about the offer."""
        if self._is_gone(offer):
            return
        self._paces.window(offer)  # it was asked
        if lane is not None and fault in REFUSING and not self._accounts.is_current(offer, lane):
            self._offers.forget_trial(offer)  # what is said to a key that is not used any more
            return
        if lane is not None and lane.name and fault in REFUSING:
            self._accounts.failed(offer, lane, fault, detail, retry_after)
            self._check_accounts(offer)
            self._accounts.look_again(offer)
            return
        if lane is not None:
            self._accounts.forget_trial(offer, lane)
        self._offers.failed(offer, fault, detail, retry_after)
        if fault in COUNTED:
            now = self._clock()
            self._paces.failed(offer, now)
            self._check_rate(offer, now, fault, detail)

    def _check_rate(self, offer: str, now: float, fault: Fault, detail: str) -> None:
        """An offer is out once so large a share of its requests, at all servers, fail."""
        failed, requests = self._paces.window(offer).counts(now)
        if requests >= self._opens.least and failed >= self._opens.rate * requests and self._offers.usable(offer):
            self._offers.open(offer, None, fault, f"failed {failed} of its last {requests} requests: {detail}")

    def _check_accounts(self, offer: str) -> None:
        """An offer is out once all its accounts are, until the first of them may be tried again."""
        first = self._accounts.soonest(offer)
        if first is not None:
            self._offers.open(offer, first.opened_until, first.fault, f"has no account left: it {first.reason}")

    # What is told now and then.

    def report(self) -> None:
        """Tell what is measured and has changed since."""
        for pace in self._paces.news(self._clock()):
            self._tell(pace)
        for load in self._accounts.news():
            self._tell(load)

    # Inside.

    def _is_gone(self, offer: str) -> bool:
        return not self._accounts.has(offer)

    def _is_open(self, offer: str) -> bool:
        return offer in self._offers.shut and self._offers[offer].state == "open" and not self._offers.usable(offer)

    def _no_room(self, asking: Asking) -> Failure:
        offer, wants = asking.offer, self._accounts.wanted(asking)
        if self._is_open(offer):
            standing = self._out(Standing(), offer, self._clock())
            return Failure(standing.fault, f"{offer} {standing.reason}", retry_after=standing.retry_after)
        if any(self._accounts.may(offer, lane) for lane in wants):
            return Failure(Fault.THROTTLED, f"{offer} had no room in time", retry_after=self._until_room(offer))
        if self._is_gone(offer):
            return Failure(Fault.UNAVAILABLE, f"{offer} is configured no more")
        return Failure(Fault.UNAVAILABLE, f"{offer} has no account that may be used now", retry_after=1.0)

    def _until_room(self, offer: str) -> float:
        """Seconds until one more may be served, at the offer's present pace; a guess, within bounds."""
        load, room = self._accounts.standing(offer)
        turn = (self._paces.measured(offer, self._clock()).p50 or LEAST_WAIT_S) / max(1, room or 1)
        return min(max(LEAST_WAIT_S, turn * (load - (room or 0) + 1)), LONGEST_WAIT_S)

    def _measured_standing(self, offer: str, now: float) -> Standing:
        measured = self._paces.measured(offer, now)
        in_flight, room = self._accounts.standing(offer)
        return Standing(
            error_rate=measured.error_rate,
            p50=measured.p50,
            p95=measured.p95,
            p99=measured.p99,
            in_flight=in_flight,
            room=room,
        )

    def _out(self, standing: Standing, offer: str, now: float) -> Standing:
        """The standing of an offer whose breaker is not closed."""
        breaker = self._offers[offer]
        wait = breaker.opened_until - now
        if breaker.state == "open" and wait <= 0:
            return standing
        fault = Fault.THROTTLED if breaker.fault is Fault.THROTTLED else Fault.UNAVAILABLE
        return replace(standing, usable=False, reason=breaker.reason, fault=fault, retry_after=max(wait, 1.0))

    def _heard(self, kind: Kind, what: What, offer: str) -> None:
        """Another server found something, and its breaker here has turned."""
        if kind == "offer":
            if what == "closed":
                self._paces.pardon(offer, self._clock())
            return
        if what == "opened":
            self._check_accounts(offer)
        if what != "tried":
            self._accounts.look_again(offer)

    def _observed(self, offer: str, counts: Counts) -> None:
        """Another server had requests."""
        if self._is_gone(offer):
            return
        now = self._clock()
        self._paces.add(offer, now, counts)
        if counts.failed:
            self._check_rate(offer, now, Fault.UNAVAILABLE, "some of them at another server")

    def _offer_turned(self, offer: str, state: str, why: str) -> None:
        self._tell(BreakerTurned(offer=offer, state=state, why=why))
        if state == "open":
            self._accounts.dismiss(offer)

    def _account_turned(self, name: str, state: str, why: str) -> None:
        account, _, offer = name.partition(" ")
        provider, _, model = offer.partition("/")
        self._tell(AccountTurned(provider=provider, model=model, account=account, state=state, why=why))
