"""Requests that repeat an earlier one: a client's own retry, or the same `Idempotency-Key`. Neither is paid twice.

Official SDKs retry a request that timed out or broke off, and say so only by counting (`x-stainless-retry-count`). Such
a retry joins the job it repeats while that runs, and gets its answer for a while after. Answers nobody may have
received lie in the store; the latest others are remembered in memory. Where there are several servers, the answers of
all that a client may repeat lie in the store before they are given: the repetition may come to any of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault, Image
from proxy.config import RepeatsRow
from proxy.job import Answer, Job, Kept, pack, unpack
from proxy.ledger.book import JobState, Ledger
from proxy.ledger.orders import Repeated
from proxy.ledger.owners import worked_on
from proxy.store import Pictures, Stored

LATEST = 1024
"""Most answers remembered, however small they are."""
AGAIN_S = 2.0
"""When to ask again for a job that nobody is working on any more, and that may yet come to an end."""
LOOK_S = (0.1, 1.0)
"""Between two looks at a job that another server works on: at first, and at most."""


class Run:
    """A job under way, and who else waits for it."""

    def __init__(self, job: str, print_: bytes, idempotency: tuple[str, str] | None) -> None:
        self.job = job
        self.print = print_
        self.idempotency = idempotency
        self.claimed = 0
        self._answer: asyncio.Future[Answer] | None = None

    async def wait(self) -> Answer:
        """Its answer, once there is one; raises what it failed with."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._answer)

    @property
    def joined(self) -> bool:
        """Whether another request waits for its answer, or did."""
        return self._answer is not None

    def done(self, answer: Answer) -> None:
        """It has come to an answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def failed(self, error: Failure) -> None:
        """It has come to nothing."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
            self._answer.exception()  # whoever waited may be gone


class Wakes(Protocol):
    """News of jobs that have ended, from this server and from others. A hint: whoever waits looks himself, too."""

    def tell(self, job: str) -> None:
        """A job has ended, and the ledger says how."""

    async def wait(self, job: str, seconds: float) -> bool:
        """Wait until a job has ended, so long at most; whether it was told."""


class NoNews:
    """Without any."""

    def tell(self, job: str) -> None:
        """Nobody hears it."""

    async def wait(self, job: str, seconds: float) -> bool:
        """Wait all the time."""
        await asyncio.sleep(seconds)
        return False


class _Remembered(NamedTuple):
    until: float
    weight: int
    print: bytes
    answer: Answer


class _Running:
    """A job is under way while inside; whoever joined it learns how it ended."""

    def __init__(self, repeats: Repeats, run: Run) -> None:
        self._repeats = repeats
        self._run = run

    def __enter__(self) -> Run:
        return self._run

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Failure):
            self._run.failed(error)
        elif error is not None:
            self._run.failed(Failure(Fault.UNAVAILABLE, "the request this one repeats was broken off"))
        self._repeats.end(self._run)


class Repeats:
    """Jobs under way by fingerprint, and the latest answers."""

    def __init__(
        self,
        ledger: Ledger,
        store: Pictures,
        row: RepeatsRow,
        clock: Callable[[], float] = time.monotonic,
        *,
        wakes: Wakes | None = None,
        shared: Callable[[], bool] = lambda: False,
    ) -> None:
        """`shared`: whether a repetition may come to another server than the request did."""
        self._wakes: Wakes = wakes or NoNews()
        self.shared = shared
        self._ledger = ledger
        self._store = store
        self._row = row
        self._clock = clock
        self._running: dict[bytes, list[Run]] = {}
        self._keyed: dict[tuple[str, str], Run] = {}
        self._latest: OrderedDict[str, _Remembered] = OrderedDict()
        self._by_print: dict[bytes, deque[str]] = {}
        self._weight = 0

    def adopt(self, row: RepeatsRow) -> None:
        """Go by another row from now on; what is remembered beyond it goes with the next answer."""
        self._row = row

    async def join(self, job: Job) -> Answer | None:
        """The answer of the job this one repeats, awaited if need be; None where it is a request of its own.

        Raises REJECTED where its idempotency key stands for another body, and what the joined job failed with.
        """
        if job.idempotency is not None:
            run = self._keyed.get((job.key.key, job.idempotency))
            if run is None:
                return None  # the ledger knows the rest, in the transaction that would pay
            if run.print != job.print:
                raise _conflict()
            return await run.wait()
        if job.retry == 0:
            return None
        for run in self._running.get(job.print, ()):
            if run.claimed < job.retry:
                run.claimed = job.retry
                return await run.wait()
        return self._remembered(job.print) or await self._recorded(job)

    def running(self, job: Job) -> _Running:
        """Let others join while inside."""
        idempotency = (job.key.key, job.idempotency) if job.idempotency else None
        return _Running(self, self.begin(job.id, job.print, idempotency))

    def begin(self, job: str, print_: bytes, idempotency: tuple[str, str] | None) -> Run:
        """A job is under way from now on."""
        run = Run(job, print_, idempotency)
        self._running.setdefault(print_, []).append(run)
        if idempotency is not None:
            self._keyed[idempotency] = run
        return run

    def end(self, run: Run) -> None:
        """A job is no longer under way."""
        if self.shared():
            self._wakes.tell(run.job)
        runs = self._running[run.print]
        runs.remove(run)
        if not runs:
            del self._running[run.print]
        if run.idempotency is not None and self._keyed.get(run.idempotency) is run:
            del self._keyed[run.idempotency]

    def remember(self, job: Job, answer: Answer) -> None:
        """Keep a delivered answer in memory for a while, as long as it fits."""
        weight = answer.weight
        if answer.stored or weight > self._row.memory_bytes:
            return
        now = self._clock()
        self._latest[answer.job] = _Remembered(now + self._row.retry_s, weight, job.print, answer)
        self._by_print.setdefault(job.print, deque()).append(answer.job)
        self._weight += weight
        while self._latest and (
            self._weight > self._row.memory_bytes or len(self._latest) > LATEST or self._oldest().until <= now
        ):
            self._forget_oldest()

    def forget(self, job: str) -> None:
        """Keep nothing in memory of a job's answer."""
        found = self._latest.pop(job, None)
        if found is not None:
            self._weight -= found.weight
            self._drop_from(found.print, job)

    async def keep(self, answer: Answer) -> None:
        """Keep an answer that did not reach its caller in the store, and say in the ledger where it lies."""
        if not answer.stored:
            stored = [await self._store.put(picture.image, answer.job) for picture in answer.pictures]
            answer = replace(answer, stored=tuple(stored))
            await self._ledger.keep(answer.job, pack(answer))

    async def recall(self, job: Job, known: Repeated) -> Answer:
        """The answer an idempotency key stands for. Raises REJECTED where there is none to give."""
        if known.print != job.print:
            raise _conflict()
        found = await self._ended(known.job, known.print)
        answer = await self.answer_of(found) if isinstance(found, JobState) else found
        if answer is None:
            raise _gone() if isinstance(found, JobState) and found.state == "done" else _pending()
        return answer

    async def answer_of(self, state: JobState) -> Answer | None:
        """The kept answer of a job; None where it has none, or its pictures are gone."""
        if state.answer is None:
            return None
        kept = msgspec.json.decode(state.answer, type=Kept)
        images: list[Image] = []
        for each in kept.pictures:
            body = await self._store.get(Stored(each.sha256, each.format))
            if body is None:
                return None
            images.append(Image(body))
        return unpack(state.job, kept, images)

    def _remembered(self, print_: bytes) -> Answer | None:
        for job in reversed(self._by_print.get(print_, ())):
            found = self._latest[job]
            if found.until > self._clock():
                return found.answer
        return None

    async def _recorded(self, job: Job) -> Answer | None:
        """What the ledger has of the job a retry repeats: after a restart, or where its caller had gone."""
        state = await self._ledger.repeated(job.print, job.created - int(self._row.retry_s * 1000))
        found = state and await self._ended(state.job, job.print)
        if not isinstance(found, JobState):
            return found
        if found.state == "open":
            raise _pending()
        return await self.answer_of(found) if found.state == "done" else None

    async def _ended(self, job: str, print_: bytes) -> Answer | JobState | None:
        """What a job came to, once whoever works on it has ended it; how it stands, where nobody does or time is up.

        This server may come to work on it meanwhile. Raises what the job failed with here.
        """
        ends = time.monotonic() + self._row.wait_s
        pause, most = LOOK_S
        while True:
            run = next((each for each in self._running.get(print_, ()) if each.job == job), None)
            if run is not None:
                return await run.wait()
            state = await self._ledger.job(job)
            left = ends - time.monotonic()
            if state is None or state.state != "open" or left <= 0:
                return state
            if not await self._ledger.read(lambda connection: worked_on(connection, job)):
                return await self._ledger.job(job)  # it may have ended between the two looks
            await self._wakes.wait(job, min(pause, left))
            pause = min(1.5 * pause, most)

    def _oldest(self) -> _Remembered:
        return next(iter(self._latest.values()))

    def _forget_oldest(self) -> None:
        job, oldest = self._latest.popitem(last=False)
        self._weight -= oldest.weight
        self._drop_from(oldest.print, job)

    def _drop_from(self, print_: bytes, job: str) -> None:
        jobs = self._by_print[print_]
        jobs.remove(job)  # what is oldest of all is oldest among its like, and found at once
        if not jobs:
            del self._by_print[print_]


def _conflict() -> Failure:
    detail = "This Idempotency-Key was used for another request: keys are for one request each."
    return Failure(Fault.REJECTED, detail, code=Code.CONFLICT)


def _pending() -> Failure:
    detail = "An earlier attempt of this request was sent to a provider and has no result yet; it is not sent twice."
    return Failure(Fault.UNAVAILABLE, detail, code=Code.PENDING, retry_after=AGAIN_S)


def _gone() -> Failure:
    detail = "The pictures made for this Idempotency-Key are no longer kept; use a new key to have them made again."
    return Failure(Fault.REJECTED, detail, code=Code.CONFLICT)
