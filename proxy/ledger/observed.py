"""What offers really cost and how long they really took, read off the latest settlements. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal

from msgspec import Struct
from sqlalchemy import Connection, case, func, select

from proxy.ledger.tables import entries

SAMPLE = 10_000
"""Settlements that are looked at, the latest ones of all offers together."""
FEWEST = 5
"""With fewer of its own, an offer says nothing: one odd bill would be a rule."""
FINE = Decimal("0.0001")


class Observed(Struct, frozen=True, kw_only=True):
    """An offer's latest settlements, added up. Amounts are micro-USD."""

    submissions: int = 0
    quoted: int = 0
    """What was held for the pictures that were delivered."""
    cost: int = 0
    """What they cost, on the house or not."""
    milliseconds: int = 0
    """From each hold to its settlement."""

    @property
    def ratio(self) -> Decimal | None:
        """Cost over quote, rounded up; None where too little was seen, or was free."""
        if self.submissions < FEWEST or not self.quoted:
            return None
        return (Decimal(self.cost) / self.quoted).quantize(FINE, ROUND_UP)

    @property
    def seconds(self) -> Decimal | None:
        """What a submission took on average; None where too little was seen."""
        if self.submissions < FEWEST:
            return None
        return (Decimal(self.milliseconds) / (1000 * self.submissions)).quantize(FINE, ROUND_UP)


def observed(connection: Connection, since: int, sample: int = SAMPLE) -> Mapping[str, Observed]:
    """By offer, `provider/model`, what was settled since a moment (ms) and delivered pictures."""
    latest = (
        select(entries.c.hold, entries.c.job)
        .where(entries.c.kind == "settle", entries.c.images > 0, entries.c.at >= since)
        .order_by(entries.c.at.desc())  # along its index, which ends the search at `since`
        .limit(sample)
        .subquery()
    )
    held = entries.c.kind == "hold"
    each = (
        select(
            entries.c.provider,
            entries.c.model,
            func.sum(case((held, entries.c.micros), else_=0)).label("quoted"),
            func.sum(case((held, 0), else_=entries.c.micros)).label("cost"),
            func.sum(case((held, entries.c.images), else_=0)).label("asked"),
            func.sum(case((held, 0), else_=entries.c.images)).label("delivered"),
            (func.max(entries.c.at) - func.min(entries.c.at)).label("took"),
        )
        .join(latest, (entries.c.job == latest.c.job) & (entries.c.hold == latest.c.hold))
        .group_by(entries.c.hold, entries.c.provider, entries.c.model)
    )
    found: dict[str, list[int]] = {}
    for row in connection.execute(each):
        if not row.asked:
            continue  # its hold is older than what is kept
        sums = found.setdefault(f"{row.provider}/{row.model}", [0, 0, 0, 0])
        told = (1, row.quoted * row.delivered // row.asked, row.cost, row.took)
        sums[:] = [known + more for known, more in zip(sums, told, strict=True)]
    return {
        offer: Observed(submissions=sums[0], quoted=sums[1], cost=sums[2], milliseconds=sums[3])
        for offer, sums in found.items()
    }
