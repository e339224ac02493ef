"""Ideogram: one call, answered with links when every picture is drawn.

https://developer.ideogram.ai/v1  Version 3 is a family of endpoints, one for each kind of work. Version 2 is older: its
fields are nested in `image_request` and spelt otherwise (`RESOLUTION_1024_1024`, `ASPECT_16_9`). Version 4 calls the
prompt `text_prompt`, draws one picture a call and takes no seed. `models` says what there is, `asking` how it is asked.

Traps:

- A mask is black where the picture may change. `/edit` of version 3 is deprecated for `/inpaint`, which takes the same.
- A picture that did not pass the safety check is an item of a successful answer: `is_image_safe` is false and there is
  no link. It is billed like the others. https://developer.ideogram.ai/ideogram-api/errors
- A link expires, so each is followed at once.
- `image_weight` says how close to stay to a picture; our `strength` says how far to go from it.
- A picture sent along is cropped to the size asked for, and to a square where none is: its own shape is asked for then.
- A bad key is 401 on some routes and 403 on others.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from pricing import Usage
from providers.contract import (
    Account,
    Conversation,
    Failure,
    Fault,
    ImageRequest,
    Model,
    Note,
    Picture,
    Provider,
    Quality,
    Reply,
    Result,
    from_link,
    told,
)
from providers.ideogram.asking import call, left_out, route_for
from providers.ideogram.models import MODELS, MOST_SEED


class _Item(Struct):
    url: str | None = None
    prompt: str | None = None
    seed: Any = None
    is_image_safe: bool | None = None

    @property
    def withheld(self) -> bool:
        """Drawn, billed, and not given."""
        return self.is_image_safe is False


class _Answer(Struct):
    data: list[_Item]


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """One call, then every link of its answer."""
    route = route_for(request, model)
    reply: Reply = yield call(request, model, route, account)
    answer = reply.read(_Answer)
    vendor_id = reply.headers.get("x-request-id")
    pictures: list[Picture] = []
    for item in answer.data:
        if item.url and not item.withheld:
            image = yield from from_link(item.url)
            revised = item.prompt if item.prompt != request.prompt else None
            pictures.append(Picture(image=image, revised_prompt=revised or None, seed=_seed(item.seed)))
    if not pictures:
        raise _nothing(answer, vendor_id)
    notes = left_out(request, model, route)
    if len(pictures) < len(answer.data):
        notes.append(Note("n", f"{len(pictures)} of {len(answer.data)} pictures passed Ideogram's safety check"))
    return Result(
        pictures=tuple(pictures),
        usage=Usage(images=len(answer.data)),  # those that were withheld are billed, too
        notes=tuple(notes),
        quality=str(request.quality or Quality.MEDIUM) if model.qualities else None,
        vendor_id=vendor_id,
    )


def _seed(said: Any) -> int | None:
    """A seed that can be asked for again; the picture is paid for, whatever else the vendor says."""
    return said if type(said) is int and 0 <= said <= MOST_SEED else None


def _nothing(answer: _Answer, vendor_id: str | None) -> Failure:
    withheld = sum(item.withheld for item in answer.data)
    if withheld:
        detail = "no picture passed Ideogram's safety check"
        return Failure(Fault.MODERATED, detail, usage=Usage(images=withheld), vendor_id=vendor_id)
    return Failure(Fault.MALFORMED, "the vendor answered without a picture", vendor_id=vendor_id)


FIELDS = {
    "prompt": "prompt",
    "text_prompt": "prompt",
    "negative_prompt": "negative",
    "seed": "seed",
    "num_images": "n",
    "resolution": "size",
    "aspect_ratio": "size",
    "style_type": "style",
    "style_preset": "style",
    "image_weight": "strength",
    "image": "image",
    "images": "image",
    "image_file": "image",
    "style_reference_images": "image",
    "mask": "mask",
}
"""The vendor's name of a field, ours."""
_OURS = re.compile(r"not in spec|additional properties|is not one of", re.IGNORECASE)
"""A field or a word that our tables promised: they are wrong, not the caller."""
_WORD = re.compile(r"[a-z_]{1,40}")


class _Told(Struct):
    error: Any = None
    detail: Any = None
    message: Any = None
    reject_reason: Any = None


def explain(reply: Reply, failure: Failure) -> Failure:
    """Three shapes are in use: `error` alone, a problem's `detail`, and `reject_reason` where it is about money."""
    problem = told(reply, _Told)
    if problem is None:
        return failure
    fault, detail, field = failure.fault, failure.detail, failure.field
    if fault is Fault.REJECTED:
        texts = (problem.detail, problem.error, problem.message)
        detail = next((text for text in texts if text and isinstance(text, str)), detail)
        if "safety" in detail.lower():
            fault = Fault.MODERATED
        elif _OURS.search(detail):
            return Failure(Fault.MALFORMED, failure.detail, code=failure.code, retry_after=failure.retry_after)
        field = next((FIELDS[name] for name in re.findall(r"'(\w+)'", detail) if name in FIELDS), field)
    word = problem.reject_reason
    if fault is Fault.CREDENTIAL and isinstance(word, str) and _WORD.fullmatch(word):
        detail = f"{detail} ({word})"
    return Failure(fault, detail, code=failure.code, field=field, retry_after=failure.retry_after)


PROVIDER = Provider(
    title="Ideogram",
    run=run,
    base="https://api.ideogram.ai",
    key_from="IDEOGRAM_API_KEY",
    sign=lambda account: {"Api-Key": account.key.reveal()} if account.key else {},
    explain=explain,
    concurrency=10,  # its default limit
    models=MODELS,
)
