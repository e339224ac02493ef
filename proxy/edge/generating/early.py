"""Answers before the pictures are there: a job of the dialect's own, or 202 for whoever would rather come back."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Failure
from proxy.dialects.contract import Accepted, Ask, Incoming, Outgoing
from proxy.edge.answering import refusal
from proxy.edge.generating import headers
from proxy.edge.generating.delivering import deliver
from proxy.edge.generating.visit import Visit
from proxy.edge.later import PATIENCE_S, Errand, Outcome, call_back, ending
from proxy.edge.pickup import Pickup, accepted, announced
from proxy.edge.preference import Preference
from proxy.edge.slips import Slip
from proxy.edge.webhooks import Letter
from proxy.edge.wire import respond
from proxy.explain import usd
from proxy.job import Job


async def accept(visit: Visit, accepts: Callable[[Ask, Accepted], Outgoing], ask: Ask, job: Job) -> int:
    """Answer as soon as the money is held; until then, a failure is answered like any other."""
    errand = Errand(visit.desk, job, visit.note)
    await errand.begun()
    id_, micros, notes = errand.terms()
    outgoing = accepts(ask, Accepted(request_id=id_, created=job.created // 1000, held=from_micros(micros)))
    await respond(visit.send, outgoing, headers.of_terms(visit, micros, notes))
    _go_on(visit, errand, outgoing.status, lambda: _call_back(visit, job))
    return outgoing.status


async def come_back(visit: Visit, wish: Preference, ask: Ask, job: Job, incoming: Incoming) -> int:
    """Answer 202, and go on; with the answer itself, where the caller would wait and it is there in time."""
    desk = visit.desk
    errand = Errand(desk, replace(job, keep=True), visit.note)
    await errand.begun(PATIENCE_S)
    if wish.wait is not None and await errand.over(wish.wait - visit.seconds()):
        return await deliver(visit, ask, job, *errand.answer())
    _, micros, notes = errand.terms()
    slip = _slip(visit, job, incoming)
    desk.slips.running.add(slip.id)
    try:
        await desk.slips.put(slip, incoming.body)
    except OSError:  # a full disk: nobody could come back with it
        desk.slips.running.discard(slip.id)
        logging.getLogger(__name__).exception("%s cannot be kept for later", visit.id)
        await errand.over(math.inf)
        return await deliver(visit, ask, job, *errand.answer())
    told = {**announced(slip), "estimated_cost_usd": usd(from_micros(micros))}
    outgoing = Outgoing(status=202, headers=accepted(slip, wish), body=(msgspec.json.encode(told),))
    await respond(visit.send, outgoing, headers.of_terms(visit, micros, notes))
    _go_on(visit, errand, outgoing.status, None)
    desk.background.start(_see_through(visit, slip, errand, job.request.prompt))
    return outgoing.status


async def _see_through(visit: Visit, slip: Slip, errand: Errand, prompt: str) -> None:
    try:
        await Pickup(visit.desk).end(slip, await ending(visit.desk, errand, prompt, visit.began))
    finally:  # broken off by the end of the server: the next one takes it up
        visit.desk.slips.running.discard(slip.id)


def _go_on(visit: Visit, errand: Errand, status: int, then: Callable[[], None] | None) -> None:
    """The caller is answered; what is left to do is done when the errand is over."""
    visit.goes_on = True

    def over(work: asyncio.Task[Outcome]) -> None:
        failure = None if work.cancelled() or work.exception() else work.result()
        if isinstance(failure, Failure):
            visit.told |= refusal(failure)
        if then is not None:
            then()
        visit.goes_on = False
        visit.end(status)

    errand.work.add_done_callback(over)


def _call_back(visit: Visit, job: Job) -> None:
    """A job of the dialect's own has ended: its words go to the address that wants to be told."""
    url, bearer = visit.webhook(job.key)
    if url is not None and visit.dialect.finished is not None:
        letter = Letter(request=visit.id, team=job.key.team, key=job.key.key, url=url, body=b"", bearer=bearer)
        charged = visit.told.get("charged", 0)
        told = call_back(visit.desk, visit.dialect, job.key, letter, charged, visit.begins())
        visit.desk.background.start(told)


def _slip(visit: Visit, job: Job, incoming: Incoming) -> Slip:
    url, bearer = visit.webhook(job.key)
    return Slip(
        id=job.id,
        team=job.key.team,
        key=job.key.key,
        dialect=visit.dialect.name,
        path=visit.route.path,
        kind=visit.headers.get("content-type", ""),
        query=incoming.query,
        model=job.request.model,
        created=job.created,
        begins=visit.begins(),
        webhook=url,
        bearer=bearer,
        owner=visit.desk.slips.owner,
    )
