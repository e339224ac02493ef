"""Hugging Face Inference Providers: one key and one bill for models that partners serve behind one router.

https://huggingface.co/docs/inference-providers  The router passes on what the partner itself takes and answers, so that
each has its own body, answer and way to wait: see `ROUTES`. The vendor's name of a model is the partner and what it
calls the model, as `https://huggingface.co/api/models/ID?expand[]=inferenceProviderMapping` lists them: `fal-ai/fal-ai/
flux/dev`, `nscale/black-forest-labs/FLUX.1-schnell`. A model that another partner is to serve is a row in config.yaml,
with `asynchronous: true` for fal-ai and wavespeed. The option `bill_to` names the organization that pays.

Traps: what a partner's reply says to poll lies at the partner, where our key is worth nothing; the same path is asked
for behind the router. Replicate's jobs cannot be polled there at all: one that takes more than a minute is lost.
WaveSpeed reports errors with status 200.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Any

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
from providers.huggingface.asking import OURS
from providers.huggingface.models import MODELS
from providers.huggingface.routes import REFUSED, ROUTES, Drawn

UNSERVED = re.compile(r"not supported (by|for)|not enabled for provider|deprecated|no longer", re.IGNORECASE)
"""What the router says of a model that the partner does not serve, or not to this account."""
LONGEST_S = 3600
WORDS = {
    "content_policy_violation": Fault.MODERATED,
    "insufficient_quota": Fault.CREDENTIAL,
    "model_not_supported": Fault.UNAVAILABLE,
    "extra_forbidden": Fault.MALFORMED,  # we sent what the model does not take
    "missing": Fault.MALFORMED,
}
"""A partner's own word for what went wrong."""


class _Job(Struct):
    """What our ticket keeps."""

    partner: str
    n: int
    id: str
    path: str = ""
    """Of the job, at the partner."""


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Ask the partner: some answer with the pictures, some with a job, which a ticket then says everything of."""
    partner, _, theirs = model.vendor_name.partition("/")
    route = ROUTES.get(partner)
    if route is None:
        raise Failure(Fault.UNAVAILABLE, f"how the partner {partner!r} is asked is not known")
    reply: Reply = yield Call(
        method="POST",
        url=f"{account.base}/{partner}/{route.path(theirs)}",
        headers=route.headers,
        json=route.body(request, model, theirs),
        pays=True,
    )
    if route.submitted is None:
        job = _Job(partner=partner, n=request.n, id=reply.headers.get("x-request-id", ""))
        return (yield from _fetched(route.drawn(reply), job))
    ident, path = route.submitted(reply)
    ticket = msgspec.json.encode(_Job(partner=partner, n=request.n, id=ident, path=path)).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


FAILED = (400, 422, 500)
"""How a partner with a queue says, at the place of the result, that a job has failed."""


def resume(ticket: str, account: Account) -> Conversation:
    """Poll behind the router until the partner has drawn, and fetch at once: no link lives for ever."""
    job = msgspec.json.decode(ticket, type=_Job)
    route = ROUTES[job.partner]
    home = f"{account.base}/{job.partner}{job.path}"
    for tries in count():  # pragma: no branch
        reply: Reply = yield Call(url=home + route.state, after=pause(tries))
        if route.ended(reply):
            break
    if route.result is not None:
        reply = yield Call(url=home + route.result, reads=FAILED)
        if reply.status >= 300:  # the job has failed, which is known only now
            fault = Fault.REJECTED if reply.status < 500 else Fault.UNAVAILABLE
            raise explain(reply, Failure(fault, f"the partner's job ended with {reply.status}"))
    return (yield from _fetched(route.drawn(reply), job))


def _fetched(drawn: Drawn, job: _Job) -> Conversation:
    """The pictures but for those the partner refuses, which were drawn and are paid for like the others."""
    images = drawn.images
    for link in drawn.links:
        image = yield from from_link(link)
        images = [*images, image]
    if not images:
        raise Failure(Fault.MALFORMED, "the partner says that it has drawn and gives no picture")
    kept = [image for place, image in enumerate(images) if not any(drawn.refused[place : place + 1])]
    if not kept:
        detail = "the partner marked every picture as not safe for work"
        raise Failure(Fault.MODERATED, detail, usage=Usage(images=len(images)), vendor_id=drawn.id or job.id or None)
    short = Note("n", f"{len(kept)} of {job.n} pictures came; the partner held the others back")
    return Result(
        pictures=tuple(Picture(image=image, seed=drawn.seed) for image in kept),
        usage=Usage(images=len(images)),
        notes=(short,) if len(kept) < job.n else (),
        vendor_id=drawn.id or job.id or None,
    )


def sign(account: Account) -> Mapping[str, str]:
    """The key, and who pays for what it is used for."""
    if not account.key:
        return {}
    payer = account.options.get("bill_to")
    headers = {"authorization": f"Bearer {account.key.reveal()}"}
    return headers | {"x-hf-bill-to": str(payer)} if payer else headers


class _Problem(Struct):
    error: Any = None
    """A text, or an object with a `message`."""
    message: Any = None
    detail: Any = None
    """A text, or a validator's list."""
    estimated_time: Any = None


def explain(reply: Reply, failure: Failure) -> Failure:
    """The router has one error shape and every partner its own; they are told apart by what is there."""
    problem = told(reply, _Problem) or _Problem()
    said, word, theirs = _said(problem)
    fault = WORDS.get(word, failure.fault)
    if fault is Fault.REJECTED and REFUSED.search(said):
        fault = Fault.MODERATED
    elif reply.status == 410 or (fault in (Fault.REJECTED, Fault.CREDENTIAL) and UNSERVED.search(said)):
        fault = Fault.UNAVAILABLE  # another model of this account may well be served
    shown = fault in (Fault.REJECTED, Fault.MODERATED) and said
    detail = said[:500] if shown else f"{failure.detail} ({word})" if word else failure.detail
    field = OURS.get(theirs, theirs) if fault is Fault.REJECTED and theirs else failure.field
    wait, loading = failure.retry_after, problem.estimated_time
    if wait is None and isinstance(loading, int | float) and 0 < loading <= LONGEST_S:
        wait = float(loading)
    return Failure(fault, detail, code=failure.code, field=field, retry_after=wait)


def _said(problem: _Problem) -> tuple[str, str, str]:
    """What an error says, its word for it, and the field it is about."""
    for said in (problem.error, problem.detail, problem.message):
        first = said[0] if isinstance(said, list) and said else said
        if isinstance(first, str) and first:
            return first, "", ""
        if isinstance(first, dict):
            place = first.get("loc")
            field = place[-1] if isinstance(place, list) and place else None
            word = first.get("code") or first.get("type")
            return _text(first.get("message") or first.get("msg")), _text(word), _text(field)
    return "", "", ""


def _text(said: Any) -> str:
    return said if isinstance(said, str) else ""


PROVIDER = Provider(
    title="Hugging Face",
    run=run,
    resume=resume,
    base="https://router.huggingface.co",
    key_from="HF_TOKEN",
    sign=sign,
    explain=explain,
    models=MODELS,
)
