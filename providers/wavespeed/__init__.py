"""WaveSpeed AI: submit a model its input, then poll the URL the submission returned.

https://wavespeed.ai/docs  The route is the model's own name; there is no field for it.

Traps. A status of 200 says nothing: every reply carries a `code` of its own, and a job that failed is answered with 200
too. Sizes are written `1024*1024`. Each model has its own fields, and the upscaler calls its factor `guidance_scale`. A
flagged picture is delivered with a flag beside it. Its `enable_sync_mode` may give up (code 5004) on what is paid for,
so that it is not used. A submission that was lost must not be sent again: the vendor has no key to tell the two apart.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import count, zip_longest
from typing import Any

import msgspec
from msgspec import Raw, Struct

from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Edit,
    Failure,
    Fault,
    Generate,
    ImageRequest,
    Inquiry,
    Model,
    Note,
    Picture,
    Provider,
    Reply,
    Result,
    Ticket,
    Upscale,
    as_data_url,
    from_link,
    pause,
    told,
)
from providers.wavespeed.models import MODELS, SHAPES

NAMES = {
    "seed": "seed",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "strength",
    "style": "style",
}
"""Our field, the wire's. A model is only ever asked for what it honours."""

WAITING = frozenset({"created", "processing"})
CODES = {
    400: Fault.REJECTED,
    401: Fault.CREDENTIAL,
    402: Fault.CREDENTIAL,
    403: Fault.CREDENTIAL,
    404: Fault.UNAVAILABLE,
    422: Fault.REJECTED,
    429: Fault.THROTTLED,
    1200: Fault.MODERATED,
    1401: Fault.REJECTED,
}
"""A body's own code. https://wavespeed.ai/docs/error-codes"""
BLAMED = frozenset({1400, 1401, 1402})
"""Codes of a failed job whose request was wrong: a parameter is missing, or not valid, or a picture cannot be read."""
BUSY = frozenset({429, *range(500, 600), *range(5000, 6000)})
REFUSED = re.compile(r"nsfw|sensitive|moderat|content (policy|filter)|flagged", re.IGNORECASE)
UNPAID = re.compile(r"insufficient (balance|credit|fund)|top[ -]?up", re.IGNORECASE)
UNKNOWN = re.compile(r"(model|product)\b.*\bnot (found|exist)", re.IGNORECASE)


class _Envelope(Struct):
    code: int = 200
    message: str | None = None
    data: Raw = Raw(b"null")


class _Urls(Struct):
    get: str | None = None


class _Task(Struct):
    id: str
    urls: _Urls | None = None


class _State(Struct):
    status: str
    outputs: list[str] | None = None
    has_nsfw_contents: Any = None
    error: Any = None
    code: Any = None


class _Known(Struct, omit_defaults=True):
    """What our ticket keeps."""

    id: str
    url: str
    notes: tuple[Note, ...] = ()


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Submit; from there on the ticket says everything."""
    body, notes = _asked(request, model)
    reply: Reply = yield Call(method="POST", url=f"{account.base}/{model.vendor_name}", json=body, pays=True)
    envelope = reply.read(_Envelope)
    if envelope.code != 200:
        raise _blame(envelope, Failure(_fault(envelope.code), f"the vendor answered {envelope.code}"))
    task = Reply(body=bytes(envelope.data)).read(_Task)
    url = (task.urls and task.urls.get) or f"{account.base}/predictions/{task.id}/result"
    ticket = msgspec.json.encode(_Known(id=task.id, url=url, notes=notes)).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


def resume(ticket: str, account: Account) -> Conversation:
    """Poll until the pictures are there, and fetch them at once: nothing says how long their links live."""
    known = msgspec.json.decode(ticket, type=_Known)
    for tries in count():
        reply: Reply = yield Call(url=known.url, after=pause(tries))
        envelope = reply.read(_Envelope)
        if envelope.code in BUSY:  # the poll failed, and not the job: it is asked after again
            continue
        if envelope.code != 200:
            raise _turned_away(envelope, known)
        state = Reply(body=bytes(envelope.data)).read(_State)
        if state.status == "completed":
            return (yield from _fetched(state, known))
        if state.status not in WAITING:
            raise _ended(state, known)
    raise AssertionError  # pragma: no cover


def _fetched(state: _State, known: _Known) -> Conversation:
    links = state.outputs or []
    flags = state.has_nsfw_contents if isinstance(state.has_nsfw_contents, list) else []
    good = [link for link, flag in zip_longest(links, flags[: len(links)]) if flag is not True]
    usage = Usage(images=len(links))  # the vendor bills every picture it drew, those it held back among them
    if not good and any(flag is True for flag in flags):
        detail = "WaveSpeed held back what it drew as unsafe"
        raise Failure(Fault.MODERATED, detail, usage=usage, vendor_id=known.id)
    if not good:
        raise Failure(Fault.MALFORMED, "the vendor says completed and gives no picture", vendor_id=known.id)
    pictures: list[Picture] = []
    for link in good:
        image = yield from from_link(link)
        pictures.append(Picture(image=image))
    notes = known.notes
    if len(good) < len(links):
        notes += (Note("n", f"{len(good)} of {len(links)} pictures came; the vendor held the others back as unsafe"),)
    return Result(pictures=tuple(pictures), usage=usage, notes=notes, vendor_id=known.id)


def _turned_away(envelope: _Envelope, known: _Known) -> Failure:
    """A poll's own code: the job's end, or trouble that leaves open what became of it."""
    detail = f"the vendor answered {envelope.code}"
    if 1000 <= envelope.code < 2000:
        failure = _blame(envelope, Failure(_fault(envelope.code), detail))
    else:
        failure = Failure(Fault.AMBIGUOUS, f"paid for and not received: {detail}")
    failure.vendor_id = known.id
    return failure


def _ended(state: _State, known: _Known) -> Failure:
    """A job that did not end well. What failed is refunded."""
    said = state.error[:500] if isinstance(state.error, str) else ""
    if state.code == 1200 or REFUSED.search(said):
        return Failure(Fault.MODERATED, said or "WaveSpeed refused the content", vendor_id=known.id)
    if state.code in BLAMED and said:
        return Failure(Fault.REJECTED, said, vendor_id=known.id)
    code = f" ({state.code})" if isinstance(state.code, int) and state.code else ""
    return Failure(Fault.UNAVAILABLE, f"the vendor's job ended as {state.status[:40]!r}{code}", vendor_id=known.id)


def _asked(request: ImageRequest, model: Model) -> tuple[dict[str, Any], tuple[Note, ...]]:
    if isinstance(request, Upscale):
        return _enlarged(request, model)
    body: dict[str, Any] = {"prompt": request.prompt}
    for ours in sorted(model.honours):
        value = getattr(request, ours, None)
        if value is not None:
            body[NAMES[ours]] = value
    if request.n > 1:
        body["num_images"] = request.n
    if len(model.formats) > 1:
        body["output_format"] = request.format or model.formats[0]
    mask = request.mask if isinstance(request, Edit) else None
    pictures = request.images if mask is None else request.images[:-1]
    links = [as_data_url(image) for image in pictures]
    if links and not (isinstance(request, Generate) and model.inputs > 1):
        body["image"] = links.pop(0)
    if links:
        body["reference_images"] = links
    if mask is not None:
        body["mask_image"] = as_data_url(mask.image)
    return body | _size(request, model), ()


def _size(request: ImageRequest, model: Model) -> dict[str, Any]:
    """The size asked for; where none is, the one nearest to the picture sent along, which the vendor would squash."""
    size = None
    if request.width is not None and request.height is not None:
        size = request.width, request.height
    elif request.images and not model.sizes.follows_input:
        size = model.sizes.nearest(request.images[0].width, request.images[0].height)
    if size is None:
        return {}
    if model.sizes.by_shape:
        return {"aspect_ratio": SHAPES[f"{size[0]}x{size[1]}"]}
    return {"size": f"{size[0]}*{size[1]}"}


def _enlarged(request: Upscale, model: Model) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """An upscaler is told a factor alone. One that reaches the size asked for is chosen; the shape stays."""
    picture, factor = request.picture, request.factor
    body: dict[str, Any] = {"image": as_data_url(picture)}
    notes: list[Note] = []
    if request.prompt:
        notes.append(Note("prompt", "is not taken: this is done without words"))
    if factor is None and request.width is not None and request.height is not None:
        wanted = max(request.width / picture.width, request.height / picture.height)
        factor = round(min(wanted, model.ranges["factor"][1]), 4)
        made = round(picture.width * factor), round(picture.height * factor)
        if made != (request.width, request.height) and not request.exact:
            notes.append(Note("size", f"comes as {made[0]}x{made[1]}"))
    if factor is not None:
        body["guidance_scale"] = factor  # so it is called
    return body, tuple(notes)


class _Balance(Struct):
    balance: Decimal


def balance(account: Account) -> Inquiry:
    """What is left."""
    reply: Reply = yield Call(url=f"{account.base}/balance")
    envelope = reply.read(_Envelope)
    if envelope.code != 200:
        raise _blame(envelope, Failure(_fault(envelope.code), f"the vendor answered {envelope.code}"))
    return Reply(body=bytes(envelope.data)).read(_Balance).balance


def explain(reply: Reply, failure: Failure) -> Failure:
    """An error's body is the usual one without `data`; its message may be about the account or about the request."""
    problem = told(reply, _Envelope)
    return failure if problem is None else _blame(problem, failure)


def _blame(problem: _Envelope, failure: Failure) -> Failure:
    said = (problem.message or "")[:500]
    fault, detail = failure.fault, failure.detail
    if fault is Fault.REJECTED:
        if UNPAID.search(said):
            fault = Fault.CREDENTIAL
        elif UNKNOWN.search(said):
            fault = Fault.UNAVAILABLE
        elif REFUSED.search(said):
            fault = Fault.MODERATED
    if said and fault in (Fault.REJECTED, Fault.MODERATED):  # others are about our account, and may echo the key
        detail = said
    return Failure(fault, detail, code=failure.code, field=failure.field, retry_after=failure.retry_after)


def _fault(code: int) -> Fault:
    return CODES.get(code, Fault.UNAVAILABLE if code >= 500 else Fault.MALFORMED)


PROVIDER = Provider(
    title="WaveSpeed AI",
    run=run,
    resume=resume,
    base="https://api.wavespeed.ai/api/v3",
    realm="wavespeed.ai",
    key_from="WAVESPEED_API_KEY",
    explain=explain,
    balance=balance,
    models=MODELS,
)
