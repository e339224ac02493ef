"""Health of two servers, in memory and over Redis: one room, and breakers that turn together."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

import providers
from providers.contract import Account, Failure, Fault
from proxy.health import Asking, Health, Thresholds
from proxy.health.pooled import EVERY_S
from proxy.health.window import FACTOR
from proxy.lines import Lane, Line
from proxy.shared import Shared, Wakes
from tests.shared.ends import LEASE_S, End, over_redis, until

BFL = providers.load("bfl")
LINE = Line(
    name="v",
    provider=BFL,
    lanes=(Lane(name="", account=Account(base="https://x"), concurrency=4),),
    deadline=60,
    models={"m": None, "max": 2},
)


def health(end: End) -> Health:
    shared = Shared(board=end.board, wakes=Wakes(end.board), gates=end.gates)
    return Health(end.told.append, Thresholds(failures=3, seconds=30), {"v": LINE}, shared=shared)


async def enter(server: Health, model: str = "m", seconds: float = 5.0) -> Lane:
    return await server.enter(Asking(offer=f"v/{model}", key="k", speaks=BFL), seconds)


async def test_together_they_keep_to_the_account_and_to_the_model(ends: tuple[End, End]) -> None:
    servers = [health(end) for end in ends]
    inside: Counter[str] = Counter()
    most: Counter[str] = Counter()
    served: Counter[int] = Counter()

    async def ask(number: int) -> None:
        server, model = number % 2, "max" if number % 3 == 0 else "m"
        lane = await enter(servers[server], model)
        for name in ("all", model):
            inside[name] += 1
            most[name] = max(most[name], inside[name])
        await asyncio.sleep(0.01)
        for name in ("all", model):
            inside[name] -= 1
        served[server] += 1
        servers[server].leave(f"v/{model}", lane)

    await asyncio.gather(*[ask(number) for number in range(60)])
    assert (most["all"], most["max"]) == (4, 2)
    assert served == {0: 30, 1: 30}


async def test_what_one_finds_the_other_hears(ends: tuple[End, End]) -> None:
    one, two = [health(end) for end in ends]
    one.failed("v/m", Fault.THROTTLED, "no", 1.5)  # long enough to be seen on a machine that has much to do
    await until(lambda: two.states().get("v/m") == "open")
    assert not two.admit("v/m")
    assert two.standings()["v/m"].fault is Fault.THROTTLED
    await until(lambda: two.admit("v/m"))
    await asyncio.sleep(0.1)
    assert not one.admit("v/m")
    two.succeeded("v/m", 1.0)
    await until(lambda: one.states()["v/m"] == "closed")


async def test_what_one_measures_the_other_knows_and_nothing_counts_twice(ends: tuple[End, End]) -> None:
    one, two = [health(end) for end in ends]
    for _ in range(6):
        one.succeeded("v/m", 2.0)
    for _ in range(2):
        two.failed("v/m", Fault.UNAVAILABLE, "no", None)

    def know() -> list[tuple[int, int]]:
        return [server._paces.window("v/m").counts(time.monotonic()) for server in (one, two)]

    assert know() == [(0, 6), (2, 2)]
    await until(lambda: know() == [(2, 8)] * 2)
    assert two.p95("v/m") == one.p95("v/m") == pytest.approx(2.0, rel=FACTOR - 1)
    await asyncio.sleep(EVERY_S * 1.2)
    assert know() == [(2, 8)] * 2


async def test_room_of_a_server_that_died_is_there_again_after_its_lease(redis_url: str) -> None:
    async with over_redis(redis_url, "hd:") as dies, over_redis(redis_url, "hd:") as lives:
        one, two = health(dies), health(lives)
        for _ in range(4):
            await enter(one)
        await dies.die()
        with pytest.raises(Failure, match="no room in time"):
            await enter(two, seconds=0.1)
        for _ in range(4):
            await enter(two, seconds=LEASE_S * 3)
