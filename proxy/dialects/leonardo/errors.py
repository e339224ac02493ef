"""From failures to this API's errors: `{error, path, code}`, as its GraphQL engine writes them.

https://docs.leonardo.ai/docs/api-error-messages
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Outgoing
from proxy.dialects.leonardo.parse import JSON
from proxy.dialects.leonardo.table import GENERATION

UNEXPECTED, BAD, INVALID, DENIED = "unexpected", "bad-request", "validation-failed", "access-denied"

BY_CODE: Mapping[Code, tuple[int, str, str]] = {
    Code.UNAUTHENTICATED: (401, DENIED, "Authentication hook unauthorized this request: "),
    Code.FORBIDDEN: (403, DENIED, ""),
    Code.UNKNOWN_ROUTE: (404, "not-found", ""),
    Code.WRONG_METHOD: (405, BAD, ""),
    Code.UNKNOWN_MODEL: (400, UNEXPECTED, ""),
    Code.UNKNOWN_FIELD: (400, BAD, ""),
    Code.MISSING: (400, INVALID, ""),
    Code.WRONG_TYPE: (400, INVALID, ""),
    Code.INVALID: (400, UNEXPECTED, ""),
    Code.BELOW_MINIMUM: (400, UNEXPECTED, ""),
    Code.ABOVE_MAXIMUM: (400, UNEXPECTED, ""),
    Code.TOO_LONG: (400, UNEXPECTED, ""),
    Code.TOO_LARGE: (400, UNEXPECTED, ""),
    Code.BODY_TOO_LARGE: (413, BAD, ""),
    Code.NOT_AN_IMAGE: (400, UNEXPECTED, ""),
    Code.NOT_JSON: (400, INVALID, ""),
    Code.UNKNOWN_ASSET: (400, UNEXPECTED, "invalid init image id: "),
    Code.UNREACHABLE_LINK: (400, UNEXPECTED, "couldn't access image: "),
    Code.NOT_CACHED: (404, BAD, ""),
    Code.CONFLICT: (409, BAD, ""),
    Code.PENDING: (409, UNEXPECTED, ""),
    Code.BUDGET: (400, UNEXPECTED, "not enough api tokens: "),
    Code.RATE: (429, UNEXPECTED, ""),
    Code.BUSY: (429, UNEXPECTED, ""),
    Code.INTERNAL: (500, UNEXPECTED, "Service Error: "),
}
"""Status, this API's own code, and the words its clients look for; what follows them says more."""

BY_FAULT: Mapping[Fault, tuple[int, str, str]] = {
    Fault.REJECTED: (400, UNEXPECTED, ""),
    Fault.MODERATED: (403, UNEXPECTED, "content moderation filter: "),
    Fault.CREDENTIAL: (503, UNEXPECTED, "Service Error: "),
    Fault.THROTTLED: (429, UNEXPECTED, ""),
    Fault.UNAVAILABLE: (503, UNEXPECTED, "Service Error: "),
    Fault.MALFORMED: (500, UNEXPECTED, "Service Error: "),
    Fault.AMBIGUOUS: (500, UNEXPECTED, "Service Error: "),
    Fault.QUOTA: (429, UNEXPECTED, ""),
}

ARGUMENT = "$.selectionSet.sdGenerationJob.args.arg1."
WAIT_MOST_S = 60.0


def render_error(failure: Failure) -> Outgoing:
    """The three keys, and when to try again where that is known."""
    status, code, words = BY_CODE[failure.code] if failure.code is not None else BY_FAULT[failure.fault]
    body = {"error": f"{words}{failure.detail}", "path": _path(failure), "code": code}
    headers = dict(JSON)
    if failure.retry_after is not None:
        headers["retry-after"] = str(max(1, ceil(min(WAIT_MOST_S, failure.retry_after))))
    return Outgoing(status=status, headers=headers, body=(msgspec.json.encode(body),))


def _path(failure: Failure) -> str:
    """The variable of a value of the wrong type; the whole request for everything else."""
    name = (failure.field or "").partition("[")[0]
    if failure.code is Code.WRONG_TYPE and name in GENERATION:
        return f"{ARGUMENT}{failure.field}"
    return "$"
