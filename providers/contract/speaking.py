"""What adapters have in common: how pictures stand in calls and replies, how long to wait between polls. Pure."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import msgspec

from providers.contract.conversation import Fetch, Part, Reply, Step
from providers.contract.failure import Failure, Fault
from providers.contract.image import Image

T = TypeVar("T")


def as_text(image: Image) -> str:
    """A picture as bare base64, for a JSON body."""
    return bytes(image.base64).decode("ascii")


def as_data_url(image: Image) -> str:
    """A picture as a `data:` URL, for a JSON body that wants links."""
    return f"data:{image.format.mime};base64,{as_text(image)}"


def as_file(name: str, image: Image, stem: str = "") -> Part:
    """A picture as a file of a form, called `stem` and the ending of its format; `name`, without one."""
    return Part(name=name, value=image.body, filename=f"{stem or name}.{image.format.suffix}", mime=image.format.mime)


def from_text(text: str | bytes) -> Image:
    """The picture in base64 text or a `data:` URL. Raises MALFORMED where there is none."""
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    try:
        return Image.from_base64(raw.partition(b",")[2] if raw.startswith(b"data:") else raw)
    except ValueError as error:
        raise Failure(Fault.MALFORMED, f"the vendor sent something else than a picture: {error}") from error


def from_body(reply: Reply) -> Image:
    """The picture a reply consists of. Raises MALFORMED where it is none."""
    try:
        return Image(bytes(reply.body))
    except ValueError as error:
        raise Failure(Fault.MALFORMED, f"the vendor sent something else than a picture: {error}") from error


def from_link(url: str) -> Generator[Step, Any, Image]:
    """The picture behind a link of a reply, or in it where it is a `data:` URL. Raises MALFORMED where it is none."""
    if url.startswith("data:"):
        return from_text(url)
    image: Image = yield Fetch(url)
    return image


def pause(tries: int, *, first: float = 0.5, most: float = 4.0) -> float:
    """Seconds before a poll: `first` at first, a third longer each time, `most` at most."""
    return float(min(first * 1.33 ** min(tries, 50), most))


def told(reply: Reply, shape: type[T]) -> T | None:
    """The body of an error reply in a shape; None where it is anything else, for an error must not fail on its body."""
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
