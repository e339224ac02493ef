"""What is learned of pictures that were drawn here, and what of it holds for which model."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from pricing import Drawing, Pace
from providers.contract import Generate, Model
from proxy.events import BreakerTurned, ModelsShelved
from proxy.learned import NAME, Learned, guided_by, made_of
from proxy.learned.kept import NOTHING, read
from proxy.policy import Offer
from proxy.renderer import Folder, Untrained
from proxy.renderer.local import Standing
from tests.learned.drawn import LOADS, measured

SQUARE = Drawing(pixels=1024 * 1024, steps=20, guided=False)
LOADED = ModelsShelved(engine="cuda:0", models=("sketch",), used_bytes=1, loaded={"sketch": 7.5, "other": 1.0})


def learned(file: Path | None = None, now: float = 1e9) -> Learned:
    return Learned(file, LOADS, now=lambda: now)


def seconds(of: Learned, drawing: Drawing = SQUARE) -> float | None:
    return of.pace("sketch").expected(drawing)


def test_it_learns_from_pictures_and_from_nothing_else() -> None:
    watch = learned()
    assert seconds(watch) is None
    watch.hear([measured()] * 4)
    assert seconds(watch) is None  # too few
    watch.hear([BreakerTurned(offer="local/sketch", state="open", why="x"), measured(), measured()])
    assert seconds(watch) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "odd",
    [
        {"model": "other"},
        {"width": 0},
        {"steps": 0},
        {"seconds": 0.0},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
    ],
)
def test_what_cannot_be_is_not_learned(odd: dict[str, object], tmp_path: Path) -> None:
    watch = learned(tmp_path / NAME)
    watch.hear([measured(**odd)] * 9)
    assert watch.pace("sketch") == watch.pace("other") == Pace()
    asyncio.run(watch.save())
    assert not (tmp_path / NAME).exists()


def test_a_slower_device_is_noticed_within_its_latest_pictures() -> None:
    watch = learned()
    watch.hear([measured()] * 40)
    before = watch.pace("sketch").bound(SQUARE)
    watch.hear([measured(seconds=9.0)] * 2)
    after = watch.pace("sketch").bound(SQUARE)
    assert before is not None
    assert after is not None
    assert before < 3 < 9 < after


def test_how_long_loading_takes_is_the_median_of_the_latest_times() -> None:
    watch = learned()
    assert watch.load_s("sketch") is None
    for took in (90.0, 7.0, 8.0, float("nan"), -1.0):
        watch.hear([replace(LOADED, loaded={"sketch": took})])
    assert watch.load_s("sketch") == 8.0
    for _ in range(8):
        watch.hear([LOADED])
    assert watch.load_s("sketch") == 7.5
    assert watch.load_s("other") is None


def test_other_weights_begin_anew_and_other_defaults_do_not(tmp_path: Path) -> None:
    watch = learned(tmp_path / NAME)
    watch.hear([measured()] * 5)
    asyncio.run(watch.save())
    same = {"sketch": replace(LOADS["sketch"], steps=4, guidance=7.0, max_pixels=5_000)}
    other = {"sketch": replace(LOADS["sketch"], dtype="bfloat16")}
    assert seconds(Learned(tmp_path / NAME, same)) == pytest.approx(2.0)
    assert seconds(Learned(tmp_path / NAME, other)) is None
    assert made_of(Folder(path="/a")) != made_of(Folder(path="/b"))


def test_the_engine_that_draws_now_counts_and_before_it_has_the_one_that_drew_last(tmp_path: Path) -> None:
    file = tmp_path / NAME
    watch = learned(file, now=1e9)
    watch.hear([measured(engine="cpu", seconds=90.0)] * 5)
    asyncio.run(watch.save())
    assert seconds(watch) == pytest.approx(90.0)
    later = learned(file, now=1e9 + 60)
    assert seconds(later) == pytest.approx(90.0)
    later.hear([measured(engine="cuda:0")] * 5)
    assert seconds(later) == pytest.approx(2.0)  # the other one is not there any more
    asyncio.run(later.save())
    assert seconds(learned(file)) == pytest.approx(2.0)
    later.hear([measured(engine="cpu", seconds=90.0)])
    bound = later.pace("sketch").bound(SQUARE)
    assert bound is not None
    assert bound > 90  # both draw it: a hold covers the slower


def test_whether_steps_are_guided_is_the_loads_to_say() -> None:
    assert guided_by(Untrained()) is True
    assert guided_by(Untrained(guidance=1.0)) is False
    assert guided_by(Untrained(guidance=None)) is None


class Stands:
    standing = Standing(queue=3, inside=2, wait_s=12.5, warm=frozenset({"sketch"}), full=True)


def test_the_policy_is_told_how_the_models_of_this_machine_stand_and_of_no_others() -> None:
    models = {name: Model(name=name) for name in ("sketch", "cold", "card")}
    offers = [Offer(name=f"local/{name}", provider="local", model=model, here=True) for name, model in models.items()]
    offers.append(Offer(name="vendor/sketch", provider="vendor", model=models["sketch"]))
    watch = Learned(None, LOADS | {"cold": Untrained()}, Stands())
    watch.hear([LOADED, *[measured()] * 5])
    told = watch.local(offers)
    assert set(told) == {"local/sketch", "local/cold"}
    found = told["local/sketch"]
    assert (found.wait_s, found.ahead, found.full, found.warm, found.load_s) == (12.5, 5, True, True, 7.5)
    assert (found.steps, found.guided) == (20, False)
    assert found.draws_s(Generate(model="sketch", width=1024, height=1024, n=2)) == pytest.approx(4.0)
    cold = told["local/cold"]
    assert (cold.warm, cold.load_s, cold.pace, cold.steps, cold.guided) == (False, None, Pace(), 8, True)
    assert watch.local(offers[2:]) == {}
    idle = Learned(None, LOADS).local(offers)["local/sketch"]
    assert (idle.begins_s, idle.ahead, idle.full, idle.warm) == (0.0, 0, False, True)


# What survives.


async def test_what_was_learned_outlives_the_server(tmp_path: Path) -> None:
    watch = learned(tmp_path / NAME)
    watch.hear([LOADED, *[measured(steps=steps, seconds=0.5 + 0.1 * steps) for steps in (4, 8, 12, 20, 30)]])
    await watch.save()
    again = learned(tmp_path / NAME)
    assert again.pace("sketch") == watch.pace("sketch") != Pace()
    assert again.load_s("sketch") == 7.5


async def test_it_is_written_down_at_the_end_and_nothing_is_written_twice(tmp_path: Path) -> None:
    watch = learned(tmp_path / NAME)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    watch.hear([measured()] * 3)
    await watch.save()
    await watch.save()
    watch.hear([measured()] * 4)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    [kept] = read(tmp_path / NAME).drawn
    assert len(kept.samples) == 7


async def test_servers_of_one_folder_learn_from_each_other(tmp_path: Path) -> None:
    one, two = learned(tmp_path / NAME), learned(tmp_path / NAME)
    one.hear([measured()] * 3)
    two.hear([measured()] * 3)
    assert seconds(one) is seconds(two) is None
    await one.save()
    await two.save()
    await one.save()
    assert seconds(one) == seconds(two) == pytest.approx(2.0)


async def test_what_came_while_it_was_written_is_not_lost(tmp_path: Path) -> None:
    watch = learned(tmp_path / NAME)
    watch.hear([measured()] * 4)
    saving = asyncio.create_task(watch.save())
    await asyncio.sleep(0)
    watch.hear([measured()])
    await saving
    assert watch.pace("sketch").timings[0].samples == 5
    await watch.save()
    assert len(read(tmp_path / NAME).drawn[0].samples) == 5


async def test_a_disk_that_fails_costs_nothing_but_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = learned(tmp_path / "gone" / NAME)
    watch.hear([measured()] * 5)
    with caplog.at_level(logging.ERROR):
        await watch.save()
    assert "could not be written down" in caplog.text
    assert seconds(watch) == pytest.approx(2.0)
    (tmp_path / "gone").mkdir()
    await watch.save()
    assert len(read(tmp_path / "gone" / NAME).drawn[0].samples) == 5


async def test_without_a_file_it_learns_all_the_same(tmp_path: Path) -> None:
    watch = learned()
    watch.hear([measured()] * 5)
    await watch.save()
    assert seconds(watch) == pytest.approx(2.0)
    assert read(tmp_path / NAME) == NOTHING
