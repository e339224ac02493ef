"""What holds for every home, wherever it has its engine: one suite for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from providers.contract import Code, Failure, Fault
from proxy.renderer.homes.contract import Ended, Home, LostError, Started
from proxy.renderer.homes.several import Several
from proxy.renderer.wire import (
    Finished,
    Job,
    Measured,
    News,
    OfJob,
    Progress,
    Setup,
    Shelved,
    Sketch,
    Stepped,
)
from tests.renderer.stub import AGES, HOMES, asked, setup, until


class Heard:
    """Keeps what a home says of its engine."""

    def __init__(self) -> None:
        self.all: list[News | Started | Ended] = []

    def __call__(self, engine: str, what: News | Started | Ended) -> None:
        assert engine
        self.all.append(what)

    def of(self, kind: type) -> list[News | Started | Ended]:
        return [each for each in self.all if isinstance(each, kind)]


def several(setup: Setup) -> Home:
    homes = [HOMES["thread"](setup) for _ in range(2)]
    return Several(homes, {model: range(2) for model in setup.models})


@pytest.fixture(params=[*HOMES, "several", pytest.param("ray", marks=pytest.mark.ray)])
def make(request: pytest.FixtureRequest) -> Callable[[Setup], Home]:
    if request.param == "ray":
        fleet: Callable[[Setup], Home] = request.getfixturevalue("fleet")
        return fleet
    return several if request.param == "several" else HOMES[request.param]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest_asyncio.fixture
async def home(make: Callable[[Setup], Home], heard: Heard) -> AsyncIterator[Home]:
    made = make(setup("stub", "other", slots=4))
    await made.start(heard)
    yield made
    await made.close()


async def whole(home: Home, job: Job) -> list[OfJob]:
    async with aclosing(home.submit(job)) as said:
        return [message async for message in said]


def sketches(said: list[OfJob]) -> Iterator[int]:
    return (message.index for message in said if isinstance(message, Sketch))


async def test_a_job_tells_how_far_it_is_and_ends_once(home: Home) -> None:
    said = await whole(home, Job(1, "stub", asked(steps=4, n=2), previews=2))
    assert [message.done for message in said if isinstance(message, Progress)] == [0.25, 0.5, 0.75, 1]
    assert list(sketches(said)) == [0, 1]
    assert [index for index, message in enumerate(said) if isinstance(message, Finished)] == [len(said) - 1]
    last = said[-1]
    assert isinstance(last, Finished)
    assert last.drawn.seeds == (1, 2)
    assert {message.id for message in said} == {1}


async def test_jobs_meet_in_the_engine(home: Home, heard: Heard) -> None:
    first = asyncio.create_task(whole(home, Job(1, "stub", asked(steps=40))))
    await until(lambda: len(heard.of(Stepped)) > 2)
    drawn = await asyncio.gather(*(whole(home, Job(2 + n, "stub", asked(seed=n, steps=5))) for n in range(3)))
    assert not first.done()
    assert [said[-1].drawn.seeds for said in drawn if isinstance(said[-1], Finished)] == [(0,), (1,), (2,)]
    assert max(each.pictures for each in heard.of(Stepped) if isinstance(each, Stepped)) > 1
    await first


async def test_a_refusal_comes_whole(home: Home) -> None:
    said = await whole(home, Job(1, "stub", asked("refuse")))
    failure = said[-1].failure()  # type: ignore[union-attr]
    assert (failure.fault, failure.code, failure.field) == (Fault.REJECTED, Code.INVALID, "size")


async def test_a_job_that_nobody_listens_to_is_dropped(home: Home, heard: Heard) -> None:
    said = home.submit(Job(1, "stub", asked(steps=AGES)))
    await anext(said)
    await said.aclose()
    steps = len(heard.of(Stepped))
    await whole(home, Job(2, "stub", asked(steps=10)))
    later = [each.pictures for each in heard.of(Stepped)[steps:] if isinstance(each, Stepped)]
    assert later[-9:] == [1] * 9  # the first may have been under way


async def test_it_tells_of_its_engine(home: Home, heard: Heard) -> None:
    assert heard.all == []
    assert home.slots >= 4
    assert home.warm == frozenset()
    await whole(home, Job(1, "stub", asked()))
    (started,) = heard.of(Started)
    assert isinstance(started, Started)
    assert started.place
    assert started.seconds > 0
    assert home.warm == {"stub"}
    assert len(heard.of(Measured)) == 1
    await home.close()
    assert home.warm == frozenset()
    assert [each.meant for each in heard.of(Ended) if isinstance(each, Ended)] == [True]
    assert heard.of(Shelved)[-1] == Shelved((), 0)


async def test_preloading_says_what_is_missing_and_serves_the_rest(make: Callable[[Setup], Home], heard: Heard) -> None:
    home = make(setup("stub", "missing", preload=("stub", "missing")))
    with pytest.raises(Failure, match="missing is not there"):
        await home.start(heard)
    assert home.warm == {"stub"}
    assert isinstance((await whole(home, Job(1, "stub", asked())))[-1], Finished)
    await home.close()


async def test_an_engine_that_cannot_be_made_refuses_every_job(make: Callable[[Setup], Home], heard: Heard) -> None:
    home = make(setup("broken"))
    await home.start(heard)
    said = await asyncio.gather(*(whole(home, Job(n, "broken", asked())) for n in range(3)), return_exceptions=True)
    assert all(isinstance(each, Failure) and "no engine" in each.detail for each in said)
    await home.close()


async def test_an_engine_that_breaks_loses_its_jobs_and_has_a_successor(home: Home, heard: Heard) -> None:
    beside = asyncio.create_task(whole(home, Job(1, "stub", asked(steps=AGES))))
    await until(lambda: heard.of(Stepped))
    with pytest.raises(LostError):
        await whole(home, Job(2, "stub", asked("break")))
    ended = [each for each in heard.of(Ended) if isinstance(each, Ended)]
    assert [each.meant for each in ended] == [False]
    assert ended[0].jobs >= 1
    assert isinstance((await whole(home, Job(3, "stub", asked())))[-1], Finished)
    if beside.done():
        assert isinstance(beside.exception(), LostError)
    beside.cancel()
    await asyncio.gather(beside, return_exceptions=True)


async def test_closing_ends_what_is_under_way(home: Home, heard: Heard) -> None:
    running = asyncio.create_task(whole(home, Job(1, "stub", asked(steps=AGES))))
    await until(lambda: heard.of(Stepped))
    await home.close()
    with pytest.raises(LostError):
        await running
    with pytest.raises(Failure, match="shutting down"):
        await whole(home, Job(2, "stub", asked()))


@pytest.mark.parametrize("kind", sorted(HOMES))
async def test_an_idle_engine_goes_and_comes_back(kind: str, heard: Heard) -> None:
    home = HOMES[kind](setup(slots=4), idle=0.05)
    await home.start(heard)
    await whole(home, Job(1, "stub", asked()))
    await until(lambda: heard.of(Ended))
    said = await asyncio.gather(*(whole(home, Job(2 + n, "stub", asked(steps=10))) for n in range(3)))
    assert all(isinstance(each[-1], Finished) for each in said)  # it takes longer than an engine may idle
    assert len(heard.of(Started)) == 2
    await home.close()
    assert all(isinstance(each, Ended) and each.meant for each in heard.of(Ended))
