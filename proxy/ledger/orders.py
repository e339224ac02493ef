"""What may be asked of the ledger, and what it answers.

Plain values, which travel between processes as arrays; what they do is in `posting.py`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class JobRecord(Struct, frozen=True, kw_only=True, array_like=True):
    """A request that got as far as spending."""

    job: str
    team: str
    key: str
    dialect: str
    model: str
    """As the caller named it."""
    facts: str
    """`pricing.Billable` as JSON: enough to price it again, without its prompt."""
    print: bytes
    """Fingerprint of key, route and body."""
    idempotency: str | None = None
    recall: str | None = None
    """What its dialect wants to be told of it later."""
    plan: str | None = None
    """What was chosen from and why, as JSON; without the prompt."""
    policy: str | None = None
    """The policy that chose."""
    twin: bytes | None = None
    """Fingerprint of all that makes the picture what it is, where a seed does; None where no two are alike."""
    org: str = "default"
    """The organisation of the team."""
    user: str = ""
    """The caller's own customer, where it names one."""
    owner: str = ""
    """The server that works on it."""


class HoldOrder(Struct, frozen=True, kw_only=True, array_like=True):
    """Money to set aside for one submission."""

    provider: str
    model: str
    micros: int
    """Its quote, in micro-USD."""
    images: int
    facts: str
    waits: bool = False
    """Nothing is sent for it before `Begun`: until then it is released without a question."""
    hedge: bool = False
    """It is asked beside another one for the same picture, because that one takes long."""
    pixels: int = 0
    """Of all its pictures."""


class Reserve(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Set all of it aside, or none."""

    job: JobRecord
    orders: tuple[HoldOrder, ...]
    first: bool = True
    """Whether the job is new; a later candidate of its plan holds anew under the same job."""
    sequence: int = 0
    """Holds the job had before."""


class Hold(Struct, frozen=True, kw_only=True, array_like=True):
    """Money set aside for one submission that has not ended."""

    hold: str
    job: str
    team: str
    key: str
    provider: str
    model: str
    micros: int
    images: int
    facts: str
    at: int
    """Milliseconds since 1970; its windows are those of this moment, whenever it is settled."""
    state: Literal["waiting", "open", "ambiguous"] = "open"
    ticket: str | None = None
    org: str = "default"
    user: str = ""
    """The caller's own customer, where it names one."""
    pixels: int = 0
    """Of all its pictures, as they were asked for."""
    owner: str = ""
    """The server that works on it."""


class Held(Struct, frozen=True, array_like=True, tag=True):
    """It is set aside, durably."""

    holds: tuple[Hold, ...]


class Refused(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """It would not fit a budget."""

    scope: str
    what: str
    window: str
    limit: int
    left: int
    """What the budget still has, in micro-USD or pictures."""
    asked: int


class Repeated(Struct, frozen=True, array_like=True, tag=True):
    """The job's idempotency key was used before."""

    job: str
    print: bytes
    state: str


class Ticketed(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Keep what takes a submission up again."""

    hold: str
    ticket: str


class Begun(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """A hold that waited is going to be used."""

    hold: str


class Outcome(Struct, frozen=True, kw_only=True, array_like=True):
    """How a submission ended. An ambiguous one has not: its hold stays."""

    hold: str
    kind: Literal["settle", "release", "ambiguous"]
    micros: int = 0
    """What it did cost; only a settlement has a cost."""
    images: int = 0
    """Pictures delivered."""
    detail: str = ""
    vendor_id: str | None = None
    """The vendor's own id of the submission, where it tells one."""


class Close(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """End submissions, and perhaps the job with them."""

    outcomes: tuple[Outcome, ...]
    job: str | None = None
    state: Literal["done", "failed"] | None = None
    answer: str | None = None
    """Where its pictures lie, as JSON, if they are kept."""


class Closed(Struct, frozen=True, array_like=True, tag=True):
    """What the team was charged, and what was spent beyond its hold and its budget, in micro-USD."""

    charged: int
    overrun: int


class Keep(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Note where the pictures of a job that has ended lie."""

    job: str
    answer: str


class Erase(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Forget what a job's dialect had to tell of it, and where its pictures lie."""

    job: str


class Forget(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Idempotency keys used before a moment (ms) are free again."""

    before: int


class Failed(Struct, frozen=True, array_like=True, tag=True):
    """The order could not be carried out; nothing of it was written."""

    why: str


Order = Reserve | Begun | Ticketed | Close | Keep | Erase | Forget
Answer = Held | Refused | Repeated | Closed | Failed | None
