"""What Leonardo answers: a job with its charge, then its state, at last the pictures; or an error.

https://docs.leonardo.ai/docs/api-error-messages
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from pricing import Usage
from providers.contract import (
    Account,
    Call,
    Conversation,
    Failure,
    Fault,
    Note,
    Picture,
    Reply,
    Result,
    from_link,
    pause,
    told,
)
from providers.leonardo.asking import Order

MOST_USD = 1_000
MOST_CREDITS = 1_000_000
"""More for one job is a mistake of the vendor's."""
MOST_PLACES = 12
MOST_SEED = 9_999_999_998

_NOTHING = Raw(b"null")


class _Cost(Struct):
    amount: Decimal
    unit: str


class _Job(Struct, rename="camel"):
    generation_id: str | None = None
    cost: Raw = _NOTHING
    """A meter is read apart: it must not cost the job that was taken."""
    api_credit_cost: Raw = _NOTHING


class _Variant(_Job, rename="camel"):
    id: str | None = None


class _Taken(_Job, rename="camel"):
    """A job under the name of its kind, or bare."""

    sd_generation_job: _Job | None = None
    generate: _Job | None = None
    universal_upscaler: _Variant | None = None


class _Known(Struct, kw_only=True, omit_defaults=True):
    """What our ticket keeps."""

    id: str
    varies: bool = False
    n: int = 1
    usd: Decimal | None = None
    credits: Decimal | None = None
    notes: tuple[Note, ...] = ()


class _Moderation(Struct, rename="camel"):
    moderation_classification: list[str]


class _Drawn(Struct):
    url: str | None = None
    nsfw: Any = None


class _Generation(Struct):
    status: str
    generated_images: list[_Drawn] | None = None
    seed: Any = None
    prompt_moderations: Raw = _NOTHING


class _Generations(Struct):
    generations_by_pk: _Generation | None


class _Variation(Struct):
    status: str
    url: str | None = None


class _Variations(Struct):
    generated_image_variation_generic: list[_Variation] | None


class _Problem(Struct):
    error: Any = None
    message: Any = None
    code: Any = None


def taken(reply: Reply, order: Order) -> _Known:
    """The job the vendor took on. Raises for a list of errors in its place, which comes with HTTP 200."""
    said = reply.read(_Taken | list[_Problem])  # type: ignore[arg-type]
    if isinstance(said, list):
        if not said:
            raise Failure(Fault.MALFORMED, "the vendor answered with an empty list")
        raise _blame(said[0], Failure(Fault.UNAVAILABLE, "the vendor answered with an error"))
    job = said.universal_upscaler or said.sd_generation_job or said.generate or said
    name = job.id if isinstance(job, _Variant) else job.generation_id
    if not name:
        raise Failure(Fault.MALFORMED, "the vendor took a job on and gave no id")
    usd, counted = _charge(job)
    return _Known(id=name, varies=order.varies, n=order.n, usd=usd, credits=counted, notes=order.notes)


def _charge(job: _Job) -> tuple[Decimal | None, Decimal | None]:
    """USD where the account pays as it goes, credits on an older plan."""
    cost = told(Reply(body=bytes(job.cost)), _Cost)
    if cost is not None and cost.unit == "DOLLARS":
        return _sane(cost.amount, MOST_USD), None
    stated = cost.amount if cost is not None else told(Reply(body=bytes(job.api_credit_cost)), Decimal)
    return None, _sane(stated, MOST_CREDITS)


def _sane(amount: Decimal | None, most: int) -> Decimal | None:
    """A figure that can be settled; `1E-999999999` is finite, and counting it in micro-USD would never end."""
    if amount is None or not amount.is_finite() or not 0 <= amount <= most:
        return None
    return amount if round(amount, MOST_PLACES) == amount else None


def resume(ticket: str, account: Account) -> Conversation:
    """Poll until the job has ended, and fetch what came of it."""
    known = msgspec.json.decode(ticket, type=_Known)
    place = "variations" if known.varies else "generations"
    url = f"{account.base}/v1/{place}/{quote(known.id, safe='')}"
    for tries in count():
        reply: Reply = yield Call(url=url, after=pause(tries))
        job = _variation(reply) if known.varies else reply.read(_Generations).generations_by_pk
        if job is None or job.status == "PENDING":
            continue
        if job.status != "COMPLETE":
            raise _ended(job, known, Failure(Fault.UNAVAILABLE, f"the vendor's job ended as {job.status!r}"))
        return (yield from _collected(job, known))
    raise AssertionError  # pragma: no cover


def _variation(reply: Reply) -> _Generation | None:
    """A variation is told as a list of one, which is empty at first."""
    found = reply.read(_Variations).generated_image_variation_generic
    if not found:
        return None
    return _Generation(status=found[0].status, generated_images=[_Drawn(url=found[0].url)])


def _collected(job: _Generation, known: _Known) -> Conversation:
    """The pictures; the seed is that of the first."""
    links = [(drawn.url, drawn.nsfw is True) for drawn in job.generated_images or () if drawn.url]
    if not links:
        raise _ended(job, known, Failure(Fault.MALFORMED, "the vendor says COMPLETE and gives no picture"))
    pictures: list[Picture] = []
    for url, _ in links:
        image = yield from from_link(url)
        pictures.append(Picture(image=image, seed=None if pictures else _seed(job.seed)))
    notes = list(known.notes)
    if len(pictures) < known.n:
        notes.append(Note("n", f"Leonardo drew {len(pictures)} of {known.n}"))
    notes += [
        Note("moderation", f"Leonardo marks picture {at} as not safe for work", lossy=False)
        for at, (_, marked) in enumerate(links, 1)
        if marked
    ]
    return Result(
        pictures=tuple(pictures),
        usage=Usage(images=len(pictures), usd=known.usd, credits=known.credits),
        notes=tuple(notes),
        vendor_id=known.id,
    )


def _seed(said: Any) -> int | None:
    return said if type(said) is int and 0 <= said <= MOST_SEED else None


def _ended(job: _Generation, known: _Known, failure: Failure) -> Failure:
    """Why there is no picture: the prompt's classes, if there are any; nothing else is said of a failed job."""
    found = told(Reply(body=bytes(job.prompt_moderations)), list[_Moderation])
    classes = [each for moderation in found or () for each in moderation.moderation_classification]
    if classes:
        failure = Failure(Fault.MODERATED, f"Leonardo refused it: {', '.join(classes)}")
    failure.vendor_id = known.id
    return failure


SAYINGS: Sequence[tuple[str, Fault, str | None]] = (
    ("content moderation", Fault.MODERATED, None),
    ("inappropriate content", Fault.MODERATED, None),
    ("prompt moderation", Fault.MODERATED, None),
    ("prompt_moderation_blocked", Fault.MODERATED, None),
    ("authentication hook", Fault.CREDENTIAL, None),
    ("authorization hook", Fault.CREDENTIAL, None),  # comes as a 500
    ("not enough api tokens", Fault.CREDENTIAL, None),  # comes as a 400
    ("not supported within the production api", Fault.UNAVAILABLE, None),  # the model: the catalogue promised it
    ("invalid init image id", Fault.UNAVAILABLE, None),  # the vendor's own, a moment old
    ("access image", Fault.UNAVAILABLE, None),
    ("too many requests", Fault.THROTTLED, None),
    ("rate limit", Fault.THROTTLED, None),
    ("unexpected variable", Fault.MALFORMED, None),
    ("expecting a value", Fault.MALFORMED, None),
    ("expected a", Fault.MALFORMED, None),
    ("invalid file extension", Fault.MALFORMED, None),
    ("invalid dimensions", Fault.REJECTED, "size"),
    ("invalid prompt", Fault.REJECTED, "prompt"),
    ("too many images", Fault.REJECTED, "n"),
)
"""What a message says, whose fault that is, and of which field. The code says `unexpected` of nearly everything."""


def explain(reply: Reply, failure: Failure) -> Failure:
    """Read the error: `{error, path, code}` mostly, `{message}` or a list of such in places."""
    problem = told(reply, _Problem)
    if problem is None:
        problem = next(iter(told(reply, list[_Problem]) or ()), None)
    return failure if problem is None else _blame(problem, failure)


def _blame(problem: _Problem, failure: Failure) -> Failure:
    words = next((each for each in (problem.error, problem.message) if isinstance(each, str) and each), "")
    lower = words.lower()
    fault, field = next(
        ((fault, field) for saying, fault, field in SAYINGS if saying in lower), (failure.fault, failure.field)
    )
    detail = failure.detail
    if fault in (Fault.REJECTED, Fault.MODERATED):
        detail = words or detail
    elif isinstance(problem.code, str) and problem.code:  # its words name our account, and may echo the key
        detail = f"{detail} ({problem.code})"
    return Failure(fault, detail, code=failure.code, field=field, retry_after=failure.retry_after)
