"""OpenAI's Images API, and every vendor that speaks it.

https://developers.openai.com/api/reference/resources/images  One call, answered when the pictures are done, or a stream
of events with unfinished ones on the way. Pictures come as base64 and are billed by the tokens the reply states. Some
fields exclude each other: asked for together they are a 400, so that one of the two is left out, and said.
"""

from __future__ import annotations

from providers.contract import (
    Account,
    Conversation,
    Event,
    Failure,
    Fault,
    ImageRequest,
    Model,
    Next,
    Note,
    Picture,
    Preview,
    Provider,
    Reply,
    Result,
)
from providers.openai.answers import Answer, Streamed, decoded, taken, used
from providers.openai.asking import call, possible
from providers.openai.errors import blame, explain
from providers.openai.models import MODELS


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """One call; where previews are wanted, a stream of events."""
    request, notes = possible(request, model)
    reply: Reply = yield call(request, model, account)
    vendor_id = reply.headers.get("x-request-id")
    if reply.streams:
        return (yield from _listen(request, notes, vendor_id))
    answer = reply.read(Answer)
    pictures: list[Picture] = []
    for datum in answer.data:
        image = yield from taken(datum)
        pictures.append(Picture(image=image, revised_prompt=datum.revised_prompt))
    if not pictures:
        raise Failure(Fault.MALFORMED, "the vendor answered without a picture")
    return Result(
        pictures=tuple(pictures),
        usage=used(answer.usage, request, len(pictures)),
        notes=notes,
        quality=answer.quality,
        background=answer.background,
        vendor_id=vendor_id,
    )


def _listen(request: ImageRequest, notes: tuple[Note, ...], vendor_id: str | None) -> Conversation:
    """Of a stream only one picture is ever asked for."""
    while True:
        event: Event | None = yield Next()
        if event is None:  # paid for, for all we know
            raise Failure(Fault.AMBIGUOUS, "the vendor's stream ended without a finished picture")
        if event.data == b"[DONE]":
            continue
        said = event.read(Streamed)
        if said.error is not None:  # with a type or without one: clients look for the error alone
            raise blame(said.error, Failure(Fault.UNAVAILABLE, "the vendor broke off"))
        if not said.type:
            raise Failure(Fault.MALFORMED, "the vendor sent an event without a type")
        if said.type.endswith(".partial_image"):
            yield Preview(decoded(said.b64_json), said.partial_image_index)
        elif said.type.endswith(".completed"):
            return Result(
                pictures=(Picture(image=decoded(said.b64_json)),),
                usage=used(said.usage, request, 1),
                notes=notes,
                quality=said.quality,
                background=said.background,
                vendor_id=vendor_id,
            )


PROVIDER = Provider(
    title="OpenAI",
    run=run,
    base="https://api.openai.com/v1",
    key_from="OPENAI_API_KEY",
    explain=explain,
    models=MODELS,
)
