"""The local models: their engines, their queue, what they draw."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.events.event import Event


class RendererStarted(Event, frozen=True, kw_only=True, tag=True):
    """An engine for local models is ready."""

    engine: str
    """Its device, as configured; likewise below."""
    place: str
    """`process 4711`, `thread 12`."""
    seconds: float
    """From its beginning: libraries, and what is preloaded."""


class RendererDied(Event, frozen=True, kw_only=True, tag=True):
    """An engine ended of itself: a crash, or the memory ran out. What it had is drawn once more by its successor."""

    engine: str
    reason: str
    """`signal 9`, `exit status 1`."""
    jobs: int
    """How many it had."""


class RendererRested(Event, frozen=True, kw_only=True, tag=True):
    """An engine was ended, for want of work or with the server; the next request begins another."""

    engine: str
    reason: str


class ModelsShelved(Event, frozen=True, kw_only=True, tag=True):
    """Other models than before are in an engine's memory."""

    engine: str
    models: tuple[str, ...]
    used_bytes: int
    loaded: Mapping[str, float] = {}
    """Those that have come since the last time, and the seconds that each took to be loaded."""


class MemoryStrained(Event, frozen=True, kw_only=True, tag=True):
    """A device ran out of memory at a model's work, although fewer pictures were tried, and this was done about it."""

    engine: str
    model: str
    rung: str
    """`tile`: its autoencoder works in tiles from now on. `evict`: idle models went. `offload`: its idle parts are off
    the device from now on. `fail`: nothing was left to do, and the request failed."""


class PictureMeasured(Event, frozen=True, kw_only=True, tag=True):
    """A local model finished a picture: what it took, for quotes to come."""

    engine: str
    model: str
    width: int
    height: int
    steps: int
    """Denoising steps really done."""
    guided: bool
    """Every step ran the denoiser twice."""
    seconds: float
    """Its share of the device's time; pictures in a batch share theirs."""


class StepShared(Event, frozen=True, kw_only=True, tag=True):
    """An engine did one denoising step for so many pictures."""

    engine: str
    model: str
    pictures: int
    seconds: float


class QueueMoved(Event, frozen=True, kw_only=True, tag=True):
    """A request for a local model came, was begun or ended."""

    waiting: int
    """In the proxy, for a slot of an engine."""
    inside: int
    """In the engines."""
    wait_s: float
    """Seconds of drawing that are before a request made now."""
