"""What came of holding an invoice against the ledger. Amounts are nano-USD: ours are whole micro-USD."""

from __future__ import annotations

from msgspec import Struct


class Side(Struct, frozen=True):
    """So many, and what they come to."""

    count: int
    nanos: int


class Pair(Struct, frozen=True, kw_only=True):
    """What both know, or one alone. Ours is a submission, or all of one id; theirs is a line, or all of one id."""

    line: int | None = None
    """Theirs, the first of them."""
    hold: str | None = None
    """Ours, the first of them."""
    id: str | None
    model: str | None
    at: int | None
    """In milliseconds since 1970."""
    ours: int | None
    theirs: int | None


class Found(Struct, frozen=True):
    """A kind of finding: how many, what they come to on both sides, and the first of them."""

    count: int
    ours: int
    theirs: int
    first: tuple[Pair, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """Everything that either side has in the period, in one place each."""

    by_id: int
    """Of those that agree or differ, how many were matched by the vendor's id; the others by model, time and amount."""
    agreeing: Found
    differing: Found
    """Matched by an id, with another amount."""
    only_theirs: Found
    """Charged, and unknown here."""
    only_ours: Found
    """Settled here, and not charged: not billed yet, or refunded."""
    later: Side
    """Of these, what was settled after the invoice's last line."""
    ours: Side
    theirs: Side
    outside: Side
    """Lines of another time than was asked for: in no sum above."""
    unexplained: int
    """What the vendor charges beyond or below what is known, line by line: no refund makes up for a charge."""
