"""What is shown of the local models: their queue, their engines, what is drawn together."""

from __future__ import annotations

from proxy.events import (
    MemoryStrained,
    ModelsShelved,
    PictureMeasured,
    QueueMoved,
    RendererDied,
    RendererStarted,
    StepShared,
)
from proxy.metrics.register import Counts, Register

TOGETHER = (1, 2, 3, 4, 6, 8)
"""Buckets of pictures in a step."""


class Renderer:
    """The local renderer."""

    def __init__(self, register: Register) -> None:
        self._of = register.of
        self._waiting = register.gauge(
            "renderer_queue", "Requests for local models that wait in the proxy.", of_many="livesum"
        )
        self._inside = register.gauge("renderer_inside", "Requests that the engines have.", of_many="livesum")
        self._wait = register.gauge(
            "renderer_wait_seconds", "Seconds of drawing that are before a request for a local model made now."
        )
        self._starts = register.counter("renderer_starts_total", "Engines of local models begun.", "engine")
        self._deaths = register.counter("renderer_deaths_total", "Engines that ended of themselves.", "engine")
        self._lost = register.counter(
            "renderer_lost_total", "Requests that were in an engine when it ended: each is drawn once more.", "engine"
        )
        self._memory = register.gauge(
            "renderer_memory_bytes", "Bytes of an engine's models in memory.", "engine", of_many="livesum"
        )
        self._strained = register.counter(
            "renderer_memory_strained_total",
            "Times that memory ran out at a model's work, by what was done: tile, evict, offload, or fail.",
            *("engine", "what"),
        )
        self._resident = register.gauge(
            "renderer_resident", "Engines that have the model in memory.", "engine", "model", of_many="livesum"
        )
        self._pictures = register.counter("renderer_pictures_total", "Pictures drawn here.", "model")
        self._seconds = register.counter(
            "renderer_seconds_total", "Seconds of the device that they took; a batch shares its own.", "model"
        )
        self._steps = register.counter("renderer_steps_total", "Denoising steps, however many shared one.", "model")
        self._together = register.histogram(
            "renderer_batch_pictures", "Pictures that shared a denoising step.", "model", buckets=TOGETHER
        )
        self._models: dict[str, tuple[str, ...]] = {}

    def counts(self) -> Counts:
        """The events that count here, and how."""
        return {
            QueueMoved: self._moved,
            RendererStarted: self._started,
            RendererDied: self._died,
            MemoryStrained: self._short,
            ModelsShelved: self._shelved,
            PictureMeasured: self._drawn,
            StepShared: self._stepped,
        }

    def _moved(self, event: QueueMoved) -> None:
        self._waiting.set(event.waiting)
        self._inside.set(event.inside)
        self._wait.set(event.wait_s)

    def _started(self, event: RendererStarted) -> None:
        self._of(self._starts, event.engine).inc()

    def _died(self, event: RendererDied) -> None:
        self._of(self._deaths, event.engine).inc()
        self._of(self._lost, event.engine).inc(event.jobs)

    def _short(self, event: MemoryStrained) -> None:
        self._of(self._strained, event.engine, event.rung).inc()

    def _shelved(self, event: ModelsShelved) -> None:
        self._of(self._memory, event.engine).set(event.used_bytes)
        for model in {*self._models.get(event.engine, ()), *event.models}:
            self._of(self._resident, event.engine, model).set(model in event.models)
        self._models[event.engine] = event.models

    def _drawn(self, event: PictureMeasured) -> None:
        self._of(self._pictures, event.model).inc()
        self._of(self._seconds, event.model).inc(event.seconds)

    def _stepped(self, event: StepShared) -> None:
        self._of(self._steps, event.model).inc()
        self._of(self._together, event.model).observe(event.pictures)
