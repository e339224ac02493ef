"""The ledger a server talks to: orders from every request, posted together, answered when they are durable.

Group commit: while one transaction is being written, the orders that arrive wait and go into the next one. Full
durability then costs a request no more than its share of one flush.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace
from sqlalchemy import Connection, Engine, select

from providers.contract import Failure, Fault
from proxy.events import BudgetReached, LedgerPosted, Tell
from proxy.ledger.clock import now_ms
from proxy.ledger.engine import patiently, posts
from proxy.ledger.orders import (
    Answer,
    Begun,
    Close,
    Closed,
    Erase,
    Failed,
    Forget,
    Held,
    Hold,
    Keep,
    Order,
    Outcome,
    Refused,
    Renew,
    Renewed,
    Repeated,
    Reserve,
    Take,
    Taken,
    Ticketed,
)
from proxy.ledger.posting import Posting
from proxy.ledger.recall import Memory
from proxy.ledger.standing import BudgetState, budget_states
from proxy.ledger.statements import Statements
from proxy.ledger.tables import holds, jobs
from proxy.ledger.writing import StaleError

T = TypeVar("T")
GROUP = 256
"""Most orders in one transaction."""
TWINS = 4
"""Most jobs looked at for one whose pictures would do: the latest one's may be gone, or not all there."""


class JobState(Struct, frozen=True, kw_only=True):
    """A job as it was last written down."""

    job: str
    team: str
    key: str
    dialect: str
    model: str
    state: str
    created: int
    finished: int | None
    print: bytes
    answer: str | None
    recall: str | None = None
    twin: bytes | None = None


class Writer(Protocol):
    """Who writes orders down."""

    async def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Post them in one transaction; durable when it returns. One call at a time. Raises UNAVAILABLE."""

    async def close(self) -> None:
        """Finish."""


class Ledger:
    """One per process. Its orders are written by a `Writer`, its questions are asked in a thread."""

    def __init__(
        self, engine: Engine, writer: Writer, tell: Tell, clock: Callable[[], int] = now_ms, *, owner: str = ""
    ) -> None:
        """`owner`: the name this server's holds and jobs carry."""
        self.owner = owner
        self._engine = engine
        self._writer = writer
        self._tell = tell
        self._clock = clock
        self._waiting: list[tuple[Order, asyncio.Future[Answer]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._reader = ThreadPoolExecutor(1, "ledger-reader")
        self.lost = asyncio.Event()
        """Set when the writer is gone: nothing can be paid for any more, and only a new start finds out what was."""

    # Writing.

    async def reserve(self, order: Reserve) -> Held | Refused | Repeated:
        """Set money aside; durable when it returns. Raises UNAVAILABLE where the ledger cannot be written."""
        answer = await self._order(order)
        assert isinstance(answer, Held | Refused | Repeated)
        return answer

    async def begin(self, hold: str) -> None:
        """Say that a hold that waited is going to be used; durable when it returns."""
        await self._order(Begun(hold=hold, owner=self.owner))

    async def ticket(self, hold: str, ticket: str) -> None:
        """Keep what takes a submission up again; durable when it returns."""
        await self._order(Ticketed(hold=hold, ticket=ticket))

    async def close(self, order: Close) -> Closed:
        """Settle, release or leave open what is this server's; durable when it returns."""
        answer = await self._order(replace(order, owner=self.owner))
        assert isinstance(answer, Closed)
        return answer

    async def keep(self, job: str, answer: str) -> None:
        """Note where the pictures of a job lie that was answered without keeping them."""
        await self._order(Keep(job=job, answer=answer))

    async def erase(self, job: str) -> None:
        """Forget what a job's dialect had to tell of it, what it was chosen from, and where its pictures lie."""
        await self._order(Erase(job=job))

    async def forget_keys(self, before: int) -> None:
        """Free the idempotency keys used before a moment (ms)."""
        await self._order(Forget(before=before))

    async def renew(self, order: Renew) -> Renewed:
        """Write down that a server is at work; durable when it returns."""
        answer = await self._order(order)
        assert isinstance(answer, Renewed)
        return answer

    async def take(self, order: Take) -> Taken:
        """Take over what others have left; durable when it returns."""
        answer = await self._order(order)
        assert isinstance(answer, Taken)
        return answer

    async def shut(self) -> None:
        """Write what waits, and close."""
        while self._flushing is not None:
            await self._flushing
        await self._writer.close()
        self._reader.shutdown()
        self._engine.dispose()

    def _order(self, order: Order) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((order, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
                began = time.perf_counter()
                answers = await self._post([order for order, _ in group])
                self._tell(LedgerPosted(orders=len(group), seconds=time.perf_counter() - began))
                for (_, future), answer in zip(group, answers, strict=True):
                    if isinstance(answer, Held | Closed):
                        self._tell_reached(answer)
                    if future.cancelled():
                        continue
                    if isinstance(answer, Failed):
                        future.set_exception(Failure(Fault.UNAVAILABLE, f"the ledger cannot be written: {answer.why}"))
                    else:
                        future.set_result(answer)
        finally:
            self._flushing = None

    def _tell_reached(self, answer: Held | Closed) -> None:
        for each in answer.reached:
            self._tell(BudgetReached(**asdict(each)))

    async def _post(self, orders: list[Order]) -> list[Answer]:
        try:
            return await self._writer.post(orders)
        except Exception as error:  # whatever it is, nobody may be left waiting, and nothing more may be paid for
            self.lost.set()
            return [Failed(error.detail if isinstance(error, Failure) else repr(error))] * len(orders)

    def now(self) -> int:
        """The ledger's time, in milliseconds since 1970."""
        return self._clock()

    # Reading.

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query in the reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, patiently, self._engine, query)

    async def open_holds(self) -> list[Hold]:
        """Every submission that has not ended, oldest first."""
        return await self.read(list_holds)

    async def job(self, job: str) -> JobState | None:
        """A job by its id."""
        return await self.read(lambda c: _job(c, jobs.c.job == job))

    async def recalled(self, team: str, dialect: str, offset: int, limit: int) -> list[JobState]:
        """A team's jobs that have something to tell, newest first."""
        mine = (jobs.c.team == team) & (jobs.c.dialect == dialect) & jobs.c.recall.is_not(None)
        query = select(*_JOB).where(mine).order_by(jobs.c.created.desc()).offset(offset).limit(limit)
        return await self.read(lambda c: [JobState(**row) for row in c.execute(query).mappings()])

    async def repeated(self, print_: bytes, since: int) -> JobState | None:
        """The latest job with that fingerprint since a moment (ms), unless it failed."""
        return await self.read(
            lambda c: _job(c, (jobs.c.print == print_) & (jobs.c.created >= since) & (jobs.c.state != "failed"))
        )

    async def twins(self, team: str, twins: Sequence[bytes], since: int) -> list[JobState]:
        """A team's latest finished jobs with any of some fingerprints and kept pictures since a moment (ms)."""
        same = jobs.c.twin.in_(twins) & (jobs.c.team == team) & (jobs.c.created >= since)
        ended = (jobs.c.state == "done") & jobs.c.answer.is_not(None)
        query = select(*_JOB).where(same & ended).order_by(jobs.c.created.desc()).limit(TWINS)
        return await self.read(lambda c: [JobState(**row) for row in c.execute(query).mappings()])

    async def budget(self, team: str, key: str) -> list[BudgetState]:
        """Where every budget of a key and its team stands now."""
        return await self.read(lambda c: budget_states(c, team, key, self._clock()))

    async def unfinished(self) -> list[str]:
        """Jobs that were begun and never ended, whatever became of their holds."""
        return list(await self.read(lambda c: c.execute(select(jobs.c.job).where(jobs.c.state == "open")).scalars()))


_JOB = [jobs.c[name] for name in JobState.__struct_fields__]


def _job(connection: Connection, condition: object) -> JobState | None:
    query = select(*_JOB).where(condition).order_by(jobs.c.created.desc()).limit(1)  # type: ignore[arg-type]
    row = connection.execute(query).mappings().first()
    return None if row is None else JobState(**row)


def list_holds(connection: Connection) -> list[Hold]:
    """Every submission that has not ended, oldest first."""
    return [Hold(**row) for row in connection.execute(select(holds).order_by(holds.c.at)).mappings()]


def end_hold(engine: Engine, hold: str, micros: int | None, now: int) -> Closed | None:
    """End a hold by hand: settle it at an amount, or release it at None. Returns None where there is no such hold."""
    while True:
        try:
            return _end_hold(engine, hold, micros, now)
        except StaleError:  # a server ended it at the same time
            continue


def _end_hold(engine: Engine, hold: str, micros: int | None, now: int) -> Closed | None:
    kind: Literal["settle", "release"] = "release" if micros is None else "settle"
    with engine.begin() as connection:
        posts(connection)
        known = next((each for each in list_holds(connection) if each.hold == hold), None)
        if known is None:
            return None
        images = known.images if micros else 0
        outcome = Outcome(hold=hold, kind=kind, micros=micros or 0, images=images, detail="ended by hand")
        posting = Posting(connection, Statements(engine.dialect), Memory(), now, tells=False)
        (closed,) = posting.post([Close(outcomes=(outcome,))])
        assert isinstance(closed, Closed)
        return closed
