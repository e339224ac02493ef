"""What the proxy and its worker process say to each other: frames of a length and a msgpack message.

Only structs travel, never pickles: a frame can at worst be refused. Pictures are bytes, not base64. No I/O here.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import Any

import msgspec
from msgspec import Struct

from providers.contract import Code, Drawn, Failure, Fault, Image, ImageRequest
from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.loads import Load

LENGTH = Layout(">I")
"""What precedes every message: its length in bytes."""
MOST_BYTES = 1 << 30
"""Of one message; a longer one means that the channel is broken."""


class EngineOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an engine works, whatever the models: one engine owns one device."""

    device: str = "auto"
    """What `device: auto` of a load means: `auto` (the first GPU there is, else the CPU), `cpu`, `mps`, `cuda:1` ..."""
    slots: int = 32
    """Jobs it has at once, being drawn or waiting for their turn in a batch. What more there is waits in the proxy."""
    memory_bytes: int | None = None
    """Bytes its models and their work may take; None is what the device has, less a reserve."""
    batch: int = 8
    """Most pictures that share a denoising step: 1, 2, 4 or 8."""
    batch_tokens: int | None = None
    """Most latent tokens in a denoising step, twice those of a guided picture; None is the device's own measure."""
    progress_s: float = 0.25
    """Least seconds between two `Progress` of one job: they are for people, and every one costs the proxy time."""


class Setup(Struct, frozen=True, tag=True):
    """To the worker, first of all: what there is to draw with, and what to load before it is `Ready`."""

    models: dict[str, Load]
    preload: tuple[str, ...] = ()
    engine: EngineOptions = EngineOptions()
    fleet: FleetOptions | None = None
    """Where the engines are, if not in the worker itself."""


class Job(Struct, frozen=True, tag=True):
    """To the worker: draw this."""

    id: int
    model: str
    request: ImageRequest
    previews: int = 0
    """How many `Sketch` are wanted on the way, spread evenly over the steps."""


class Drop(Struct, frozen=True, tag=True):
    """To the worker: nobody waits for that job any more. It is not drawn further; nothing more is said of it."""

    id: int


class Ready(Struct, frozen=True, tag=True):
    """From the worker: it takes that many jobs at once. `problems` says what could not be preloaded, and why."""

    slots: int
    problems: tuple[str, ...] = ()


class Broken(Struct, frozen=True, tag=True):
    """From the worker: it can never be ready, and ends."""

    reason: str


class Progress(Struct, frozen=True, tag=True):
    """From the worker: the job is done to that part, 0 to 1."""

    id: int
    done: float


class Sketch(Struct, frozen=True, tag=True):
    """From the worker: the job's picture as it looks so far. `index` counts from 0, in rising order."""

    id: int
    index: int
    image: Image


class Finished(Struct, frozen=True, tag=True):
    """From the worker: the job's pictures."""

    id: int
    drawn: Drawn


class Failed(Struct, frozen=True, tag=True):
    """From the worker: why the job came to nothing."""

    id: int
    fault: Fault
    detail: str
    code: Code | None
    field: str | None
    retry_after: float | None = None

    @classmethod
    def of(cls, job: int, failure: Failure) -> Failed:
        """The message for a failure."""
        return cls(job, failure.fault, failure.detail, failure.code, failure.field, failure.retry_after)

    def failure(self) -> Failure:
        """The failure again."""
        return Failure(self.fault, self.detail, code=self.code, field=self.field, retry_after=self.retry_after)


class Measured(Struct, frozen=True, tag=True):
    """From the worker, after each finished picture: what it took, for quotes to come."""

    model: str
    width: int
    height: int
    steps: int
    """Denoising steps really done: fewer than asked for where the picture began from another."""
    guided: bool
    """Every step ran the denoiser twice, with and without the prompt."""
    seconds: float
    """Its own share of the device's seconds, from the first step to the encoded picture."""


class Stepped(Struct, frozen=True, tag=True):
    """From the worker, after each denoising step: how many shared it, and what it took."""

    model: str
    pictures: int
    """Real ones; what a bucket was padded with is not counted."""
    seconds: float


class Shelved(Struct, frozen=True, tag=True):
    """From the worker, whenever that changes: which models are in memory, and the bytes they take."""

    models: tuple[str, ...]
    used_bytes: int
    loaded: dict[str, float] = {}
    """Those that have come since the last time, and the seconds that each took to be loaded."""


class Strained(Struct, frozen=True, tag=True):
    """From the worker: the device ran out of memory at a model's work, and this was done about it."""

    model: str
    rung: str
    """`tile`, `evict`, `offload`; `fail` where nothing was left to do and a request failed for it."""


class Lost(Struct, frozen=True, tag=True):
    """From a fleet's envoy: the engine that had the job is gone, others are not."""

    id: int
    reason: str


class Refused(Struct, frozen=True, tag=True):
    """From a fleet's envoy: no engine took the job, and why."""

    why: Failed


class Begun(Struct, frozen=True, tag=True):
    """Of one engine of a fleet: it is ready."""

    place: str
    seconds: float


class Gone(Struct, frozen=True, tag=True):
    """Of one engine of a fleet: it is no more; `meant`, where the fleet has become smaller."""

    reason: str
    meant: bool
    jobs: int


class Counted(Struct, frozen=True, tag=True):
    """From a fleet's envoy, whenever that changes: how many engines there are."""

    engines: int


ToWorker = Setup | Job | Drop
OfJob = Progress | Sketch | Finished | Failed
"""What is said of one job."""
News = Measured | Stepped | Shelved | Strained
"""What is said of the engine, whoever asked for the pictures."""


class Of(Struct, frozen=True, tag=True):
    """From a fleet's envoy: something of one of its engines."""

    engine: str
    what: News | Begun | Gone


FromWorker = Ready | Broken | OfJob | News | Lost | Refused | Of | Counted


def pack(message: ToWorker | FromWorker) -> bytes:
    """A frame. Raises ValueError for what cannot be sent: a picture of broken base64, half a character."""
    body = write(message)
    if len(body) > MOST_BYTES:
        raise ValueError(f"the message has {len(body)} bytes; at most {MOST_BYTES} are sent")
    return LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """The length a frame's head states. Raises ValueError where no frame is that long."""
    length: int = LENGTH.unpack(head)[0]
    if length > MOST_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    return length


def read_by_worker(body: bytes) -> ToWorker:
    """A message to the worker. Raises `msgspec.DecodeError`."""
    message: ToWorker = read(body, ToWorker)
    return message


def read_by_proxy(body: bytes) -> FromWorker:
    """A message from the worker. Raises `msgspec.DecodeError`."""
    message: FromWorker = read(body, FromWorker)
    return message


def write(message: Struct) -> bytes:
    """A message without its frame. Raises ValueError for what cannot be sent."""
    return msgspec.msgpack.encode(message, enc_hook=_lower)


def read(body: bytes, kind: Any) -> Any:
    """A message of a kind. Raises `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(body, type=kind, dec_hook=_raise_up)


def _lower(value: Any) -> Any:
    """An image as its bytes."""
    if isinstance(value, Image):
        return value.body
    raise NotImplementedError(f"{type(value)} does not travel")


def _raise_up(kind: type, value: Any) -> Any:
    """An image from its bytes."""
    if kind is Image:
        return Image(value)
    raise NotImplementedError(f"{kind} does not travel")
