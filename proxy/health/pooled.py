"""What servers measure, put together: each tells what its requests came to, and counts what the others tell as its own.

Told are counts, not averages, for only counts can be added: at most once a second, and only of offers that had requests
since. What is heard counts as of when it is heard, for servers have no clock in common. News that is lost is not told
again: while Redis is gone each server goes by its own requests, and one that starts learns from there on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from secrets import token_hex

import msgspec
from msgspec import Struct

from proxy.health.window import Counts, class_of
from proxy.shared import Board

TOPIC = "paces"
EVERY_S = 1.0
"""No server tells more often, however many requests it has."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls back after so many seconds."""


class Observed(Struct, frozen=True, kw_only=True):
    """What one server's requests came to since it last told."""

    server: str
    offers: dict[str, Counts]


class Pooled:
    """Tells other servers, and hears them. On the event loop only."""

    def __init__(self, board: Board, heard: Callable[[str, Counts], None], later: Later | None = None) -> None:
        """`heard` is told an offer and what another server counted of it; `later`: the event loop's by default."""
        self._board = board
        self._hear = heard
        self._later = later or _on_the_loop
        self._own = token_hex(6)
        self._untold: dict[str, Counts] = {}
        self._due = False
        board.listen(TOPIC, self._heard)

    def served(self, offer: str, seconds: float) -> None:
        """A request was served here, and took so long."""
        counts, place = self._of(offer), class_of(seconds)
        counts.seconds[place] = counts.seconds.get(place, 0) + 1

    def failed(self, offer: str) -> None:
        """A request failed here, and not by its own fault."""
        self._of(offer).failed += 1

    def pardon(self, offer: str) -> None:
        """What failed is forgotten, everywhere: nobody is to hear of it any more."""
        if offer in self._untold:
            self._untold[offer].failed = 0

    def _of(self, offer: str) -> Counts:
        if not self._due:
            self._due = True
            self._later(EVERY_S, self._tell)
        return self._untold.setdefault(offer, Counts())

    def _tell(self) -> None:
        self._due = False
        offers, self._untold = {offer: counts for offer, counts in self._untold.items() if counts}, {}
        if offers:
            observed = Observed(server=self._own, offers=offers)
            self._board.tell(TOPIC, msgspec.json.encode(observed).decode())

    def _heard(self, words: str) -> None:
        observed = msgspec.json.decode(words, type=Observed)
        if observed.server == self._own:  # it is counted here already
            return
        for offer, counts in observed.offers.items():
            self._hear(offer, counts)


def _on_the_loop(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)
