"""A replica and who is told of it, without Ray: several servers share one engine, and what it says adds up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.fleet.replica import Replica
from proxy.renderer.fleet.roll import Roll
from proxy.renderer.fleet.said import Here, OfReplica, order, unbundle
from proxy.renderer.wire import (
    Begun,
    Broken,
    Finished,
    FromWorker,
    Gone,
    Job,
    Measured,
    Of,
    Progress,
    Setup,
    Shelved,
    Stepped,
    write,
)
from tests.renderer.stub import AGES, asked, setup
from tests.renderer.stub_engine import StubEngine


async def begun(setup: Setup) -> Replica:
    made = Replica(write(setup), StubEngine, "first")
    await made.begin()
    return made


@pytest_asyncio.fixture
async def replica() -> AsyncIterator[Replica]:
    made = await begun(setup("stub", "other", slots=8))
    yield made
    made.close()


async def drawn(replica: Replica, job: Job, envoy: str = "one") -> list[OfReplica]:
    async with aclosing(replica.draw(order(job), envoy)) as said:
        return [message async for body in said for message in unbundle(body)]


def of(said: list[OfReplica], kind: type) -> list[OfReplica]:
    return [each for each in said if isinstance(each, kind)]


async def test_two_servers_may_call_their_jobs_the_same(replica: Replica) -> None:
    both = await asyncio.gather(
        drawn(replica, Job(7, "stub", asked(seed=1, steps=5)), "one"),
        drawn(replica, Job(7, "stub", asked(seed=2, steps=5)), "two"),
    )
    for seed, said in enumerate(both, start=1):
        assert isinstance(said[0], Here)
        assert len(of(said, Progress)) == 5
        (last,) = [each for each in said if isinstance(each, Finished)]
        assert said[-1] is last
        assert (last.id, last.drawn.seeds) == (7, (seed,))


async def test_what_is_counted_is_told_once_and_what_is_in_memory_to_everybody(replica: Replica) -> None:
    both = await asyncio.gather(
        drawn(replica, Job(1, "stub", asked(steps=10)), "one"),
        drawn(replica, Job(2, "stub", asked(steps=10)), "two"),
    )
    together = [each for said in both for each in said]
    assert len(of(together, Measured)) == 2
    assert sum(each.pictures for each in together if isinstance(each, Stepped)) == 20
    for said in both:
        assert Shelved(("stub",), 1_000) in said


async def test_what_is_said_while_nobody_listens_is_kept_for_the_next(replica: Replica) -> None:
    first: AsyncGenerator[bytes, None] = replica.draw(order(Job(1, "stub", asked(steps=AGES))), "one")
    for _ in range(3):
        await anext(first)
    await first.aclose()
    await asyncio.sleep(0.1)  # the step that was under way
    said = await drawn(replica, Job(2, "other", asked(steps=2)))
    assert said[1] == Shelved(("stub",), 1_000)
    counted = [each.pictures for each in said if isinstance(each, Stepped)]
    assert counted in ([1, 1], [1, 1, 1])  # the first one was dropped: it is in no later step


async def test_a_replica_without_an_engine_says_so_to_everybody() -> None:
    made = await begun(setup("broken"))
    for number in range(2):
        (said, _) = await drawn(made, Job(number, "broken", asked()))
        assert said == Broken("this machine has no engine")
    assert Broken("this machine has no engine") in unbundle(await made.here())


async def test_it_tells_what_could_not_be_preloaded() -> None:
    made = await begun(setup("stub", "missing", preload=("stub", "missing")))
    here, shelved = unbundle(await made.here())
    assert isinstance(here, Here)
    assert (here.replica, here.problems) == ("first", ("missing is not there",))
    assert shelved == Shelved(("stub",), 1_000)
    made.close()


async def test_a_server_that_asks_for_what_cannot_be_read_is_refused(replica: Replica) -> None:
    with pytest.raises(Exception, match=r"malformed|truncated|Invalid"):
        await anext(aiter_after_first(replica.draw(b"\xc1", "one")))
    assert (await drawn(replica, Job(1, "stub", asked())))[-1].__class__ is Finished


async def aiter_after_first(said: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(said):
        await anext(said)
        yield await anext(said)


class Told:
    def __init__(self) -> None:
        self.all: list[FromWorker] = []

    def __call__(self, message: FromWorker) -> None:
        self.all.append(message)

    def take(self) -> list[FromWorker]:
        said, self.all = self.all, []
        return said


def test_the_names_of_replicas_are_used_again() -> None:
    told = Told()
    roll = Roll(told)
    for number, replica in enumerate(("a", "b", "c")):
        roll.meet(Here(replica, f"place {replica}", 1.0), number)
    assert [each.engine for each in told.take() if isinstance(each, Of)] == ["ray:0", "ray:1", "ray:2"]
    roll.lose("b", "it died")
    assert told.take() == [Of("ray:1", Shelved((), 0)), Of("ray:1", Gone("it died", meant=False, jobs=1))]
    roll.lose("b", "it died")
    assert told.take() == []
    roll.meet(Here("d", "place d", 2.0), 9)
    assert told.take() == [Of("ray:1", Begun("place d", 2.0))]


def test_a_smaller_fleet_has_lost_those_that_were_idle_for_longest() -> None:
    told = Told()
    roll = Roll(told)
    for number, replica in enumerate(("a", "b", "c")):
        roll.meet(Here(replica, "", 1.0), number)
        roll.leave(replica, number)
    roll.meet(Here("a", "", 1.0), 5)
    told.take()
    roll.count(2)
    assert told.take() == [
        Of("ray:1", Shelved((), 0)),
        Of("ray:1", Gone("the fleet has become smaller", meant=True, jobs=0)),
    ]
    roll.count(0)
    assert [each.engine for each in told.take() if isinstance(each, Of)] == ["ray:2", "ray:2"]  # the other one draws


def test_what_is_in_memory_is_told_when_it_changes() -> None:
    told = Told()
    roll = Roll(told)
    roll.meet(Here("a", "", 1.0))
    roll.hear("a", Shelved(("x",), 1, {"x": 2.5}))
    told.take()
    roll.hear("a", Shelved(("x",), 1))
    roll.hear("nobody", Shelved(("x",), 1))
    assert told.take() == []
    roll.hear("a", Shelved(("x", "y"), 2))
    assert told.take() == [Of("ray:0", Shelved(("x", "y"), 2))]


@pytest.mark.parametrize(("queued", "waits"), [(None, -1), (100, 100), (1, 32)])
def test_a_burst_that_there_is_room_for_is_never_turned_away(queued: int | None, waits: int) -> None:
    fleet = FleetOptions(max_replicas=4, queued=queued)
    assert fleet.slots(32) == 128
    assert fleet.waiting(32) == waits
