"""From our words to StudioLM's: pictures, models, errors.

`hxd` is hexadecimal pixels. StudioLM documents the word and no encoding, so this one is ours: `WIDTHxHEIGHT:` and then
six lower-case digits a pixel, red, green and blue, row by row from the top left, with nothing between them.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Mapping, Sequence
from math import ceil

import msgspec

from providers.contract import Code, Failure, Fault
from providers.contract.image import Buffer
from proxy.dialects.contract import Ask, Card, Incoming, Outgoing, Served, Shown

JSON = {"content-type": "application/json"}


def render(ask: Ask, served: Served) -> Outgoing:
    """The answer: in each item, every format that was asked for."""
    pieces: list[Buffer] = [b'{"created":%d,"data":[' % served.created]
    for place, shown in enumerate(served.pictures):
        pieces.append(b",{" if place else b"{")
        pieces.extend(_members(ask, shown))
        pieces.append(b"}")
    seed = _seed(ask, served)
    pieces.append(b"]}" if seed is None else b'],"seed":%d}' % seed)
    return Outgoing(headers=JSON, body=tuple(pieces))


def _members(ask: Ask, shown: Shown) -> list[Buffer]:
    """One item's members, large texts as pieces of their own."""
    members: list[list[Buffer]] = []
    if ask.links:
        members.append([b'"url":', msgspec.json.encode(shown.link)])
    if ask.base64:
        members.append([b'"b64_json":"', shown.image.base64, b'"'])
    if ask.pixels:
        assert shown.pixels is not None
        size = b"%dx%d" % (shown.image.width, shown.image.height)
        members.append([b'"hxd":"' + size + b":", hexlify(shown.pixels), b'"'])
    pieces = members[0]
    for more in members[1:]:
        pieces += [b",", *more]
    return pieces


def _seed(ask: Ask, served: Served) -> int | None:
    """The seed drawn with: the one told of the picture, else the caller's own unless it was not taken."""
    for shown in served.pictures:
        if shown.seed is not None:
            return shown.seed
    taken = served.pictures and not any(note.field == "seed" for note in served.notes)
    return ask.echo if taken else None


def available_models(_: Incoming, cards: Sequence[Card]) -> Outgoing:
    """`GET /v1/images/available-models`: a bare array. `display_name` is what a request may select."""
    shown = [
        {
            "display_name": card.name,
            "description": card.description or card.model.description or card.title or card.model.title or card.name,
        }
        for card in cards
        if card.model.shows and not card.retired and "generate" in card.model.operations
    ]
    return Outgoing(headers=JSON, body=(msgspec.json.encode(shown),))


# Errors.

INVALID = "invalid_request_error"
QUOTA = "insufficient_quota"
RATE = "rate_limit_error"
SERVER = "server_error"

BY_CODE: Mapping[Code, tuple[int, str]] = {
    Code.UNAUTHENTICATED: (401, "authentication_error"),
    Code.FORBIDDEN: (403, "permission_error"),
    Code.UNKNOWN_ROUTE: (404, "not_found_error"),
    Code.UNKNOWN_MODEL: (404, "not_found_error"),
    Code.UNKNOWN_ASSET: (404, "not_found_error"),
    Code.WRONG_METHOD: (405, INVALID),
    Code.UNKNOWN_FIELD: (400, INVALID),
    Code.MISSING: (400, INVALID),
    Code.WRONG_TYPE: (400, INVALID),
    Code.INVALID: (400, INVALID),
    Code.BELOW_MINIMUM: (400, INVALID),
    Code.ABOVE_MAXIMUM: (400, INVALID),
    Code.TOO_LONG: (400, INVALID),
    Code.TOO_LARGE: (400, INVALID),
    Code.NOT_AN_IMAGE: (400, INVALID),
    Code.NOT_JSON: (400, INVALID),
    Code.UNREACHABLE_LINK: (400, INVALID),
    Code.BODY_TOO_LARGE: (413, INVALID),
    Code.NOT_CACHED: (404, INVALID),
    Code.CONFLICT: (409, INVALID),
    Code.PENDING: (409, SERVER),
    Code.BUDGET: (429, QUOTA),
    Code.RATE: (429, RATE),
    Code.BUSY: (429, RATE),
    Code.INTERNAL: (500, SERVER),
}

BY_FAULT: Mapping[Fault, tuple[int, str]] = {
    Fault.REJECTED: (400, INVALID),
    Fault.MODERATED: (400, "content_policy_error"),
    Fault.CREDENTIAL: (503, "service_unavailable_error"),
    Fault.THROTTLED: (429, RATE),
    Fault.UNAVAILABLE: (503, "service_unavailable_error"),
    Fault.MALFORMED: (500, SERVER),
    Fault.AMBIGUOUS: (504, SERVER),  # callers are told to try 429, 500 and 503 again, and this may have been paid for
    Fault.QUOTA: (429, QUOTA),
}

FIELDS = {
    "model": "user_selected_model",
    "size": "aspect_ratio",
    "format": "response_format",
    "quality": "style",
    "negative": "negative_prompt",
    "moderation": "disable_safety_checker",
    "enhance": "force_prompt_enhancement",
    "strength": "denoising_strength",
    "image": "reference_image",
    "max_cost": "X-Darkroom-Max-Cost",
    "max_seconds": "X-Darkroom-Max-Seconds",
    "policy": "X-Darkroom-Policy",
    "provider": "X-Darkroom-Providers",
    "region": "X-Darkroom-Region",
    "webhook": "X-Darkroom-Webhook",
    "keep_alive": "X-Darkroom-Keep-Alive",
    "strict": "X-Darkroom-Strict",
}
"""Our field, StudioLM's, where they differ."""


def render_error(failure: Failure) -> Outgoing:
    """The envelope, whose `code` is the HTTP status. It has no place for a field, so the message names it."""
    status, kind = BY_CODE[failure.code] if failure.code is not None else BY_FAULT[failure.fault]
    headers = dict(JSON)
    if failure.retry_after is not None:
        headers["retry-after"] = str(max(1, ceil(failure.retry_after)))
    field = FIELDS.get(failure.field, failure.field) if failure.field else ""
    message = failure.detail if not field or field in failure.detail else f"{field}: {failure.detail}"
    error = {"message": message, "type": kind, "code": status}
    return Outgoing(status=status, headers=headers, body=(msgspec.json.encode({"error": error}),))
