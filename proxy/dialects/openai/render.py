"""From our words to OpenAI's: answers, events, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import msgspec

from pricing import Usage
from providers.contract import Code, Failure, Fault, Image
from providers.contract.image import Buffer
from proxy.dialects.contract import Ask, Outgoing, Served, Shown, Streaming

JSON = {"content-type": "application/json"}


def render(ask: Ask, served: Served) -> Outgoing:
    """The answer of a route that makes pictures."""
    pieces: list[Buffer] = [b'{"created":%d,"data":[' % served.created]
    for place, shown in enumerate(served.pictures):
        pieces.append(b",{" if place else b"{")
        pieces.extend(_datum(ask, shown))
        pieces.append(b"}")
    rest = msgspec.json.encode(_settings(ask, served))
    pieces.append(b"]," + rest[1:] if len(rest) > 2 else b"]}")
    return Outgoing(headers=JSON, body=tuple(pieces))


def _datum(ask: Ask, shown: Shown) -> list[Buffer]:
    """The members of one item, the picture's text as a piece of its own."""
    pieces: list[Buffer] = []
    told: dict[str, Any] = {}
    if ask.links:
        told["url"] = shown.link
    if shown.revised_prompt is not None:
        told["revised_prompt"] = shown.revised_prompt
    if ask.base64:
        pieces += [b'"b64_json":"', shown.image.base64, b'"']
    if told:
        members = msgspec.json.encode(told)[1:-1]
        pieces.append(b"," + members if pieces else members)
    return pieces


def _settings(ask: Ask, served: Served) -> dict[str, Any]:
    """What was chosen, and the tokens it took: only under the names whose answers have always had them."""
    told = _echoed(ask)
    usage = _usage(served.usage)
    if not (ask.echo.tokens or usage) or not served.pictures:
        return told
    told |= _measured(served.pictures[0].image)
    if served.quality:
        told["quality"] = served.quality
    if served.background:
        told["background"] = served.background
    if usage:
        told["usage"] = usage
    return told


def _echoed(ask: Ask) -> dict[str, Any]:
    return {"safety_identifier": ask.echo.safety_identifier} if ask.echo.safety_identifier else {}


def _measured(image: Image) -> dict[str, Any]:
    return {"size": f"{image.width}x{image.height}", "output_format": image.format}


def _usage(usage: Usage) -> dict[str, Any] | None:
    if usage.image_out is None:
        return None
    text_in, image_in = usage.text_in or 0, usage.image_in or 0
    text_out, image_out = usage.text_out or 0, usage.image_out
    return {
        "total_tokens": text_in + image_in + text_out + image_out,
        "input_tokens": text_in + image_in,
        "output_tokens": text_out + image_out,
        "input_tokens_details": {"text_tokens": text_in, "image_tokens": image_in},
        "output_tokens_details": {"text_tokens": text_out, "image_tokens": image_out},
    }


# Events.


def _streaming(kind: str) -> Streaming:
    def preview(ask: Ask, image: Image, index: int, created: int) -> Sequence[Buffer]:
        told = {"quality": ask.echo.quality, "background": ask.echo.background, "partial_image_index": index}
        return _event(f"{kind}.partial_image", image, created, told)

    def finished(ask: Ask, served: Served) -> Sequence[Buffer]:
        told = {
            "quality": served.quality or ask.echo.quality,
            "background": served.background or ask.echo.background,
            "usage": NOTHING,
            **_echoed(ask),
        }
        pieces: list[Buffer] = []
        for place, shown in enumerate(served.pictures, 1):
            if place == len(served.pictures):
                told["usage"] = _usage(served.usage) or NOTHING
            pieces.extend(_event(f"{kind}.completed", shown.image, served.created, told))
        return pieces

    return Streaming(preview=preview, finished=finished, failed=_failed)


NOTHING = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}
"""The usage of a picture that took no tokens, and of all but the last of several: they were counted together."""


def _event(kind: str, image: Image, created: int, told: Mapping[str, Any]) -> list[Buffer]:
    members = msgspec.json.encode({"type": kind, "created_at": created, **_measured(image), **told})
    head = f"event: {kind}\ndata: ".encode()
    return [head + members[:-1] + b',"b64_json":"', image.base64, b'"}\n\n']


def _failed(failure: Failure) -> Sequence[Buffer]:
    _, error = _error(failure)
    return [b"event: error\ndata: " + msgspec.json.encode({"type": "error", "error": error}) + b"\n\n"]


GENERATIONS = _streaming("image_generation")
EDITS = _streaming("image_edit")


# Errors.

INVALID = "invalid_request_error"

BY_CODE: Mapping[Code, tuple[int, str, str | None]] = {
    Code.UNAUTHENTICATED: (401, INVALID, "invalid_api_key"),
    Code.FORBIDDEN: (403, INVALID, "insufficient_permissions"),
    Code.UNKNOWN_ROUTE: (404, INVALID, "unknown_url"),
    Code.WRONG_METHOD: (405, INVALID, "method_not_supported"),
    Code.UNKNOWN_MODEL: (404, INVALID, "model_not_found"),
    Code.UNKNOWN_FIELD: (400, INVALID, "unknown_parameter"),
    Code.MISSING: (400, INVALID, "missing_required_parameter"),
    Code.WRONG_TYPE: (400, INVALID, "invalid_type"),
    Code.INVALID: (400, INVALID, "invalid_value"),
    Code.BELOW_MINIMUM: (400, INVALID, "integer_below_min_value"),
    Code.ABOVE_MAXIMUM: (400, INVALID, "integer_above_max_value"),
    Code.TOO_LONG: (400, INVALID, "string_above_max_length"),
    Code.TOO_LARGE: (400, INVALID, "image_too_large"),
    Code.NOT_AN_IMAGE: (400, INVALID, "invalid_image"),
    Code.NOT_JSON: (400, INVALID, None),
    Code.UNREACHABLE_LINK: (400, INVALID, "failed_to_download_image"),
    Code.BODY_TOO_LARGE: (413, INVALID, "request_too_large"),
    Code.UNKNOWN_ASSET: (404, INVALID, "not_found"),
    Code.NOT_CACHED: (404, INVALID, "not_cached"),
    Code.CONFLICT: (409, INVALID, "idempotency_key_in_use"),
    Code.PENDING: (409, "server_error", "request_pending"),
    Code.BUDGET: (429, "insufficient_quota", "insufficient_quota"),
    Code.RATE: (429, "requests", "rate_limit_exceeded"),
    Code.INTERNAL: (500, "server_error", None),
    Code.BUSY: (429, "requests", "rate_limit_exceeded"),
}

BY_FAULT: Mapping[Fault, tuple[int, str, str | None]] = {
    Fault.REJECTED: (400, INVALID, "invalid_value"),
    Fault.MODERATED: (400, "image_generation_user_error", "moderation_blocked"),
    Fault.CREDENTIAL: (503, "service_unavailable_error", "server_is_overloaded"),
    Fault.THROTTLED: (429, "requests", "rate_limit_exceeded"),
    Fault.UNAVAILABLE: (503, "service_unavailable_error", "server_is_overloaded"),
    Fault.MALFORMED: (502, "server_error", None),
    Fault.AMBIGUOUS: (504, "server_error", None),
    Fault.QUOTA: (429, "insufficient_quota", "insufficient_quota"),
}

PARAMS = {
    "format": "output_format",
    "compression": "output_compression",
    "fidelity": "input_fidelity",
    "negative": "negative_prompt",
    "max_cost": "x-darkroom-max-cost",
    "max_seconds": "x-darkroom-max-seconds",
    "policy": "x-darkroom-policy",
    "provider": "x-darkroom-providers",
    "region": "x-darkroom-region",
    "webhook": "x-darkroom-webhook",
    "keep_alive": "x-darkroom-keep-alive",
    "frames": "frame_count",
    "frame_ms": "frame_duration_ms",
    "previews": "partial_images",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "vector_model": "svg.model",
    "vector_effort": "svg.reasoning.effort",
}
"""Our field, OpenAI's parameter, where they differ."""

FINAL = frozenset({Fault.REJECTED, Fault.MODERATED, Fault.AMBIGUOUS})
"""What a client's own retry would not mend, or would pay for twice."""
FINAL_CODES = frozenset({"insufficient_quota", "invalid_api_key"})


def render_error(failure: Failure) -> Outgoing:
    """The envelope with all its four keys, and the headers clients decide by."""
    status, error = _error(failure)
    headers = dict(JSON)
    if failure.fault in FINAL or error["code"] in FINAL_CODES:
        headers["x-should-retry"] = "false"
    elif failure.retry_after is not None:
        headers["retry-after"] = str(max(1, ceil(min(60.0, failure.retry_after))))
    return Outgoing(status=status, headers=headers, body=(msgspec.json.encode({"error": error}),))


def _error(failure: Failure) -> tuple[int, dict[str, Any]]:
    status, kind, code = BY_CODE[failure.code] if failure.code is not None else BY_FAULT[failure.fault]
    if failure.code is Code.FORBIDDEN and failure.field == "model":
        code = "model_not_found"  # that is how this API says that a project has no access to one
    param = PARAMS.get(failure.field, failure.field) if failure.field else None
    return status, {"message": failure.detail, "type": kind, "param": param, "code": code}
