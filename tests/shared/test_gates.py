"""Gates, in memory and over Redis: what one port promises, whoever keeps it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from proxy.shared import Gate, Left, Shut
from proxy.shared.leases import RedisGates
from tests.shared.ends import LEASE_S, End, over_redis, until

Ends = tuple[End, End]
ROOM = Gate("room", 2)
MINUTE = Gate("minute", 3, window_s=60)
SHORT = Gate("short", 2, window_s=1.0)
BYTES = Gate("bytes", 100, weighed=True)


async def test_so_many_at_once_and_one_more_when_one_leaves(ends: Ends) -> None:
    here, there = ends
    assert await here.gates.enter("a", [ROOM]) == ()
    assert await there.gates.enter("b", [ROOM]) == ()
    shut = await here.gates.enter("c", [ROOM])
    assert isinstance(shut, Shut)
    assert shut.place == 0
    assert shut.retry_s > 0
    there.gates.leave("b")
    await there.gates.enter("flushed", [MINUTE])  # what is asked later arrives later
    assert await here.gates.enter("c", [ROOM]) == ()


async def test_a_window_counts_who_has_left_and_says_what_is_left(ends: Ends) -> None:
    here, there = ends
    lefts = []
    for number, end in enumerate((here, there, here)):
        said = await end.gates.enter(f"v{number}", [MINUTE])
        assert isinstance(said, tuple)
        (left,) = said
        assert 55 < left.reset_s <= 60
        lefts.append((left.most, left.left))
        end.gates.leave(f"v{number}")
    assert lefts == [(3, 2), (3, 1), (3, 0)]
    shut = await there.gates.enter("v3", [MINUTE])
    assert isinstance(shut, Shut)
    assert 55 < shut.retry_s <= 60


async def test_a_window_moves(ends: Ends) -> None:
    here, there = ends
    assert isinstance(await here.gates.enter("a", [SHORT]), tuple)
    await asyncio.sleep(0.5)
    assert isinstance(await there.gates.enter("b", [SHORT]), tuple)
    shut = await here.gates.enter("c", [SHORT])
    assert isinstance(shut, Shut)
    assert shut.retry_s <= 0.5 + 0.01
    await asyncio.sleep(shut.retry_s + 0.02)  # the first one counts no more, the second one does
    assert isinstance(await here.gates.enter("d", [SHORT]), tuple)
    assert isinstance(await here.gates.enter("e", [SHORT]), Shut)


async def test_a_gate_may_be_passed_by_weight(ends: Ends) -> None:
    here, there = ends
    large, small, rest = [Gate("bytes", 100, takes=size, weighed=True) for size in (60, 41, 40)]
    assert await here.gates.enter("large", [large]) == ()
    assert isinstance(await there.gates.enter("small", [small]), Shut)
    assert await there.gates.enter("rest", [rest]) == ()
    assert isinstance(await here.gates.enter("one", [BYTES]), Shut)
    here.gates.leave("large")
    await here.gates.enter("flushed", [MINUTE])
    assert await there.gates.enter("large again", [large]) == ()


async def test_who_is_refused_at_one_gate_is_counted_at_none(ends: Ends) -> None:
    here, there = ends
    await there.gates.enter("a", [ROOM])
    await there.gates.enter("b", [ROOM])
    for number in range(10):
        shut = await here.gates.enter(f"r{number}", [MINUTE, BYTES, ROOM])
        assert isinstance(shut, Shut)
        assert shut.place == 2
    said = await here.gates.enter("c", [MINUTE, Gate("bytes", 100, takes=100, weighed=True)])
    assert said == (Left(3, 2, pytest.approx(60, abs=1)),)  # type: ignore[arg-type]


async def test_who_is_not_inside_gives_nothing_back(ends: Ends) -> None:
    here, _ = ends
    await here.gates.enter("a", [ROOM])
    await here.gates.enter("b", [ROOM])
    for visit in ("c", "a", "a"):
        here.gates.leave(visit)
    await here.gates.enter("flushed", [MINUTE])
    assert await here.gates.enter("d", [ROOM]) == ()
    assert isinstance(await here.gates.enter("e", [ROOM]), Shut)


async def test_who_is_inside_already_is_counted_whether_or_not_there_is_room(ends: Ends) -> None:
    here, there = ends
    await here.gates.enter("a", [ROOM])
    for visit in ("b", "c"):
        there.gates.occupy(visit, [ROOM])
    await there.gates.enter("flushed", [MINUTE])
    there.gates.leave("b")
    await there.gates.enter("flushed again", [MINUTE])
    assert isinstance(await here.gates.enter("d", [ROOM]), Shut)
    there.gates.leave("c")
    await there.gates.enter("and again", [MINUTE])
    assert await here.gates.enter("d", [ROOM]) == ()


async def test_a_gate_that_lets_nobody_through_is_shut(ends: Ends) -> None:
    here, _ = ends
    for gate in (Gate("none", 0), Gate("none ever", 0, window_s=60)):
        shut = await here.gates.enter("a", [gate])
        assert isinstance(shut, Shut)
        assert shut.retry_s > 0


async def test_many_from_both_sides_are_never_more_than_allowed(ends: Ends) -> None:
    draw = random.Random(7)
    inside: Counter[str] = Counter()
    entered = 0
    gates = [Gate("team", 5), Gate("bytes of team", 50, takes=10, weighed=True), Gate("a while", 40, window_s=60)]

    async def visit(number: int) -> None:
        nonlocal entered
        end = ends[number % 2]
        while isinstance(said := await end.gates.enter(f"v{number}", gates), Shut):
            if said.place == 2:
                return  # forty have been inside
            await asyncio.sleep(draw.random() * 0.005)
        inside["now"] += 1
        inside["most"] = max(inside["most"], inside["now"])
        entered += 1
        await asyncio.sleep(draw.random() * 0.003)
        inside["now"] -= 1
        end.gates.leave(f"v{number}")

    async with asyncio.timeout(30):
        await asyncio.gather(*[visit(number) for number in range(60)])
    assert inside["most"] == 5
    assert entered == 40


# Leases, which only those have that others can see.


async def test_what_a_server_held_that_died_is_free_after_its_lease_and_not_before(redis_url: str) -> None:
    async with over_redis(redis_url, "died:") as dies, over_redis(redis_url, "died:") as lives:
        await dies.gates.enter("a", [ROOM])
        await lives.gates.enter("b", [ROOM])
        await dies.die()
        assert isinstance(await lives.gates.enter("c", [ROOM]), Shut)
        await asyncio.sleep(LEASE_S * 1.2)
        assert await lives.gates.enter("c", [ROOM]) == ()
        assert isinstance(await lives.gates.enter("d", [ROOM]), Shut)  # the other one's is renewed


async def test_what_is_held_longer_than_a_lease_stays_held(redis_url: str) -> None:
    async with over_redis(redis_url, "long:") as here, over_redis(redis_url, "long:") as there:
        for visit in ("a", "b"):
            await here.gates.enter(visit, [ROOM])
        await asyncio.sleep(LEASE_S * 2.5)
        assert isinstance(await there.gates.enter("c", [ROOM]), Shut)


async def test_who_is_refused_while_what_is_held_is_renewed_holds_nothing(redis_url: str) -> None:
    async with over_redis(redis_url, "renew:") as here:
        assert isinstance(here.gates, RedisGates)
        for visit in ("a", "b"):
            await here.gates.enter(visit, [ROOM])
        entering = asyncio.create_task(here.gates.enter("c", [ROOM]))
        await asyncio.sleep(0)  # it has asked, and is not answered
        here.gates.renew()
        assert isinstance(await entering, Shut)
        here.gates.leave("a")
        assert await here.gates.enter("d", [ROOM]) == ()


async def test_nothing_is_left_in_redis_for_ever(redis_url: str) -> None:
    async with over_redis(redis_url, "left:") as here:
        await here.gates.enter("a", [ROOM, SHORT, BYTES])
        assert here.link is not None
        for key in await here.link.ask("KEYS", "left:*"):
            assert 0 < await here.link.ask("PTTL", key) <= 1000
        here.gates.leave("a")
        async with asyncio.timeout(10):
            while await here.link.ask("KEYS", "left:gate:*"):
                await asyncio.sleep(0.02)


async def test_who_breaks_off_while_entering_holds_nothing(redis_url: str) -> None:
    async with over_redis(redis_url, "broke:") as here, over_redis(redis_url, "broke:") as there:
        for number in range(20):
            entering = asyncio.create_task(here.gates.enter(f"v{number}", [ROOM]))
            await asyncio.sleep(0)
            entering.cancel()
            here.gates.leave(f"v{number}")
        await until(lambda: not here.link._box)  # type: ignore[union-attr]
        for visit in ("a", "b"):
            assert await there.gates.enter(visit, [ROOM]) == ()
