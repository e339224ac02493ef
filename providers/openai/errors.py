"""What goes wrong at OpenAI's Images API, and whose fault it is."""

from __future__ import annotations

from msgspec import Struct

from providers.contract import Failure, Fault, Reply, told
from providers.openai.asking import NAMES


class Problem(Struct):
    """An error, in a reply or in an event."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _Error(Struct):
    error: Problem


FAULTS = {
    # By the code alone: the type beside it, image_generation_user_error, is also that of a value which is not taken.
    "moderation_blocked": Fault.MODERATED,
    "content_policy_violation": Fault.MODERATED,
    "image_content_policy_violation": Fault.MODERATED,
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

FIELDS = {theirs: ours for ours, theirs in NAMES.items()} | {"output_format": "format", "partial_images": "previews"}


def explain(reply: Reply, failure: Failure) -> Failure:
    """Read the error envelope: the status alone does not tell refused content from a bad size, or credit from rate."""
    problem = told(reply, _Error)
    return failure if problem is None else blame(problem.error, failure)


def blame(problem: Problem, failure: Failure) -> Failure:
    """The failure that an error stands for, where its status or its place stood for `failure`."""
    fault = FAULTS.get(str(problem.code)) or FAULTS.get(str(problem.type)) or failure.fault
    name = (problem.param or "").partition("[")[0]  # image[0] is one of ours
    if name == "model" and fault is Fault.REJECTED:  # an images route's own way to say that there is none
        fault = Fault.UNAVAILABLE
    shown = fault in (Fault.REJECTED, Fault.MODERATED) or not problem.message
    detail = problem.message if shown and problem.message else failure.detail
    word = problem.code or problem.type
    if not shown and word:  # the vendor's words about our account are for the operator; a message may echo the key
        detail = f"{failure.detail} ({word})"
    field = FIELDS.get(name, name) if name else failure.field
    return Failure(fault, detail, code=failure.code, field=field, retry_after=failure.retry_after)
