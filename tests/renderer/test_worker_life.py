"""What `WorkerRenderer` makes of a worker that dies, refuses to, or is no longer wanted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from providers.contract import Failure, Fault
from proxy.renderer import Untrained, WorkerRenderer
from tests.renderer.stub import AGES, begun, render, renderer, until


async def test_a_killed_worker_fails_what_it_had_begun_and_nothing_else(pool: WorkerRenderer) -> None:
    running = asyncio.create_task(pool.draw(render(steps=AGES)))
    await until(begun(pool))
    waiting = asyncio.create_task(pool.draw(render()))
    await until(lambda: pool.waiting == 1)
    first = pool.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(Failure) as caught:
        await running
    assert caught.value.fault is Fault.UNAVAILABLE
    assert "signal 9" in caught.value.detail
    assert (await waiting).images
    assert pool.pid not in (None, first)


async def test_it_survives_a_request_that_kills_workers(pool: WorkerRenderer) -> None:
    for _ in range(2):
        with pytest.raises(Failure):
            await pool.draw(render("die"))
    assert (await pool.draw(render())).images


async def test_a_worker_killed_at_rest_is_replaced(pool: WorkerRenderer) -> None:
    await pool.draw(render())
    first = pool.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: pool.pid is None)
    assert (await pool.draw(render())).images


@pytest.mark.parametrize(("model", "says"), [("broken", "no engine"), ("fatal", "before it was ready")])
async def test_a_worker_that_is_never_ready_fails_those_who_wait(model: str, says: str) -> None:
    pool = renderer(model)
    jobs = await asyncio.gather(*(pool.draw(render(model=model)) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(job, Failure) and job.fault is Fault.UNAVAILABLE and says in job.detail for job in jobs)
    await pool.close()


async def test_a_command_that_is_not_there_is_a_failure() -> None:
    pool = WorkerRenderer({"stub": Untrained()}, command=("/nowhere/python",))
    with pytest.raises(Failure, match="cannot be started"):
        await pool.draw(render())
    await pool.close()


async def test_an_idle_worker_goes_and_comes_back() -> None:
    pool = renderer(idle=0.05)
    first = int((await pool.draw(render())).seconds)
    await until(lambda: pool.pid is None)
    drawn = await asyncio.gather(*(pool.draw(render(steps=10)) for _ in range(3)))  # longer than it may idle
    assert {int(each.seconds) for each in drawn} != {first}
    assert len({int(each.seconds) for each in drawn}) == 1
    await pool.close()


async def test_closing_fails_what_is_under_way() -> None:
    pool = renderer()
    running = asyncio.create_task(pool.draw(render(steps=AGES)))
    await until(begun(pool))
    waiting = asyncio.create_task(pool.draw(render()))
    await until(lambda: pool.waiting == 1)
    pid = pool.pid
    assert pid is not None
    began = time.monotonic()
    await pool.close()
    assert time.monotonic() - began < 5
    assert not psutil.pid_exists(pid)
    for job in (running, waiting, asyncio.create_task(pool.draw(render()))):
        with pytest.raises(Failure, match="shutting down"):
            await job


async def test_closing_while_it_starts() -> None:
    pool = renderer()
    job = asyncio.create_task(pool.draw(render()))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(Failure, match="shutting down"):
        await job


async def test_a_worker_that_ignores_its_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_IGNORES_ITS_END", "yes")
    pool = renderer(grace=0.2)
    job = asyncio.create_task(pool.draw(render()))
    await until(lambda: pool.pid is not None)
    pid = pool.pid
    assert pid is not None
    await until(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
    await pool.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(Failure):
        await job


async def test_a_worker_that_makes_no_sense_is_killed(monkeypatch: pytest.MonkeyPatch, pool: WorkerRenderer) -> None:
    monkeypatch.setenv("STUB_BABBLES", "yes")
    async with asyncio.timeout(5):
        with pytest.raises(Failure, match="before it was ready"):
            await pool.draw(render())


ORPHANING = """
import asyncio, sys
from tests.renderer.stub import render, renderer

async def main():
    pool = renderer()
    job = asyncio.create_task(pool.draw(render(steps=100_000)))
    while pool.pid is None or pool.waiting:
        await asyncio.sleep(0.01)
    print(pool.pid, flush=True)
    await job

asyncio.run(main())
"""


async def test_the_worker_ends_with_its_parent() -> None:
    """Killed without a chance to clean up, in the middle of a job."""
    where = os.pathsep.join(filter(None, sys.path))
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANING], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": where}
    )
    with parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(await asyncio.to_thread(parent.stdout.readline)))
        assert worker.is_running()
        parent.kill()
    await until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


async def test_keys_do_not_reach_the_worker(monkeypatch: pytest.MonkeyPatch, pool: WorkerRenderer) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("HF_TOKEN", "hf-1")
    await pool.draw(render())
    environment = psutil.Process(pool.pid).environ()
    assert not {"OPENAI_API_KEY", "HF_TOKEN"} & set(environment)
    assert environment["HF_HUB_OFFLINE"] == "1"
