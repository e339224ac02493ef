"""`WorkerRenderer`, with a stub for the engine: its queue, and what passes through it."""

from __future__ import annotations

import asyncio

import pytest

from providers.contract import Code, Drawn, Failure, Fault, Generate, Image, Render
from proxy.renderer import WorkerRenderer
from tests.renderer.stub import AGES, begun, render, renderer, until


async def test_starts_with_the_first_request_and_keeps_its_worker(pool: WorkerRenderer) -> None:
    await pool.start()
    assert pool.pid is None
    first = await pool.draw(render(n=2))
    pid = pool.pid
    second = await pool.draw(render())
    assert pid == pool.pid == int(first.seconds) == int(second.seconds)
    assert [image.width for image in first.images] == [16, 16]
    assert first.seeds == (1, 2)


async def test_pictures_travel_both_ways(pool: WorkerRenderer) -> None:
    drawn = await pool.draw(render())
    again = await pool.draw(render(references=drawn.images))
    assert again.images[0].body == drawn.images[0].body


async def test_a_refusal_comes_whole(pool: WorkerRenderer) -> None:
    with pytest.raises(Failure) as caught:
        await pool.draw(render("refuse"))
    failure = caught.value
    assert (failure.fault, failure.code, failure.field) == (Fault.REJECTED, Code.INVALID, "size")
    assert failure.detail == "not like this"


async def test_an_unknown_model_is_our_own_fault(pool: WorkerRenderer) -> None:
    with pytest.raises(Failure) as caught:
        await pool.draw(render(model="other"))
    assert caught.value.fault is Fault.UNAVAILABLE
    assert pool.pid is None


async def test_what_cannot_be_sent_is_refused(pool: WorkerRenderer) -> None:
    broken = Image.from_base64(b"".join((*[b"iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9"], b"A" * 6_000, b"!!!!")))
    for request in (render("\ud800"), render(references=(broken,))):
        with pytest.raises(Failure) as caught:
            await pool.draw(request)
        assert caught.value.fault is Fault.REJECTED


async def test_what_a_library_prints_does_not_disturb_the_channel(
    pool: WorkerRenderer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (await pool.draw(render("chatter"))).images
    await pool.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert "a library's banner" in err
    assert "and one from C" in err


async def test_beyond_the_limit_it_says_when_to_come_back(pool: WorkerRenderer) -> None:
    jobs = [asyncio.create_task(pool.draw(render(steps=AGES)))]
    await until(begun(pool))
    jobs += [asyncio.create_task(pool.draw(render())) for _ in range(2)]
    await until(lambda: pool.waiting == 2)
    with pytest.raises(Failure) as caught:
        await pool.draw(render())
    assert caught.value.fault is Fault.THROTTLED
    assert caught.value.code is Code.BUSY
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_expected_wait_follows_the_pace(pool: WorkerRenderer) -> None:
    guess = asyncio.create_task(pool.draw(render(steps=AGES)))
    await until(begun(pool))
    before = pool.expected_wait
    guess.cancel()
    for _ in range(5):
        await pool.draw(render())
    assert pool.expected_wait == 0
    quick = asyncio.create_task(pool.draw(render(steps=AGES)))
    await until(begun(pool))
    assert 0 < pool.expected_wait < before
    quick.cancel()


async def test_a_cancelled_request_leaves_the_queue(pool: WorkerRenderer) -> None:
    running = asyncio.create_task(pool.draw(render(steps=40)))
    await until(begun(pool))
    waiting = asyncio.create_task(pool.draw(render("die")))  # it would do harm if it were begun
    await until(lambda: pool.waiting == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.waiting == 0
    assert (await running).images


async def test_a_cancelled_request_stops_between_steps(pool: WorkerRenderer) -> None:
    running = asyncio.create_task(pool.draw(render(steps=AGES)))
    await until(begun(pool))
    running.cancel()
    async with asyncio.timeout(10):  # the steps would take twenty seconds
        drawn = await pool.draw(render())
    assert drawn.images


async def test_preloading() -> None:
    pool = renderer("stub", preload=["stub"])
    await pool.start()
    assert pool.pid is not None
    await pool.close()


async def test_starting_after_the_first_request_has_nothing_to_wait_for() -> None:
    pool = renderer("stub", preload=["stub"])
    await pool.draw(render())
    await pool.start()
    await pool.close()


async def test_preloading_says_what_is_missing_and_serves_the_rest() -> None:
    pool = renderer("stub", "missing", preload=["stub", "missing"])
    with pytest.raises(Failure, match="missing is not there"):
        await pool.start()
    assert (await pool.draw(render())).images
    await pool.close()


def test_preloading_a_model_that_is_not_configured_is_refused() -> None:
    with pytest.raises(ValueError, match="other"):
        renderer("stub", preload=["other"])


async def test_many_callers_each_get_their_own() -> None:
    wide = renderer(queue_limit=100)

    async def one(seed: int) -> Drawn:
        request = Generate(model="stub", seed=seed)
        return await wide.draw(Render(engine="diffusers", model="stub", request=request))

    drawn = await asyncio.gather(*(one(seed) for seed in range(30)))
    assert [each.seeds for each in drawn] == [(seed,) for seed in range(30)]
    assert len({each.images[0].body for each in drawn}) == 30
    await wide.close()
