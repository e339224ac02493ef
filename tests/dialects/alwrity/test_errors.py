"""Errors: a string in `detail`, and a status that clients of the studio do the right thing by."""

from __future__ import annotations

import pytest

from providers.contract import Code, Failure, Fault
from proxy.dialects.alwrity import DIALECT
from tests.dialects.alwrity.asking import written

FAULTS = [
    (Fault.REJECTED, 400, {}, ""),
    (Fault.MODERATED, 400, {"success": False}, ""),
    (Fault.CREDENTIAL, 503, {"success": False}, "Image generation failed: "),
    (Fault.THROTTLED, 503, {"success": False}, "Image generation failed: "),
    (Fault.UNAVAILABLE, 503, {"success": False}, "Image generation failed: "),
    (Fault.MALFORMED, 502, {"success": False}, "Image generation failed: "),
    (Fault.AMBIGUOUS, 504, {"success": False}, "Image generation failed: "),
    (Fault.QUOTA, 429, {}, ""),
]
CODES = [
    (Code.FORBIDDEN, Fault.REJECTED, 403),
    (Code.UNKNOWN_ROUTE, Fault.REJECTED, 404),
    (Code.WRONG_METHOD, Fault.REJECTED, 405),
    (Code.UNKNOWN_MODEL, Fault.REJECTED, 400),
    (Code.UNKNOWN_FIELD, Fault.REJECTED, 400),
    (Code.MISSING, Fault.REJECTED, 400),
    (Code.WRONG_TYPE, Fault.REJECTED, 400),
    (Code.INVALID, Fault.REJECTED, 400),
    (Code.BELOW_MINIMUM, Fault.REJECTED, 400),
    (Code.ABOVE_MAXIMUM, Fault.REJECTED, 400),
    (Code.TOO_LONG, Fault.REJECTED, 400),
    (Code.TOO_LARGE, Fault.REJECTED, 400),
    (Code.NOT_AN_IMAGE, Fault.REJECTED, 400),
    (Code.NOT_JSON, Fault.REJECTED, 400),
    (Code.UNREACHABLE_LINK, Fault.REJECTED, 400),
    (Code.BODY_TOO_LARGE, Fault.REJECTED, 413),
    (Code.UNKNOWN_ASSET, Fault.REJECTED, 404),
    (Code.NOT_CACHED, Fault.REJECTED, 404),
    (Code.CONFLICT, Fault.REJECTED, 409),
    (Code.PENDING, Fault.UNAVAILABLE, 409),
    (Code.BUDGET, Fault.QUOTA, 429),
    (Code.RATE, Fault.QUOTA, 429),
    (Code.BUSY, Fault.THROTTLED, 503),
    (Code.INTERNAL, Fault.UNAVAILABLE, 500),
]


def test_these_tables_leave_nothing_out() -> None:
    assert {fault for fault, *_ in FAULTS} == set(Fault)
    assert {code for code, *_ in CODES} | {Code.UNAUTHENTICATED} == set(Code)


@pytest.mark.parametrize(("fault", "status", "more", "before"), FAULTS)
def test_a_fault_has_its_status(fault: Fault, status: int, more: dict[str, bool], before: str) -> None:
    outgoing = DIALECT.render_error(Failure(fault, "Why it is so."))
    assert outgoing.status == status
    assert written(outgoing) == {**more, "detail": f"{before}Why it is so."}


@pytest.mark.parametrize(("code", "fault", "status"), CODES)
def test_a_code_has_its_status_and_its_detail_as_it_is(code: Code, fault: Fault, status: int) -> None:
    outgoing = DIALECT.render_error(Failure(fault, "Why it is so.", code=code, field="prompt"))
    assert outgoing.status == status
    told = written(outgoing)
    assert told.pop("success", False) is False
    assert told == {"detail": "Why it is so."}


def test_who_is_not_known_is_told_in_the_documents_words() -> None:
    outgoing = DIALECT.render_error(Failure(Fault.REJECTED, "Incorrect key.", code=Code.UNAUTHENTICATED))
    assert outgoing.status == 401
    assert outgoing.headers["www-authenticate"] == "Bearer"
    assert written(outgoing) == {"detail": "Authenticated user required for image operations."}


@pytest.mark.parametrize(
    ("fault", "after", "said"),
    [
        (Fault.THROTTLED, 2.0, "2"),
        (Fault.UNAVAILABLE, 0.0, "1"),
        (Fault.QUOTA, 86_400.0, "3600"),
        (Fault.QUOTA, None, None),
        (Fault.REJECTED, 2.0, None),
        (Fault.MODERATED, 2.0, None),
        (Fault.AMBIGUOUS, 2.0, None),
    ],
)
def test_when_to_try_again_is_said_where_trying_again_may_help(
    fault: Fault, after: float | None, said: str | None
) -> None:
    assert DIALECT.render_error(Failure(fault, "no", retry_after=after)).headers.get("retry-after") == said
