"""A request whose caller is answered before its pictures are there: what goes on, and what is told at its end."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Code, Failure, Fault, Note
from proxy.dialects.contract import Dialect, Ended
from proxy.edge.answering import BROKEN, UNSTORED
from proxy.edge.desk import Desk
from proxy.edge.slips import Ending, Lost
from proxy.edge.talking import Conversation
from proxy.edge.webhooks import Letter
from proxy.job import Answer, Job, pack
from proxy.ledger.accounts import Key

PATIENCE_S = 2.0
"""Most that an early answer waits for the money to be held: longer, and it waits for a request that it repeats."""

Outcome = tuple[Answer, bool] | Failure
"""Pictures, and whether they were made for an earlier request; or why there are none."""


class Errand:
    """A job that goes on by itself."""

    def __init__(self, desk: Desk, job: Job, note: Callable[[Answer, bool], None]) -> None:
        """Begins it. `note` hears of its answer as soon as there is one."""
        self._desk = desk
        self.job = job
        self._note = note
        self._held: asyncio.Future[tuple[int, tuple[Note, ...]]] = asyncio.get_running_loop().create_future()
        self.work: asyncio.Task[Outcome] = desk.background.start(self._run())

    async def begun(self, patience_s: float | None = None) -> None:
        """Wait until the money is held, or until it is over; or for so long."""
        either: set[asyncio.Future[Any]] = {self.work, self._held}
        await asyncio.wait(either, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)

    async def over(self, within_s: float) -> bool:
        """Whether it ends within so many seconds."""
        await asyncio.wait({self.work}, timeout=None if within_s == math.inf else max(0.0, within_s))
        return self.work.done()

    def answer(self) -> tuple[Answer, bool]:
        """What it came to, where it is over. Raises `Failure`."""
        outcome = self.work.result()
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    def terms(self) -> tuple[str, int, tuple[Note, ...]]:
        """Whose answer it will be, what is held for it in micro-USD, and what will be done otherwise than asked.

        Raises `Failure` where it is over, and nothing was ever held.
        """
        if self._held.done():
            return (self.job.id, *self._held.result())
        if not self.work.done():
            return self.job.id, 0, ()
        answer, _ = self.answer()  # an earlier request's
        return answer.job, answer.quoted, answer.notes

    async def _run(self) -> Outcome:
        try:
            answer, joined = await self._desk.gateway.serve(replace(self.job, held=self._hear))
        except Failure as failure:
            return failure
        self._note(answer, joined)
        if not answer.stored:  # the disk was full when it was to be stored: whoever asks for it may have better luck
            self._desk.repeats.remember(self.job, answer)
        return answer, joined

    def _hear(self, micros: int, notes: tuple[Note, ...]) -> None:
        if not self._held.done():
            self._held.set_result((micros, notes))


async def ending(desk: Desk, errand: Errand, prompt: str, began: float) -> Ending:
    """How an errand ends, once it has. `prompt` is what was asked; `began` as `time.perf_counter` has it."""
    answer: Answer | None = None
    lost: Failure | None = None
    try:
        outcome = await asyncio.shield(errand.work)
        if isinstance(outcome, Failure):
            lost = outcome
        else:
            answer = outcome[0]
            await desk.repeats.keep(answer)  # in memory only, where it was delivered to the one that is repeated
    except (OSError, ValueError):
        logging.getLogger(__name__).exception("the pictures of %s cannot be kept", errand.job.id)
        lost = Failure(Fault.UNAVAILABLE, UNSTORED, retry_after=1.0)
    except Failure as failure:  # the ledger could not write where they lie
        lost = failure
    except Exception:  # a mistake of ours: whoever asks is to hear of an end all the same
        if answer is not None:  # a mistake in the work itself is in the log already
            logging.getLogger(__name__).exception("the pictures of %s cannot be kept", errand.job.id)
        lost = Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL)
    return Ending(
        job=answer.job if answer is not None else "",
        prompt=(answer.prompt or prompt) if answer is not None else "",
        missing=answer.missing if answer is not None else 0,
        seconds=time.perf_counter() - began,
        finished=desk.ledger.now(),
        kept=pack(answer) if answer is not None and answer.stored else None,
        lost=None if lost is None else Lost.of(lost),
    )


async def call_back(desk: Desk, dialect: Dialect, key: Key, letter: Letter, charged: int, begins: str) -> None:
    """Send what a dialect tells of its own jobs when one has ended, if anything. `charged` in micro-USD."""
    known = await Conversation(desk, dialect, key, begins).look(letter.request)
    if known is None or dialect.finished is None:
        return
    options = desk.options.get(dialect.name, {})
    told = dialect.finished(known, Ended(team=key.team, charged=from_micros(charged), options=options))
    if told is not None:
        await desk.webhooks.send(replace(letter, body=msgspec.json.encode(told)))
