"""A limit and what it comes to at a moment: its amount, raises for a time, what was left of the window before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from proxy.ledger.balance import Account, Balance
from proxy.ledger.windows import MINUTE_MS, Window, interval

AHEAD_MS = MINUTE_MS
"""How far the clocks of two servers may be apart: what one has held may lie in a window that is yet to begin here."""

Balances = Mapping[Account, Balance]


class Raise(Struct, frozen=True):
    """What a limit is higher by from a moment (ms) to before another one; lower, where it is below zero."""

    amount: int
    begins: int
    ends: int | None


class Limit(Struct, frozen=True, kw_only=True):
    """One limit of one scope: usd in micro-USD, else pictures or pixels."""

    scope: str
    what: str
    window: Window
    amount: int
    carry: int = 0
    """The most that what was left of the window before adds. What it had carried itself is not carried on."""
    soft: tuple[int, ...] = ()
    """The per cents that are told when they are reached."""
    raises: tuple[Raise, ...] = ()
    born: int = 0
    """When the scope was made (ms): windows that had ended by then left it nothing."""

    @property
    def plain(self) -> bool:
        """Whether it is its amount, and counts one balance."""
        return not (self.carry or self.raises or self.window.rolls)

    def base(self, at: int) -> int:
        """Its amount at a moment with the raises of then, without what is carried over."""
        return self.amount + sum([each.amount for each in self.raises if _holds(each, at)])

    def amount_at(self, balances: Balances, at: int) -> int:
        """What may be used of it at a moment."""
        return self.base(at) + self._carried(balances, at)

    def used(self, balances: Balances, at: int) -> int:
        """What counts against it at a moment."""
        return self._sum(balances, self.window.labels(at))

    def left(self, balances: Balances, at: int, now: int) -> int:
        """How much more may be held, or spent, of what was held at a moment, seen from a later one.

        So much may be added to the label of `at` that in no window in which that counts, up to now, more is used than
        the limit was then. It may be less than nothing. Every one of `needs` has to be among the balances.
        """
        if self.window.rolls:
            spans = self.window.spans(at, now + AHEAD_MS)
            return min([self.base(min(now, interval(span[-1])[1] - 1)) - self._sum(balances, span) for span in spans])
        begins, ends = self.window.interval(at)
        used, last = self._sum(balances, (self.window.label(at),)), min(now, ends - 1)
        base = self.base(max(begins, last))
        left = base + self._carried(balances, at) - used
        if self.carry and now + AHEAD_MS >= ends:  # the next window may have spent what this one left it
            lacks = self._sum(balances, (self.window.label(ends),)) - self.base(max(now, ends))
            if lacks > 0:
                left = min(left, base - used - lacks)
        return left

    def needs(self, at: int, now: int) -> Iterator[Account]:
        """The balances that `left` is told from."""
        if self.window.rolls:
            for span in self.window.spans(at, now + AHEAD_MS):
                for label in span:
                    yield self.scope, label
            return
        yield self.scope, self.window.label(at)
        if self.carry:
            ends = self.window.interval(at)[1]
            yield self.scope, self.window.label(self.window.before(at))
            if now + AHEAD_MS >= ends:
                yield self.scope, self.window.label(ends)

    def frees(self, balances: Balances, at: int) -> int | None:
        """When (ms) some of what counts at a moment counts no more; None for never."""
        if self.window.name == "total":
            return None
        used = [label for label in self.window.labels(at) if self._sum(balances, (label,))]
        return self.window.leaves(used[0] if used else self.window.label(at))

    def _carried(self, balances: Balances, at: int) -> int:
        if not self.carry:
            return 0
        before = self.window.before(at)
        if before < self.born:
            return 0
        return min(self.carry, max(0, self.base(before) - self._sum(balances, (self.window.label(before),))))

    def _sum(self, balances: Balances, labels: tuple[str, ...]) -> int:
        return sum([balances[self.scope, label].used(self.what) for label in labels])


def _holds(each: Raise, at: int) -> bool:
    return each.begins <= at and (each.ends is None or at < each.ends)
