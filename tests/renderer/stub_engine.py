"""An engine of a hundred lines instead of torch: all its jobs share every step, and a prompt says what goes wrong.

Also a worker to be run as a script, with that engine in it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from decimal import Decimal
from queue import Empty, SimpleQueue

from msgspec import Struct
from PIL import Image as Pillow

from providers.contract import Code, Drawn, Failure, Fault, Image
from proxy.renderer.asked import seeds_of
from proxy.renderer.homes.contract import Told
from proxy.renderer.pictures import encode
from proxy.renderer.wire import Failed, Finished, Job, Measured, Progress, Ready, Setup, Shelved, Sketch, Stepped

STEP_S = 0.02
"""A step, however many share it."""
SIDE = 16


class _Begun(Struct):
    job: Job
    done: int = 0
    shown: int = 0

    @property
    def steps(self) -> int:
        return self.job.request.steps or 1


class StubEngine:
    """Draws grey squares; `request.steps` says how long it takes."""

    def __init__(self, setup: Setup, tell: Told) -> None:
        if "broken" in setup.models:
            raise Failure(Fault.UNAVAILABLE, "this machine has no engine")
        if "fatal" in setup.models:
            raise SystemExit(3)
        self._setup = setup
        self._tell = tell
        self._inbox: SimpleQueue[Job | int | None] = SimpleQueue()
        self._begun: dict[int, _Begun] = {}
        self._loaded: list[str] = []

    def submit(self, job: Job) -> None:
        self._inbox.put(job)

    def drop(self, job: int) -> None:
        self._inbox.put(job)

    def close(self) -> None:
        self._inbox.put(None)

    def run(self) -> None:
        problems = []
        for model in self._setup.preload:
            if model.startswith("missing"):
                problems.append(f"{model} is not there")
            else:
                self._load(model)
        self._tell(Ready(self._setup.engine.slots, tuple(problems)))
        while self._take():
            self._step()

    def _take(self) -> bool:
        """All that came; wait where there is nothing to do. Whether to go on."""
        with suppress(Empty):
            while True:
                came = self._inbox.get(block=not self._begun)
                if came is None:
                    return False
                if isinstance(came, int):
                    self._begun.pop(came, None)
                else:
                    self._begun[came.id] = _Begun(came)
        return True

    def _step(self) -> None:
        for each in list(self._begun.values()):
            self._load(each.job.model)
            self._go_wrong(each)
        if not self._begun:
            return
        time.sleep(STEP_S)
        self._tell(Stepped("stub", len(self._begun), STEP_S))
        for each in list(self._begun.values()):
            each.done += 1
            self._tell(Progress(each.job.id, each.done / each.steps))
            if each.shown * each.steps < each.done * each.job.previews and each.done < each.steps:
                self._tell(Sketch(each.job.id, each.shown, _picture(each.done)))
                each.shown += 1
            if each.done >= each.steps:
                self._finish(self._begun.pop(each.job.id))

    def _go_wrong(self, each: _Begun) -> None:
        match each.job.request.prompt:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "break":
                raise RuntimeError("a mistake in the engine")
            case "refuse":
                failure = Failure(Fault.REJECTED, "not like this", code=Code.INVALID, field="size")
                self._tell(Failed.of(self._begun.pop(each.job.id).job.id, failure))
            case "chatter" if not each.done:
                print("a library's banner")
                os.write(1, b"and one from C\n")

    def _load(self, model: str) -> None:
        if model not in self._loaded:
            self._loaded.append(model)
            self._tell(Shelved(tuple(self._loaded), 1_000 * len(self._loaded)))

    def _finish(self, each: _Begun) -> None:
        seeds = seeds_of(each.job.request)
        images = tuple(_picture(seed) for seed in seeds)
        took = Decimal(str(STEP_S)) * each.steps * len(seeds)
        for _ in seeds:
            self._tell(Measured(each.job.model, SIDE, SIDE, each.steps, guided=False, seconds=STEP_S * each.steps))
        self._tell(Finished(each.job.id, Drawn(images=images, seconds=took, seeds=seeds)))


def _picture(shade: int) -> Image:
    return encode(Pillow.new("L", (SIDE, SIDE), shade % 256), None, None)


def main() -> None:
    """The worker."""
    from proxy.renderer.worker import Worker, take_channel

    if os.environ.get("STUB_IGNORES_ITS_END"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    if os.environ.get("STUB_BABBLES"):
        os.write(1, b"Loading weights: 100%")
        time.sleep(60)
    Worker(*take_channel()).serve(StubEngine)


if __name__ == "__main__":
    main()
