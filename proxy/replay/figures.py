"""What a replay comes to: whole micro-USD and counts, added up request by request. Pure.

A request that stays with the offer that served it costs what it did cost, changed as its quote changed. One that moves
costs its quote there, times what that offer has taken of its quotes so far. So with nothing changed every figure is the
ledger's, to the micro-dollar, by team and by provider, whatever vendors charged below their quotes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct, field

from proxy.ledger.history import Bought, Past
from proxy.replay.planning import Verdict
from proxy.replay.seen import Seen, Spread, took

BETWEEN = " + "
"""Between the offers that shared a request."""
REASONS = 200
"""Reasons for having no offer that are told apart."""
OTHER = "for other reasons"


class Way(Struct, frozen=True):
    """Requests of a team for a name that went one way, and would go another."""

    team: str
    model: str
    before: str
    """Offers, joined where several shared a request; likewise below."""
    after: str


class Sum(Struct):
    """Amounts in micro-USD."""

    requests: int = 0
    images: int = 0
    paid: int = 0
    """What was paid."""
    stays: int = 0
    """What those cost that stay where they were."""
    moves: int = 0
    """What those are quoted at that move."""
    timed: int = 0
    """How many of these ended at a known moment."""


class Side(Struct):
    """One side of a comparison; of requests that several offers shared, each has one."""

    requests: int = 0
    images: int = 0
    micros: int = 0


class Figures(Struct, kw_only=True):
    """The figures of one replay."""

    seen: Mapping[str, Seen]
    ways: dict[Way, Sum] = field(default_factory=dict)
    stranded: dict[tuple[str, str, str], Side] = field(default_factory=dict)
    """What no offer would serve, and what it did cost: by team, name and why."""
    happened: dict[str, Side] = field(default_factory=lambda: defaultdict(Side))
    """By offer: of the requests that were planned again, and of no others."""
    beside: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By team: what was paid beside the plan, for prompts, for enlarging, and for requests that were not served; the
    same under every policy."""
    overrun: int = 0
    """Of all that was paid, what was not charged to a team."""
    quoted: int = 0
    """What all requests that an offer would serve would have held."""
    recorded: int = 0
    failed: int = 0
    unfinished: int = 0
    tests: int = 0
    before: Spread = field(default_factory=Spread)
    """How long those took that an offer would serve."""
    stayed: Spread = field(default_factory=Spread)
    """Of them, those that stay where they were."""
    planned: int = 0
    """Plans made; the other requests were like one of them."""

    def pass_over(self, past: Past) -> None:
        """Count a request that is not planned again; what it did cost stays as it is."""
        self.recorded += 1
        if past.test:
            self.tests += 1
        elif past.state == "failed":
            self.failed += 1
        else:
            self.unfinished += 1
        self._keep_beside(past, past.bought)

    def add(self, past: Past, verdict: Verdict) -> None:
        """Count a request that was served, and where it would go."""
        self.recorded += 1
        self._keep_beside(past, [each for each in past.bought if each.beside])
        bought = [each for each in past.bought if each.settled and not each.beside]
        paid = sum([each.paid for each in bought])
        images = sum([each.images for each in bought])
        for each in bought:
            self.overrun += each.overrun
            side = self.happened[each.offer]
            side.requests += 1
            side.images += each.images
            side.micros += each.paid
        if verdict.offer is None:
            self._strand(past, verdict.why, images, paid)
            return
        self.quoted += verdict.micros
        before = BETWEEN.join(each.offer for each in bought)
        way = self.ways.setdefault(Way(past.team, past.model, before, verdict.offer), Sum())
        way.requests += 1
        way.images += images
        way.paid += paid
        seconds = took(past)
        if seconds is not None:
            self.before.add(seconds)
        if before == verdict.offer:
            way.stays += _changed(bought[0], verdict.micros)
            if seconds is not None:
                self.stayed.add(seconds)
        else:
            way.moves += verdict.micros
            way.timed += seconds is not None

    def expected(self, way: Way) -> int:
        """What the requests of a way would cost, in micro-USD."""
        total = self.ways[way]
        moved = self.seen.get(way.after, UNSEEN).expected(total.moves) if total.moves else 0
        return total.stays + moved

    def after(self) -> tuple[Spread, int]:
        """How long requests would take, as offers were seen to; and how many would go where nobody was seen to."""
        spread, untimed = Spread(), 0
        if self.stayed.weight:
            spread.take(self.stayed, self.stayed.weight)
        for way, total in self.ways.items():
            if not total.timed:
                continue
            seen = self.seen.get(way.after, UNSEEN)
            if seen.spread.weight:
                spread.take(seen.spread, total.timed)
            else:
                untimed += total.timed
        return spread, untimed

    def _keep_beside(self, past: Past, bought: tuple[Bought, ...] | list[Bought]) -> None:
        for each in bought:
            self.overrun += each.overrun
            if each.paid:
                self.beside[past.team] += each.paid

    def _strand(self, past: Past, why: str, images: int, paid: int) -> None:
        at = (past.team, past.model, why)
        if at not in self.stranded and len(self.stranded) >= REASONS:
            at = (past.team, OTHER, OTHER)
        side = self.stranded.setdefault(at, Side())
        side.requests += 1
        side.images += images
        side.micros += paid


UNSEEN = Seen()
"""An offer that has served nobody."""


def _changed(bought: Bought, quoted: int) -> int:
    """What was paid, changed as the quote changed; halves are rounded up."""
    if quoted == bought.held:
        return bought.paid
    if not bought.held:  # it was free, and is no more
        return quoted
    return (2 * bought.paid * quoted + bought.held) // (2 * bought.held)
