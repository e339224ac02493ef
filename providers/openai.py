"""OpenAI's Images API, and every vendor that speaks it.

https://developers.openai.com/api/reference/resources/images
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Edit,
    EditKind,
    Event,
    Failure,
    Fault,
    Fetch,
    Format,
    Generate,
    Image,
    ImageRequest,
    Model,
    Next,
    Note,
    Part,
    Picture,
    Polarity,
    Preview,
    Provider,
    Quality,
    Reply,
    Result,
    Sizes,
    Step,
)

VARIATION = "Create a variation of this picture: the same subject and style, a different take."
"""What is asked for where the caller wants a variation and gives no words: the vendor's own endpoint is gone."""

NAMES = {
    "user": "user",
    "background": "background",
    "compression": "output_compression",
    "moderation": "moderation",
    "complexity": "complexity",
    "frames": "frame_count",
    "frame_ms": "frame_duration_ms",
    "style": "style",
    "fidelity": "input_fidelity",
    # Not OpenAI's own, but what servers of open models take beside them (vLLM-Omni, SGLang, LocalAI).
    "seed": "seed",
    "negative": "negative_prompt",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "strength",
}
"""Our field, the wire's. A model is only ever asked for what it honours, so that nothing unknown is sent."""


_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class _Datum(Struct):
    b64_json: Raw = Raw(b"null")
    url: str | None = None
    revised_prompt: str | None = None


class _Details(Struct):
    text_tokens: _Count | None = None
    image_tokens: _Count | None = None


class _Usage(Struct):
    input_tokens: _Count = 0
    output_tokens: _Count = 0
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Answer(Struct):
    data: list[_Datum]
    usage: Raw = Raw(b"null")
    quality: str | None = None
    background: str | None = None


class _Problem(Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _Error(Struct):
    error: _Problem


class _Streamed(Struct):
    type: str = ""
    b64_json: Raw = Raw(b"null")
    partial_image_index: int = 0
    usage: Raw = Raw(b"null")
    quality: str | None = None
    background: str | None = None
    error: _Problem | None = None


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """One call; where previews are wanted, a stream of events."""
    reply: Reply = yield _call(request, model, account)
    vendor_id = reply.headers.get("x-request-id")
    if reply.streams:
        return (yield from _listen(request, vendor_id))
    answer = reply.read(_Answer)
    pictures: list[Picture] = []
    for datum in answer.data:
        image = yield from _picture(datum)
        pictures.append(Picture(image=image, revised_prompt=datum.revised_prompt))
    if not pictures:
        raise Failure(Fault.MALFORMED, "the vendor answered without a picture")
    return Result(
        pictures=tuple(pictures),
        usage=_used(answer.usage, request, len(pictures)),
        notes=_left_out(request),
        quality=answer.quality,
        background=answer.background,
        vendor_id=vendor_id,
    )


def _listen(request: ImageRequest, vendor_id: str | None) -> Conversation:
    while True:
        event: Event | None = yield Next()
        if event is None:  # paid for, for all we know
            raise Failure(Fault.AMBIGUOUS, "the vendor's stream ended without a finished picture")
        if event.data == b"[DONE]":
            continue
        said = event.read(_Streamed)
        if said.error is not None:  # with a type or without one: clients look for the error alone
            raise _blame(said.error, Failure(Fault.UNAVAILABLE, "the vendor broke off"))
        if not said.type:
            raise Failure(Fault.MALFORMED, "the vendor sent an event without a type")
        if said.type.endswith(".partial_image"):
            yield Preview(_decoded(said.b64_json), said.partial_image_index)
        elif said.type.endswith(".completed"):
            return Result(
                pictures=(Picture(image=_decoded(said.b64_json)),),
                usage=_used(said.usage, request, 1),
                notes=_left_out(request),
                quality=said.quality,
                background=said.background,
                vendor_id=vendor_id,
            )


def _call(request: ImageRequest, model: Model, account: Account) -> Call:
    fields = _fields(request, model, account)
    streams = request.previews > 0
    if _from_words(request):
        url = f"{account.base}/images/generations"
        return Call(method="POST", url=url, json=fields, pays=True, stream=streams)
    fields.pop("moderation", None)
    return Call(
        method="POST", url=f"{account.base}/images/edits", form=_form(fields, request), pays=True, stream=streams
    )


def _from_words(request: ImageRequest) -> bool:
    return isinstance(request, Generate) and not request.references


def _left_out(request: ImageRequest) -> tuple[Note, ...]:
    if request.moderation is None or _from_words(request):
        return ()
    return (Note("moderation", "is not taken where pictures are sent along", lossy=False),)


def _fields(request: ImageRequest, model: Model, account: Account) -> dict[str, Any]:
    prompt = request.prompt
    if not prompt and isinstance(request, Edit) and request.kind is EditKind.VARIATION:
        prompt = VARIATION
    fields: dict[str, Any] = {"model": model.name, "prompt": prompt}
    if request.n > 1:
        fields["n"] = request.n
    for ours in model.honours:
        value = getattr(request, ours, None)
        if value is not None and ours in NAMES:
            fields[NAMES[ours]] = value
    if request.width is not None:
        fields["size"] = f"{request.width}x{request.height}"
    elif model.sizes.auto:
        fields["size"] = "auto"
    if request.quality is not None:
        fields["quality"] = account.options.get("qualities", {}).get(request.quality, request.quality)
    if request.format is not None and len(model.formats) > 1:
        fields["output_format"] = request.format
    if request.format is Format.SVG and (request.vector_model or request.vector_effort):
        effort = {"reasoning": {"effort": request.vector_effort}} if request.vector_effort else {}
        fields["svg"] = ({"model": request.vector_model} if request.vector_model else {}) | effort
    if request.previews:
        fields |= {"stream": True, "partial_images": request.previews}
    elif "response_format" in account.options:
        fields["response_format"] = account.options["response_format"]
    return fields


def _form(fields: dict[str, Any], request: ImageRequest) -> tuple[Part, ...]:
    parts: list[Part] = []
    for name, value in fields.items():
        if isinstance(value, dict):  # svg[model], svg[reasoning][effort]
            parts.extend(Part(name=f"{name}{path}", value=text) for path, text in _flat(value))
        else:
            parts.append(Part(name=name, value=str(value).lower() if isinstance(value, bool) else str(value)))
    mask = request.mask if isinstance(request, Edit) else None
    pictures = request.images if mask is None else request.images[:-1]
    name = "image" if len(pictures) == 1 else "image[]"
    parts.extend(_file(name, f"image-{place}", image) for place, image in enumerate(pictures, 1))
    if mask is not None:
        parts.append(_file("mask", "mask", mask.image))
    return tuple(parts)


def _flat(value: dict[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            pairs.extend((f"[{key}]{path}", text) for path, text in _flat(inner))
        else:
            pairs.append((f"[{key}]", inner))
    return pairs


def _file(name: str, stem: str, image: Image) -> Part:
    return Part(name=name, value=image.body, filename=f"{stem}.{image.format.suffix}", mime=image.format.mime)


def _picture(datum: _Datum) -> Generator[Step, Any, Image]:
    if memoryview(datum.b64_json).nbytes > len(b"null"):  # some send the other one of the two as an empty text
        return _decoded(datum.b64_json)
    if not datum.url:
        raise Failure(Fault.MALFORMED, "the vendor sent neither a picture nor a link to one")
    if datum.url.startswith("data:"):
        return _from_text(datum.url.encode())
    image: Image = yield Fetch(datum.url)
    return image


def _decoded(raw: Raw) -> Image:
    """The picture in a JSON string, without copying its base64 out of the reply."""
    try:
        return Image.from_base64(memoryview(raw)[1:-1])
    except ValueError:  # the string is escaped ("\/"), carries a data: prefix, or is no picture
        try:
            text = msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Failure(Fault.MALFORMED, "the vendor's picture is no text") from error
        return _from_text(text.encode())


def _from_text(text: bytes) -> Image:
    try:
        return Image.from_base64(text.partition(b",")[2] if text.startswith(b"data:") else text)
    except ValueError as error:
        raise Failure(Fault.MALFORMED, f"the vendor sent something else than a picture: {error}") from error


def _used(said: Raw, request: ImageRequest, pictures: int) -> Usage:
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


FAULTS = {
    "moderation_blocked": Fault.MODERATED,
    "content_policy_violation": Fault.MODERATED,
    "image_content_policy_violation": Fault.MODERATED,
    "image_generation_user_error": Fault.MODERATED,
    "invalid_api_key": Fault.CREDENTIAL,
    "insufficient_quota": Fault.CREDENTIAL,
    "billing_hard_limit_reached": Fault.CREDENTIAL,
    "credit_balance_exhausted": Fault.CREDENTIAL,
    "organization_spend_limit_exceeded": Fault.CREDENTIAL,
    "project_spend_limit_exceeded": Fault.CREDENTIAL,
    "organization_usage_limit_exceeded": Fault.CREDENTIAL,
    "unsupported_country_region_territory": Fault.CREDENTIAL,
    "rate_limit_exceeded": Fault.THROTTLED,
    "slow_down": Fault.THROTTLED,
    "server_is_overloaded": Fault.UNAVAILABLE,
    "model_not_found": Fault.UNAVAILABLE,  # the catalogue promised it: not the caller's doing
    "unknown_parameter": Fault.MALFORMED,  # we sent what the model does not take
}
"""The vendor's own word for what went wrong. https://developers.openai.com/api/docs/guides/error-codes"""

FIELDS = {theirs: ours for ours, theirs in NAMES.items()} | {"output_format": "format"}


def explain(reply: Reply, failure: Failure) -> Failure:
    """Read the error envelope: the status alone does not tell refused content from a bad size, or credit from rate."""
    try:
        problem = msgspec.json.decode(reply.body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return failure
    return _blame(problem, failure)


def _blame(problem: _Problem, failure: Failure) -> Failure:
    fault = FAULTS.get(str(problem.code)) or FAULTS.get(str(problem.type)) or failure.fault
    shown = fault in (Fault.REJECTED, Fault.MODERATED) or not problem.message
    detail = problem.message if shown and problem.message else failure.detail
    word = problem.code or problem.type
    if not shown and word:  # the vendor's words about our account are for the operator; a message may echo the key
        detail = f"{failure.detail} ({word})"
    field = FIELDS.get(problem.param, problem.param) if problem.param else failure.field
    return Failure(fault, detail, code=failure.code, field=field, retry_after=failure.retry_after)


_ANY_EDIT = frozenset({"generate", "generate.reference", "edit.general", "edit.inpaint", "edit.variation"})
_CLASSIC = Sizes(
    listed=("1024x1024", "1536x1024", "1024x1536"),
    auto=("1024x1024", "1536x1024", "1024x1536"),
)
_FREE = Sizes(
    step=16,
    min_pixels=655_360,
    max_pixels=8_294_400,
    max_side=3840,
    max_ratio=3.0,
    auto=_CLASSIC.auto,
)
_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP)
_TAKES = frozenset({"background", "compression", "moderation", "user"})


def _gpt(name: str, sizes: Sizes, *, qualities: int = 3, more: frozenset[str] = frozenset(), says: str = "") -> Model:
    return Model(
        name=name,
        title=name,
        description=says,
        operations=_ANY_EDIT,
        sizes=sizes,
        qualities=tuple(Quality)[:qualities],
        formats=(*_FORMATS, Format.GIF, Format.SVG) if "frames" in more else _FORMATS,
        honours=_TAKES | more,
        at_once=10,
        inputs=16,
        mask=Polarity.TRANSPARENT,
        previews=3,
    )


_ANIMATED = frozenset({"complexity", "frames", "frame_ms", "vector_model", "vector_effort"})
_KEEPS = frozenset({"fidelity"})

PROVIDER = Provider(
    title="OpenAI",
    run=run,
    base="https://api.openai.com/v1",
    key_from="OPENAI_API_KEY",
    explain=explain,
    models=(
        _gpt("gpt-image-2", _FREE, says="Any size in steps of 16, up to 3840 a side."),
        _gpt("gpt-image-2.5-sunburst", _FREE, qualities=5),
        _gpt("gpt-image-2.5-flare", _FREE, qualities=5),
        _gpt("gpt-image-2.6-sunburst", _FREE, qualities=5, more=_ANIMATED, says="Animations and vectors too."),
        _gpt("gpt-image-2.6-flare", _FREE, qualities=5, more=_ANIMATED, says="Animations and vectors too."),
        _gpt("gpt-image-1.5", _CLASSIC, more=_KEEPS, says="Ends on 2026-12-01."),
        _gpt("gpt-image-1-mini", _CLASSIC, says="Ends on 2026-12-01."),
    ),
)
