"""What OpenAI's Images API answers: pictures, events, and the tokens they took."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from pricing import Usage
from providers.contract import Failure, Fault, Image, ImageRequest, Step, from_link, from_text
from providers.openai.errors import Problem

_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Datum(Struct):
    """A picture, as base64 or as a link."""

    b64_json: Raw = Raw(b"null")
    url: str | None = None
    revised_prompt: str | None = None


class Answer(Struct):
    """A reply that comes as a whole."""

    data: list[Datum]
    usage: Raw = Raw(b"null")
    quality: str | None = None
    background: str | None = None


class Streamed(Struct):
    """An event of a stream."""

    type: str = ""
    b64_json: Raw = Raw(b"null")
    partial_image_index: int = 0
    usage: Raw = Raw(b"null")
    quality: str | None = None
    background: str | None = None
    error: Problem | None = None


class _Details(Struct):
    text_tokens: _Count | None = None
    image_tokens: _Count | None = None


class _Usage(Struct):
    input_tokens: _Count = 0
    output_tokens: _Count = 0
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


def taken(datum: Datum) -> Generator[Step, Any, Image]:
    """The picture of a whole reply. Raises MALFORMED where there is none."""
    if memoryview(datum.b64_json).nbytes > len(b"null"):  # some send the other one of the two as an empty text
        return decoded(datum.b64_json)
    if not datum.url:
        raise Failure(Fault.MALFORMED, "the vendor sent neither a picture nor a link to one")
    return (yield from from_link(datum.url))


def decoded(raw: Raw) -> Image:
    """The picture in a JSON string, without copying its base64 out of the reply. Raises MALFORMED where it is none."""
    try:
        return Image.from_base64(memoryview(raw)[1:-1])
    except ValueError:  # the string is escaped ("\/"), carries a data: prefix, or is no picture
        try:
            text = msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Failure(Fault.MALFORMED, "the vendor's picture is no text") from error
        return from_text(text)


def used(said: Raw, request: ImageRequest, pictures: int) -> Usage:
    """Tokens by kind. Where the vendor does not split them, all that was read counts as the dearer kind."""
    try:
        usage = msgspec.json.decode(said, type=_Usage | None)
    except msgspec.DecodeError:  # the pictures are here and paid for, whatever the meter says
        usage = None
    if usage is None or not usage.input_tokens + usage.output_tokens:
        return Usage(images=pictures)
    read = usage.input_tokens_details or _Details()
    written = usage.output_tokens_details or _Details()
    text_in, image_in = read.text_tokens, read.image_tokens
    if image_in is None:
        image_in = max(0, usage.input_tokens - (text_in or 0)) if request.images or text_in is not None else 0
    if text_in is None:
        text_in = max(0, usage.input_tokens - image_in)
    image_out = written.image_tokens
    if image_out is None:
        image_out = max(0, usage.output_tokens - (written.text_tokens or 0))
    return Usage(
        images=pictures,
        text_in=text_in,
        image_in=image_in,
        text_out=written.text_tokens or 0,
        image_out=image_out,
    )
