"""Black Forest Labs: submit, then poll the URL the submission returned.

https://docs.bfl.ai/  The job lives on a regional host, so that exactly the returned URL is polled; the picture's own
link expires after ten minutes.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
from msgspec import Struct

from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Edit,
    Failure,
    Fault,
    Fetch,
    Format,
    Image,
    ImageRequest,
    Model,
    Picture,
    Provider,
    Reply,
    Result,
    Sizes,
    Ticket,
)

WAITING = frozenset({"Pending", "Queued", "Processing", "Reasoning", "Generating"})
REFUSED = frozenset({"Request Moderated", "Content Moderated"})
MOST_CREDITS = 1_000_000
"""More for one picture is a mistake of the vendor's."""


class _Task(Struct):
    id: str
    polling_url: str
    cost: Decimal | None = None
    """Credits taken; FLUX.1 routes leave it out."""


class _Finished(Struct):
    sample: str | None = None
    seed: int | None = None


class _State(Struct):
    status: str
    result: _Finished | None = None


class _Known(Struct):
    """What our ticket keeps."""

    id: str
    url: str
    credits: Decimal | None = None


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Submit; from there on the ticket says everything."""
    call = Call(method="POST", url=f"{account.base}/v1/{model.name}", json=_body(request, model), pays=True)
    reply: Reply = yield call
    task = reply.read(_Task)
    ticket = msgspec.json.encode(_Known(id=task.id, url=task.polling_url, credits=_stated(task.cost))).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


def resume(ticket: str, account: Account) -> Conversation:
    """Poll until the picture is there, and fetch it at once: its link does not live long."""
    known = msgspec.json.decode(ticket, type=_Known)
    for tries in count():
        reply: Reply = yield Call(url=known.url, after=_pause(tries), reads=(422,))
        state = reply.read(_State)
        if state.status == "Ready":
            if state.result is None or state.result.sample is None:
                raise Failure(Fault.MALFORMED, "the vendor says Ready and gives no picture")
            image: Image = yield Fetch(state.result.sample)
            return Result(
                pictures=(Picture(image=image, seed=state.result.seed),),
                usage=Usage(images=1, credits=known.credits),
                vendor_id=known.id,
            )
        if state.status in REFUSED:
            raise Failure(Fault.MODERATED, f"Black Forest Labs refused it: {state.status}")
        if state.status not in WAITING:
            raise Failure(Fault.UNAVAILABLE, f"the vendor's job ended as {state.status!r}")
    raise AssertionError  # pragma: no cover


def _stated(cost: Decimal | None) -> Decimal | None:
    """A cost that can be settled; the picture is paid for, whatever else the vendor says."""
    return cost if cost is not None and cost.is_finite() and 0 <= cost <= MOST_CREDITS else None


def _pause(tries: int) -> float:
    """Seconds before a poll: half a second at first, a third longer each time, four at most."""
    return min(0.5 * 1.33**tries, 4.0)


def _body(request: ImageRequest, model: Model) -> dict[str, Any]:
    body: dict[str, Any] = {"prompt": request.prompt}
    if request.width is not None:
        body |= {"width": request.width, "height": request.height}
    for ours in ("seed", "steps", "guidance"):
        value = getattr(request, ours)
        if value is not None:
            body[ours] = value
    body["output_format"] = str(request.format or Format.PNG)
    mask = request.mask if isinstance(request, Edit) else None
    if mask is not None:
        return body | {"image": _text(request.images[0]), "mask": _text(mask.image)}
    first, further = INPUTS.get(model.name, NEWER)
    for place, image in enumerate(request.images, 1):
        body[first if place == 1 else further.format(place)] = _text(image)
    return body


def _text(image: Image) -> str:
    return bytes(image.base64).decode("ascii")


class _Told(Struct):
    detail: Any = None
    error: Any = None
    message: str | None = None


def explain(reply: Reply, failure: Failure) -> Failure:
    """Two error shapes are in use: a validator's `detail`, and `error` with `message`."""
    try:
        told = msgspec.json.decode(reply.body, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return failure
    if failure.fault is not Fault.REJECTED:
        return failure
    said = told.message or told.detail or told.error
    if isinstance(said, list):
        said = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in said)
    return Failure(failure.fault, str(said) if said else failure.detail, retry_after=failure.retry_after)


INPUTS = {
    "flux-pro-1.1": ("image_prompt", ""),
    "flux-dev": ("image_prompt", ""),
    "flux-pro-1.0-fill": ("image", ""),
}
"""What a model calls the first picture sent along, and the further ones."""
NEWER = ("input_image", "input_image_{}")
"""So does every model since, those the operator adds among them."""

_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP)
_FLUX_1 = Sizes(step=32, min_side=256, max_side=1440)
_FLUX_2 = Sizes(step=16, min_side=64, max_side=4096, max_pixels=4_194_304)
_KEEPS = Sizes(follows_input=True)


def _flux(name: str, sizes: Sizes, operations: set[str], *, inputs: int, more: frozenset[str] = frozenset()) -> Model:
    return Model(
        name=name,
        title=name,
        operations=frozenset(operations),
        sizes=sizes,
        formats=_FORMATS,
        honours=more | {"seed"},
        inputs=inputs,
        asynchronous=True,
    )


PROVIDER = Provider(
    title="Black Forest Labs",
    run=run,
    resume=resume,
    base="https://api.bfl.ai",
    realm="bfl.ai",
    key_from="BFL_API_KEY",
    sign=lambda account: {"x-key": account.key.reveal()} if account.key else {},
    explain=explain,
    models=(
        _flux("flux-pro-1.1", _FLUX_1, {"generate", "generate.reference"}, inputs=1),
        _flux("flux-dev", _FLUX_1, {"generate", "generate.reference"}, inputs=1, more=frozenset({"steps", "guidance"})),
        _flux("flux-2-pro", _FLUX_2, {"generate", "generate.reference", "edit.general"}, inputs=8),
        _flux("flux-2-max", _FLUX_2, {"generate", "generate.reference", "edit.general"}, inputs=8),
        _flux("flux-kontext-pro", _KEEPS, {"edit.general"}, inputs=4),
        _flux("flux-kontext-max", _KEEPS, {"edit.general"}, inputs=4),
        _flux("flux-pro-1.0-fill", _KEEPS, {"edit.inpaint"}, inputs=1, more=frozenset({"steps", "guidance"})),
    ),
)
