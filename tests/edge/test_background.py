"""Work nobody waits for: kept until it is done, broken off when the server has waited enough, never in silence."""

from __future__ import annotations

import asyncio
import logging

import pytest

from proxy.edge.background import Background


async def test_work_goes_on_by_itself_and_the_server_waits_for_it() -> None:
    background, done = Background(5), asyncio.Event()

    async def work() -> str:
        await asyncio.sleep(0.02)
        done.set()
        return "made"

    task = background.start(work())
    await background.close()
    assert done.is_set()
    assert task.result() == "made"
    await background.close()  # nothing is left


async def test_work_that_takes_too_long_is_broken_off() -> None:
    background, ended = Background(0.02), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = background.start(work())
    await asyncio.sleep(0)
    await background.close()
    assert ended.is_set()
    assert task.cancelled()


async def test_work_that_breaks_is_logged_and_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    background = Background(1)

    async def work() -> None:
        raise RuntimeError("that was not meant to be")

    background.start(work())
    await background.close()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "broke" in record.message
    assert "that was not meant to be" in str(record.exc_info)


async def test_what_ends_during_the_close_may_begin_no_more_and_leaves_no_task_behind() -> None:
    """A request that is broken off has a caller to tell; by then there is no telling."""
    background = Background(0.01)

    async def work() -> None:
        await asyncio.sleep(60)

    async def later() -> None:
        await asyncio.sleep(60)

    background.start(work()).add_done_callback(lambda _: background.start(later()))
    await asyncio.sleep(0)
    before = asyncio.all_tasks()
    await background.close()
    assert asyncio.all_tasks() - before == set()
