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


class Reached(Struct, frozen=True, array_like=True):
    """So much of a limit is used; told once in each of its windows."""

    scope: str
    what: str
    window: str
    share: int
    """Per cent, as it was asked to be told."""
    limit: int
    """In micro-USD, pictures or pixels; likewise below."""
    used: int


class Held(Struct, frozen=True, array_like=True, tag=True):
    """It is set aside, durably."""

    holds: tuple[Hold, ...]
    reached: tuple[Reached, ...] = ()
    """What limits have come to with this order, or another one of its group."""


class Refused(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """It would not fit a budget."""

    scope: str
    what: str
    window: str
    limit: int
    left: int
    """What the budget still has, in micro-USD, pictures or pixels."""
    asked: int
    zone: str = "UTC"
    """Whose days, weeks or months they are."""
    frees: int | None = None
    """When (ms) some of what is used counts no more; None for never."""


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
    owner: str | None = None
    """The server that is going to; refused where the hold is another's by now. None for a person."""


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
    owner: str | None = None
    """The server that says so; what another has taken over from it stays that one's to end. None for a person."""


class Closed(Struct, frozen=True, array_like=True, tag=True):
    """What the team was charged, and what was spent beyond its hold and its budget, in micro-USD."""

    charged: int
    overrun: int
    reached: tuple[Reached, ...] = ()
    """What limits have come to with this order, or another one of its group."""


class Keep(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Note where the pictures of a job that has ended lie."""

    job: str
    answer: str


class Erase(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Forget what a job's dialect had to tell of it, what it was chosen from, and where its pictures lie."""

    job: str


class Forget(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Idempotency keys used before a moment (ms) are free again."""

    before: int


class Renew(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """A server is at work, and will be until a moment (ms)."""

    owner: str
    place: str
    """The machine and the folder it works in."""
    began: int
    until: int
    """0: it has ended, whatever it left."""


class Renewed(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """It is written down."""

    others: int
    """Servers at work beside it."""
    lapsed: bool
    """It was not there: it is new, or was taken for dead meanwhile, and others have taken over what it had."""


class Take(Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Take over what servers have left that are over, and what is nobody's."""

    owner: str
    """Whose it is from now on."""
    over: tuple[str, ...] = ()
    """Servers that are known to have ended."""
    before: int
    """So are those whose lease ended before this moment (ms)."""
    since: int = 0
    """Jobs without a hold are looked for only if they are not older than this moment (ms)."""


class Taken(Struct, frozen=True, array_like=True, tag=True):
    """What was taken over; nobody else has it from now on."""

    owners: tuple[str, ...]
    holds: tuple[Hold, ...]
    jobs: tuple[str, ...]


class Failed(Struct, frozen=True, array_like=True, tag=True):
    """The order could not be carried out; nothing of it was written."""

    why: str


Order = Reserve | Begun | Ticketed | Close | Keep | Erase | Forget | Renew | Take
Answer = Held | Refused | Repeated | Closed | Renewed | Taken | Failed | None


class Posted(Struct, frozen=True, array_like=True, tag=True):
    """A group is posted."""

    answers: tuple[Answer, ...]


class Away(Struct, frozen=True, array_like=True, tag=True):
    """The database does not answer; orders wait for it."""

    why: str


class Back(Struct, frozen=True, array_like=True, tag=True):
    """It answers again."""

    seconds: float
    """How long it did not."""
    tries: int


Note = Away | Back
Reply = Posted | Away | Back
"""What a clerk says to its server: any number of notes, and the answers last."""
