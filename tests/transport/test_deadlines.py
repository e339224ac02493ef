"""Deadlines: they end what takes too long, only that, and leave no trace in the task they ended."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from providers.contract import Call, Failure, Fault, Ticket
from proxy.transport import deadlines as module
from proxy.transport.deadlines import Deadlines
from tests.transport.driving import driving, paying
from tests.transport.serving import eventually, left, serving

TICK = module.TICK_S
ROOM = 1.0
"""Seconds by which a machine with much to do may be late."""


async def _silent(request: web.BaseRequest) -> web.Response:
    await left(request)
    return web.Response()


@pytest.mark.parametrize(("pays", "fault"), [(True, Fault.AMBIGUOUS), (False, Fault.UNAVAILABLE)])
async def test_a_vendor_that_never_answers_is_given_up_at_the_deadline(pays: bool, fault: Fault) -> None:
    async with serving(_silent) as vendor, driving(vendor.origin) as driver:
        call = paying(vendor.origin) if pays else Call(url=f"{vendor.origin}/")
        began = time.monotonic()
        failure = await driver.fault(call, deadline=0.3)
        assert 0.3 <= time.monotonic() - began < 0.3 + TICK + ROOM
        assert failure.fault is fault
        assert "0.3 seconds" in failure.detail


async def test_a_job_paid_for_earlier_is_in_doubt_at_its_deadline() -> None:
    async with serving(_silent) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(Call(url=f"{vendor.origin}/"), deadline=0.1, paid=True)
        assert failure.fault is Fault.AMBIGUOUS


async def test_a_deadline_that_passes_before_the_paying_call_is_sent_leaves_nothing_in_doubt() -> None:
    async with serving(_silent) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(paying(vendor.origin, after=30), deadline=0.1)
        assert failure.fault is Fault.UNAVAILABLE
        assert vendor.seen == []


async def test_every_conversation_has_its_own_deadline() -> None:
    async with serving(_silent) as vendor, driving(vendor.origin) as driver:
        began = time.monotonic()
        took: dict[float, float] = {}

        async def one(deadline: float) -> None:
            await driver.fault(paying(vendor.origin), deadline=deadline)
            took[deadline] = time.monotonic() - began

        await asyncio.gather(*(one(deadline) for deadline in (0.9, 0.1, 0.5)))
        assert list(took) == [0.1, 0.5, 0.9]
        assert all(deadline <= at < deadline + TICK + ROOM for deadline, at in took.items())


async def test_who_is_cancelled_is_cancelled_and_not_told_of_a_deadline() -> None:
    async with serving(_silent) as vendor, driving(vendor.origin) as driver:
        task = asyncio.create_task(driver.ask(paying(vendor.origin), deadline=5))
        await eventually(lambda: vendor.seen)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_task_that_met_its_deadline_can_go_on_as_if_nothing_had_been() -> None:
    """Whoever tries the next offer in the same task must not find itself cancelled."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return await _silent(request) if request.method == "POST" else web.Response()

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        task = asyncio.current_task()
        assert task is not None
        for _ in range(2):
            await driver.fault(paying(vendor.origin), deadline=0.01)
            assert task.cancelling() == 0
        async with asyncio.timeout(2):
            await driver.ask(Call(url=f"{vendor.origin}/"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(2)


async def test_a_time_limit_around_a_conversation_is_not_taken_for_its_deadline() -> None:
    async with serving(_silent) as vendor, driving(vendor.origin) as driver:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await driver.ask(paying(vendor.origin), deadline=5)


async def test_a_cancellation_that_comes_with_the_deadline_goes_first() -> None:
    deadlines = Deadlines()
    told: list[bool] = []

    async def work() -> None:
        with deadlines.within(60) as limit:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                told.append(limit.over())
                raise

    for both in (False, True):
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        [limit] = deadlines._limits
        limit.expire()
        if both:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert told == [True, False]
    deadlines.close()


async def test_what_is_done_in_time_is_left_alone_by_the_clock() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response()

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        for _ in range(3):
            await driver.ask(Call(url=f"{vendor.origin}/"), deadline=0.1)
        await asyncio.sleep(TICK * 1.5)  # nobody is cancelled after the fact


async def test_the_clock_rests_while_nobody_waits_and_starts_again() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError), deadlines.within(0.01) as limit:
            await asyncio.sleep(5)
        assert limit.over()
        await asyncio.sleep(TICK * 1.2)
        assert deadlines._tick is None
    deadlines.close()


async def test_waiting_for_a_ticket_to_be_kept_counts_too() -> None:
    async with driving("http://127.0.0.1:1") as driver:

        async def stuck(_: str) -> None:
            await asyncio.sleep(30)

        driver.watched.ticket = stuck  # type: ignore[method-assign, assignment]
        with pytest.raises(Failure) as caught:
            await driver.ask(Ticket("t"), deadline=0.05, paid=True)
        assert caught.value.fault is Fault.AMBIGUOUS
