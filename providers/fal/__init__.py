"""fal: put a request into the queue, poll its status, then read its response.

https://fal.ai/docs/documentation/model-apis/inference/queue  The route is the endpoint's own name; the body is its
input, without a wrapper.

Traps. The key is sent as `Key`, not `Bearer`. Status and response have URLs of their own, which leave a part of the
endpoint's name out: those the reply names are used. COMPLETED means that there is a response, and that may be an error
status: it is the job's own end, so that it is read here and not taken for trouble on the way. A picture that was found
unsafe comes as a black one, with a flag beside it. Some endpoints answer with one `image` in the place of `images`.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from itertools import count, zip_longest
from typing import Any, Literal

import msgspec
from msgspec import Struct

from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Failure,
    Fault,
    ImageRequest,
    Model,
    Note,
    Picture,
    Provider,
    Reply,
    Result,
    Ticket,
    from_link,
    pause,
    told,
)
from providers.fal.asking import FIELDS, asked
from providers.fal.models import MODELS

MOST_UNITS = 1_000_000
"""More for one request is a mistake of the vendor's."""

ENDS = (400, 402, 403, 404, 413, 415, 422, 500, 501, 502, 503, 504)
"""Error statuses in which a job may end."""
FAULTS = {
    "content_policy_violation": Fault.MODERATED,
    "missing": Fault.MALFORMED,  # we did not send what the model cannot do without
    "extra_forbidden": Fault.MALFORMED,  # we sent what the model does not take
    "no_media_generated": Fault.UNAVAILABLE,
    "generation_timeout": Fault.UNAVAILABLE,
    "downstream_service_error": Fault.UNAVAILABLE,
    "downstream_service_unavailable": Fault.UNAVAILABLE,
    "internal_server_error": Fault.UNAVAILABLE,
}
"""The vendor's own word for what went wrong. https://fal.ai/docs/documentation/model-apis/errors"""


class _Queued(Struct):
    request_id: str
    status_url: str
    response_url: str


class _State(Struct):
    status: Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


class _File(Struct):
    url: str


class _Made(Struct):
    images: list[_File] | None = None
    image: _File | None = None
    seed: Any = None
    has_nsfw_concepts: Any = None


class _Known(Struct, omit_defaults=True):
    """What our ticket keeps."""

    id: str
    status: str
    response: str
    notes: tuple[Note, ...] = ()


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Put it into the queue; from there on the ticket says everything."""
    endpoint, body, notes = asked(request, model)
    reply: Reply = yield Call(method="POST", url=f"{account.base}/{endpoint}", json=body, pays=True)
    queued = reply.read(_Queued)
    known = _Known(id=queued.request_id, status=queued.status_url, response=queued.response_url, notes=notes)
    ticket = msgspec.json.encode(known).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


def resume(ticket: str, account: Account) -> Conversation:
    """Poll until there is a response, and read it."""
    known = msgspec.json.decode(ticket, type=_Known)
    for tries in count():
        reply: Reply = yield Call(url=known.status, after=pause(tries))
        if reply.read(_State).status == "COMPLETED":
            return (yield from _answered(known))
    raise AssertionError  # pragma: no cover


def _answered(known: _Known) -> Conversation:
    """The response, whatever it is. Where a gateway is in the way of it, it is asked for again."""
    for tries in count():
        reply: Reply = yield Call(url=known.response, after=pause(tries) if tries else 0.0, reads=ENDS)
        if reply.status < 300:
            return (yield from _fetched(reply, known))
        if reply.status < 500 or _says_why(reply):
            raise _ended(reply, known)
    raise AssertionError  # pragma: no cover


def _fetched(reply: Reply, known: _Known) -> Conversation:
    made = reply.read(_Made)
    files = made.images or ([made.image] if made.image else [])
    if not files:
        raise Failure(Fault.MALFORMED, "the vendor says COMPLETED and gives no picture", vendor_id=known.id)
    flags = made.has_nsfw_concepts if isinstance(made.has_nsfw_concepts, list) else []
    good = [file for file, flag in zip_longest(files, flags[: len(files)]) if flag is not True]
    # The vendor bills every picture it drew, those it blackened among them.
    usage = Usage(images=len(files), units=_units(reply.headers.get("x-fal-billable-units")))
    if not good:
        detail = "fal found what it drew unsafe and blackened it"
        raise Failure(Fault.MODERATED, detail, usage=usage, vendor_id=known.id)
    pictures: list[Picture] = []
    for file in good:
        image = yield from from_link(file.url)
        pictures.append(Picture(image=image, seed=_seed(made.seed) if len(files) == 1 else None))
    notes = known.notes
    if len(good) < len(files):
        notes += (Note("n", f"{len(good)} of {len(files)} pictures came; the vendor blackened the others as unsafe"),)
    return Result(pictures=tuple(pictures), usage=usage, notes=notes, vendor_id=known.id)


def _seed(said: Any) -> int | None:
    """A seed that can be asked for again. Of several pictures drawn together it is not theirs."""
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 2**63 else None


def _units(said: str | None) -> Decimal | None:
    """What was billed for, in the unit of the price; the picture is paid for, whatever the meter says."""
    try:
        units = Decimal(said or "")
    except InvalidOperation:
        return None
    return units if units.is_finite() and 0 <= units <= MOST_UNITS else None


class _Detail(Struct):
    msg: str = ""
    type: str = ""
    loc: list[Any] = []


class _Problem(Struct):
    detail: str | list[_Detail] | None = None
    error_type: str | None = None


def _says_why(reply: Reply) -> bool:
    """Whether an error is the job's end as fal words it, and not a gateway's."""
    problem = told(reply, _Problem)
    return problem is not None and (problem.detail is not None or problem.error_type is not None)


def _ended(reply: Reply, known: _Known) -> Failure:
    """The error a job ended in. Nothing of it is owed where the vendor failed."""
    if reply.status in (402, 403):
        fault = Fault.CREDENTIAL
    else:
        fault = Fault.REJECTED if reply.status in (400, 413, 415, 422) else Fault.UNAVAILABLE
    failure = explain(reply, Failure(fault, f"the vendor's job ended with status {reply.status}"))
    failure.vendor_id = known.id
    return failure


def explain(reply: Reply, failure: Failure) -> Failure:
    """Models list what is wrong with typed entries; the queue says one sentence and an `error_type`."""
    problem = told(reply, _Problem)
    if problem is None:
        return failure
    entries = problem.detail if isinstance(problem.detail, list) else []
    words = [entry.type for entry in entries] + [problem.error_type or ""]
    fault = next((FAULTS[word] for word in words if word in FAULTS), failure.fault)
    detail = failure.detail
    if fault in (Fault.REJECTED, Fault.MODERATED):  # others may be about our account, and echo the key
        said = problem.detail if isinstance(problem.detail, str) else "; ".join(filter(None, (e.msg for e in entries)))
        detail = (said or "")[:500] or detail
    elif word := next((word[:60] for word in words if re.fullmatch(r"[a-z_.]+", word)), ""):
        detail = f"{detail} ({word})"
    places = [part for entry in entries for part in entry.loc if isinstance(part, str)]
    field = next((FIELDS[part] for part in places if part in FIELDS), failure.field)
    return Failure(fault, detail, code=failure.code, field=field, retry_after=failure.retry_after)


PROVIDER = Provider(
    title="fal.ai",
    run=run,
    resume=resume,
    base="https://queue.fal.run",
    realm="fal.run",
    key_from="FAL_KEY",
    sign=lambda account: {"authorization": f"Key {account.key.reveal()}"} if account.key else {},
    explain=explain,
    id_header="x-fal-request-id",
    models=MODELS,
)
