"""The engine: jobs in, messages out, on a thread of its own, over a family that costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from PIL import Image as Pillow

from providers.contract import Code, Failure, Fault, Format, Generate, ImageRequest
from proxy.renderer.engine import Engine
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.painting import Painting
from proxy.renderer.loads import Untrained
from proxy.renderer.wire import (
    EngineOptions,
    Failed,
    Finished,
    FromWorker,
    Job,
    Measured,
    Progress,
    Ready,
    Setup,
    Sketch,
    Stepped,
)


class Fake:
    """A family whose denoiser may be told to wait, or to have too little memory. A prompt says what goes wrong."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, ...]] = []
        """The seeds in every step that went well."""
        self.buckets: list[int] = []
        """What was tried."""
        self.most = 8
        """Pictures the memory is enough for."""
        self.short_finishes = 0
        self.dropped: list[int] = []
        self.threads: set[int] = set()
        self.gate: Callable[[], None] = lambda: None

    def begin(self, opened: Opened, request: ImageRequest, seed: int) -> Painting:
        if request.prompt == "refused":
            raise Failure(Fault.REJECTED, "not this", code=Code.INVALID, field="prompt")
        return Painting(
            model=opened.model,
            seed=seed,
            width=8,
            height=8,
            steps=request.steps or 1,
            guided=True,
            tokens=int(request.guidance or 100),
            group=(opened.model, request.guidance),
            state=request.prompt,
            alone=request.prompt == "alone",
        )

    def step(self, opened: Opened, paintings: Sequence[Painting], bucket: int) -> None:
        self.gate()
        self.threads.add(threading.get_ident())
        assert torch.is_inference_mode_enabled()
        self.buckets.append(bucket)
        if bucket > self.most:
            raise torch.OutOfMemoryError("too little")
        if any(each.state == "poison" for each in paintings):
            raise RuntimeError("shapes do not match")
        self.steps.append(tuple(each.seed for each in paintings))
        for each in paintings:
            each.step += 1
            if each.state == "stumbles" and each.step == 2:
                each.failed = ValueError("fell over")

    def finish(self, opened: Opened, painting: Painting) -> Pillow.Image:
        if self.short_finishes:
            self.short_finishes -= 1
            raise torch.OutOfMemoryError("too little")
        return Pillow.new("RGB", (8, 8), (painting.seed % 256, 0, 0))

    def preview(self, opened: Opened, painting: Painting) -> Pillow.Image | None:
        if painting.state == "shy":
            raise RuntimeError("do not look")
        return Pillow.new("RGB", (4, 4))

    def drop(self, painting: Painting) -> None:
        self.dropped.append(painting.seed)


class FakeShelf:
    """Models that are simply there, but for one that never fits beside another."""

    def __init__(self, family: Fake) -> None:
        self.family = family
        self.rungs = ["tiled"]
        self.coding: list[bool] = []
        self.busy: list[set[str]] = []
        self.cleared = False

    def open(self, model: str, busy: Collection[str]) -> Opened | None:
        self.busy.append(set(busy))
        if model == "missing":
            raise Failure(Fault.UNAVAILABLE, "no local model is called 'missing'")
        if model == "large" and set(busy) - {"large"}:
            return None
        family: Any = self.family
        return Opened(model=model, load=Untrained(), pipeline=None, family=family, device=torch.device("cpu"))

    def preload(self, models: Iterable[str]) -> tuple[str, ...]:
        return tuple(f"{model} is not there" for model in models if model == "missing")

    def relieve(self, opened: Opened, busy: Collection[str], *, coding: bool) -> str | None:
        assert opened.model in busy
        self.coding.append(coding)
        return self.rungs.pop() if self.rungs else None

    def resident(self) -> tuple[tuple[str, ...], int]:
        return (), 0

    def clear(self) -> None:
        self.cleared = True


class Studio:
    """A running engine, and what it said."""

    def __init__(self, **options: Any) -> None:
        self.family = Fake()
        self.shelf = FakeShelf(self.family)
        self.said: list[FromWorker] = []
        self._more = threading.Condition()
        options = {"batch_tokens": 800, "progress_s": 0.0, "slots": 7} | options
        setup = Setup(models={}, preload=("model", "missing"), engine=EngineOptions(**options))
        self.engine = Engine(setup, self._tell, lambda *_: self.shelf)
        self.thread = threading.Thread(target=self.engine.run)

    def _tell(self, message: FromWorker) -> None:
        with self._more:
            self.said.append(message)
            self._more.notify_all()

    def of(self, kind: Any, job: int | None = None) -> list[Any]:
        return [each for each in self.said if isinstance(each, kind) and (job is None or each.id == job)]

    def wait(self, true: Callable[[], object]) -> None:
        with self._more:
            assert self._more.wait_for(lambda: bool(true()), timeout=20), self.said

    def over(self, *jobs: int) -> None:
        """Wait until those jobs are."""
        self.wait(lambda: {each.id for each in self.of(Finished | Failed)} >= set(jobs))


@contextmanager
def studio(**options: Any) -> Iterator[Studio]:
    made = Studio(**options)
    made.thread.start()
    try:
        yield made
    finally:
        made.engine.close()
        made.thread.join(20)
    assert not made.thread.is_alive()
    assert made.shelf.cleared


def job(number: int, prompt: str = "", *, model: str = "model", previews: int = 0, **more: Any) -> Job:
    told = {"seed": 10 * number, "steps": 4} | more
    return Job(number, model, Generate(model=model, prompt=prompt, **told), previews)


def held(made: Studio) -> threading.Event:
    """Its steps wait for that."""
    gate = threading.Event()
    made.family.gate = lambda: assert_(gate.wait(20))
    return gate


def assert_(true: object) -> None:
    assert true


def test_ready_first_with_what_is_amiss() -> None:
    with studio() as made:
        made.engine.submit(job(1))
        made.over(1)
    assert made.said[0] == Ready(slots=7, problems=("missing is not there",))


def test_jobs_share_steps_and_each_gets_its_own_pictures() -> None:
    with studio() as made:
        gate = held(made)
        for number in range(1, 5):
            made.engine.submit(job(number, n=2, steps=3))
        gate.set()
        made.over(1, 2, 3, 4)
    assert max(map(len, made.family.steps)) == 8
    assert len(made.family.steps) < 8 * 3 / 2
    for number in range(1, 5):
        (finished,) = made.of(Finished, number)
        assert finished.drawn.seeds == (10 * number, 10 * number + 1)
        assert [_red(image) for image in finished.drawn.images] == [10 * number, 10 * number + 1]
        done = [each.done for each in made.of(Progress, number)]
        assert done == sorted(done)
        assert 0 < done[0] < 1
    assert len(made.family.threads) == 1
    assert sorted(made.family.dropped) == sorted(10 * number + each for number in range(1, 5) for each in (0, 1))


def _red(image: Any) -> int:
    from io import BytesIO

    pixel = Pillow.open(BytesIO(image.body)).convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return int(pixel[0])


def test_seconds_are_shared_by_tokens() -> None:
    with studio() as made:
        made.family.gate = lambda: time.sleep(0.05)
        made.engine.submit(job(1, n=2, steps=4))
        made.over(1)
    spent = sum(each.seconds for each in made.of(Stepped))
    measured = made.of(Measured)
    assert [(each.model, each.width, each.height, each.steps, each.guided) for each in measured] == [
        ("model", 8, 8, 4, True)
    ] * 2
    assert sum(each.seconds for each in measured) == pytest.approx(spent, rel=0.2)
    (finished,) = made.of(Finished)
    assert float(finished.drawn.seconds) == pytest.approx(sum(each.seconds for each in measured), rel=0.01)


def test_a_short_job_does_not_wait_for_a_long_one() -> None:
    """In its own group or in another: its picture is there within a quarter of the steps it would take in turn."""
    for guidance in (800, 700):
        with studio() as made:
            gate = held(made)
            made.engine.submit(job(1, steps=60, guidance=800))
            made.engine.submit(job(2, steps=4, guidance=guidance))
            gate.set()
            made.over(1, 2)
        last = max(step for step, seeds in enumerate(made.family.steps) if 20 in seeds)
        assert last < (60 + 4) / 4


def test_dropped_within_one_step() -> None:
    with studio() as made:
        steps = threading.Semaphore(0)
        made.family.gate = lambda: assert_(steps.acquire(timeout=20))
        made.engine.submit(job(1, steps=50, n=2))
        made.engine.submit(job(2, steps=50))
        for _ in range(3):
            steps.release()
        made.wait(lambda: len(made.of(Stepped)) >= 2)
        made.engine.drop(1)
        made.engine.drop(99)
        told = len(made.of(Progress, 1))
        for _ in range(60):
            steps.release()
        made.over(2)
    since = [seeds for seeds in made.family.steps if 10 in seeds or 11 in seeds]
    assert len(since) <= 4, "those begun, and one step more"
    assert {10, 11} <= set(made.family.dropped)
    assert not made.of(Finished | Failed, 1)
    assert len(made.of(Progress, 1)) <= told + 1


def test_dropped_before_it_was_begun() -> None:
    with studio() as made:
        gate = held(made)
        made.engine.submit(job(1, steps=2))
        made.engine.submit(job(2, model="large"))
        made.engine.drop(2)
        gate.set()
        made.over(1)
    assert all(20 not in seeds for seeds in made.family.steps)


def test_failures_are_one_jobs_own() -> None:
    with studio() as made:
        made.engine.submit(job(1, "refused"))
        made.engine.submit(job(2, model="missing"))
        made.engine.submit(job(3, "stumbles", steps=4, n=2))
        made.engine.submit(job(4, "poison"))
        made.engine.submit(job(5, steps=6))
        made.engine.submit(job(6, format=Format.SVG))
        made.over(1, 2, 3, 4, 5, 6)
    failed = {each.id: each for each in made.of(Failed)}
    assert set(failed) == {1, 2, 3, 4, 6}
    assert (failed[1].fault, failed[1].field, failed[1].code) == (Fault.REJECTED, "prompt", Code.INVALID)
    assert "'missing'" in failed[2].detail
    assert "ValueError: fell over" in failed[3].detail
    assert "shapes do not match" in failed[4].detail
    assert failed[6].field == "format"
    assert {each.fault for number, each in failed.items() if number in (2, 3, 4)} == {Fault.UNAVAILABLE}


def test_too_little_memory_halves_the_batch() -> None:
    with studio() as made:
        made.family.most = 2
        gate = held(made)
        for number in range(8):
            made.engine.submit(job(number, steps=3))
        gate.set()
        made.over(*range(8))
    assert len(made.of(Finished)) == 8
    tried = made.family.buckets
    assert tried.index(8) < tried.index(4) < tried.index(2)
    assert tried.count(8) == tried.count(4) == 1
    assert made.shelf.coding == [], "that was enough"


def test_too_little_memory_for_one_climbs_the_ladder_and_then_fails_it() -> None:
    with studio() as made:
        made.family.most = 0
        made.engine.submit(job(1))
        made.over(1)
        made.family.most = 8
        made.engine.submit(job(2))
        made.over(2)
    assert made.shelf.coding == [False, False]
    (failed,) = made.of(Failed)
    assert (failed.id, failed.fault) == (1, Fault.UNAVAILABLE)
    assert "memory is too small" in failed.detail
    assert made.of(Finished, 2)


def test_too_little_memory_to_decode_is_tried_again() -> None:
    with studio() as made:
        made.family.short_finishes = 1
        made.engine.submit(job(1))
        made.over(1)
    assert made.of(Finished, 1)
    assert made.shelf.coding == [True]


def test_what_has_no_room_waits_for_it() -> None:
    with studio() as made:
        gate = held(made)
        made.engine.submit(job(1, steps=3))
        made.engine.submit(job(2, model="large", steps=2))
        made.engine.submit(job(3, steps=2))
        gate.set()
        made.over(1, 2, 3)
    assert len(made.of(Finished)) == 3
    assert {"model"} in made.shelf.busy
    assert all(not ({20} & set(seeds) and {10, 30} & set(seeds)) for seeds in made.family.steps)


def test_what_is_to_be_alone_is() -> None:
    with studio() as made:
        gate = held(made)
        for number in range(4):
            made.engine.submit(job(number, "alone"))
        gate.set()
        made.over(*range(4))
    assert set(made.family.buckets) == {1}


@pytest.mark.parametrize(("steps", "previews", "sketches"), [(8, 3, 3), (4, 3, 3), (2, 3, 1), (1, 3, 0), (8, 0, 0)])
def test_sketches_on_the_way(steps: int, previews: int, sketches: int) -> None:
    with studio() as made:
        made.engine.submit(job(1, steps=steps, previews=previews, n=2))
        made.over(1)
    shown = made.of(Sketch, 1)
    assert [each.index for each in shown] == list(range(sketches))
    assert made.said.index(made.of(Finished, 1)[0]) > max((made.said.index(each) for each in shown), default=0)


def test_a_sketch_that_fails_is_left_out() -> None:
    with studio() as made:
        made.engine.submit(job(1, "shy", steps=8, previews=3))
        made.over(1)
    assert made.of(Finished, 1)
    assert not made.of(Sketch)


def test_progress_is_told_now_and_then() -> None:
    with studio(progress_s=60.0) as made:
        made.engine.submit(job(1, steps=30))
        made.over(1)
    assert len(made.of(Progress, 1)) <= 1


def test_a_smaller_batch_by_configuration() -> None:
    with studio(batch=2) as made:
        gate = held(made)
        for number in range(6):
            made.engine.submit(job(number))
        gate.set()
        made.over(*range(6))
    assert max(made.family.buckets) == 2


def test_closed_with_work_left() -> None:
    with studio() as made:
        made.engine.submit(job(1, steps=1_000))
        made.wait(lambda: made.of(Stepped))
    assert not made.of(Finished | Failed)
    assert made.family.dropped == [10]
