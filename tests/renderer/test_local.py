"""`LocalRenderer`: its queue, and what passes through it. An engine of stubs draws, in a worker process."""

from __future__ import annotations

import asyncio

import pytest

from providers.contract import Code, Drawn, Failure, Fault, Image
from proxy.events import ModelsShelved, PictureMeasured, QueueMoved, RendererRested, RendererStarted, StepShared
from tests.renderer.stub import AGES, Local, begun, render, until


async def test_it_starts_with_the_first_request_and_keeps_its_worker(local: Local) -> None:
    assert local.pid is None
    first = await local.draw(render(n=2))
    pid = local.pid
    second = await local.draw(render())
    assert pid == local.pid
    assert (float(first.seconds), float(second.seconds)) == (0.04, 0.02)
    assert [image.width for image in first.images] == [16, 16]
    assert first.seeds == (1, 2)


async def test_pictures_travel_both_ways(local: Local) -> None:
    drawn = await local.draw(render())
    again = await local.draw(render(references=drawn.images))
    assert again.images[0].body == drawn.images[0].body


async def test_unfinished_pictures_are_shown_in_order(local: Local) -> None:
    seen: list[tuple[int, bytes]] = []

    async def show(image: Image, index: int) -> None:
        seen.append((index, bytes(image.body)))

    await local.draw(render(steps=6, previews=3), show)
    assert [index for index, _ in seen] == [0, 1, 2]
    assert len({body for _, body in seen}) == 3


async def test_a_refusal_comes_whole(local: Local) -> None:
    with pytest.raises(Failure) as caught:
        await local.draw(render("refuse"))
    failure = caught.value
    assert (failure.fault, failure.code, failure.field) == (Fault.REJECTED, Code.INVALID, "size")
    assert failure.detail == "not like this"


async def test_an_unknown_model_is_our_own_fault(local: Local) -> None:
    with pytest.raises(Failure) as caught:
        await local.draw(render(model="other"))
    assert caught.value.fault is Fault.UNAVAILABLE
    assert local.pid is None


async def test_what_cannot_be_sent_is_refused(local: Local) -> None:
    broken = Image.from_base64(b"".join((*[b"iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9"], b"A" * 6_000, b"!!!!")))
    for request in (render("\ud800"), render(references=(broken,))):
        with pytest.raises(Failure) as caught:
            await local.draw(request)
        assert caught.value.fault is Fault.REJECTED
    assert local.standing.inside == 0


async def test_what_a_library_prints_does_not_disturb_the_channel(
    local: Local, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (await local.draw(render("chatter"))).images
    await local.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert "a library's banner" in err
    assert "and one from C" in err


async def test_beyond_the_limit_it_says_when_to_come_back(local: Local) -> None:
    jobs = [asyncio.create_task(local.draw(render(steps=AGES))) for _ in range(3)]
    await until(lambda: local.standing.queue == 2)
    expected = local.standing.wait_s
    with pytest.raises(Failure) as caught:
        await local.draw(render())
    assert caught.value.fault is Fault.THROTTLED
    assert caught.value.code is Code.BUSY
    assert caught.value.retry_after == pytest.approx(expected, rel=0.2)
    assert expected > 1
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    assert (local.standing.queue, local.standing.inside, local.standing.wait_s) == (0, 0, 0)


async def test_the_wait_follows_what_was_measured(local: Local) -> None:
    """A step of the stub takes 0.02 s; who asks for twice the steps stands for twice the work."""
    await local.draw(render(steps=4, width=16, height=16))
    assert local.standing.wait_s == 0
    running = asyncio.create_task(local.draw(render(steps=AGES, width=16, height=16)))
    await until(begun(local))
    assert local.standing.wait_s == pytest.approx(20, rel=0.2)
    waiting = asyncio.create_task(local.draw(render(steps=2 * AGES, width=16, height=16)))
    await until(lambda: local.standing.queue == 1)
    assert local.standing.wait_s == pytest.approx(60, rel=0.2)
    for job in (running, waiting):
        job.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)


async def test_as_many_as_there_are_slots_share_the_steps() -> None:
    local = Local(slots=4)
    await local.start()
    drawn = await asyncio.gather(*(local.draw(render(steps=20, seed=seed)) for seed in range(10)))
    assert [each.seeds for each in drawn] == [(seed,) for seed in range(10)]
    shared = [event.pictures for event in local.all_told(StepShared)]
    assert max(shared) == 4
    assert sum(shared) == 200
    assert max(event.inside for event in local.all_told(QueueMoved)) == 4
    await local.close()


async def test_a_late_request_joins_those_under_way() -> None:
    local = Local(slots=4)
    await local.start()
    long = asyncio.create_task(local.draw(render(steps=60)))
    await until(begun(local))
    await local.draw(render(steps=2))
    assert not long.done()
    assert 2 in [event.pictures for event in local.all_told(StepShared)]
    await long
    await local.close()


async def test_a_cancelled_request_leaves_the_queue(local: Local) -> None:
    running = asyncio.create_task(local.draw(render(steps=40)))
    await until(begun(local))
    waiting = asyncio.create_task(local.draw(render("die")))  # it would do harm if it were begun
    await until(lambda: local.standing.queue == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert local.standing.queue == 0
    assert (await running).images


async def test_a_cancelled_request_stops_between_steps(local: Local) -> None:
    running = asyncio.create_task(local.draw(render(steps=AGES)))
    await until(lambda: local.all_told(StepShared))
    running.cancel()
    async with asyncio.timeout(10):  # the steps would take twenty seconds
        drawn = await local.draw(render())
    assert drawn.images
    last = local.all_told(StepShared)[-1]
    assert last.pictures == 1  # the other one was gone by the next step


async def test_whatever_an_engine_says_is_told(local: Local) -> None:
    await local.draw(render(steps=3))
    await local.close()
    kinds = [type(event) for event in local.told if not isinstance(event, QueueMoved | StepShared)]
    assert kinds == [RendererStarted, ModelsShelved, PictureMeasured, ModelsShelved, RendererRested]
    shelved = local.all_told(ModelsShelved)
    assert [(event.models, event.used_bytes) for event in shelved] == [(("stub",), 1_000), ((), 0)]
    (measured,) = local.all_told(PictureMeasured)
    assert (measured.model, measured.steps, measured.seconds) == ("stub", 3, pytest.approx(0.06))


async def test_preloading() -> None:
    local = Local("stub", preload=("stub",))
    await local.start()
    assert local.pid is not None
    assert local.standing.warm == {"stub"}
    await local.close()


async def test_preloading_says_what_is_missing() -> None:
    local = Local("stub", "missing", preload=("stub", "missing"))
    with pytest.raises(Failure, match="missing is not there"):
        await local.start()
    assert (await local.draw(render())).images
    await local.close()


async def test_many_callers_each_get_their_own() -> None:
    wide = Local(queue_limit=100, slots=8)

    async def one(seed: int) -> Drawn:
        return await wide.draw(render(seed=seed))

    drawn = await asyncio.gather(*(one(seed) for seed in range(30)))
    assert [each.seeds for each in drawn] == [(seed,) for seed in range(30)]
    assert len({each.images[0].body for each in drawn}) == 30
    await wide.close()
