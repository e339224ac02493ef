"""Redis gone and back: nobody waits for it, everything is told once, and what it forgot is there again."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from proxy.events import SharedTurned
from proxy.shared import Gate, GoneError, Shut
from proxy.shared.link import ANSWER_S
from tests.servers import Redis
from tests.shared.ends import End, over_redis, until

ROOM = Gate("room", 2)


def turns(end: End) -> list[str]:
    return [event.state for event in end.told if isinstance(event, SharedTurned)]


@pytest.fixture
def own() -> Iterator[Redis]:
    """A Redis for one test to kill."""
    server = Redis()
    yield server
    server.close()


async def test_a_redis_that_is_killed_is_told_of_once_costs_nobody_time_and_comes_back(own: Redis) -> None:
    async with over_redis(own.url, "k:", lease_s=30) as here, over_redis(own.url, "k:", lease_s=30) as there:
        heard: list[str] = []
        there.board.listen("n", heard.append)
        await here.gates.enter("a", [ROOM])
        own.stop()
        slowest = 0.0
        for number in range(200):
            began = time.perf_counter()
            with pytest.raises(GoneError):
                await here.gates.enter(f"v{number}", [ROOM])
            slowest = max(slowest, time.perf_counter() - began)
            here.gates.leave(f"v{number}")
            here.board.tell("n", "lost")
        assert slowest < ANSWER_S  # it waited for no answer
        with pytest.raises(GoneError):
            await here.gates.enter("b", [ROOM])  # it is inside as far as anybody knows
        await until(lambda: turns(there) == ["gone"])
        own.start()
        await until(lambda: turns(here) == turns(there) == ["gone", "back"])
        await until(lambda: not (here.link is None or here.link._box))
        assert isinstance(await there.gates.enter("c", [ROOM]), Shut)  # both are known again to a Redis that was empty
        here.gates.leave("b")
        await here.gates.enter("flushed", [Gate("other", 1)])
        assert await there.gates.enter("c", [ROOM]) == ()

        async def tells() -> None:
            while not heard:
                here.board.tell("n", "back")
                await asyncio.sleep(0.02)

        await asyncio.wait_for(tells(), 10)
        assert set(heard) == {"back"}


async def test_a_redis_that_hangs_is_waited_for_once_and_not_again(own: Redis) -> None:
    import os

    async with over_redis(own.url, "h:") as here:
        os.kill(own.pid, signal.SIGSTOP)
        try:
            began = time.perf_counter()
            said = await asyncio.gather(
                *[here.gates.enter(f"v{number}", [ROOM]) for number in range(50)], return_exceptions=True
            )
            assert time.perf_counter() - began < 4 * ANSWER_S  # of fifty answers that did not come
            assert {type(each) for each in said} == {GoneError}
            began = time.perf_counter()
            for number in range(50):
                with pytest.raises(GoneError):
                    await here.gates.enter(f"w{number}", [ROOM])
            assert time.perf_counter() - began < ANSWER_S
        finally:
            os.kill(own.pid, signal.SIGCONT)
        await until(lambda: turns(here) == ["gone", "back"])


async def test_a_redis_that_only_reads_is_as_good_as_gone_until_it_writes(own: Redis) -> None:
    async with over_redis(own.url, "r:") as here:
        own.ask(lambda each: each.replicaof("127.0.0.1", str(own.port + 1)), None)
        with pytest.raises(GoneError):
            await here.gates.enter("a", [ROOM])
        await asyncio.sleep(0.6)
        assert turns(here) == ["gone"]
        own.ask(lambda each: each.replicaof("NO", "ONE"), None)
        await until(lambda: turns(here) == ["gone", "back"])
        assert await here.gates.enter("b", [ROOM]) == ()


async def test_scripts_that_redis_forgets_are_told_again(redis_url: str, redis: Redis) -> None:
    async with over_redis(redis_url, "s:") as here:
        redis.ask(lambda each: each.script_flush(), None)
        with pytest.raises(GoneError):
            await here.gates.enter("a", [ROOM])
        await until(lambda: turns(here) == ["gone", "back"])
        assert await here.gates.enter("b", [ROOM]) == ()


async def test_a_redis_that_is_not_there_at_the_start_is_waited_for_by_nobody() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://:secret@127.0.0.1:{probe.getsockname()[1]}/0"
        async with over_redis(url, "n:") as here:
            assert turns(here) == ["gone"]
            (event,) = here.told
            assert "secret" not in str(event)
            with pytest.raises(GoneError):
                await here.gates.enter("a", [ROOM])
