"""What `LocalRenderer` makes of a worker that dies, refuses to, or is no longer wanted."""

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
from proxy.events import RendererDied, RendererStarted, StepShared
from proxy.renderer.homes.process import ProcessHome
from tests.renderer.stub import AGES, Local, begun, render, setup, until


async def test_what_was_in_a_killed_worker_is_drawn_by_its_successor() -> None:
    local = Local(slots=4)
    await local.start()
    jobs = [asyncio.create_task(local.draw(render(steps=25, seed=seed))) for seed in range(6)]
    await until(lambda: any(event.pictures == 4 for event in local.all_told(StepShared)))
    first = local.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    drawn = await asyncio.gather(*jobs)
    assert [each.seeds for each in drawn] == [(seed,) for seed in range(6)]
    assert local.pid != first
    (died,) = local.all_told(RendererDied)
    assert (died.reason, died.jobs) == ("signal 9", 4)
    assert len(local.all_told(RendererStarted)) == 2
    await local.close()


async def test_a_request_that_kills_workers_is_the_only_one_to_fail() -> None:
    """Its neighbours in the first crash come after it, one at a time; each has a worker that lives."""
    local = Local(slots=4)
    await local.start()
    innocent = [asyncio.create_task(local.draw(render(steps=10, seed=seed))) for seed in range(2)]
    await until(lambda: any(event.pictures == 2 for event in local.all_told(StepShared)))
    with pytest.raises(Failure, match=r"ended 2 times.*signal 9") as caught:
        await local.draw(render("die"))
    assert caught.value.fault is Fault.UNAVAILABLE
    assert [each.seeds for each in await asyncio.gather(*innocent)] == [(0,), (1,)]
    assert len(local.all_told(RendererDied)) == 2
    await local.close()


async def test_it_survives_requests_that_kill_workers(local: Local) -> None:
    for _ in range(2):
        with pytest.raises(Failure):
            await local.draw(render("die"))
    assert (await local.draw(render())).images
    assert (local.standing.queue, local.standing.inside) == (0, 0)


async def test_suspects_are_drawn_one_at_a_time() -> None:
    local = Local(slots=4)
    await local.start()
    jobs = [asyncio.create_task(local.draw(render(steps=10, seed=seed))) for seed in range(3)]
    await until(lambda: any(event.pictures == 3 for event in local.all_told(StepShared)))
    assert local.pid is not None
    os.kill(local.pid, signal.SIGKILL)
    await until(lambda: len(local.all_told(RendererStarted)) == 2)
    told = len(local.told)
    await asyncio.gather(*jobs)
    assert {event.pictures for event in local.told[told:] if isinstance(event, StepShared)} == {1}
    await local.close()


async def test_a_worker_killed_at_rest_is_replaced(local: Local) -> None:
    await local.draw(render())
    first = local.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: local.pid is None)
    assert (await local.draw(render())).images


@pytest.mark.parametrize(("model", "says"), [("broken", "no engine"), ("fatal", "before it was ready")])
async def test_a_worker_that_is_never_ready_fails_those_who_wait(model: str, says: str) -> None:
    local = Local(model)
    jobs = await asyncio.gather(*(local.draw(render(model=model)) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(job, Failure) and job.fault is Fault.UNAVAILABLE and says in job.detail for job in jobs)
    await local.close()


async def test_a_command_that_is_not_there_is_a_failure() -> None:
    local = Local(home=ProcessHome(setup(), command=("/nowhere/python",)))
    with pytest.raises(Failure, match="cannot be started"):
        await local.draw(render())
    await local.close()


async def test_closing_fails_what_is_under_way() -> None:
    local = Local()
    await local.start()
    running = asyncio.create_task(local.draw(render(steps=AGES)))
    await until(begun(local))
    waiting = asyncio.create_task(local.draw(render()))
    await until(lambda: local.standing.queue == 1)
    pid = local.pid
    assert pid is not None
    began = time.monotonic()
    await local.close()
    assert time.monotonic() - began < 5
    assert not psutil.pid_exists(pid)
    for job in (running, waiting, asyncio.create_task(local.draw(render()))):
        with pytest.raises(Failure, match="shutting down"):
            await job


async def test_closing_while_it_starts() -> None:
    local = Local()
    await local.start()
    job = asyncio.create_task(local.draw(render()))
    await asyncio.sleep(0)
    await local.close()
    with pytest.raises(Failure, match="shutting down"):
        await job


async def test_a_worker_that_ignores_its_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_IGNORES_ITS_END", "yes")
    local = Local(grace=0.2)
    await local.start()
    job = asyncio.create_task(local.draw(render()))
    await until(lambda: local.pid is not None)
    pid = local.pid
    assert pid is not None
    await until(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
    await local.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(Failure):
        await job


async def test_a_worker_that_makes_no_sense_is_killed(monkeypatch: pytest.MonkeyPatch, local: Local) -> None:
    monkeypatch.setenv("STUB_BABBLES", "yes")
    async with asyncio.timeout(5):
        with pytest.raises(Failure, match="before it was ready"):
            await local.draw(render())


ORPHANING = """
import asyncio, sys
from tests.renderer.stub import Local, render

async def main():
    local = Local()
    await local.start()
    job = asyncio.create_task(local.draw(render(steps=100_000)))
    while local.pid is None or local.standing.queue or not local.told:
        await asyncio.sleep(0.01)
    print(local.pid, flush=True)
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


async def test_keys_do_not_reach_the_worker(monkeypatch: pytest.MonkeyPatch, local: Local) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("HF_TOKEN", "hf-1")
    await local.draw(render())
    environment = psutil.Process(local.pid).environ()
    assert not {"OPENAI_API_KEY", "HF_TOKEN"} & set(environment)
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
