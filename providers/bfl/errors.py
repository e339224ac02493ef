"""What goes wrong at Black Forest Labs, and whose fault it is.

Two shapes are in use: a validator's `detail`, and `error` with `message` and perhaps `details`. A job that came to
nothing is told in the latter, its `details` naming the error or the reasons of a refusal.
"""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from providers.bfl.asking import NEWER
from providers.contract import Failure, Fault, Reply, told

REFUSED = frozenset({"Request Moderated", "Content Moderated"})
FAULTS = {
    "invalid_api_key": Fault.CREDENTIAL,
    "insufficient_credits": Fault.CREDENTIAL,
    "rate_limit_exceeded": Fault.THROTTLED,
    "content_policy_violation": Fault.MODERATED,
    "invalid_image": Fault.REJECTED,
}
"""The vendor's own word for what went wrong. https://github.com/black-forest-labs/skills (skills/bfl-api)"""
FIELDS = {
    **{name: name for name in ("prompt", "seed", "steps", "guidance", "user", "mask", "left", "right")},
    **dict.fromkeys(("width", "height", "aspect_ratio"), "size"),
    **dict.fromkeys(("image", "image_prompt", NEWER[0], *map(NEWER[1].format, range(2, 9))), "image"),
    "top": "up",
    "bottom": "down",
    "output_format": "format",
    "safety_tolerance": "moderation",
    "image_prompt_strength": "strength",
    "mode": "quality",
}
"""Our name of the field that is complained of."""


class _Complaint(Struct):
    """What is wrong with one field; with none, as a whole."""

    loc: tuple[str | int, ...] = ()
    msg: str = ""
    type: str = ""


class _Told(Struct):
    """An error, in any of the vendor's shapes."""

    detail: list[_Complaint | str] | str | None = None
    error: str | None = None
    message: str | None = None
    details: dict[str, str | list[str]] | None = None
    retry_after: Annotated[float, Meta(ge=0, le=3600)] | None = None

    @property
    def word(self) -> str:
        """Its short code word, if it has one."""
        return self.error if self.error and re.fullmatch("[a-z_]{1,40}", self.error) else ""

    @property
    def complaints(self) -> list[_Complaint]:
        """Everything that is wrong."""
        detail = self.detail if isinstance(self.detail, list) else [self.detail or ""]
        found = [_Complaint(msg=each) if isinstance(each, str) else each for each in [self.message or "", *detail]]
        for field, said in (self.details or {}).items():
            found.append(_Complaint(loc=(field,), msg=said if isinstance(said, str) else ", ".join(said)))
        return found

    @property
    def said(self) -> str:
        """All of it in one sentence."""
        return "; ".join(each.msg for each in self.complaints if each.msg) or self.error or ""


def ended(status: str, reply: Reply, job: str) -> Failure:
    """Why a job came to nothing. A poll that answers 422 blames the request, as a validator does."""
    problem = told(reply, _Told) or _Told()
    fault = Fault.REJECTED if reply.status == 422 else FAULTS.get(problem.word, Fault.UNAVAILABLE)
    detail = f"the vendor's job ended as {status!r}"
    if status in REFUSED or fault is Fault.MODERATED:
        why = f" ({problem.said})" if problem.said else ""
        fault, detail = Fault.MODERATED, f"Black Forest Labs refused it: {status}{why}"
    elif fault is Fault.REJECTED:
        detail = problem.said or detail
    elif problem.word:
        detail = f"{detail} ({problem.word})"
    return Failure(fault, detail, vendor_id=job)


def explain(reply: Reply, failure: Failure) -> Failure:
    """Read the body of an error status."""
    problem = told(reply, _Told)
    if problem is None:
        return failure
    fault = FAULTS.get(problem.word, failure.fault)
    if any(each.type == "extra_forbidden" for each in problem.complaints):  # we sent what the model does not take
        fault = Fault.MALFORMED
    wait = problem.retry_after if failure.retry_after is None else failure.retry_after
    if fault not in (Fault.REJECTED, Fault.MODERATED):  # what it says of our account is not for the caller
        word = f" ({problem.word})" if problem.word else ""
        return Failure(fault, failure.detail + word, retry_after=wait)
    blamed = [str(name) for each in problem.complaints for name in each.loc]
    field = next((FIELDS[name] for name in blamed if name in FIELDS), None)
    return Failure(fault, problem.said or failure.detail, field=field, retry_after=wait)
