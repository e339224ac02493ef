"""Replicate: a prediction is created, then polled at the URL its creation returned.

https://replicate.com/docs/reference/http  Every model has an input of its own: what it calls our fields stands in
`SPELLED`, and a model the operator adds is asked in the words that are most common (`NAMES`), or in those of the option
`inputs`: `{my-model: {guidance: cfg, images: image_input}}`; an empty word leaves a field out. The vendor's name of a
model is `owner/name`, of a community model `owner/name:version`, of a deployment `deployments/owner/name`. The option
`cancel_after` (`5m`) has the vendor end what takes longer.

Traps: JPEG is `jpg`. An output is a link, a list of them or an object, and is deleted after an hour. What a model
refuses to draw is a failed prediction, and only its words tell.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import count
from typing import Any, Literal

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
    Format,
    ImageRequest,
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
from providers.replicate.models import MODELS, NAMES, OURS, RATIOS, SPELLED, Spelling

REFUSED = re.compile(r"nsfw|flagged|\bE005\b|content (policy|moderation|filter)|moderated", re.IGNORECASE)
CODE = re.compile(r"\((E\d{3,4})\)")
LONGEST_S = 1_000_000
"""More seconds for one prediction are a mistake of the vendor's."""


class _Urls(Struct):
    get: str


class _Prediction(Struct):
    id: str
    urls: _Urls


class _State(Struct):
    status: Literal["starting", "processing", "succeeded", "failed", "canceled", "aborted"]
    output: Any = None
    error: Any = None
    data_removed: Any = None
    metrics: Any = None


class _Known(Struct, omit_defaults=True):
    """What our ticket keeps."""

    id: str
    url: str
    n: int
    notes: tuple[Note, ...] = ()


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Create the prediction; from there on the ticket says everything.

    The vendor is not told to wait (`Prefer: wait`): it would hold the id of what is already paid for back until the
    picture is drawn, and a restart of ours in that minute would lose it.
    """
    asked, notes = _input(request, model, _spelling(model, account))
    reply: Reply = yield _call(model, account, asked)
    made = reply.read(_Prediction)
    ticket = msgspec.json.encode(_Known(id=made.id, url=made.urls.get, n=request.n, notes=notes)).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


def resume(ticket: str, account: Account) -> Conversation:
    """Poll until the pictures are there, and fetch them at once: the vendor keeps them for an hour."""
    known = msgspec.json.decode(ticket, type=_Known)
    for tries in count():
        reply: Reply = yield Call(url=known.url, after=pause(tries))
        state = reply.read(_State)
        if state.status == "succeeded":
            return (yield from _fetched(state, known))
        if state.status not in ("starting", "processing"):
            raise _ended(state)
    raise AssertionError  # pragma: no cover


def _fetched(state: _State, known: _Known) -> Conversation:
    links = _links(state.output)
    if not links:
        why = "has deleted it already" if state.data_removed is True else "gives none"
        raise Failure(Fault.MALFORMED, f"the vendor says that the picture is drawn and {why}")
    pictures: list[Picture] = []
    for link in links:
        image = yield from from_link(link)
        pictures.append(Picture(image=image))
    notes = known.notes
    if len(pictures) < known.n:  # what a safety checker refuses is left out of the list
        notes += (Note("n", f"{len(pictures)} of {known.n} pictures came; the vendor held the others back"),)
    usage = Usage(images=len(pictures), seconds=_seconds(state.metrics))
    return Result(pictures=tuple(pictures), usage=usage, notes=notes, vendor_id=known.id)


def _links(output: Any) -> list[str]:
    """The links of an output: one, a list, or an object of either."""
    values = list(output.values()) if isinstance(output, dict) else [output]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, str) and each.startswith(("https://", "http://", "data:"))]


def _seconds(metrics: Any) -> Decimal | None:
    """Seconds of GPU, where they are a figure that can be settled."""
    seconds = metrics.get("predict_time") if isinstance(metrics, dict) else None
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST_S
    return Decimal(str(seconds)) if known else None


def _ended(state: _State) -> Failure:
    """Why there is no picture. Models that are paid by the second have cost those that were used."""
    said = state.error if isinstance(state.error, str) else ""
    seconds = _seconds(state.metrics)
    used = None if seconds is None else Usage(seconds=seconds)
    if state.status == "failed" and REFUSED.search(said):
        return Failure(Fault.MODERATED, said[:500], usage=used)
    code = CODE.search(said)
    detail = f"the vendor's prediction {state.status}" + (f" ({code[1]})" if code else "")
    return Failure(Fault.UNAVAILABLE, detail, usage=used)


def _call(model: Model, account: Account, asked: dict[str, Any]) -> Call:
    wire = model.vendor_name
    body: dict[str, Any] = {"input": asked}
    if ":" in wire:
        path, body = "predictions", {"version": wire, **body}
    else:
        path = f"{wire if wire.startswith('deployments/') else f'models/{wire}'}/predictions"
    after = account.options.get("cancel_after")
    headers = {"cancel-after": str(after)} if after else {}
    return Call(method="POST", url=f"{account.base}/{path}", headers=headers, json=body, pays=True)


def _spelling(model: Model, account: Account) -> Spelling:
    plain = Spelling(size="shape" if model.sizes.by_shape else "pixels")
    found = SPELLED.get(model.vendor_name.partition(":")[0], plain)
    own = account.options.get("inputs", {}).get(model.name, {})
    return Spelling(size=found.size, names={**NAMES, **found.names, **own}, keeps=found.keeps)


def _input(request: ImageRequest, model: Model, spelling: Spelling) -> tuple[dict[str, Any], tuple[Note, ...]]:
    wanted: dict[str, Any] = {"prompt": request.prompt or None}
    wanted |= {ours: getattr(request, ours, None) for ours in sorted(model.honours)}
    if model.at_once > 1:
        wanted["n"] = request.n
    if len(model.formats) > 1:
        chosen = request.format or model.formats[0]
        wanted["format"] = "jpg" if chosen is Format.JPEG else chosen
    if isinstance(request, Upscale):
        wanted["factor"] = _factor(request, model)
    wanted |= _pictures(request, model)
    names = {ours: spelling.names.get(ours, ours) for ours, value in wanted.items() if value is not None}
    asked = {theirs: wanted[ours] for ours, theirs in names.items() if theirs}
    notes = [Note(ours, f"{model.name} does not take it") for ours, theirs in names.items() if not theirs]
    return asked | _size(request, spelling), (*notes, *_kept(request, spelling, wanted.get("factor")))


def _pictures(request: ImageRequest, model: Model) -> dict[str, Any]:
    """What is sent along, as `data:` URLs: the vendor's own clients do so up to ten megabytes."""
    mask = request.mask if isinstance(request, Edit) else None
    links = [as_data_url(image) for image in (request.images if mask is None else request.images[:-1])]
    found: dict[str, Any] = {}
    if links and (mask is not None or model.inputs == 1):
        found["image"] = links.pop(0)
    if links:
        found["images"] = links
    return found if mask is None else found | {"mask": as_data_url(mask.image)}


def _factor(request: Upscale, model: Model) -> float | None:
    factor = request.factor
    if factor is None and request.width is not None and request.height is not None:
        picture = request.picture
        factor = max(request.width / picture.width, request.height / picture.height)
    return None if factor is None else round(min(factor, model.ranges.get("factor", (0, factor))[1]), 4)


def _size(request: ImageRequest, spelling: Spelling) -> dict[str, Any]:
    if isinstance(request, Upscale):
        return {}
    if request.width is None or request.height is None:
        return {"aspect_ratio": "match_input_image"} if spelling.size == "match" else {}
    width, height = request.width, request.height
    match spelling.size:
        case "resolution" | "size":
            return {spelling.size: f"{width}x{height}"}
        case "shape":
            return {"aspect_ratio": _ratio(width, height)}
        case "megapixels" if width * height < 500_000:
            return {"aspect_ratio": _ratio(width * 2, height * 2), "megapixels": "0.25"}
        case "megapixels":
            return {"aspect_ratio": _ratio(width, height), "megapixels": "1"}
    custom = {"aspect_ratio": "custom"} if spelling.size == "custom" else {}
    return {**custom, "width": width, "height": height}


def _ratio(width: int, height: int) -> str:
    """The shape a size stands for: by the table, else the nearest."""

    def off(ratio: str) -> float:
        across, down = (int(part) for part in ratio.split(":"))
        return max(width * down / (height * across), height * across / (width * down))

    return RATIOS.get(f"{width}x{height}") or min(RATIOS.values(), key=off)


def _kept(request: ImageRequest, spelling: Spelling, factor: float | None) -> tuple[Note, ...]:
    """A size that was asked for and will not come, because the picture sent along decides."""
    if request.width is None or request.height is None or not request.images:
        return ()
    first, lossy = request.images[0], not request.exact  # it is brought to the size afterwards where it must have it
    if factor is not None:
        made = (round(first.width * factor), round(first.height * factor))
        return (
            ()
            if made == (request.width, request.height)
            else (Note("size", f"comes as {made[0]}x{made[1]}", lossy=lossy),)
        )
    masked = isinstance(request, Edit) and request.mask is not None
    if spelling.keeps == "image" or (spelling.keeps == "mask" and masked):
        shape = request.width * first.height / (request.height * first.width)
        if max(shape, 1 / shape) > 1.05:
            return (Note("size", "the picture keeps the shape of the one sent along", lossy=lossy),)
    return ()


class _Invalid(Struct):
    field: str = ""
    type: str = ""


class _Problem(Struct):
    title: str | None = None
    detail: str | None = None
    retry_after: float | None = None
    invalid_fields: list[_Invalid] | None = None


def explain(reply: Reply, failure: Failure) -> Failure:
    """A problem's `detail` is for callers where it is about their request; its `title` is the vendor's short word."""
    problem = told(reply, _Problem)
    if problem is None:
        return failure
    title = (problem.title or "")[:60]
    fault, field = failure.fault, failure.field
    if fault is Fault.REJECTED:
        first = next(iter(problem.invalid_fields or ()), None)
        if "version" in title.lower():  # there is none of that id: the catalogue promised it
            fault = Fault.UNAVAILABLE
        elif first is not None and first.type in ("required", "additional_property_not_allowed"):
            fault = Fault.MALFORMED  # we do not know the model's input
        elif first is not None:
            field = OURS.get(first.field.rpartition(".")[2], field)
    shown = (problem.detail or title) if fault is Fault.REJECTED else ""
    detail = shown or (f"{failure.detail} ({title})" if title else failure.detail)
    wait = failure.retry_after
    if wait is None and problem.retry_after is not None and 0 <= problem.retry_after <= LONGEST_S:
        wait = problem.retry_after
    return Failure(fault, detail, code=failure.code, field=field, retry_after=wait)


PROVIDER = Provider(
    title="Replicate",
    run=run,
    resume=resume,
    base="https://api.replicate.com/v1",
    key_from="REPLICATE_API_TOKEN",
    explain=explain,
    models=MODELS,
)
