"""A worker with an engine of twenty lines instead of torch: the prompt says what goes wrong. Run as a script."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from decimal import Decimal

from PIL import Image as Pillow

from providers.contract import Code, Drawn, Failure, Fault, ImageRequest
from proxy.renderer.asked import seeds_of
from proxy.renderer.loads import Load
from proxy.renderer.pictures import encode
from proxy.renderer.worker import Worker, take_channel

STEP_S = 0.02


class StubEngine:
    """Draws a grey square; `request.steps` says how long it takes."""

    def __init__(self, models: Mapping[str, Load]) -> None:
        if "broken" in models:
            raise Failure(Fault.UNAVAILABLE, "this machine has no engine")
        if "fatal" in models:
            os._exit(3)

    def load(self, model: str) -> None:
        if model.startswith("missing"):
            raise Failure(Fault.UNAVAILABLE, f"{model} is not there")

    def draw(self, model: str, request: ImageRequest, progress: Callable[[float], None]) -> Drawn:
        steps = request.steps or 1
        for step in range(steps):
            time.sleep(STEP_S)
            progress((step + 1) / steps)
        if request.prompt == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if request.prompt == "refuse":
            raise Failure(Fault.REJECTED, "not like this", code=Code.INVALID, field="size")
        if request.prompt == "chatter":
            print("a library's banner")
            os.write(1, b"and one from C\n")
        seeds = seeds_of(request)
        images = tuple(encode(Pillow.new("L", (16, 16), seed % 256), None, None) for seed in seeds)
        return Drawn(images=images, seconds=Decimal(str(os.getpid())), seeds=seeds)


if __name__ == "__main__":
    if os.environ.get("STUB_IGNORES_ITS_END"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    if os.environ.get("STUB_BABBLES"):
        os.write(1, b"Loading weights: 100%")
        time.sleep(60)
    Worker(*take_channel()).serve(StubEngine)
