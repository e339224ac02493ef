"""What the proxy and its worker process say to each other: frames of a length and a msgpack message.

Only structs travel, never pickles: a frame can at worst be refused. Pictures are bytes, not base64. No I/O here.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import Any

import msgspec
from msgspec import Struct

from providers.contract import Code, Drawn, Failure, Fault, Image, ImageRequest
from proxy.renderer.loads import Load

LENGTH = Layout(">I")
"""What precedes every message: its length in bytes."""
MOST_BYTES = 1 << 30
"""Of one message; a longer one means that the channel is broken."""


class Setup(Struct, frozen=True, tag=True):
    """To the worker, first of all: what there is to draw with, and what to load before it is `Ready`."""

    models: dict[str, Load]
    preload: tuple[str, ...]


class Job(Struct, frozen=True, tag=True):
    """To the worker: draw this."""

    id: int
    model: str
    request: ImageRequest


class Drop(Struct, frozen=True, tag=True):
    """To the worker: nobody waits for that job any more."""

    id: int


class Ready(Struct, frozen=True, tag=True):
    """From the worker: it takes that many jobs at once. `problems` says what could not be preloaded, and why."""

    slots: int
    problems: tuple[str, ...]


class Broken(Struct, frozen=True, tag=True):
    """From the worker: it can never be ready, and ends."""

    reason: str


class Progress(Struct, frozen=True, tag=True):
    """From the worker: the job is done to that part, 0 to 1."""

    id: int
    done: float


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

    @classmethod
    def of(cls, job: int, failure: Failure) -> Failed:
        """The message for a failure."""
        return cls(job, failure.fault, failure.detail, failure.code, failure.field)

    def failure(self) -> Failure:
        """The failure again."""
        return Failure(self.fault, self.detail, code=self.code, field=self.field)


ToWorker = Setup | Job | Drop
FromWorker = Ready | Broken | Progress | Finished | Failed


def pack(message: ToWorker | FromWorker) -> bytes:
    """A frame. Raises ValueError for what cannot be sent: a picture of broken base64, half a character."""
    body = msgspec.msgpack.encode(message, enc_hook=_lower)
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
    message: ToWorker = msgspec.msgpack.decode(body, type=ToWorker, dec_hook=_raise_up)
    return message


def read_by_proxy(body: bytes) -> FromWorker:
    """A message from the worker. Raises `msgspec.DecodeError`."""
    message: FromWorker = msgspec.msgpack.decode(body, type=FromWorker, dec_hook=_raise_up)
    return message


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
