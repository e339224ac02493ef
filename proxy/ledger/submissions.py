"""What became of one job, submission by submission, as the entries tell it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from proxy.ledger.posting import HEDGE
from proxy.ledger.tables import entries, holds, jobs


class Submission(Struct, frozen=True, kw_only=True):
    """Money set aside for one call, and what came of it. Amounts are micro-USD, moments milliseconds since 1970."""

    hold: str
    provider: str
    model: str
    quoted: int
    images: int
    """Pictures it was to deliver: 0 for work on a picture that counts already."""
    began: int
    ended: int | None = None
    outcome: str = "open"
    """`settle` or `release` where it has ended, else the state of its hold: `waiting`, `open`, `ambiguous`."""
    charged: int = 0
    beyond: int = 0
    """What the vendor took above the hold and the budget: on the house."""
    delivered: int = 0
    detail: str | None = None
    """Of a release, why; of a settlement, what the vendor metered."""
    vendor_id: str | None = None
    hedge: bool = False
    """A second candidate, asked beside another one for the same picture."""


class Served(Struct, frozen=True, kw_only=True):
    """A job, with all that was tried for it."""

    job: str
    team: str
    key: str
    dialect: str
    model: str
    state: str
    created: int
    finished: int | None
    plan: str | None
    """`proxy.planned.Planned` as JSON; None for a job from before plans were kept."""
    policy: str | None
    submissions: tuple[Submission, ...] = ()

    @property
    def charged(self) -> int:
        """What the team paid, in micro-USD."""
        return sum([each.charged for each in self.submissions])


_JOB = [jobs.c[name] for name in Served.__struct_fields__ if name != "submissions"]


def served(connection: Connection, job: str) -> Served | None:
    """A job by its id, whosever it is."""
    row = connection.execute(select(*_JOB).where(jobs.c.job == job)).mappings().first()
    if row is None:
        return None
    lines = connection.execute(select(entries).where(entries.c.job == job).order_by(entries.c.entry)).mappings()
    open_now = connection.execute(select(holds.c.hold, holds.c.state).where(holds.c.job == job))
    return Served(**row, submissions=_submissions(lines, {row.hold: row.state for row in open_now}))


def _submissions(lines: Iterable[Any], open_now: dict[str, str]) -> tuple[Submission, ...]:
    """One for every hold, in the order in which they were made."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        told = found.setdefault(line["hold"], {"hold": line["hold"]})
        if line["kind"] == "hold":
            told |= {"provider": line["provider"], "model": line["model"], "quoted": line["micros"]}
            told |= {"images": line["images"], "began": line["at"], "outcome": open_now.get(line["hold"], "open")}
            told["hedge"] = line["detail"] == HEDGE
        elif line["kind"] == "overrun":
            told["beyond"] = told.get("beyond", 0) + line["micros"]
        else:
            told |= {"outcome": line["kind"], "ended": line["at"], "delivered": line["images"]}
            told |= {"detail": line["detail"], "vendor_id": line["vendor_id"]}
            told["charged"] = line["micros"] if line["kind"] == "settle" else 0
    return tuple([Submission(**told) for told in found.values()])
