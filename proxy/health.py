"""What is known of every offer: a circuit breaker each, fed by what happened to real requests and by nothing else.

closed -> open after failures in a row, a refused key or a vendor's Retry-After; open -> half-open when the time is up:
one request may try; half-open -> closed if that works, open again if it does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from providers.contract import Fault
from proxy.events import BreakerTurned, Tell
from proxy.policy import Standing

COUNTED = frozenset({Fault.UNAVAILABLE, Fault.MALFORMED, Fault.AMBIGUOUS})
"""Faults that say something about the vendor's health when they repeat."""
CREDENTIAL_S = 120.0
"""A refused key is not tried again for so long: nothing but a person mends it."""
LONGEST_S = 600.0
"""What a vendor asks for at most is granted: a mistaken Retry-After must not take an offer out for days."""
THROTTLED_S = 5.0
"""A vendor that throttles without saying for how long is left alone for so long."""


class _Breaker(Struct):
    state: str = "closed"
    failures: int = 0
    opened_until: float = 0.0
    reason: str = ""
    fault: Fault = Fault.UNAVAILABLE


class Health:
    """Breakers by offer. In memory: a restart begins with trust."""

    def __init__(
        self, tell: Tell, *, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`failures` in a row open a breaker for `seconds`."""
        self._tell = tell
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._breakers: dict[str, _Breaker] = {}
        self._shut: set[str] = set()
        """Offers whose breaker is not closed: most of the time none, and then there is nothing to look at."""

    def standings(self) -> Mapping[str, Standing]:
        """What the policy is to know, of the offers that are not simply well."""
        if not self._shut:
            return {}
        now = self._clock()
        return {offer: self._standing(self._breakers[offer], now) for offer in self._shut}

    def states(self) -> Mapping[str, str]:
        """Every breaker's state."""
        return {offer: breaker.state for offer, breaker in self._breakers.items()}

    def admit(self, offer: str) -> bool:
        """Whether a request may try the offer now; for one that is open and due, this takes the one trial there is."""
        breaker = self._breakers.get(offer)
        if breaker is None or breaker.state == "closed":
            return True
        if breaker.state == "half_open" or self._clock() < breaker.opened_until:
            return False
        self._turn(offer, breaker, "half_open", "one request tries")
        return True

    def forget_trial(self, offer: str) -> None:
        """The request that was admitted came to nothing that says anything: the trial is free again."""
        breaker = self._breakers.get(offer)
        if breaker is not None and breaker.state == "half_open":
            breaker.opened_until = self._clock()
            self._turn(offer, breaker, "open", "the trial said nothing")

    def succeeded(self, offer: str) -> None:
        """A request was served."""
        breaker = self._breakers.get(offer)
        if breaker is None:
            self._breakers[offer] = _Breaker()
            return
        breaker.failures = 0
        if breaker.state != "closed":
            self._turn(offer, breaker, "closed", "it works again")

    def failed(self, offer: str, fault: Fault, detail: str, retry_after: float | None) -> None:
        """A request failed; a fault of the request's own says nothing about the offer."""
        breaker = self._breakers.setdefault(offer, _Breaker())
        now = self._clock()
        if fault is Fault.THROTTLED:
            self._open(offer, breaker, now + (retry_after or THROTTLED_S), fault, "is throttled by its vendor")
        elif fault is Fault.CREDENTIAL:
            self._open(offer, breaker, now + CREDENTIAL_S, fault, "is refused by its vendor: key or credit")
        elif fault in COUNTED:
            breaker.failures += 1
            if breaker.state == "half_open" or breaker.failures >= self._failures or retry_after:
                self._open(offer, breaker, now + (retry_after or self._seconds), fault, f"keeps failing: {detail}")
        else:
            self.forget_trial(offer)

    def _open(self, offer: str, breaker: _Breaker, until: float, fault: Fault, reason: str) -> None:
        until = min(until, self._clock() + LONGEST_S)
        breaker.opened_until, breaker.fault, breaker.reason = until, fault, reason
        self._turn(offer, breaker, "open", reason)

    def _turn(self, offer: str, breaker: _Breaker, state: str, why: str) -> None:
        turned = breaker.state != state
        breaker.state = state
        if state == "closed":
            self._shut.discard(offer)
        else:
            self._shut.add(offer)
        if turned:
            self._tell(BreakerTurned(offer=offer, state=state, why=why))

    def _standing(self, breaker: _Breaker, now: float) -> Standing:
        wait = breaker.opened_until - now
        if breaker.state == "open" and wait <= 0:
            return Standing()
        fault = Fault.THROTTLED if breaker.fault is Fault.THROTTLED else Fault.UNAVAILABLE
        return Standing(usable=False, reason=breaker.reason, fault=fault, retry_after=max(wait, 1.0))
