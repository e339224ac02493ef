"""How the admin API says no: one shape, `{"error": {"type", "code", "message", "param"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Outgoing

JSON: Mapping[str, str] = {"content-type": "application/json", "cache-control": "no-store"}
TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    406: "invalid_request_error",
    409: "conflict_error",
    412: "precondition_error",
    413: "invalid_request_error",
    428: "precondition_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
"""What kind of thing went wrong, by status."""
STATUSES: Mapping[Code, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.UNKNOWN_ROUTE: 404,
    Code.WRONG_METHOD: 405,
    Code.BODY_TOO_LARGE: 413,
    Code.CONFLICT: 409,
    Code.RATE: 429,
    Code.BUSY: 503,
    Code.INTERNAL: 500,
}
"""Of the failures that are not the API's own; any other is the request's."""


class Wrong(Struct, frozen=True, kw_only=True):
    """What went wrong."""

    type: str
    code: str
    message: str
    param: str | None = None
    """The parameter or field it is about."""


class Error(Struct, frozen=True):
    """Every answer that is none."""

    error: Wrong


class Refusal(Failure):
    """A failure of the admin API's own: a status and a word for programs."""

    def __init__(self, status: int, word: str, message: str, param: str | None = None) -> None:
        super().__init__(Fault.REJECTED, message, field=param)
        self.status = status
        self.word = word


def render_error(failure: Failure) -> Outgoing:
    """A failure as an answer."""
    if isinstance(failure, Refusal):
        status, word = failure.status, failure.word
    elif failure.code is not None:
        status, word = STATUSES.get(failure.code, 400), str(failure.code)
    else:
        status, word = (400, "invalid") if failure.fault is Fault.REJECTED else (503, str(failure.fault))
    wrong = Wrong(type=TYPES[status], code=word, message=failure.detail, param=failure.field)
    headers = dict(JSON)
    if failure.retry_after is not None:
        headers["retry-after"] = str(max(1, ceil(failure.retry_after)))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Outgoing(status=status, headers=headers, body=(msgspec.json.encode(Error(wrong)),))
