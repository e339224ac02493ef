"""What other servers found: a breaker that turns at one of them turns at all.

It is told in seconds, for servers have no clock in common. One request of one server tries: the others hold theirs back
until they hear what came of it. Of two that begin in the same millisecond both try; that is all it can come to. Who
does not hear, because Redis is gone, finds out by itself, as a server alone does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from secrets import token_hex
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from providers.contract import Fault
from proxy.health.breaker import REFUSING, Breakers, What
from proxy.shared import Board

TOPIC = "breakers"
TRIAL_S = 30.0
"""A server that has the trial and is not heard of any more keeps the others from theirs for so long."""

Kind = Literal["offer", "account"]
"""What a breaker guards."""


class Found(Struct, frozen=True, kw_only=True):
    """What one server tells of a breaker."""

    server: str
    kind: Kind
    what: What
    name: str
    seconds: float
    """How long it stays open."""
    fault: Fault
    reason: str
    mark: str
    """Of the accounts that this was found with."""


class Known(Protocol):
    """What is configured here."""

    def has(self, offer: str) -> bool:
        """Whether an offer is."""
        ...

    def guards(self, name: str) -> bool:
        """Whether there is what the breaker of an account guards."""
        ...

    def mark(self, offer: str) -> str:
        """What tells the accounts of an offer from others under the same names."""
        ...


class Elsewhere:
    """Tells other servers, and hears them. On the event loop only."""

    def __init__(
        self,
        board: Board,
        breakers: Mapping[Kind, Breakers],
        known: Known,
        turned: Callable[[Kind, What, str], None],
        clock: Callable[[], float],
    ) -> None:
        """`turned` is told the offer whose breaker, or an account's for it, has turned because of another server."""
        self._board = board
        self._breakers = breakers
        self._known = known
        self._turned = turned
        self._clock = clock
        self._own = token_hex(6)
        self._hearing = False
        """What follows from what was heard others find out as well, and are not told."""
        for kind, each in breakers.items():
            each.tell = partial(self._tell, kind)
        board.listen(TOPIC, self._heard)

    def _tell(self, kind: Kind, what: What, name: str) -> None:
        if self._hearing or not self._is_known(kind, name):
            return
        breaker = self._breakers[kind][name]
        found = Found(
            server=self._own,
            kind=kind,
            what=what,
            name=name,
            seconds=max(0.0, breaker.opened_until - self._clock()),
            fault=breaker.fault,
            reason=breaker.reason,
            mark=self._known.mark(_offer(kind, name)),
        )
        self._board.tell(TOPIC, msgspec.json.encode(found).decode())

    def _heard(self, words: str) -> None:
        found = msgspec.json.decode(words, type=Found)
        if found.server == self._own or not self._is_known(found.kind, found.name):
            return
        offer = _offer(found.kind, found.name)
        if found.fault in REFUSING and found.mark != self._known.mark(offer):
            return  # what is said to a key that is not ours
        self._hearing = True
        try:
            self._turn(self._breakers[found.kind], found)
            self._turned(found.kind, found.what, offer)
        finally:
            self._hearing = False

    def _turn(self, breakers: Breakers, found: Found) -> None:
        match found.what:
            case "opened":
                breakers.opened_elsewhere(found.name, found.seconds, found.fault, found.reason)
            case "tried":
                breakers.tried_elsewhere(found.name, TRIAL_S)
            case "freed":
                breakers.freed_elsewhere(found.name)
            case "closed":
                breakers.pardon(found.name, "it works again, another server found")

    def _is_known(self, kind: Kind, name: str) -> bool:
        return self._known.has(name) if kind == "offer" else self._known.guards(name)


def _offer(kind: Kind, name: str) -> str:
    """The offer that a breaker is about."""
    return name if kind == "offer" else name.partition(" ")[2]
