"""Sixteen mixed requests at once through the engine, against the same sixteen through stock pipelines one by one.

`make bench` prints the figures. Processor seconds of one thread are compared: wall clocks of a busy machine lie. The
model has the size and parts of `darkroom-tiny`, with random weights, which take as long as learnt ones.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageChops

from providers.contract import Generate, Sampler
from proxy.renderer.engine import Engine
from proxy.renderer.engine.families.choosing import family_of
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.samplers import sampler
from proxy.renderer.engine.untrained.parts import sown
from proxy.renderer.loads import Untrained
from proxy.renderer.pictures import encode
from proxy.renderer.wire import EngineOptions, Failed, Finished, FromWorker, Job, Setup, Stepped
from tools.train_tiny import network
from tools.train_tiny.pen import SIDE
from tools.train_tiny.tokenizer import build_tokenizer

pytestmark = [
    pytest.mark.bench,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),  # the libraries warn about their own insides
    pytest.mark.filterwarnings("ignore::FutureWarning:diffusers"),
]

T = TypeVar("T")

WANTED = 1.8
"""Times as many images a second: the aim."""
LEAST = 1.6
"""What fails the run: a machine with neighbours gave 1.73 to 1.91."""
REQUESTS = 16
ROUNDS = 3
"""In turn; the best of each counts, because neighbours on a machine take its caches away."""
STEPS = (4, 20, 8, 12, 6, 16, 10, 18, 5, 20, 7, 14, 9, 11, 4, 15)
SAMPLERS = (None, Sampler.EULER, Sampler.DDIM, Sampler.EULER_ANCESTRAL)
MODEL = "darkroom-tiny"


def pipeline() -> Any:
    """As `darkroom-tiny`, the same on every run."""
    with sown(5):
        words = build_tokenizer()
        return network.pipeline(words, network.text_encoder(words), network.autoencoder(), network.denoiser())


def asked(number: int, round_: int = 0) -> Generate:
    return Generate(
        model=MODEL,
        prompt=f"{number} red houses by the sea in the evening of day {round_}",
        negative="fog" if number % 4 == 1 else None,
        width=SIDE,
        height=SIDE,
        seed=number,
        steps=STEPS[number],
        guidance=2.0 + number % 7,
        sampler=SAMPLERS[number % len(SAMPLERS)],
    )


class Shelf:
    """Has that one model."""

    def __init__(self, made: Any) -> None:
        load = Untrained(steps=None, guidance=None)
        self._opened = Opened(model=MODEL, load=load, pipeline=made, family=family_of(made), device=torch.device("cpu"))

    def open(self, model: str, busy: Collection[str]) -> Opened | None:
        return self._opened

    def preload(self, models: Iterable[str]) -> tuple[str, ...]:
        return ()

    def relieve(self, opened: Opened, busy: Collection[str], *, coding: bool) -> str | None:
        return None

    def resident(self) -> tuple[tuple[str, ...], int]:
        return (), 0

    def clear(self) -> None:
        """Nothing to let go of."""


def through_the_engine(made: Any, jobs: list[Job]) -> list[FromWorker]:
    """Everything it says, from the first job to the last picture."""
    said: list[FromWorker] = []
    over = threading.Event()
    left = {job.id for job in jobs}

    def tell(message: FromWorker) -> None:
        said.append(message)
        if isinstance(message, Finished | Failed):
            left.discard(message.id)
            if not left:
                over.set()

    engine = Engine(Setup(models={}, engine=EngineOptions(device="cpu")), tell, lambda *_: Shelf(made))
    for job in jobs:
        engine.submit(job)
    thread = threading.Thread(target=engine.run)
    thread.start()
    assert over.wait(300)
    engine.close()
    thread.join()
    return said


def one_by_one(made: Any, requests: list[Generate]) -> list[bytes]:
    """Each by a call of the stock pipeline, encoded as the engine encodes."""
    own, drawn = made.scheduler, []
    for request in requests:
        made.scheduler = own if request.sampler is None else sampler(own, request.sampler)
        picture = made(
            request.prompt,
            negative_prompt=request.negative,
            width=SIDE,
            height=SIDE,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            generator=torch.Generator("cpu").manual_seed(request.seed or 0),
        ).images[0]
        drawn.append(encode(picture, None, None).body)
    made.scheduler = own
    return drawn


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """The processor seconds it takes, and what comes of it."""
    began = time.process_time()
    came = work()
    return time.process_time() - began, came


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_sixteen_at_once_are_faster_than_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    stock, ours = pipeline(), pipeline()
    one_by_one(stock, [asked(0)])  # both are warm
    through_the_engine(ours, [Job(0, MODEL, asked(0))])
    alone = shared = math.inf
    for round_ in range(1, ROUNDS + 1):  # of other prompts each, because the engine remembers what it read
        requests = [asked(number, round_) for number in range(REQUESTS)]
        jobs = [Job(number, MODEL, request) for number, request in enumerate(requests)]
        took, wanted = timed(partial(one_by_one, stock, requests))
        alone = min(alone, took)
        took, said = timed(partial(through_the_engine, ours, jobs))
        shared = min(shared, took)
    drawn = {each.id: each.drawn.images[0].body for each in said if isinstance(each, Finished)}
    apart = max(_apart(drawn[number], body) for number, body in enumerate(wanted))
    calls = sum(isinstance(each, Stepped) for each in said)
    first = next(at for at, each in enumerate(said) if isinstance(each, Finished))
    until = sum(isinstance(each, Stepped) for each in said[:first])
    with capsys.disabled():
        print(f"\nrenderer: {REQUESTS} mixed requests of {SIDE} px, processor seconds of one thread")
        print(f"  stock, one by one   {alone:6.2f} s  {REQUESTS / alone:5.2f} images/s  {sum(STEPS)} denoiser calls")
        print(f"  engine, at once     {shared:6.2f} s  {REQUESTS / shared:5.2f} images/s  {calls} denoiser calls")
        print(
            f"  {alone / shared:.2f} times as many, {WANTED} wanted; the first picture after {until} of {calls} calls"
        )
        print(f"  the largest difference of a channel: {apart} of 255")
    assert apart <= 1
    assert alone / shared >= LEAST


def _apart(one: bytes, other: bytes) -> int:
    """The largest difference of any channel, 0 to 255."""
    pictures = [Pillow.open(BytesIO(body)).convert("RGB") for body in (one, other)]
    return max(ImageChops.difference(*pictures).tobytes())
