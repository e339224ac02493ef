"""News and wakes, in memory and over Redis."""

from __future__ import annotations

import asyncio

from proxy.shared import Wakes
from tests.shared.ends import End, until

Ends = tuple[End, End]


async def test_all_who_listen_hear_once_here_and_elsewhere(ends: Ends) -> None:
    here, there = ends
    heard: list[str] = []
    here.board.listen("keys", lambda words: heard.append(f"here {words}"))
    there.board.listen("keys", lambda words: heard.append(f"there {words}"))
    there.board.listen("others", heard.append)
    here.board.tell("keys", "7 “ö”")
    await until(lambda: len(heard) >= 2)
    await asyncio.sleep(0.05)
    assert sorted(heard) == ["here 7 “ö”", "there 7 “ö”"]


async def test_news_arrives_in_the_order_it_was_told(ends: Ends) -> None:
    here, there = ends
    heard: list[str] = []
    there.board.listen("n", heard.append)
    for number in range(2000):
        here.board.tell("n", str(number))
    await until(lambda: len(heard) == 2000)
    assert heard == [str(number) for number in range(2000)]


async def test_a_listener_that_breaks_does_not_keep_others_from_hearing(ends: Ends) -> None:
    here, there = ends
    heard: list[str] = []

    def breaks(_: str) -> None:
        raise ValueError

    there.board.listen("n", breaks)
    there.board.listen("n", heard.append)
    for _ in range(2):
        here.board.tell("n", "x")
    await until(lambda: len(heard) == 2)


async def test_who_waits_for_a_job_is_woken_when_it_ends_wherever_that_is(ends: Ends) -> None:
    one, two = Wakes(ends[0].board), Wakes(ends[1].board)
    waiting = [asyncio.create_task(wakes.wait("req_1", 5)) for wakes in (one, two, two)]
    other = asyncio.create_task(two.wait("req_2", 0.3))
    await asyncio.sleep(0)
    one.tell("req_1")
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert await other is False
    assert (one._waiting, two._waiting) == ({}, {})


async def test_who_looked_just_before_it_ended_and_waits_just_after_is_woken_too(ends: Ends) -> None:
    one, two = Wakes(ends[0].board), Wakes(ends[1].board)
    woken = asyncio.create_task(two.wait("req_1", 5))
    await asyncio.sleep(0)
    one.tell("req_1")
    assert await woken
    assert await two.wait("req_1", 0) is True
    assert await one.wait("req_1", 0) is True


async def test_who_stops_waiting_is_forgotten(ends: Ends) -> None:
    wakes = Wakes(ends[0].board)
    waiting = asyncio.create_task(wakes.wait("req_1", 5))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert wakes._waiting == {}
    wakes.tell("req_1")
