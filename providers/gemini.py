"""Google's Gemini API: one call answers with the picture itself, or with the reason why there is none.

https://ai.google.dev/gemini-api/docs/generate-content/image-generation

Refusals come as 200, and so do answers in words. A size is a shape and a tier (512, 1K, 2K, 4K), never pixels; without
them the model takes the shape of the first picture sent along, and 1K. A picture it draws while thinking is marked
`thought` and is not the result. A bad key is a 400, a spent budget a 429, and how long to wait stands in the body.

`safetySettings` are left alone: these models filter at their loosest unless told otherwise, so that asking for less
could only mean more. What does refuse pictures cannot be set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import log
from textwrap import shorten
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Failure,
    Fault,
    Format,
    Image,
    ImageRequest,
    Inputs,
    Model,
    Picture,
    Provider,
    Quality,
    Reply,
    Result,
    Sizes,
    as_text,
    from_text,
    told,
)

_Count = Annotated[int, Meta(ge=0, le=100_000_000)]


class _Blob(Struct):
    data: Raw = Raw(b"null")


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    inline_data: _Blob | None = None


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None


class _Answer(Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Raw = Raw(b"null")
    response_id: str | None = None


class _Tokens(Struct, rename="camel"):
    modality: str | None = None
    token_count: _Count = 0


_Details = Annotated[list[_Tokens], Meta(max_length=8)]


class _Metered(Struct, rename="camel"):
    prompt_token_count: _Count = 0
    prompt_tokens_details: _Details | None = None
    candidates_token_count: _Count = 0
    candidates_tokens_details: _Details | None = None
    thoughts_token_count: _Count = 0


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """One call. All pictures of the answer are delivered: should the model draw a second one, it is paid for too."""
    url = f"{account.base}/models/{model.vendor_name}:generateContent"
    reply: Reply = yield Call(method="POST", url=url, json=_body(request, model), pays=True)
    answer = reply.read(_Answer)
    found = [part.inline_data.data for part in _parts(answer) if part.inline_data is not None]
    if not found:
        raise _why_none(answer)
    return Result(
        pictures=tuple(Picture(image=_decoded(data)) for data in found),
        usage=_used(answer.usage_metadata, len(found)),
        vendor_id=answer.response_id,
    )


def _body(request: ImageRequest, model: Model) -> dict[str, Any]:
    sent = [{"inlineData": {"mimeType": image.format.mime, "data": as_text(image)}} for image in request.images]
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    if request.width is not None and request.height is not None:
        config["imageConfig"] = _shape(request.width, request.height, model)
    if request.quality is not None:
        config["thinkingConfig"] = {"thinkingLevel": _LEVELS[request.quality]}
    if request.seed is not None:
        config["seed"] = request.seed
    return {"contents": [{"role": "user", "parts": [{"text": request.prompt}, *sent]}], "generationConfig": config}


def _shape(width: int, height: int, model: Model) -> dict[str, str]:
    """The shape and the tier nearest to a size; the tier is left out where there is one, for that would be an error."""
    shape = min(_RATIOS, key=lambda ratio: abs(log(width * ratio[1] / (height * ratio[0]))))
    tier = min(_TIERS, key=lambda pixels: abs(log(width * height / pixels)))
    sent = {"aspectRatio": "{}:{}".format(*shape)}
    return sent if model.vendor_name in _ONE_TIER else sent | {"imageSize": _TIERS[tier]}


def _parts(answer: _Answer) -> Iterator[_Part]:
    """What the model answered, without what it thought."""
    for candidate in answer.candidates or ():
        for part in (candidate.content or _Content()).parts or ():
            if not part.thought:
                yield part


def _decoded(data: Raw) -> Image:
    """The picture in a JSON string, its base64 not copied out of the reply unless some of it is escaped."""
    try:
        if _ESCAPE.search(data):  # as "=" may be
            return from_text(msgspec.json.decode(data, type=str))
        return Image.from_base64(memoryview(data)[1:-1])
    except (ValueError, msgspec.DecodeError) as error:
        raise Failure(Fault.MALFORMED, f"the vendor sent something else than a picture: {error}") from error


def _why_none(answer: _Answer) -> Failure:
    """The failure a 200 without a picture stands for. Blocked pictures are not charged, Google says in such answers."""
    if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
        return Failure(Fault.MODERATED, f"Google refused the prompt: {answer.prompt_feedback.block_reason}")
    end = next(iter(answer.candidates or ()), _Candidate())
    if not end.finish_reason:
        return Failure(Fault.MALFORMED, "the vendor answered without a picture")
    if _REFUSED.fullmatch(end.finish_reason):
        return Failure(Fault.MODERATED, end.finish_message or f"Google refused it: {end.finish_reason}")
    words = shorten(" ".join(part.text for part in _parts(answer) if part.text), 200, placeholder=" …")
    detail = f"the model made no picture: {end.finish_reason}"
    if words:
        detail = f"the model answered in words instead of a picture: {words!r}"
    return Failure(Fault.UNAVAILABLE, detail, usage=_used(answer.usage_metadata, 0))  # what it read and wrote is billed


def _used(said: Raw, pictures: int) -> Usage:
    """Tokens by kind. What a model writes beside the picture, thoughts among it, is text even if no detail says so."""
    try:
        meter = msgspec.json.decode(said, type=_Metered | None) or _Metered()
    except msgspec.DecodeError:  # the picture is here and paid for, whatever the meter says
        meter = _Metered()
    image_in, image_out = _of_pictures(meter.prompt_tokens_details), _of_pictures(meter.candidates_tokens_details)
    if pictures and not image_out:
        return Usage(images=pictures)
    return Usage(
        images=pictures,
        text_in=max(0, meter.prompt_token_count - image_in),
        image_in=image_in,
        text_out=max(0, meter.candidates_token_count - image_out) + meter.thoughts_token_count,
        image_out=image_out,
    )


def _of_pictures(details: Iterable[_Tokens] | None) -> int:
    return sum(each.token_count for each in details or () if each.modality == "IMAGE")


class _Violation(Struct, rename="camel"):
    quota_id: str = ""
    field: str = ""


class _Detail(Struct, rename="camel"):
    """Of one of several kinds, by what it carries: ErrorInfo, RetryInfo, QuotaFailure, BadRequest."""

    reason: str = ""
    retry_delay: str = ""
    violations: list[_Violation] = []
    field_violations: list[_Violation] = []


class _Problem(Struct):
    message: str = ""
    status: str = ""
    details: list[_Detail] = []


class _Error(Struct):
    error: _Problem


def explain(reply: Reply, failure: Failure) -> Failure:
    """Read the error envelope: the status alone does not tell a bad key from a bad size, or a rate from a budget."""
    said = told(reply, _Error)
    if said is None:
        return failure
    problem, details = said.error, said.error.details
    word = next((each.reason for each in details if each.reason in FAULTS), problem.status)
    fault = FAULTS.get(word, failure.fault)
    quotas = [violation.quota_id for each in details for violation in each.violations]
    if fault is Fault.THROTTLED and _SPENT.search(" ".join([problem.message, *quotas])):
        fault = Fault.CREDENTIAL
    elif fault is Fault.REJECTED and _OURS.search(problem.message):
        fault = Fault.MALFORMED
    detail = f"{failure.detail} ({word})" if word else failure.detail
    if fault is Fault.REJECTED:  # any other is about our account: for the operator
        detail = problem.message or detail
    paths = [violation.field for each in details for violation in each.field_violations]
    field = "image" if any("inline_data" in path for path in paths) else failure.field
    waits = [float(found[1]) for each in details if (found := _DELAY.fullmatch(each.retry_delay))]
    wait = waits[0] if waits else failure.retry_after
    return Failure(fault, detail, code=failure.code, field=field, retry_after=wait)


_DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")
_SPENT = re.compile(r"prepayment credits|spending cap|PerDay")
"""Budgets, and quotas by the day, come under the status of a rate; a delay beside them is one for the minute."""
_OURS = re.compile(r"unknown name|aspect_?ratio|image_?size|image_?config|thinking|modalit", re.IGNORECASE)
"""A complaint of these is about what we declared the model to take, not about what the caller asked."""
FAULTS = {
    "API_KEY_INVALID": Fault.CREDENTIAL,
    "FAILED_PRECONDITION": Fault.CREDENTIAL,  # no billing, or a country that is not served
    "DEADLINE_EXCEEDED": Fault.UNAVAILABLE,  # Google's own 504 is an end, and errors are not charged
}
"""The vendor's own word for what went wrong. https://ai.google.dev/gemini-api/docs/troubleshooting"""
_ESCAPE = re.compile(rb"\\")
_REFUSED = re.compile(r"(IMAGE_)?(SAFETY|PROHIBITED_CONTENT|RECITATION)|BLOCKLIST|SPII|ESCALATION")
"""Reasons to finish that say content; any other is the model's own trouble."""
_LEVELS = {Quality.LOW: "MINIMAL", Quality.MEDIUM: "MEDIUM", Quality.HIGH: "HIGH"}
"""How much it thinks before it draws is all the effort that can be asked for."""
_ENDS = (Quality.LOW, Quality.HIGH)
_EXTREME = ((1, 4), (4, 1), (1, 8), (8, 1))
_RATIOS = ((1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9), *_EXTREME)
_TIERS = {1 << 18: "512", 1 << 20: "1K", 1 << 22: "2K", 1 << 24: "4K"}  # by their pixels, roughly
_ONE_TIER = frozenset({"gemini-2.5-flash-image", "gemini-3.1-flash-lite-image"})

_OLDER = "1024x1024 832x1248 1248x832 864x1184 1184x864 896x1152 1152x896 768x1344 1344x768 1536x672"
_NEWER = "1024x1024 848x1264 1264x848 896x1200 1200x896 928x1152 1152x928 768x1376 1376x768 1584x672"
_WIDER = f"{_NEWER} 512x2048 2048x512 384x3072 3072x384"


def _sizes(at_1k: str, *scales: float) -> Sizes:
    """Those of Google's table. Each tier has twice the sides of the one below; 21:9 at 512 is misprinted there."""
    pairs = [size.split("x") for size in at_1k.split()]
    listed = [f"{int(int(width) * scale)}x{int(int(height) * scale)}" for scale in scales for width, height in pairs]
    return Sizes(listed=tuple(listed), auto=tuple(at_1k.split()), by_shape=True)


def _gemini(name: str, says: str, sizes: Sizes, *, inputs: int = 14, levels: tuple[Quality, ...] = ()) -> Model:
    return Model(
        name=name,
        title=name,
        description=says,
        operations=frozenset({"generate", "generate.reference", "edit.general"}),
        sizes=sizes,
        qualities=levels,
        honours=frozenset({"seed"}),
        needs=frozenset({"prompt"}),
        ranges={"seed": (0, 2_147_483_647)},
        inputs=inputs,
        # A request of 20 MB has always been taken, and base64 is a third longer.
        accepts=Inputs(formats=frozenset({Format.PNG, Format.JPEG, Format.WEBP}), max_bytes=15_000_000),
    )


PROVIDER = Provider(
    title="Google Gemini",
    run=run,
    base="https://generativelanguage.googleapis.com/v1beta",
    key_from="GEMINI_API_KEY",
    sign=lambda account: {"x-goog-api-key": account.key.reveal()} if account.key else {},
    explain=explain,
    models=(
        _gemini("gemini-nano-banana-2.1", "Nano Banana 2.1.", _sizes(_WIDER, 1, 2, 4), levels=tuple(_LEVELS)),
        _gemini("gemini-3-pro-image", "Nano Banana Pro: thinks each picture through.", _sizes(_NEWER, 1, 2, 4)),
        _gemini("gemini-3.1-flash-image", "Nano Banana 2: deprecated.", _sizes(_WIDER, 0.5, 1, 2, 4), levels=_ENDS),
        _gemini("gemini-3.1-flash-lite-image", "Nano Banana 2 Lite.", _sizes(_NEWER, 1), levels=_ENDS),
        _gemini("gemini-2.5-flash-image", "Nano Banana: deprecated.", _sizes(_OLDER, 1), inputs=3),
    ),
)
