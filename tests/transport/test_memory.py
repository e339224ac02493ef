"""How much of the vendors' replies is in memory at once: bytes are admitted, in order, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Call, Fault, Fetch
from proxy.transport import Lease, Room
from tests.pictures import png
from tests.properties import MANY
from tests.transport.driving import driving
from tests.transport.serving import Server, eventually, serving

SIZE = 1000


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _waits(claim: Awaitable[None]) -> bool:
    """Whether a claim has to wait; one that need not is kept."""
    task = asyncio.ensure_future(claim)
    await _settle()
    if task.done():
        return False
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return True


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.integers(1, SIZE * 2)),
        st.tuples(st.just("take"), st.integers(1, SIZE)),
        st.tuples(st.just("give"), st.integers(0, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("give and cancel"), st.integers(0, 5)),
    ),
    max_size=40,
)


@MANY
@given(STEPS)
async def test_claims_are_admitted_by_bytes_and_in_order_and_none_is_lost(steps: list[tuple[str, int]]) -> None:
    room = Room(SIZE)
    waiting: list[tuple[int, asyncio.Task[None]]] = []
    held: list[int] = []

    def look() -> None:
        """The first in line are in, and only they; whoever waits, waits for want of room."""
        while waiting and waiting[0][1].done():
            size, _ = waiting.pop(0)
            assert sum(held) + size <= SIZE or not sum(held)
            held.append(size)
        assert not any(task.done() for _, task in waiting)
        if waiting:
            assert sum(held) + min(waiting[0][0], SIZE) > SIZE

    for what, value in steps:
        if what == "claim":
            waiting.append((value, asyncio.create_task(room.claim(value))))
        elif what == "take":
            room.take(value)
            held.append(value)
        if "give" in what and held:
            room.give(held.pop(value % len(held)))
        if "cancel" in what and waiting:
            task = waiting.pop(value % len(waiting))[1]
            task.cancel()  # with "give" before it in the same breath, it may have been admitted already
            await asyncio.gather(task, return_exceptions=True)
        await _settle()
        look()
    while held or waiting:
        if held:
            room.give(held.pop())
        await _settle()
        look()
    assert not await _waits(room.claim(SIZE))  # all of it is there again
    assert await _waits(room.claim(1))


async def test_what_is_larger_than_all_the_room_waits_until_it_is_alone() -> None:
    room = Room(SIZE)
    await room.claim(1)
    large = asyncio.create_task(room.claim(SIZE * 3))
    await _settle()
    assert not large.done()
    room.give(1)
    await asyncio.wait_for(large, 1)
    assert await _waits(room.claim(1))
    room.give(SIZE * 3)
    assert not await _waits(room.claim(SIZE))


async def test_a_small_claim_does_not_overtake_a_large_one() -> None:
    """Otherwise a stream of small ones would keep a large one waiting for ever."""
    room = Room(SIZE)
    await room.claim(SIZE // 2)
    large = asyncio.create_task(room.claim(SIZE))
    small = asyncio.create_task(room.claim(1))
    await _settle()
    assert not large.done()
    assert not small.done()
    large.cancel()
    await asyncio.wait_for(small, 1)


BIG = 1_000_000


async def test_a_small_reply_is_let_in_though_there_is_no_room() -> None:
    room = Room(BIG)
    await room.claim(BIG)
    lease = Lease(room)
    assert not await _waits(lease.claim(65_536))
    assert lease.held == 0
    assert await _waits(lease.claim(65_537))
    assert lease.held == 0


async def test_a_request_that_holds_some_never_waits_for_more() -> None:
    """Two that wait for each other's would wait for ever."""
    room = Room(BIG)
    one, two = Lease(room), Lease(room)
    await one.claim(BIG // 2)
    await two.claim(BIG // 2)
    assert not await _waits(one.claim(BIG))
    assert not await _waits(two.claim(BIG))
    one.release()
    one.release()
    assert await _waits(Lease(room).claim(BIG // 2))
    two.release()
    assert not await _waits(room.claim(BIG))


async def test_calls_of_one_request_made_at_once_do_not_wait_for_each_others_room() -> None:
    """Their room is given back when the request is answered, which none of them lives to see while it waits."""
    room = Room(BIG)
    async with asyncio.timeout(2):
        for _ in range(3):
            leases = [Lease(room) for _ in range(3)]

            async def request(lease: Lease) -> None:
                await asyncio.gather(*(lease.claim(BIG * 6 // 10) for _ in range(4)))
                lease.release()

            await asyncio.gather(*(request(lease) for lease in leases))
    assert not await _waits(room.claim(BIG))


async def test_when_one_of_a_requests_calls_gives_up_waiting_the_next_takes_its_turn() -> None:
    room = Room(BIG)
    await room.claim(BIG)
    lease = Lease(room)
    first, second = (asyncio.create_task(lease.claim(size)) for size in (BIG // 2, BIG // 4))
    await _settle()
    first.cancel()
    await _settle()
    assert not second.done()
    room.give(BIG)
    await asyncio.wait_for(second, 1)
    assert lease.held == BIG // 4
    lease.release()
    assert not await _waits(room.claim(BIG))


# Through the driver: a reply that finds no room stays with the vendor.


class Flood:
    """A server that sends as much as it is let, and knows how much that was."""

    def __init__(self, size: int, *, stated: bool = True) -> None:
        self.sent: list[int] = []
        self._size = size
        self._stated = stated

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        number = len(self.sent)
        self.sent.append(0)
        response = web.StreamResponse()
        if self._stated:
            response.content_length = self._size
        await response.prepare(request)
        head = png()
        await response.write(head)
        self.sent[number] = len(head)
        while self.sent[number] < self._size:
            step = min(65_536, self._size - self.sent[number])
            await response.write(bytes(step))
            self.sent[number] += step
        return response


@asynccontextmanager
async def flooding(flood: Flood) -> AsyncIterator[Server]:
    async with serving(flood.answer) as server:
        yield server


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("how", ["call", "link"])
async def test_a_reply_that_finds_no_room_is_not_read(how: str, stated: bool) -> None:
    size = 20_000_000
    flood = Flood(size, stated=stated)
    room = Room(size)
    first, second = Lease(room), Lease(room)
    async with flooding(flood) as vendor, driving(vendor.origin, limit=size, allow=[vendor.place]) as driver:
        step = Call(url=f"{vendor.origin}/") if how == "call" else Fetch(f"{vendor.origin}/")
        await driver.ask(step, lease=first)
        assert size <= first.held <= size * 1.1
        waiting = asyncio.create_task(driver.ask(step, lease=second))
        await eventually(lambda: len(flood.sent) == 2)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        assert flood.sent[1] < size / 2  # what buffers of the operating system take, and no more
        first.release()
        await asyncio.wait_for(waiting, 5)
        assert flood.sent[1] == size
        second.release()
    assert not await _waits(room.claim(size))


@pytest.mark.parametrize("stated", [True, False])
async def test_a_reply_that_fails_half_way_leaves_nothing_behind_once_its_request_ends(stated: bool) -> None:
    async def breaks(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        if stated:
            response.content_length = 2_000_000
        await response.prepare(request)
        await response.write(bytes(1_500_000))
        assert request.transport is not None
        request.transport.abort()
        return response

    room = Room(2_500_000)
    lease = Lease(room)
    async with serving(breaks) as vendor, driving(vendor.origin) as driver:
        assert (await driver.fault(Call(url=f"{vendor.origin}/"), lease=lease)).fault is Fault.UNAVAILABLE
    lease.release()
    assert not await _waits(room.claim(2_500_000))


async def test_one_request_among_many_is_never_stuck_for_want_of_room() -> None:
    """Six requests of three calls each, in room for four replies: each of four requests could hold one and wait."""
    flood = Flood(1_000_000)
    room = Room(4_000_000)
    async with flooding(flood) as vendor, driving(vendor.origin) as driver:

        async def request() -> None:
            lease = Lease(room)
            calls = (Call(url=f"{vendor.origin}/", after=0.05 * place) for place in range(3))
            try:
                await asyncio.gather(*(driver.ask(call, lease=lease) for call in calls))
            finally:
                lease.release()

        async with asyncio.timeout(8):
            await asyncio.gather(*(request() for _ in range(6)))
    assert not await _waits(room.claim(4_000_000))


async def test_a_branch_waits_with_its_request_as_one_and_is_given_back_by_itself() -> None:
    room = Room(1_000_000)
    lease = Lease(room)
    won, lost = lease.branch(), lease.branch()
    await won.claim(800_000)
    await asyncio.wait_for(lost.claim(800_000), 1)  # the request holds some: it never waits again
    lease.join(won)
    lease.release()
    other = Lease(room)
    waiting = asyncio.create_task(other.claim(500_000))
    await _settle()
    assert not waiting.done()  # the branch that lost has its reply still
    lost.release()
    await asyncio.wait_for(waiting, 1)
    won.release()  # what was joined is not given back twice
    other.release()
    await asyncio.wait_for(Lease(room).claim(1_000_000), 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Lease(room).claim(100_000), 0.1)
