"""What the routes share that work on finished pictures: answers with a picture in them, and many pictures at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import wraps
from typing import Any, TypeVar

import msgspec
import pybase64
from msgspec import Struct

from providers.contract import Code, Failure, Fault, Note
from providers.contract.image import Buffer
from proxy.dialects.alwrity.asking import ignored
from proxy.dialects.alwrity.replies import JSON, members, worded
from proxy.dialects.contract import Incoming, Outgoing, Talk
from proxy.dialects.fields import Reader, Table, mapping, read, read_json, rejected, required, sequence
from proxy.dialects.wants import Want

PICTURE = "image_base64"
FORMATS: Mapping[str, str] = {"jpeg": "jpeg", "jpg": "jpeg", "png": "png", "webp": "webp"}
"""Formats by the words of the document."""
BATCH_MOST = 50
BATCH_BYTES = 100_000_000
"""Of pictures in one answer, beyond which no other is begun: what is small when it is sent may be large when it is not
compressed any more."""
FIRST_ONLY = Note("image_base64", "is an animation, of which only the first frame was taken")

Order = TypeVar("Order")


class Made(Struct, frozen=True, kw_only=True):
    """A picture made, and what is told beside it."""

    told: Mapping[str, Any]
    body: bytes
    format: str
    notes: tuple[Note, ...] = ()


Making = Generator[Want, Any, Made]


def fields_of(values: Mapping[str, Any], table: Table, *needed: str) -> tuple[dict[str, Any], list[Note]]:
    """What was sent, by a table, and notes of what it does not know. Raises REJECTED, also for what is missing."""
    known, unknown = read(values, table)
    for name in needed:
        required(known, name, name)
    return known, ignored(unknown)


def lowered(reader: Reader) -> Reader:
    """The same, in any case."""

    @wraps(reader)
    def lower(name: str, value: Any) -> Any:
        return reader(name, value.strip().lower() if isinstance(value, str) else value)

    return lower


def kilobytes(size: int) -> float:
    """As the document counts and rounds them."""
    return round(size / 1024, 2)


def told_alone(made: Made) -> Outgoing:
    """An answer with one picture."""
    return Outgoing(headers=JSON, body=tuple(_object(made)))


def listed(results: list[list[Buffer]], told: Mapping[str, Any], *, success: bool = True) -> Outgoing:
    """An answer with several, each written already, and what is told of all of them."""
    body: list[Buffer] = [b'{"success":true,"results":[' if success else b'{"success":false,"results":[']
    for place, result in enumerate(results):
        if place:
            body.append(b",")
        body.extend(result)
    return Outgoing(headers=JSON, body=(*body, b"],", members(told), b"}"))


def written(told: Mapping[str, Any], body: bytes, format_: str) -> list[Buffer]:
    """An object with a picture in it as a data URL, in pieces: its text is never copied into a larger one."""
    head = b"{" + members(told) + b',"image_base64":"data:image/%s;base64,' % format_.encode()
    return [head, pybase64.b64encode(body), b'"}']


def batch(
    incoming: Incoming,
    order: Callable[[Mapping[str, Any]], Order],
    make: Callable[[Order], Making],
    nothing: Mapping[str, Any],
) -> Talk:
    """Many pictures, one after the other: what is asked for is checked before the first, what is sent when it is due.

    One that is no picture fails alone, with the reason beside `nothing`.
    """
    sent = sequence("images", read_json(incoming.body).get("images", []))
    if not sent:
        raise rejected("Missing required parameter: 'images'.", Code.MISSING, "images")
    if len(sent) > BATCH_MOST:
        raise rejected(f"At most {BATCH_MOST} images can be sent at once, not {len(sent)}.", Code.TOO_LONG, "images")
    orders = [_ordered(place, value, order) for place, value in enumerate(sent)]
    results: list[list[Buffer]] = []
    successful = weight = 0
    for each in orders:
        try:
            if weight > BATCH_BYTES:
                raise rejected("The answer is too large already: send this one again by itself.", Code.TOO_LARGE, None)
            made = yield from make(each)
        except Failure as failure:
            if failure.fault is not Fault.REJECTED:
                raise
            told = {"success": False, PICTURE: "", **nothing, "error": failure.detail}
            results.append([msgspec.json.encode(told)])
        else:
            weight += len(made.body)
            successful += 1
            results.append(_object(made))
    failed = len(orders) - successful
    counts = {"total_images": len(orders), "successful": successful, "failed": failed}
    return listed(results, counts, success=failed == 0)


def _object(made: Made) -> list[Buffer]:
    notes = {"notes": worded(made.notes)} if made.notes else {}
    return written({"success": True, **made.told, **notes}, made.body, made.format)


def _ordered(place: int, value: Any, order: Callable[[Mapping[str, Any]], Order]) -> Order:
    try:
        return order(mapping("it", value))
    except Failure as failure:
        field = f"images[{place}]"
        raise rejected(f"{field}: {failure.detail}", failure.code or Code.INVALID, field) from failure
