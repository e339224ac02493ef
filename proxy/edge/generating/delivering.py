"""From an answer to bytes, and to what is remembered of it."""

from __future__ import annotations

from msgspec.structs import replace

from providers.contract import Failure, Fault
from proxy.dialects.contract import Ask
from proxy.edge.answering import UNSTORED
from proxy.edge.generating import headers
from proxy.edge.generating.visit import Visit
from proxy.edge.rendering import rendered
from proxy.edge.wire import gone, respond
from proxy.job import Answer, Job


async def deliver(visit: Visit, ask: Ask, job: Job, answer: Answer, joined: bool) -> int:
    """Send the answer; one that cannot be received is kept for whoever asks again."""
    visit.note(answer, joined)
    if joined and not answer.prompt:  # no prompt is kept; the request that repeats another says the same
        answer = replace(answer, prompt=job.request.prompt)
    speaker = (visit.dialect, visit.route)
    try:
        outgoing = await rendered(visit.desk, speaker, ask, answer, visit.begins(), visit.seconds())
    except (OSError, ValueError) as error:  # a full disk: paid for all the same, and there for a retry
        if not joined:
            visit.desk.repeats.remember(job, answer)
        raise Failure(Fault.UNAVAILABLE, UNSTORED, retry_after=1.0) from error
    delivered = not gone(visit.receive)
    if delivered:
        delivered = await respond(visit.send, outgoing, headers.of_answer(visit, answer), visit.receive)
    visit.told["delivered"] = delivered
    if not joined:
        await remember(visit, job, answer, delivered)
    return outgoing.status


async def remember(visit: Visit, job: Job, answer: Answer, delivered: bool) -> None:
    """Remember the answer for a retry; one that nobody may have received is kept for longer."""
    if delivered:
        visit.desk.repeats.remember(job, answer)
    else:
        await visit.desk.repeats.keep(answer)
