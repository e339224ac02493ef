"""Stability AI: one form in, words alone included; a picture's bytes out, or an id whose result is asked for.

https://platform.stability.ai/docs/api-reference (v2beta/stable-image). What its endpoints take stands in `endpoints`.
Traps:

- A picture refused for its content comes with status 200, blurred and charged for; only `finish-reason` says so.
- Image-to-image of Stable Diffusion 3.5 takes no aspect ratio, and a strength is never optional.
- An error about the key may repeat it.
- Whoever asks too often is turned away for a minute; a result may be asked for once in ten seconds, for a day, and
  only with the key it was ordered with.
- No reply states a cost: what is settled is the credit table.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta, Raw, Struct

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
    Part,
    Picture,
    Provider,
    Reply,
    Result,
    Ticket,
    Upscale,
    as_file,
    from_body,
    from_text,
    pause,
    told,
)
from providers.stability.endpoints import ENDPOINTS, MODELS, SD3, Endpoint, endpoint_of, shape_of

POLL_S = 10.0
TIMED_OUT_S = 60.0
STRENGTH = 0.6
"""Where the caller names none: the picture's composition is kept, and the prompt still counts."""
MOST_SEED = 4_294_967_294


class _Accepted(Struct):
    id: Annotated[str, Meta(pattern=r"\A[0-9A-Za-z_-]{32,128}\Z")]
    """It becomes part of a URL that the key is sent to."""


class _Enclosed(Struct):
    """A picture in JSON, in case the bytes asked for come wrapped."""

    image: str
    finish_reason: str | None = None
    seed: Raw = Raw(b"")


class _Known(Struct, omit_defaults=True):
    """What our ticket keeps."""

    id: str
    notes: tuple[Note, ...] = ()


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Send the form. The answer is the picture; or an id, and from there on the ticket says everything."""
    path, endpoint = endpoint_of(model.vendor_name)
    notes = _unmet(request, endpoint)
    reply: Reply = yield Call(
        method="POST",
        url=f"{account.base}/v2beta/stable-image/{path}",
        headers=_headers(request, model),
        form=_form(request, model, path, endpoint),
        pays=True,
    )
    if not model.asynchronous:
        return _result(reply, notes, reply.headers.get("x-request-id"))
    ticket = msgspec.json.encode(_Known(id=reply.read(_Accepted).id, notes=notes)).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


def resume(ticket: str, account: Account) -> Conversation:
    """Ask for the result until it is there."""
    known = msgspec.json.decode(ticket, type=_Known)
    url = f"{account.base}/v2beta/results/{known.id}"
    for tries in count():
        wait = pause(tries, first=POLL_S, most=POLL_S)
        reply: Reply = yield Call(url=url, headers={"accept": "*/*"}, after=wait, reads=(404,))
        if reply.status == 404:  # asking again would change nothing, and nobody says whether it was charged
            detail = "paid for, and the vendor has no result of it: it has expired, or belongs to another key"
            raise Failure(Fault.AMBIGUOUS, detail, vendor_id=known.id)
        if reply.status != 202:
            return _result(reply, known.notes, known.id)
    raise AssertionError  # pragma: no cover


def _headers(request: ImageRequest, model: Model) -> dict[str, str]:
    headers = {"accept": "*/*" if model.asynchronous else "image/*"}
    if request.user:  # quoted, for it is the caller's text, and a header does not carry just anything
        headers["stability-client-user-id"] = quote(request.user)[:256]
    return headers


def _form(request: ImageRequest, model: Model, path: str, endpoint: Endpoint) -> tuple[Part, ...]:
    leans = isinstance(request, Generate) and bool(request.references)
    fields: dict[str, Any] = {theirs: getattr(request, ours, None) for ours, theirs in endpoint.takes.items()}
    if isinstance(request, Generate):  # a strength is wanted with a picture, and refused without
        fields["strength"] = (STRENGTH if request.strength is None else request.strength) if leans else None
    if request.width is not None and request.height is not None and (endpoint.reshapes or not leans):
        fields["aspect_ratio"] = shape_of(request.width, request.height)
    if path == SD3:
        fields |= {"model": model.vendor_name, "mode": "image-to-image" if leans else None}
    fields["output_format"] = request.format or model.formats[0]
    parts = [Part(name=name, value=str(value)) for name, value in fields.items() if value not in (None, "")]
    mask = request.mask if isinstance(request, Edit) else None
    pictures = request.images if mask is None else request.images[:-1]
    parts += [as_file(name, picture) for name, picture in zip(endpoint.pictures, pictures, strict=False)]
    if mask is not None and endpoint.masked:
        parts.append(as_file("mask", mask.image))
    return tuple(parts)


def _unmet(request: ImageRequest, endpoint: Endpoint) -> tuple[Note, ...]:
    """What is asked for and the endpoint cannot be told."""
    notes: list[Note] = []
    if request.prompt and "prompt" not in endpoint.takes:
        notes.append(Note("prompt", "is not taken: this is done without words"))
    if isinstance(request, Edit) and request.mask is not None and not endpoint.masked:
        notes.append(Note("mask", "is not taken: what changes is found without one"))
    if isinstance(request, Generate) and request.references:
        if request.strength is None:
            notes.append(Note("strength", f"{STRENGTH:g} is used: the vendor wants one", lossy=False))
        if request.width is not None and not endpoint.reshapes:
            notes.append(Note("size", "the result has the shape of the picture sent along"))
    elif isinstance(request, Generate) and request.strength is not None:
        notes.append(Note("strength", "there is no picture it applies to", lossy=False))
    if isinstance(request, Upscale) and request.factor not in (None, endpoint.times):
        makes = "as large as the vendor sees fit" if endpoint.times is None else f"{endpoint.times:g} times as large"
        notes.append(Note("factor", f"the picture is made {makes}"))
    return tuple(notes)


def _result(reply: Reply, notes: tuple[Note, ...], vendor_id: str | None) -> Result:
    enclosed = reply.read(_Enclosed) if bytes(reply.body[:1]) == b"{" else None
    ended = reply.headers.get("finish-reason") if enclosed is None else enclosed.finish_reason
    if ended == "CONTENT_FILTERED":
        detail = "Stability AI blurred the picture for its content"
        raise Failure(Fault.MODERATED, detail, usage=Usage(images=1), vendor_id=vendor_id)
    image = from_body(reply) if enclosed is None else from_text(enclosed.image)
    seed = reply.headers.get("seed", "") if enclosed is None else bytes(enclosed.seed).decode("utf-8", "replace")
    picture = Picture(image=image, seed=_stated(seed))
    return Result(pictures=(picture,), usage=Usage(images=1), notes=notes, vendor_id=vendor_id)


def _stated(seed: str) -> int | None:
    """A seed that can be one; the picture is paid for, whatever else the vendor says."""
    number = int(seed) if len(seed) <= 10 and seed.isascii() and seed.isdecimal() else None
    return number if number is not None and number <= MOST_SEED else None


class _Balance(Struct):
    credits: Decimal


def balance(account: Account) -> Inquiry:
    """What is left, at a cent a credit. The vendor is minutes behind with it."""
    reply: Reply = yield Call(url=f"{account.base}/v1/user/balance")
    return reply.read(_Balance).credits / 100


class _Problem(Struct):
    id: str | None = None
    name: str | None = None
    errors: list[str] | None = None


REFUSED = frozenset({"content_moderation", "public_figure"})
"""The names of errors about content."""
NAMING = {"invalid_language": "prompt", "public_figure": "image", "payload_too_large": "image"}
"""The field at fault, where the name of an error says it."""
UNASKED = {
    "authorization": Fault.CREDENTIAL,
    "model": Fault.UNAVAILABLE,  # the catalogue promised it: not the caller's doing
    "mode": Fault.MALFORMED,
    "accept": Fault.MALFORMED,
    "content-type": Fault.MALFORMED,
}
"""What no caller fills in."""
FIELDS = {theirs: ours for endpoint in ENDPOINTS.values() for ours, theirs in endpoint.takes.items()}
FIELDS |= {name: "image" for endpoint in ENDPOINTS.values() for name in endpoint.pictures}
FIELDS |= {"style_image": "looks", "mask": "mask", "aspect_ratio": "size", "output_format": "format"}


def explain(reply: Reply, failure: Failure) -> Failure:
    """Read the error's name, and its messages, each of which may begin with the field it is about."""
    said = told(reply, _Problem) or _Problem()
    name, errors = said.name or "", said.errors or []
    about = [message.partition(":")[0].strip() for message in errors]
    fault = Fault.MODERATED if name in REFUSED else failure.fault
    if fault is Fault.REJECTED:
        fault = next((UNASKED[each] for each in about if each in UNASKED), fault)
    detail = failure.detail
    if fault in (Fault.REJECTED, Fault.MODERATED):
        detail = "; ".join(errors) or detail
    elif name.isidentifier():  # its name and no more: what it says of our account may repeat the key
        detail = f"{detail} ({name})"
    field = next((FIELDS[each] for each in about if each in FIELDS), NAMING.get(name, failure.field))
    wait = TIMED_OUT_S if failure.retry_after is None and fault is Fault.THROTTLED else failure.retry_after
    return Failure(fault, detail, code=failure.code, field=field, retry_after=wait, vendor_id=said.id)


PROVIDER = Provider(
    title="Stability AI",
    run=run,
    resume=resume,
    base="https://api.stability.ai",
    key_from="STABILITY_API_KEY",
    explain=explain,
    balance=balance,
    models=MODELS,
)
