"""From our faults to this dialect's errors: `{"detail": "..."}`, always a string that can be shown as it is.

Clients show the detail of a 4xx and hide that of a 5xx; every 402 and 429 opens a page about subscriptions. So what the
caller can mend is a 4xx, a busy vendor is a 503, and 429 is left to budgets and limits of the caller's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from msgspec.structs import replace

from providers.contract import Code, Failure, Fault
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Outgoing

UNAUTHENTICATED = "Authenticated user required for image operations."
BROKE = "Image generation failed: "
"""Stands before what a provider says."""
WAIT_MOST_S = 3600.0

BY_CODE: Mapping[Code, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.UNKNOWN_ROUTE: 404,
    Code.WRONG_METHOD: 405,
    Code.UNKNOWN_MODEL: 400,
    Code.UNKNOWN_FIELD: 400,
    Code.MISSING: 400,
    Code.WRONG_TYPE: 400,
    Code.INVALID: 400,
    Code.BELOW_MINIMUM: 400,
    Code.ABOVE_MAXIMUM: 400,
    Code.TOO_LONG: 400,
    Code.TOO_LARGE: 400,
    Code.NOT_AN_IMAGE: 400,
    Code.NOT_JSON: 400,
    Code.UNREACHABLE_LINK: 400,
    Code.BODY_TOO_LARGE: 413,
    Code.UNKNOWN_ASSET: 404,
    Code.NOT_CACHED: 404,
    Code.CONFLICT: 409,
    Code.PENDING: 409,
    Code.BUDGET: 429,
    Code.RATE: 429,
    Code.BUSY: 503,
    Code.INTERNAL: 500,
}
BY_FAULT: Mapping[Fault, int] = {
    Fault.REJECTED: 400,
    Fault.MODERATED: 400,
    Fault.CREDENTIAL: 503,
    Fault.THROTTLED: 503,
    Fault.UNAVAILABLE: 503,
    Fault.MALFORMED: 502,
    Fault.AMBIGUOUS: 504,
    Fault.QUOTA: 429,
}
BROKEN = frozenset({Fault.CREDENTIAL, Fault.THROTTLED, Fault.UNAVAILABLE, Fault.MALFORMED, Fault.AMBIGUOUS})
"""Where the request was sound and the work was not done."""


def render_error(failure: Failure) -> Outgoing:
    """Status, detail, and where the work itself failed `success: false`, which is all that some clients look at."""
    status = BY_CODE[failure.code] if failure.code is not None else BY_FAULT[failure.fault]
    told: dict[str, Any] = {}
    headers: dict[str, str] = {}
    detail = failure.detail
    if failure.code is Code.UNAUTHENTICATED:
        detail = UNAUTHENTICATED
        headers["www-authenticate"] = "Bearer"
    if failure.fault in BROKEN or failure.fault is Fault.MODERATED:
        told["success"] = False
    if failure.fault in BROKEN and failure.code is None:
        detail = BROKE + detail
    if failure.retry_after is not None and failure.fault not in (Fault.REJECTED, Fault.MODERATED, Fault.AMBIGUOUS):
        headers["retry-after"] = str(max(1, ceil(min(WAIT_MOST_S, failure.retry_after))))
    outgoing = reply({**told, "detail": detail}, status=status)
    return replace(outgoing, headers={**outgoing.headers, **headers})
