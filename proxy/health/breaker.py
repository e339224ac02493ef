"""Circuit breakers, by the name of what they guard.

closed -> open after failures in a row, a refused key or a vendor's Retry-After; open -> half-open when the time is up:
one request may try; half-open -> closed if that works, open again if it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from providers.contract import Fault

COUNTED = frozenset({Fault.UNAVAILABLE, Fault.MALFORMED, Fault.AMBIGUOUS})
"""Faults that say something about the vendor's health when they repeat."""
REFUSING = frozenset({Fault.CREDENTIAL, Fault.THROTTLED})
"""Faults about our account with the vendor: one is enough."""
CREDENTIAL_S = 120.0
"""A refused key is not tried again for so long: nothing but a person mends it."""
LONGEST_S = 600.0
"""What a vendor asks for at most is granted: a mistaken Retry-After must not take an offer out for days."""
THROTTLED_S = 5.0
"""A vendor that throttles without saying for how long is left alone for so long."""
NEWS_S = 1.0
"""What is open and stays so for less than this longer is no news."""

What = Literal["opened", "tried", "freed", "closed"]
"""What other servers are told of a breaker; `freed`: the trial came to nothing that says anything."""


def _nobody(what: What, name: str) -> None:
    """There is no other server."""


class Breaker(Struct):
    """The state of one."""

    state: str = "closed"
    failures: int = 0
    opened_until: float = 0.0
    reason: str = ""
    fault: Fault = Fault.UNAVAILABLE
    news: float = 0.0
    """Until when it is open, as others were told it last."""
    postponed: float | None = None
    """Until when it was open before another server took the trial."""


class Breakers:
    """All of a kind. In memory: a restart begins with trust."""

    def __init__(
        self, turned: Callable[[str, str, str], None], *, failures: int, seconds: float, clock: Callable[[], float]
    ) -> None:
        """`failures` in a row open a breaker for `seconds`; `turned` is told the name, the new state, and why."""
        self._turned = turned
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self.tell: Callable[[What, str], None] = _nobody
        """Is told what happened to a breaker here, for other servers to hear."""
        self.shut: set[str] = set()
        """Those that are not closed: most of the time none, and then there is nothing to look at."""

    def __getitem__(self, name: str) -> Breaker:
        """One that something has happened to."""
        return self._breakers[name]

    def adopt(self, failures: int, seconds: float) -> None:
        """Open after so many failures and for so long from now on; what is open stays so for as long as it was told."""
        self._failures = failures
        self._seconds = seconds

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Nothing is known any more of what is gone."""
        for name in [name for name in self._breakers if gone(name)]:
            del self._breakers[name]
            self.shut.discard(name)

    def pardon(self, name: str, why: str) -> None:
        """What was held against one does not hold any more."""
        breaker = self._breakers.get(name)
        if breaker is not None:
            breaker.failures = 0
            if breaker.state != "closed":
                self._turn(name, breaker, "closed", why)

    def states(self) -> dict[str, str]:
        """Every breaker's state."""
        return {name: breaker.state for name, breaker in self._breakers.items()}

    def usable(self, name: str) -> bool:
        """Whether a request would be admitted now."""
        if name not in self.shut:
            return True
        breaker = self._breakers[name]
        return breaker.state == "open" and self._clock() >= breaker.opened_until

    def admit(self, name: str) -> bool:
        """Whether a request may try now; for one that is open and due, this takes the one trial there is."""
        if name not in self.shut:
            return True
        if not self.usable(name):
            return False
        self._turn(name, self._breakers[name], "half_open", "one request tries")
        self.tell("tried", name)
        return True

    def forget_trial(self, name: str) -> None:
        """The request that was admitted came to nothing that says anything: the trial is free again."""
        breaker = self._breakers.get(name)
        if breaker is not None and breaker.state == "half_open":
            breaker.opened_until = self._clock()
            self._turn(name, breaker, "open", "the trial said nothing")
            self.tell("freed", name)

    def succeeded(self, name: str) -> bool:
        """A request was served; whether that closed the breaker."""
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = Breaker()
        breaker.failures = 0
        if breaker.state == "closed":
            return False
        self._turn(name, breaker, "closed", "it works again")
        self.tell("closed", name)
        return True

    def failed(self, name: str, fault: Fault, detail: str, retry_after: float | None) -> None:
        """A request failed; a fault of the request's own says nothing about what is guarded."""
        breaker = self._breakers.setdefault(name, Breaker())
        now = self._clock()
        if fault is Fault.THROTTLED:
            self.open(name, now + (retry_after or THROTTLED_S), fault, "is throttled by its vendor")
        elif fault is Fault.CREDENTIAL:
            self.open(name, now + CREDENTIAL_S, fault, "is refused by its vendor: key or credit")
        elif fault in COUNTED:
            breaker.failures += 1
            if breaker.state == "half_open" or breaker.failures >= self._failures or retry_after:
                self.open(name, now + (retry_after or self._seconds), fault, f"keeps failing: {detail}")
        else:
            self.forget_trial(name)

    def open(self, name: str, until: float | None, fault: Fault, reason: str, *, why: str | None = None) -> None:
        """Open one until a moment of the clock; for the usual time by default. `why` it turns, if not for that."""
        breaker = self._breakers.setdefault(name, Breaker())
        now = self._clock()
        breaker.opened_until = min(now + self._seconds if until is None else until, now + LONGEST_S)
        breaker.fault, breaker.reason, breaker.postponed = fault, reason, None
        is_news = breaker.state != "open" or breaker.opened_until >= breaker.news + NEWS_S
        self._turn(name, breaker, "open", why or reason)
        if is_news:
            breaker.news = breaker.opened_until
            self.tell("opened", name)

    # What other servers found.

    def opened_elsewhere(self, name: str, seconds: float, fault: Fault, reason: str) -> None:
        """Open one for so long, unless it is open for longer."""
        until, breaker = self._clock() + seconds, self._breakers.get(name)
        if breaker is None or breaker.state != "open" or breaker.postponed is not None or breaker.opened_until < until:
            self.open(name, until, fault, reason, why=f"{reason}, another server found")

    def tried_elsewhere(self, name: str, seconds: float) -> None:
        """Another server has the trial of one that is open: there is none here until it is told what came of it, or
        for so long.
        """
        breaker = self._breakers.get(name)
        if breaker is not None and breaker.state == "open":
            if breaker.postponed is None:
                breaker.postponed = breaker.opened_until
            breaker.opened_until = max(breaker.opened_until, self._clock() + seconds)

    def freed_elsewhere(self, name: str) -> None:
        """That trial came to nothing that says anything: it is anybody's."""
        breaker = self._breakers.get(name)
        if breaker is not None and breaker.postponed is not None:
            breaker.opened_until, breaker.postponed = breaker.postponed, None

    def soonest(self, names: Iterable[str]) -> Breaker | None:
        """Of those that are all shut, the open one that may be tried first; None where one is not shut."""
        names = tuple(names)
        if any(name not in self.shut for name in names):
            return None
        opened = [self._breakers[name] for name in names if self._breakers[name].state == "open"]
        return min(opened, key=lambda breaker: breaker.opened_until, default=None)

    def _turn(self, name: str, breaker: Breaker, state: str, why: str) -> None:
        turned = breaker.state != state
        breaker.state = state
        if state != "open":
            breaker.postponed = None
        if state == "closed":
            self.shut.discard(name)
        else:
            self.shut.add(name)
        if turned:
            self._turned(name, state, why)
