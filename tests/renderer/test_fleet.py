"""A fleet: what only several replicas, and a connection to them, can do right or wrong."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import aclosing

import pytest

from providers.contract import Failure, Fault
from proxy.events import Event
from proxy.renderer import LocalRenderer
from proxy.renderer.homes.contract import Ended, LostError, Started
from proxy.renderer.wire import Finished, Job, News, OfJob, Shelved
from tests.renderer.fleet import StubFleet
from tests.renderer.stub import AGES, asked, render, setup, until

pytestmark = pytest.mark.ray
KNOWN_S = 3.0
"""Until every router knows which replica was asked for a model."""
Fleet = Callable[..., StubFleet]


class Heard:
    def __init__(self) -> None:
        self.all: list[tuple[str, News | Started | Ended]] = []

    def __call__(self, engine: str, what: News | Started | Ended) -> None:
        self.all.append((engine, what))

    def of(self, kind: type) -> list[tuple[str, News | Started | Ended]]:
        return [(engine, what) for engine, what in self.all if isinstance(what, kind)]


async def whole(home: StubFleet, job: Job) -> list[OfJob]:
    async with aclosing(home.submit(job)) as said:
        return [message async for message in said]


async def test_a_full_fleet_says_when_to_come_again(fleet: Fleet) -> None:
    home = fleet(setup(slots=1), queued=1)
    await home.start(Heard())
    drawn = home.submit(Job(1, "stub", asked(steps=AGES)))
    await asyncio.wait_for(anext(drawn), 60)
    waiting = asyncio.create_task(whole(home, Job(2, "stub", asked())))
    await asyncio.sleep(0.5)
    for number in (3, 4):
        with pytest.raises(Failure) as refused:
            await asyncio.wait_for(whole(home, Job(number, "stub", asked())), 10)
        assert refused.value.fault == Fault.THROTTLED
        assert refused.value.retry_after is not None
        assert refused.value.retry_after >= 1
    assert not waiting.done()
    await drawn.aclose()  # which makes room
    assert isinstance((await asyncio.wait_for(waiting, 15))[-1], Finished)
    await home.close()


async def test_a_model_is_drawn_where_it_was_before_and_both_replicas_are_told_of(fleet: Fleet) -> None:
    heard = Heard()
    home = fleet(setup("a", "b", slots=4), min_replicas=2, max_replicas=2, busy=4)
    await home.start(heard)
    await until(lambda: home.engines == 2, within=60)
    for number, model in enumerate("ab", start=1):
        await whole(home, Job(number, model, asked()))
        await asyncio.sleep(KNOWN_S)
    for number in range(3, 11):
        await whole(home, Job(number, "ab"[number % 2], asked()))
    assert {engine for engine, _ in heard.of(Started)} == {"ray:0", "ray:1"}
    memory = {engine: what.models for engine, what in heard.of(Shelved) if isinstance(what, Shelved)}
    assert sorted(memory.values()) == [("a",), ("b",)]
    assert home.warm == {"a", "b"}
    await home.close()


async def test_what_a_killed_replica_had_is_drawn_by_its_successor(fleet: Fleet) -> None:
    home, told = fleet(setup(slots=4)), list[Event]()
    local = LocalRenderer(home, ("stub",), told.append)
    await local.start()
    drawing = [asyncio.create_task(local.draw(render(seed=seed, steps=100))) for seed in range(3)]
    await until(lambda: home.warm, within=20)
    os.kill(replica_of(told), signal.SIGKILL)
    drawn = await asyncio.wait_for(asyncio.gather(*drawing), 90)
    assert [each.seeds for each in drawn] == [(0,), (1,), (2,)]
    await local.close()


async def test_a_dead_connection_is_made_anew_and_finds_the_replica_as_it_was(fleet: Fleet) -> None:
    heard = Heard()
    home = fleet(setup(slots=4))
    await home.start(heard)
    await whole(home, Job(1, "stub", asked()))
    running = asyncio.create_task(whole(home, Job(2, "stub", asked(steps=AGES))))
    await until(lambda: home.pid is not None)
    assert home.pid is not None
    os.kill(home.pid, signal.SIGKILL)
    with pytest.raises(LostError):
        await running
    assert home.warm == frozenset()
    assert isinstance((await whole(home, Job(3, "stub", asked())))[-1], Finished)
    places = [what.place for _, what in heard.of(Started) if isinstance(what, Started)]
    assert len(places) == 2
    assert places[0] == places[1]  # the same process: it was not deployed anew
    await home.close()


async def test_a_cluster_that_is_not_there_is_said_to_be(fleet: Fleet) -> None:
    home = fleet(setup(), application="nobody-deployed", deploy=False)
    await super(StubFleet, home).start(Heard())
    with pytest.raises(Failure, match="cannot be used"):
        await whole(home, Job(1, "stub", asked()))
    await home.close()


def replica_of(told: list[Event]) -> int:
    (place,) = [event.place for event in told if hasattr(event, "place")]
    return int(place.rpartition(" ")[2])
