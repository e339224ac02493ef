"""An answer event by event: unfinished pictures as they come, then the finished ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from providers.contract import Code, Failure, Fault, Image
from providers.contract.image import Buffer
from proxy.dialects.contract import Ask
from proxy.edge.answering import refusal, served
from proxy.edge.generating import headers
from proxy.edge.generating.delivering import remember
from proxy.edge.generating.visit import Visit
from proxy.edge.wire import begin, gone, put
from proxy.job import Job

ALIVE_S = 15.0
"""An event stream in which nothing happens says so this often."""


async def stream(visit: Visit, ask: Ask, job: Job, pause: float | None) -> int:
    """Stream it; what goes wrong before the first event is a plain answer. `pause`: seconds between signs of life."""
    streaming = visit.route.streaming
    if streaming is None:
        raise Failure(Fault.REJECTED, "This route does not stream.", code=Code.INVALID, field="stream")
    events: asyncio.Queue[Sequence[Buffer]] = asyncio.Queue()

    async def preview(image: Image, index: int) -> None:
        await events.put(streaming.preview(ask, image, index, job.created // 1000))

    work = asyncio.create_task(visit.desk.gateway.serve(replace(job, preview=preview)))
    began = await _until_done(visit, work, events, streaming.alive, pause or ALIVE_S)
    try:
        answer, joined = await work
    except Failure as failure:
        if not began:
            raise
        visit.told |= refusal(failure)
        await _push(visit, streaming.failed(failure), began)
        await put(visit.send, last=True)
        return 200
    visit.note(answer, joined)
    finished = streaming.finished(ask, served(answer, (), (), visit.seconds()))
    await _push(visit, finished, began, headers.of_answer(visit, answer))
    delivered = not gone(visit.receive)
    await put(visit.send, last=True)
    visit.told["delivered"] = delivered
    if not joined:
        await remember(visit, job, answer, delivered)
    return 200


async def _until_done(
    visit: Visit, work: asyncio.Task[Any], events: asyncio.Queue[Sequence[Buffer]], alive: Buffer, pause: float
) -> bool:
    """Send events as they come while the work goes on, `alive` where none does. Whether any was sent."""
    began = False
    while True:
        waiting = asyncio.create_task(events.get())
        await asyncio.wait({work, waiting}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        pieces: Sequence[Buffer] | None = waiting.result() if waiting.done() else None
        if pieces is None:
            waiting.cancel()
            if work.done():
                return began
            pieces = [alive]
        began = await _push(visit, pieces, began)


async def _push(visit: Visit, pieces: Sequence[Buffer], began: bool, extra: Mapping[str, str] | None = None) -> bool:
    """Send them, behind the headers where nothing has begun. Whether something has: it has now."""
    if not began:
        fixed = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        await begin(visit.send, 200, {**fixed, **(extra or headers.of_visit(visit))})
    for piece in pieces:
        await put(visit.send, piece)
    return True
