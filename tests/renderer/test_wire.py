"""Frames: what goes in comes out, and what is no frame is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from providers.contract import (
    Code,
    Control,
    ControlKind,
    Drawn,
    Edit,
    EditKind,
    Failure,
    Fault,
    Format,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Polarity,
    Quality,
    Upscale,
    UpscaleKind,
)
from proxy.renderer import Folder, Untrained
from proxy.renderer.wire import (
    LENGTH,
    MOST_BYTES,
    Broken,
    Drop,
    EngineOptions,
    Failed,
    Finished,
    FromWorker,
    Job,
    Measured,
    Progress,
    Ready,
    Setup,
    Shelved,
    Sketch,
    Stepped,
    Strained,
    ToWorker,
    length_of,
    pack,
    read_by_proxy,
    read_by_worker,
)
from tests.pictures import png

RED, BLUE = Image(png(color="red")), Image(png(color="blue"))
REQUESTS: list[ImageRequest] = [
    Generate(model="m", prompt="p", width=8, height=8, quality=Quality.LOW, format=Format.WEBP, references=(RED, BLUE)),
    Edit(model="m", kind=EditKind.INPAINT, pictures=(RED,), mask=Mask(BLUE, Polarity.TRANSPARENT), seed=-3),
    Upscale(model="m", kind=UpscaleKind.CREATIVE, picture=RED, factor=1.5),
    Control(model="m", kind=ControlKind.STYLE, picture=BLUE, strength=0.5),
]


def body_of(frame: bytes) -> bytes:
    assert length_of(frame[: LENGTH.size]) == len(frame) - LENGTH.size
    return frame[LENGTH.size :]


def plain(value: Any) -> Any:
    """Comparable: images have no equality of their own."""
    return msgspec.to_builtins(value, enc_hook=lambda image: image.body)


@pytest.mark.parametrize(
    "message",
    [
        Setup({"a": Untrained(steps=3), "b": Folder(path="x", device="cuda:1")}, ("a",), EngineOptions(device="cpu")),
        *(Job(number, "m", request) for number, request in enumerate(REQUESTS)),
        Drop(4),
    ],
)
def test_to_the_worker(message: ToWorker) -> None:
    assert plain(read_by_worker(body_of(pack(message)))) == plain(message)


@pytest.mark.parametrize(
    "message",
    [
        Ready(2, ("a is missing",)),
        Broken("no torch"),
        Progress(1, 0.5),
        Sketch(1, 0, BLUE),
        Measured("m", 64, 32, 4, guided=True, seconds=0.25),
        Stepped("m", 3, 0.05),
        Shelved(("m", "n"), 1 << 40),
        Strained("m", "evict"),
        Finished(1, Drawn(images=(RED, BLUE), seconds=Decimal("1.000001"), seeds=(2**64 - 1, 0))),
        Failed(1, Fault.REJECTED, "no", Code.INVALID, "size"),
    ],
)
def test_to_the_proxy(message: FromWorker) -> None:
    assert plain(read_by_proxy(body_of(pack(message)))) == plain(message)


def test_a_failure_survives_the_trip() -> None:
    failure = Failure(Fault.UNAVAILABLE, "gone", code=Code.BUSY, field="model")
    again = Failed.of(1, failure).failure()
    assert (again.fault, again.detail, again.code, again.field) == (Fault.UNAVAILABLE, "gone", Code.BUSY, "model")


def test_pictures_travel_as_they_are() -> None:
    assert len(pack(Job(1, "m", REQUESTS[0]))) < len(RED.body) + len(BLUE.body) + 400


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        length_of(LENGTH.pack(MOST_BYTES + 1))
    with pytest.raises(msgspec.DecodeError):
        read_by_proxy(b"\xc1")
    with pytest.raises(msgspec.DecodeError):
        read_by_proxy(body_of(pack(Drop(1))))
