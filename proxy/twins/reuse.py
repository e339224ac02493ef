"""Serving the same picture again: from one that is being bought at this moment, or from one that is kept.

The first pays, at its price, and whoever gets its picture again pays nothing: no money is held, and none is owed where
the first turns out dearer. Each is a job of its own in the ledger all the same, without a hold, so that its idempotency
key, its links and its id are worth what any other's are. Nothing is shared between teams.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault, Note
from proxy.config import CacheRow, ReuseRow
from proxy.events import Reused, Tell
from proxy.finishing import as_asked
from proxy.job import Answer, Job, pack
from proxy.ledger.book import JobState, Ledger
from proxy.ledger.orders import Close, JobRecord, Repeated, Reserve
from proxy.pictures import Studio
from proxy.repeats import Repeats
from proxy.store import Pictures, Stored
from proxy.transport import Wanted
from proxy.twins.likeness import Likeness, likeness
from proxy.twins.turns import Turns

LARGE = 262_144
"""Pictures sent along are hashed in a thread from so many bytes on."""
ONCE = frozenset({"n", "upscale", "store"})
"""Notes of something that went wrong with this one picture, and need not with the next."""

Buy = Callable[[Job], Awaitable[Answer | Repeated]]


class Asked(Struct, frozen=True, kw_only=True):
    """What becomes of a job that may be served with a picture of another."""

    job: Job
    notes: tuple[Note, ...]
    """What is to be said of it before anything is drawn."""
    like: Likeness
    """Pictures that would do."""
    age_s: int | None
    """How old a kept one may be; None where this team is given none."""

    def takes(self, found: Answer, print_: bytes | None) -> bool:
        """Whether an answer with a fingerprint that would do turned out as it has to."""
        request = self.job.request
        if len(found.pictures) != request.n:
            return False
        if print_ not in self.like.sized:
            return True
        sizes = {(picture.image.width, picture.image.height) for picture in found.pictures}
        untouched = all(note.field != "size" for note in found.notes[found.asked or 0 :])
        return untouched and sizes == {(request.width, request.height)}


class Twins:
    """Buys every picture once."""

    def __init__(
        self, ledger: Ledger, store: Pictures, studio: Studio, repeats: Repeats, row: CacheRow, tell: Tell
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._studio = studio
        self._repeats = repeats
        self._row = row
        self._tell = tell
        self._turns = Turns()

    def adopt(self, row: CacheRow) -> None:
        """Give pictures again by another row from now on."""
        self._row = row

    async def serve(self, job: Job, model: str, notes: tuple[Note, ...], buy: Buy) -> Answer | Repeated:
        """The answer for a job that `model` serves, bought where it has to be. Raises what buying it raises.

        `notes` is what is said of it before anything is drawn. Raises REJECTED where the job is not to be bought, and
        there is no picture for it.
        """
        age_s = _age_s(self._row, job.key.team)
        if age_s is None and not seeded(job):
            if job.cache == "only-if-cached":
                return await self._without(job)
            return await buy(replace(job, notes=(*job.notes, FORBIDDEN)))
        asked = Asked(job=job, notes=notes, like=await _likeness(job, model), age_s=age_s)
        own = asked.like.own
        while (running := self._turns.running(asked.like.every)) is not None:
            found = await self._turns.wait(running, heir=running == own)
            if found is not None and asked.takes(found, running):
                return await self._give(asked, found, "hit" if found.how == "hit" else "joined")
            if running == own:  # its turn has come
                break
        else:
            self._turns.begin(own)
        return await self._lead(asked, buy)

    async def _lead(self, asked: Asked, buy: Buy) -> Answer | Repeated:
        """Look for a kept picture, or buy one; whoever waits for it learns how that ended."""
        answer: Answer | Repeated | None = None
        try:
            answer = await self._kept(asked)
            if answer is None and asked.job.cache == "only-if-cached":
                answer = await self._without(asked.job)
            elif answer is None:
                keep = asked.job.keep or asked.age_s is not None
                answer = await buy(replace(asked.job, twin=asked.like.own, keep=keep, wanted=self._wanted(asked)))
                if isinstance(answer, Answer):
                    answer = replace(answer, how="miss")
            return answer
        finally:
            self._turns.end(asked.like.own, answer if isinstance(answer, Answer) and whole(answer) else None)

    def _wanted(self, asked: Asked) -> Wanted:
        """Whether the one who buys it still waits, or anybody else does."""
        return lambda: asked.job.wanted() or self._turns.awaited(asked.like.own)

    async def _kept(self, asked: Asked) -> Answer | Repeated | None:
        """The answer with the kept picture that would do best, given to this job; of several the youngest."""
        if asked.age_s is None:
            return None
        since = self._ledger.now() - asked.age_s * 1000
        every = asked.like.every
        known = await self._ledger.twins(asked.job.key.team, every, since)
        for state in sorted(known, key=lambda state: every.index(state.twin or asked.like.own)):
            found = await self._found(state)
            if found is not None and whole(found) and asked.takes(found, state.twin):
                return await self._give(asked, found, "hit")
        return None

    async def _found(self, state: JobState) -> Answer | None:
        try:
            return await self._repeats.answer_of(state)
        except OSError:  # of no use to this one, which can be bought
            logging.getLogger(__name__).exception("the pictures of %s cannot be read", state.job)
            return None

    async def _give(self, asked: Asked, found: Answer, how: Literal["hit", "joined"]) -> Answer | Repeated:
        """Another's pictures as the answer to this job, which is written down and costs nothing."""
        job = asked.job
        reserved = await self._ledger.reserve(Reserve(job=_record(job, self._ledger.owner), orders=()))
        if isinstance(reserved, Repeated):
            return reserved
        try:
            answer = await self._made_out(asked, found, how)
        except BaseException:  # broken off: nobody is to find it open
            await self._ledger.close(Close(outcomes=(), job=job.id, state="failed"))
            raise
        job.held(0, answer.notes)
        kept = pack(answer) if answer.stored else None
        await self._ledger.close(Close(outcomes=(), job=job.id, state="done", answer=kept))
        self._tell(
            Reused(
                request=job.id,
                team=job.key.team,
                key=job.key.key,
                how=how,
                original=answer.repeats or "",
                offer=answer.offer,
                images=len(answer.pictures),
                micros=answer.saved,
            )
        )
        return answer

    async def _made_out(self, asked: Asked, found: Answer, how: Literal["hit", "joined"]) -> Answer:
        job, notes, pictures = asked.job, list(asked.notes), []
        made = found.notes[found.asked or 0 :]  # what a hedge may cost is owed by the request it was made for
        notes += [note for note in made if note.field != "hedge"]
        for picture in found.pictures:
            image, said = await as_asked(self._studio, picture.image, job.request, exact=False)
            notes += said
            pictures.append(picture if image is picture.image else replace(picture, image=image))
        stored: tuple[Stored, ...] = ()
        if job.keep:
            try:
                stored = tuple([await self._store.put(picture.image, job.id) for picture in pictures])
            except (OSError, ValueError) as error:
                notes.append(Note("store", f"the pictures could not be stored ({type(error).__name__})"))
        return replace(
            found,
            job=job.id,
            model=job.request.model,
            pictures=tuple(pictures),
            prompt=found.prompt or job.request.prompt,
            stored=stored,
            notes=tuple(dict.fromkeys(notes)),
            asked=len(dict.fromkeys(asked.notes)),
            repeats=found.repeats or found.job,
            how=how,
            hedges=(),
            saved=found.saved if found.repeats else found.charged,
            quoted=0,
            charged=0,
            attempts=0,
        )

    async def _without(self, job: Job) -> Repeated:
        """What becomes of a job that is not to be bought: the answer of its idempotency key, or none.

        Raises REJECTED.
        """
        if job.idempotency is not None:
            reserved = await self._ledger.reserve(Reserve(job=_record(job, self._ledger.owner), orders=()))
            if isinstance(reserved, Repeated):
                return reserved
            await self._ledger.close(Close(outcomes=(), job=job.id, state="failed"))  # the key is free again
        detail = "No picture is kept for this request, and X-Darkroom-Cache: only-if-cached forbids to have it made."
        raise Failure(Fault.REJECTED, detail, code=Code.NOT_CACHED, field="cache")


FORBIDDEN = Note("cache", "this team is not given kept pictures; it was made anew", lossy=False)


def may_share(job: Job) -> bool:
    """Whether a job's picture may be another's: without a seed no two are the same, unless its caller says so."""
    return job.cache != "off" and (seeded(job) or job.cache is not None)


def seeded(job: Job) -> bool:
    """Whether a job says which picture of all it might be; many read a seed below zero as any at all."""
    return job.request.seed is not None and job.request.seed >= 0


def whole(answer: Answer) -> bool:
    """Whether an answer is all that was asked for, so that it may be another's as well."""
    if answer.missing or answer.asked is None:  # fewer pictures, or taken up after a crash and not finished as asked
        return False
    return not any(note.field in ONCE for note in answer.notes[answer.asked :])


def _age_s(row: CacheRow, team: str) -> int | None:
    found = row.teams.get(team, row.default)
    return found.age_s if isinstance(found, ReuseRow) else None


async def _likeness(job: Job, model: str) -> Likeness:
    if sum(image.weight for image in job.request.images) < LARGE:
        return likeness(job, model)
    return await asyncio.to_thread(likeness, job, model)


def _record(job: Job, owner: str) -> JobRecord:
    """Its row in the ledger: without a twin, so that what is given again is as old as what was bought."""
    return JobRecord(
        job=job.id,
        team=job.key.team,
        key=job.key.key,
        dialect=job.dialect,
        model=job.request.model,
        facts=msgspec.json.encode(job.request.billable()).decode(),
        print=job.print,
        idempotency=job.idempotency,
        recall=job.recall,
        owner=owner,
        org=job.key.org,
        user=job.user,
    )
