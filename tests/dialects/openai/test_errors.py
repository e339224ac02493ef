from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import ErrorObject

from providers.contract import Code, Failure, Fault
from proxy.dialects.openai.parse import EDIT, parse_edit
from proxy.dialects.openai.render import render_error
from tests.dialects.openai.asking import Part, composed, edit, error_of
from tests.properties import MANY

INVALID = "invalid_request_error"
FAULTS: list[tuple[Fault, int, str, str | None]] = [
    (Fault.REJECTED, 400, INVALID, "invalid_value"),
    (Fault.MODERATED, 400, "image_generation_user_error", "moderation_blocked"),
    (Fault.CREDENTIAL, 503, "service_unavailable_error", "server_is_overloaded"),
    (Fault.THROTTLED, 429, "requests", "rate_limit_exceeded"),
    (Fault.UNAVAILABLE, 503, "service_unavailable_error", "server_is_overloaded"),
    (Fault.MALFORMED, 502, "server_error", None),
    (Fault.AMBIGUOUS, 504, "server_error", None),
    (Fault.QUOTA, 429, "insufficient_quota", "insufficient_quota"),
]
CODES: list[tuple[Code, Fault, int, str, str | None]] = [
    (Code.UNAUTHENTICATED, Fault.REJECTED, 401, INVALID, "invalid_api_key"),
    (Code.FORBIDDEN, Fault.REJECTED, 403, INVALID, "insufficient_permissions"),
    (Code.UNKNOWN_ROUTE, Fault.REJECTED, 404, INVALID, "unknown_url"),
    (Code.WRONG_METHOD, Fault.REJECTED, 405, INVALID, "method_not_supported"),
    (Code.UNKNOWN_MODEL, Fault.REJECTED, 404, INVALID, "model_not_found"),
    (Code.UNKNOWN_FIELD, Fault.REJECTED, 400, INVALID, "unknown_parameter"),
    (Code.MISSING, Fault.REJECTED, 400, INVALID, "missing_required_parameter"),
    (Code.WRONG_TYPE, Fault.REJECTED, 400, INVALID, "invalid_type"),
    (Code.INVALID, Fault.REJECTED, 400, INVALID, "invalid_value"),
    (Code.BELOW_MINIMUM, Fault.REJECTED, 400, INVALID, "integer_below_min_value"),
    (Code.ABOVE_MAXIMUM, Fault.REJECTED, 400, INVALID, "integer_above_max_value"),
    (Code.TOO_LONG, Fault.REJECTED, 400, INVALID, "string_above_max_length"),
    (Code.TOO_LARGE, Fault.REJECTED, 400, INVALID, "image_too_large"),
    (Code.NOT_AN_IMAGE, Fault.REJECTED, 400, INVALID, "invalid_image"),
    (Code.NOT_JSON, Fault.REJECTED, 400, INVALID, None),
    (Code.UNREACHABLE_LINK, Fault.REJECTED, 400, INVALID, "failed_to_download_image"),
    (Code.UNKNOWN_ASSET, Fault.REJECTED, 404, INVALID, "not_found"),
    (Code.BODY_TOO_LARGE, Fault.REJECTED, 413, INVALID, "request_too_large"),
    (Code.NOT_CACHED, Fault.REJECTED, 404, INVALID, "not_cached"),
    (Code.CONFLICT, Fault.REJECTED, 409, INVALID, "idempotency_key_in_use"),
    (Code.PENDING, Fault.UNAVAILABLE, 409, "server_error", "request_pending"),
    (Code.BUDGET, Fault.QUOTA, 429, "insufficient_quota", "insufficient_quota"),
    (Code.RATE, Fault.QUOTA, 429, "requests", "rate_limit_exceeded"),
    (Code.BUSY, Fault.THROTTLED, 429, "requests", "rate_limit_exceeded"),
    (Code.INTERNAL, Fault.UNAVAILABLE, 500, "server_error", None),
]
ALL = [(fault, None, *said) for fault, *said in FAULTS] + [(fault, code, *said) for code, fault, *said in CODES]


def as_raised(failure: Failure) -> openai.APIStatusError:
    """The failure as the official client raises it."""
    outgoing = render_error(failure)
    request = httpx.Request("POST", "http://here/v1/images/generations")
    answer: Any = httpx.Response(
        outgoing.status, headers=dict(outgoing.headers), content=b"".join(outgoing.body), request=request
    )
    client = openai.OpenAI(api_key="k", base_url="http://here/v1")
    try:
        return client._make_status_error_from_response(answer)
    finally:
        client.close()


def retries(failure: Failure) -> bool:
    """Whether the official client would send the request again."""
    outgoing = render_error(failure)
    answer: Any = httpx.Response(outgoing.status, headers=dict(outgoing.headers))
    client = openai.OpenAI(api_key="k", base_url="http://here/v1")
    try:
        return client._should_retry(answer)
    finally:
        client.close()


def test_these_tables_leave_nothing_out() -> None:
    assert {fault for fault, *_ in FAULTS} == set(Fault)
    assert {code for code, *_ in CODES} == set(Code)


@pytest.mark.parametrize(("fault", "code", "status", "kind", "said"), ALL)
def test_every_failure_has_its_status_and_its_words(
    fault: Fault, code: Code | None, status: int, kind: str, said: str | None
) -> None:
    found, error = error_of(render_error(Failure(fault, "Why it is so.", code=code, field="n")))
    assert found == status
    assert error == {"message": "Why it is so.", "type": kind, "param": "n", "code": said}


@pytest.mark.parametrize(
    ("code", "fault", "error"),
    [
        (Code.INVALID, Fault.REJECTED, openai.BadRequestError),
        (None, Fault.MODERATED, openai.BadRequestError),
        (Code.UNAUTHENTICATED, Fault.REJECTED, openai.AuthenticationError),
        (Code.FORBIDDEN, Fault.REJECTED, openai.PermissionDeniedError),
        (Code.UNKNOWN_MODEL, Fault.REJECTED, openai.NotFoundError),
        (Code.CONFLICT, Fault.REJECTED, openai.ConflictError),
        (Code.BUDGET, Fault.QUOTA, openai.RateLimitError),
        (None, Fault.THROTTLED, openai.RateLimitError),
        (None, Fault.UNAVAILABLE, openai.InternalServerError),
        (None, Fault.AMBIGUOUS, openai.InternalServerError),
    ],
)
def test_the_official_client_raises_the_class_that_programs_catch(
    code: Code | None, fault: Fault, error: type[openai.APIStatusError]
) -> None:
    raised = as_raised(Failure(fault, "Why it is so.", code=code, field="prompt"))
    assert type(raised) is error
    assert raised.param == "prompt"
    ErrorObject.model_validate(raised.body, strict=True)


def test_without_a_field_the_parameter_is_null() -> None:
    assert error_of(render_error(Failure(Fault.REJECTED, "no")))[1]["param"] is None
    assert error_of(render_error(Failure(Fault.REJECTED, "no", field="")))[1]["param"] is None


FINAL = {Fault.REJECTED, Fault.MODERATED, Fault.AMBIGUOUS}


@pytest.mark.parametrize(("fault", "code", "status", "kind", "said"), ALL)
@pytest.mark.parametrize("retry_after", [None, 2.0])
def test_a_client_retries_what_may_mend_and_never_what_would_be_paid_twice(
    fault: Fault, code: Code | None, status: int, kind: str, said: str | None, retry_after: float | None
) -> None:
    failure = Failure(fault, "no", code=code, retry_after=retry_after)
    final = fault in FINAL or said in ("insufficient_quota", "invalid_api_key")
    assert retries(failure) is not final
    headers = render_error(failure).headers
    assert headers.get("x-should-retry") == ("false" if final else None)
    assert ("retry-after" in headers) is (not final and retry_after is not None)


@pytest.mark.parametrize(
    ("retry_after", "said"),
    [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2"), (59.1, "60"), (60.0, "60"), (3600.0, "60"), (1e300, "60")],
)
def test_a_client_is_asked_to_wait_whole_seconds_and_no_longer_than_clients_do(retry_after: float, said: str) -> None:
    assert render_error(Failure(Fault.THROTTLED, "later", retry_after=retry_after)).headers["retry-after"] == said


def test_an_error_is_json_with_its_type() -> None:
    assert render_error(Failure(Fault.REJECTED, "no")).headers["content-type"] == "application/json"


VALUES = {
    "model": "m",
    "prompt": "A boat",
    "n": "2",
    "size": "64x64",
    "quality": "high",
    "style": "vivid",
    "background": "opaque",
    "output_format": "jpeg",
    "output_compression": "50",
    "moderation": "low",
    "complexity": "low",
    "frame_count": "3",
    "frame_duration_ms": "50",
    "svg[model]": "v3",
    "svg[reasoning][effort]": "high",
    "user": "u",
    "partial_images": "2",
    "seed": "1",
    "negative_prompt": "fog",
    "num_inference_steps": "9",
    "guidance_scale": "5",
    "input_fidelity": "high",
}
NOT_OF_THE_REQUEST = {"stream", "response_format", "safety_identifier", "svg"}
SPELT_ANEW = {"svg[model]": "svg.model", "svg[reasoning][effort]": "svg.reasoning.effort"}


def test_every_field_is_known_to_the_next_test() -> None:
    assert set(VALUES) | NOT_OF_THE_REQUEST == set(EDIT)


@pytest.mark.parametrize("theirs", sorted(set(VALUES) - {"size"}))
def test_a_refusal_in_our_words_reaches_the_caller_in_the_callers_own(theirs: str) -> None:
    """A provider that refuses a field names it in our words; the caller must find it in its own request."""
    extra: list[Part] = [("stream", "true"), ("output_format", "webp")]
    bare, full = composed(parse_edit(edit(*extra))), composed(parse_edit(edit(*extra, (theirs, VALUES[theirs]))))
    changed = (
        {"prompt"}
        if theirs == "prompt"
        else {
            name for name in full.__struct_fields__ if name != "pictures" and getattr(full, name) != getattr(bare, name)
        }
    )
    [ours] = changed
    _, error = error_of(render_error(Failure(Fault.REJECTED, "no", field=ours)))
    assert error["param"] == SPELT_ANEW.get(theirs, theirs)


@MANY
@given(
    st.sampled_from(Fault),
    st.none() | st.sampled_from(Code),
    st.text(max_size=20),
    st.none() | st.text(max_size=10),
    st.none() | st.floats(0, 1e9),
)
def test_every_failure_is_an_envelope_with_all_its_four_keys(
    fault: Fault, code: Code | None, detail: str, field: str | None, retry_after: float | None
) -> None:
    outgoing = render_error(Failure(fault, detail, code=code, field=field, retry_after=retry_after))
    status, error = error_of(outgoing)
    assert 400 <= status < 600
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] == detail
    assert isinstance(error["type"], str)
    assert 1 <= int(outgoing.headers.get("retry-after", "1")) <= 60
