"""How each partner behind Hugging Face's router answers. Small functions, and the table of all that is known of each.

Sources: https://github.com/huggingface/huggingface_hub and huggingface.js (`providers`), and the partners' own pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from providers.contract import Failure, Fault, Image, ImageRequest, Model, Reply, from_body, from_text
from providers.huggingface import asking

REFUSED = re.compile(r"nsfw|flagged|sensitive|\bE005\b|content (policy|moderation|filter)|moderated", re.IGNORECASE)
"""How partners say that they refuse the content."""


class Drawn(Struct, kw_only=True):
    """What a partner's last reply has."""

    images: list[Image] = []
    links: list[str] = []
    refused: list[bool] = []
    """Which of them the partner marked as not safe."""
    seed: int | None = None
    id: str | None = None


class Route(Struct, frozen=True, kw_only=True):
    """How a partner is asked."""

    path: Callable[[str], str]
    """Where, for what the partner calls the model."""
    body: Callable[[ImageRequest, Model, str], dict[str, Any]]
    drawn: Callable[[Reply], Drawn]
    """What is in the reply that has the pictures."""
    headers: Mapping[str, str] = {}
    submitted: Callable[[Reply], tuple[str, str]] | None = None
    """Id and path of the job, where there is one."""
    ended: Callable[[Reply], bool] = bool
    """Whether a poll says that the job is done. Raises where it has failed."""
    state: str = ""
    """What the job's path is followed by when polling."""
    result: str | None = None
    """Likewise when fetching the result, where that is another call."""


def _picture(reply: Reply) -> Drawn:
    return Drawn(images=[from_body(reply)])


class _Datum(Struct):
    b64_json: str


class _Listed(Struct):
    data: list[_Datum]


def _texts(reply: Reply) -> Drawn:
    return Drawn(images=[from_text(datum.b64_json) for datum in reply.read(_Listed).data])


class _Prediction(Struct):
    status: Literal["starting", "processing", "succeeded", "failed", "canceled", "aborted"]
    id: str | None = None
    output: str | list[str] | None = None
    error: Any = None


def _prediction(reply: Reply) -> Drawn:
    made = reply.read(_Prediction)
    if made.status in ("starting", "processing"):
        detail = "the partner took the request and did not finish within its minute"
        raise Failure(Fault.AMBIGUOUS, detail, vendor_id=made.id)
    if made.status != "succeeded":
        raise _failed(made.error, made.status)
    return Drawn(links=[made.output] if isinstance(made.output, str) else made.output or [], id=made.id)


def _failed(error: Any, status: str) -> Failure:
    if isinstance(error, str) and REFUSED.search(error):
        return Failure(Fault.MODERATED, error[:500])
    return Failure(Fault.UNAVAILABLE, f"the partner's job ended as {status!r}")


class _Queued(Struct):
    request_id: str
    response_url: str


class _QueueState(Struct):
    status: Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


class _Link(Struct):
    url: str


class _Output(Struct):
    images: list[_Link]
    seed: Any = None
    has_nsfw_concepts: Any = None


def _queued(reply: Reply) -> tuple[str, str]:
    job = reply.read(_Queued)
    return job.request_id, _path(job.response_url)


def _left_queue(reply: Reply) -> bool:
    return reply.read(_QueueState).status == "COMPLETED"


def _output(reply: Reply) -> Drawn:
    output = reply.read(_Output)
    seed = output.seed if type(output.seed) is int and 0 <= output.seed < 2**64 else None
    return Drawn(links=[link.url for link in output.images], refused=_flags(output.has_nsfw_concepts), seed=seed)


class _Urls(Struct):
    get: str


class _Task(Struct):
    id: str
    urls: _Urls


class _Submitted(Struct):
    code: int = 200
    message: str | None = None
    data: _Task | None = None


class _Work(Struct):
    status: Literal["created", "processing", "completed", "failed", "cancelled", "canceled", "timeout"]
    outputs: list[str] | None = None
    error: Any = None
    has_nsfw_contents: Any = None


class _Polled(Struct):
    data: _Work


CODES = {
    400: Fault.REJECTED,
    401: Fault.CREDENTIAL,
    402: Fault.CREDENTIAL,
    403: Fault.CREDENTIAL,
    422: Fault.REJECTED,
    429: Fault.THROTTLED,
}
"""What WaveSpeed says in the body of a reply with status 200; UNAVAILABLE, whatever else it says."""


def _task(reply: Reply) -> tuple[str, str]:
    said = reply.read(_Submitted)
    if said.code != 200:
        fault = CODES.get(said.code, Fault.UNAVAILABLE)
        text = said.message or ""
        if fault is Fault.REJECTED and text:
            raise Failure(Fault.MODERATED if REFUSED.search(text) else fault, text[:500])
        raise Failure(fault, f"the partner answered {said.code}")
    if said.data is None:
        raise Failure(Fault.MALFORMED, "the partner took it and names no job")
    return said.data.id, _path(said.data.urls.get)


def _worked(reply: Reply) -> bool:
    work = reply.read(_Polled).data
    if work.status not in ("created", "processing", "completed"):
        raise _failed(work.error, work.status)
    return work.status == "completed"


def _work(reply: Reply) -> Drawn:
    work = reply.read(_Polled).data
    return Drawn(links=work.outputs or [], refused=_flags(work.has_nsfw_contents))


def _flags(said: Any) -> list[bool]:
    """Which pictures were refused; whatever else stands there must not cost those that are paid for."""
    return [each is True for each in said] if isinstance(said, list) else []


def _path(url: str) -> str:
    """The path of a URL at the partner. Raises MALFORMED for what is none."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    if not path.startswith("/"):
        raise Failure(Fault.MALFORMED, "the partner names no URL to poll")
    return path


def _predictions(theirs: str) -> str:
    return "v1/predictions" if ":" in theirs else f"v1/models/{theirs}/predictions"


QUEUE = "?_subdomain=queue"
"""What has the router ask fal's queue, whose jobs outlive the connection."""
ROUTES = {
    "hf-inference": Route(path=lambda theirs: f"models/{theirs}", body=asking.plain, drawn=_picture),
    "together": Route(path=lambda _: "v1/images/generations", body=asking.together, drawn=_texts),
    "nscale": Route(path=lambda _: "v1/images/generations", body=asking.nscale, drawn=_texts),
    "replicate": Route(path=_predictions, body=asking.replicate, drawn=_prediction, headers={"prefer": "wait"}),
    "fal-ai": Route(
        path=lambda theirs: theirs + QUEUE,
        body=asking.fal,
        drawn=_output,
        submitted=_queued,
        ended=_left_queue,
        state=f"/status{QUEUE}",
        result=QUEUE,
    ),
    "wavespeed": Route(
        path=lambda theirs: f"api/v3/{theirs}", body=asking.wavespeed, drawn=_work, submitted=_task, ended=_worked
    ),
}
"""By the partner's name in the router's URLs."""
