"""Answers remembered for whoever asks again: as long as they fit, as long as they last, for the same request alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault, Generate, Image, Picture
from proxy.config import RepeatsRow
from proxy.job import Answer, Job
from proxy.ledger.accounts import Accounts, Key
from proxy.ledger.book import Ledger
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.orders import Close, HoldOrder, JobRecord, Reserve
from proxy.repeats import Repeats
from proxy.store import DiskStore, Pictures
from proxy.transport import Lease, Room
from tests.edge.house import Here
from tests.pictures import png

IMAGE = Image(png(8, 8))
WEIGHT = IMAGE.weight


class Desk:
    """Repeats over a real ledger and a real folder, with a clock a test can turn."""

    def __init__(self, ledger: Ledger, store: Pictures, key: Key, row: RepeatsRow) -> None:
        self.now = 1000.0
        self.ledger = ledger
        self.repeats = Repeats(ledger, store, row, lambda: self.now)
        self._key = key
        self._jobs = 0

    def job(self, print_: int = 1, *, retry: int = 0, idempotency: str | None = None, later_s: int = 0) -> Job:
        self._jobs += 1
        return Job(
            id=f"req_{self._jobs}",
            key=self._key,
            dialect="openai",
            request=Generate(prompt="A boat", model="photo"),
            print=bytes([print_]) * 32,
            created=self.ledger.now() + later_s * 1000,
            lease=Lease(Room(1 << 30)),
            retry=retry,
            idempotency=idempotency,
        )

    async def recorded(self, job: Job) -> Answer:
        """A job the ledger knows, and its answer."""
        record = JobRecord(
            job=job.id, team="acme", key=self._key.key, dialect="openai", model="photo", facts="{}", print=job.print
        )
        order = HoldOrder(provider="stub", model="photo", micros=1, images=1, facts="{}")
        await self.ledger.reserve(Reserve(job=record, orders=(order,)))
        return answer_to(job)


def answer_to(job: Job, pictures: int = 1) -> Answer:
    picture = Picture(image=IMAGE, seed=7, revised_prompt="as drawn")
    return Answer(job=job.id, created=1, model="photo", offer="stub/photo", pictures=(picture,) * pictures)


@asynccontextmanager
async def desk(folder: Path, **row: Any) -> AsyncIterator[Desk]:
    engine = open_ledger(folder)
    accounts = Accounts(engine)
    if not accounts.teams():
        accounts.create_team("acme")
    key, _ = accounts.create_key("acme")
    ledger = Ledger(engine, Here(folder / FILE), lambda _: None)
    store = DiskStore(folder)
    try:
        yield Desk(ledger, Pictures(store, "pictures", lambda _: None), key, RepeatsRow(**row))
    finally:
        await ledger.shut()
        store.close()


STEPS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 8)), min_size=1, max_size=25)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, room=st.integers(0, 8))
async def test_memory_holds_the_latest_answers_that_fit_and_have_not_expired(
    steps: list[tuple[int, int, int]], room: int, tmp_path: Path
) -> None:
    async with desk(tmp_path, memory_bytes=room * WEIGHT, retry_s=20) as at:
        told: list[tuple[int, int, float, str]] = []
        for print_, pictures, passes in steps:
            job = at.job(print_)
            at.repeats.remember(job, answer_to(job, pictures))
            if pictures <= room:  # one that never fits drives nobody out
                told.append((print_, pictures, at.now + 20, job.id))
            at.now += passes
            kept: list[tuple[int, int, float, str]] = []
            for each in reversed(told):
                if sum(other[1] for other in kept) + each[1] > room:
                    break
                kept.append(each)
            for asked in range(1, 5):
                best = next((each[3] for each in kept if each[0] == asked and each[2] > at.now), None)
                found = await at.repeats.join(at.job(asked, retry=1))
                assert (found and found.job) == best
                assert await at.repeats.join(at.job(asked)) is None  # a request of its own


@pytest.mark.parametrize("row", [{"retry_s": 0}, {"memory_bytes": 0}, {"retry_s": 0, "memory_bytes": 0}])
async def test_remembering_may_be_turned_off(row: dict[str, int], tmp_path: Path) -> None:
    async with desk(tmp_path, **row) as at:
        for _ in range(3):
            job = at.job()
            at.repeats.remember(job, answer_to(job))
            assert await at.repeats.join(at.job(retry=1)) is None


async def test_each_retry_joins_one_of_the_requests_it_may_repeat(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first, second = at.job(), at.job()
        with at.repeats.running(first) as one, at.repeats.running(second) as two:
            joined = [asyncio.create_task(at.repeats.join(at.job(retry=1))) for _ in range(2)]
            later = asyncio.create_task(at.repeats.join(at.job(retry=2)))
            stranger = await at.repeats.join(at.job(2, retry=1))
            await asyncio.sleep(0)
            one.done(answer_to(first))
            two.done(answer_to(second))
            found = [answer.job for answer in await asyncio.gather(*joined) if answer]
        assert sorted(found) == sorted([first.id, second.id])
        again = await later
        assert again is not None
        assert again.job in found
        assert stranger is None


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Failure(Fault.THROTTLED, "slow down"), Fault.THROTTLED),
        (RuntimeError("a mistake"), Fault.UNAVAILABLE),
        (asyncio.CancelledError(), Fault.UNAVAILABLE),
    ],
)
async def test_whoever_joined_what_broke_learns_of_it(error: BaseException, fault: Fault, tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        joined: list[asyncio.Task[Answer | None]] = []

        async def break_off() -> None:
            with at.repeats.running(at.job(idempotency="k")):
                joined.extend(asyncio.create_task(at.repeats.join(at.job(idempotency="k"))) for _ in range(2))
                await asyncio.sleep(0)
                with pytest.raises(Failure) as caught:
                    await asyncio.wait_for(at.repeats.join(at.job(2, idempotency="k")), 2)
                assert caught.value.code is Code.CONFLICT
                raise error

        with pytest.raises(type(error)):
            await break_off()
        for each in joined:
            with pytest.raises(Failure) as caught:
                await each
            assert caught.value.fault is fault
        assert await at.repeats.join(at.job(idempotency="k")) is None


async def test_one_who_stops_waiting_takes_nothing_from_the_others(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = at.job()
        with at.repeats.running(job) as run:
            leaving = asyncio.create_task(at.repeats.join(at.job(retry=1)))
            staying = asyncio.create_task(at.repeats.join(at.job(retry=2)))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.sleep(0)
            run.done(answer_to(job))
        answer = await staying
        assert answer is not None
        assert answer.job == job.id


async def test_a_kept_answer_comes_back_as_it_was_as_long_as_its_pictures_lie_there(tmp_path: Path) -> None:
    async with desk(tmp_path, retry_s=900, wait_s=0.2) as at:
        job = at.job()
        answer = replace(await at.recorded(job), quoted=40_000, charged=30_000, attempts=2, quality="high")
        with pytest.raises(Failure) as caught:  # sent, and without an answer so far
            await at.repeats.join(at.job(retry=1))
        assert caught.value.code is Code.PENDING
        await at.ledger.close(Close(outcomes=(), job=job.id, state="done"))
        assert await at.repeats.join(at.job(retry=1)) is None  # answered; nothing of it was kept
        await at.repeats.keep(answer)
        found = await at.repeats.join(at.job(retry=1))
        assert found is not None
        assert replace(found, stored=(), pictures=()) == replace(answer, pictures=())
        (picture,) = found.pictures
        assert (picture.image.body, picture.seed, picture.revised_prompt) == (IMAGE.body, 7, "as drawn")
        for file in (tmp_path / "pictures").glob("*/*"):
            file.unlink()
        assert await at.repeats.join(at.job(retry=1)) is None


async def test_what_the_ledger_has_is_too_old_for_a_retry_after_a_while(tmp_path: Path) -> None:
    async with desk(tmp_path, retry_s=20) as at:
        job = at.job()
        answer = await at.recorded(job)
        await at.ledger.close(Close(outcomes=(), job=job.id, state="done"))
        await at.repeats.keep(answer)
        assert await at.repeats.join(at.job(retry=1)) is not None
        assert await at.repeats.join(at.job(retry=1, later_s=21)) is None
