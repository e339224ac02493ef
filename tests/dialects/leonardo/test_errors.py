"""Every failure in this API's shape."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Code, Failure, Fault
from proxy.dialects.leonardo import DIALECT
from proxy.dialects.leonardo.errors import BY_CODE, BY_FAULT, render_error
from tests.dialects.leonardo.asking import read

DOCUMENTED: list[tuple[Failure, int, str, str]] = [
    (Failure(Fault.REJECTED, "no key", code=Code.UNAUTHENTICATED), 401, "access-denied", "Authentication hook"),
    (Failure(Fault.REJECTED, "no", code=Code.FORBIDDEN), 403, "access-denied", "no"),
    (Failure(Fault.MODERATED, "naked"), 403, "unexpected", "content moderation filter: naked"),
    (Failure(Fault.QUOTA, "spent", code=Code.BUDGET), 400, "unexpected", "not enough api tokens: spent"),
    (Failure(Fault.QUOTA, "slow down", code=Code.RATE), 429, "unexpected", "slow down"),
    (Failure(Fault.QUOTA, "images"), 429, "unexpected", "images"),
    (Failure(Fault.THROTTLED, "full", code=Code.BUSY), 429, "unexpected", "full"),
    (Failure(Fault.THROTTLED, "full"), 429, "unexpected", "full"),
    (Failure(Fault.REJECTED, "no such model", code=Code.UNKNOWN_MODEL), 400, "unexpected", "no such model"),
    (Failure(Fault.REJECTED, "gone", code=Code.UNREACHABLE_LINK), 400, "unexpected", "couldn't access image: gone"),
    (Failure(Fault.REJECTED, "x", code=Code.UNKNOWN_ASSET), 400, "unexpected", "invalid init image id: x"),
    (Failure(Fault.REJECTED, "what?", code=Code.UNKNOWN_ROUTE), 404, "not-found", "what?"),
    (Failure(Fault.REJECTED, "GET", code=Code.WRONG_METHOD), 405, "bad-request", "GET"),
    (Failure(Fault.REJECTED, "big", code=Code.BODY_TOO_LARGE), 413, "bad-request", "big"),
    (Failure(Fault.REJECTED, "used", code=Code.CONFLICT), 409, "bad-request", "used"),
    (Failure(Fault.UNAVAILABLE, "oops", code=Code.INTERNAL), 500, "unexpected", "Service Error: oops"),
    (Failure(Fault.UNAVAILABLE, "down"), 503, "unexpected", "Service Error: down"),
    (Failure(Fault.CREDENTIAL, "key"), 503, "unexpected", "Service Error: key"),
    (Failure(Fault.MALFORMED, "odd"), 500, "unexpected", "Service Error: odd"),
    (Failure(Fault.AMBIGUOUS, "silence"), 500, "unexpected", "Service Error: silence"),
    (Failure(Fault.REJECTED, "no"), 400, "unexpected", "no"),
]


@pytest.mark.parametrize(("failure", "status", "code", "said"), DOCUMENTED, ids=str)
def test_a_failure_has_its_status_its_code_and_the_words_clients_look_for(
    failure: Failure, status: int, code: str, said: str
) -> None:
    outgoing = render_error(failure)
    told = read(outgoing)
    assert (outgoing.status, told["code"], told["path"]) == (status, code, "$")
    assert list(told) == ["error", "path", "code"]
    assert told["error"].startswith(said)


def test_every_code_and_every_fault_has_its_row() -> None:
    assert set(BY_CODE) == set(Code)
    assert set(BY_FAULT) == set(Fault)
    assert DIALECT.render_error is render_error


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("photoReal", "$.selectionSet.sdGenerationJob.args.arg1.photoReal"),
        ("controlnets[1].weight", "$.selectionSet.sdGenerationJob.args.arg1.controlnets[1].weight"),
        ("extension", "$"),
        ("service", "$"),
        (None, "$"),
    ],
)
def test_a_wrong_type_says_where(field: str | None, path: str) -> None:
    assert read(render_error(Failure(Fault.REJECTED, "x", code=Code.WRONG_TYPE, field=field)))["path"] == path


def test_anything_else_that_is_wrong_is_about_the_whole_request() -> None:
    for code in set(Code) - {Code.WRONG_TYPE}:
        assert read(render_error(Failure(Fault.REJECTED, "x", code=code, field="width")))["path"] == "$"


@pytest.mark.parametrize(("wait", "said"), [(None, None), (0.0, "1"), (1.2, "2"), (59, "59"), (1e9, "60")])
def test_when_to_try_again_is_told_where_it_is_known(wait: Any, said: str | None) -> None:
    outgoing = render_error(Failure(Fault.THROTTLED, "full", retry_after=wait))
    assert outgoing.headers.get("retry-after") == said
