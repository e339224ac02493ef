"""Black Forest Labs: submit, then poll the URL the submission returned.

https://docs.bfl.ai/  The model is the path. A job lives on a regional host, so that exactly the returned URL is polled:
the same question anywhere else is answered 404. A poll may answer 422 with the job in its body, one that cannot be
done. The picture's link expires after ten minutes. What a job cost is stated in credits: by FLUX.2 when it is
submitted, by FLUX.1 when it is done.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from pricing import Usage
from providers.bfl.asking import body, left_out
from providers.bfl.errors import ended, explain
from providers.bfl.models import MODELS
from providers.contract import (
    Account,
    Call,
    Conversation,
    Failure,
    Fault,
    ImageRequest,
    Inquiry,
    Model,
    Note,
    Picture,
    Provider,
    Reply,
    Result,
    Ticket,
    from_link,
    pause,
)

WAITING = frozenset({"Pending", "Queued", "Processing", "Reasoning", "Generating"})
MOST_CREDITS = 1_000_000
"""More for one picture is a mistake of the vendor's."""

_Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Task(Struct):
    id: str
    polling_url: str
    cost: Raw = Raw(b"null")
    """Credits. Raw, as every figure here: one that cannot be read does not cost the picture that was paid for."""


class _Finished(Struct):
    sample: str | None = None
    seed: Raw = Raw(b"null")


class _State(Struct):
    status: str
    result: _Finished | None = None
    cost: Raw = Raw(b"null")


class _Known(Struct, omit_defaults=True):
    """What our ticket keeps."""

    id: str
    url: str
    credits: Decimal | None = None
    notes: tuple[Note, ...] = ()


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Submit; from there on the ticket says everything."""
    url = f"{account.base}/v1/{model.vendor_name}"
    reply: Reply = yield Call(method="POST", url=url, json=body(request, model), pays=True)
    task = reply.read(_Task)
    known = _Known(id=task.id, url=task.polling_url, credits=_credits(task.cost), notes=left_out(request, model))
    ticket = msgspec.json.encode(known).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


def resume(ticket: str, account: Account) -> Conversation:
    """Poll until the picture is there, and fetch it at once: its link does not live long."""
    known = msgspec.json.decode(ticket, type=_Known)
    for tries in count():
        reply: Reply = yield Call(url=known.url, after=pause(tries), reads=(404, 422))
        if reply.status == 404:  # at the very URL it gave us: asking again changes nothing
            raise ended("Task not found", reply, known.id)
        state = reply.read(_State)
        if state.status == "Ready":
            return (yield from _fetched(state, known))
        if state.status not in WAITING:
            raise ended(state.status, reply, known.id)
    raise AssertionError  # pragma: no cover


def _fetched(state: _State, known: _Known) -> Conversation:
    if state.result is None or not state.result.sample:
        raise Failure(Fault.MALFORMED, "the vendor says Ready and gives no picture", vendor_id=known.id)
    image = yield from from_link(state.result.sample)
    settled = _credits(state.cost)
    return Result(
        pictures=(Picture(image=image, seed=_figure(state.result.seed, _Seed)),),
        usage=Usage(images=1, credits=known.credits if settled is None else settled),
        notes=known.notes,
        vendor_id=known.id,
    )


class _Balance(Struct):
    credits: Decimal


def balance(account: Account) -> Inquiry:
    """What is left, at a cent a credit."""
    reply: Reply = yield Call(url=f"{account.base}/v1/credits")
    return reply.read(_Balance).credits / 100


def _figure(said: Raw, kind: Any) -> Any:
    """A figure the vendor states; None where it is anything else."""
    try:
        return msgspec.json.decode(said, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _credits(said: Raw) -> Decimal | None:
    """A cost that can be settled."""
    cost: Decimal | None = _figure(said, Decimal)
    return cost if cost is not None and cost.is_finite() and 0 <= cost <= MOST_CREDITS else None


PROVIDER = Provider(
    title="Black Forest Labs",
    run=run,
    resume=resume,
    base="https://api.bfl.ai",
    realm="bfl.ai",
    key_from="BFL_API_KEY",
    sign=lambda account: {"x-key": account.key.reveal()} if account.key else {},
    explain=explain,
    balance=balance,
    concurrency=24,  # https://docs.bfl.ai: active tasks
    models=MODELS,
)
