"""Coming back for an answer: what a slip stands for by now, and whom to tell when it has come to its end.

What was asked is read again by the route that read it first, and the answer is written by it as it would have been
then: on this server or on another one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from pricing import from_micros
from providers.contract import Failure, Fault
from proxy.dialects.contract import Accepted, Ask, Dialect, Generating, Incoming, Outgoing
from proxy.edge.desk import Desk
from proxy.edge.preference import Preference
from proxy.edge.preparing import LARGE
from proxy.edge.rendering import linked, rendered
from proxy.edge.slips import Ending, Lost, Slip
from proxy.edge.webhooks import Letter, message
from proxy.job import Answer
from proxy.ledger import owners
from proxy.ledger.book import JobState

AGAIN_S = 2
"""What a caller is told to wait before it asks again."""
LOOK_S = (1.0, 30.0)
"""Between two looks at what another server left: at first, and at most."""
LIVING_S = 5.0
"""Between two looks at which servers there are."""
LOST = Lost(
    fault=Fault.UNAVAILABLE,
    detail="The server was restarted while this request was under way, and it came to nothing.",
    retry_after=1.0,
)


class Pickup:
    """Knows what became of what was to be asked for later."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def told(self, slip: Slip, begins: str, *, whole: bool = True) -> dict[str, Any]:
        """A request by its slip: its state, links to its pictures, and the answer itself if the `whole` is wanted.

        `begins`: scheme and host of links.
        """
        if slip.id in self._desk.slips.running:
            return announced(slip)
        ending = await self._desk.slips.ending(slip)
        if ending is None and slip.owner != self._desk.slips.owner and slip.owner in await self._living():
            return announced(slip)  # its work goes on elsewhere: it has not ended, whatever the ledger says already
        job = await self._desk.ledger.job(ending.job if ending is not None and ending.job else slip.id)
        answer = await self._desk.repeats.answer_of(job or _of(slip, ending))
        state, lost = self._state(ending, job, answer)
        ended = ending.finished if ending is not None else job.finished if job is not None else None
        told = announced(slip) | {"state": state, "finished": ended // 1000 if ended and state != "open" else None}
        if lost is not None:
            told["error"] = {"type": lost.fault, "code": lost.code, "message": lost.detail}
        if answer is not None:
            links = await linked(self._desk, self._speaker(slip)[0], answer, begins)
            told["images"] = [{"url": link} for link in links]
        if whole and state != "open":
            outgoing = await self._answer(slip, ending, answer, lost, begins)
            if outgoing is not None:
                told |= {"status": outgoing.status, "answer": msgspec.Raw(b"".join(outgoing.body))}
        return told

    async def end(self, slip: Slip, ending: Ending) -> None:
        """Note how a request ended, and tell whoever wanted to be told."""
        first = True
        try:
            first = await self._desk.slips.end(slip, ending)
        except OSError:  # the ledger knows the most of it
            logging.getLogger(__name__).exception("the end of %s cannot be kept", slip.id)
        self._desk.slips.running.discard(slip.id)
        if slip.webhook is None or not first:
            return
        try:
            told = await self.told(slip, slip.begins, whole=False)
        except OSError:  # whoever is told may ask for the rest later
            logging.getLogger(__name__).exception("what became of %s cannot be told whole", slip.id)
            told = announced(slip) | {"state": "done" if ending.lost is None else "failed"}
        kind = f"request.{told['state']}"
        body = message(kind, self._desk.ledger.now(), told)
        letter = Letter(request=slip.id, team=slip.team, key=slip.key, url=slip.webhook, body=body, bearer=slip.bearer)
        await self._desk.webhooks.send(letter)

    async def take_up(self) -> None:
        """See, for as long as the server runs, to what others that are gone took and did not end, and to their letters.

        Recovery does their work, this tells of it. At first that is what an earlier process left in this one's place.
        """
        known: frozenset[str] | None = None
        left: list[Slip] = []
        pause, most = LOOK_S
        while True:
            try:
                living = await self._living()
                if known is None or known - living:
                    await self._desk.webhooks.take_over(living)
                    left, pause = await self._desk.slips.unended(living), LOOK_S[0]
                known = living
            except (Failure, OSError, SQLAlchemyError):  # a look that fails must not be the last one
                logging.getLogger(__name__).exception("what other servers left could not be looked at")
            left = [slip for slip in left if not await self._has_ended(slip)]
            await asyncio.sleep(min(pause, LIVING_S) if left else LIVING_S)
            pause = min(pause * 1.5, most)

    async def _living(self) -> frozenset[str]:
        """The servers that are at work, or that nobody has taken over from yet."""
        return frozenset(owner.owner for owner in await self._desk.ledger.read(owners.listed))

    async def _has_ended(self, slip: Slip) -> bool:
        try:
            return await self._ended_meanwhile(slip)
        except (Failure, OSError, SQLAlchemyError):  # a look that fails must not be the last one
            logging.getLogger(__name__).exception("what became of %s could not be told", slip.id)
            return False

    async def _ended_meanwhile(self, slip: Slip) -> bool:
        if slip.id in self._desk.slips.running:  # of this process, taken since
            return True
        job = await self._desk.ledger.job(slip.id)
        if job is not None and job.state == "open":
            return False
        seconds = ((job.finished or slip.created) - slip.created) / 1000 if job is not None else 0.0
        done = job is not None and job.state == "done"
        at = job.finished if job is not None else None
        ended = Ending(
            job=slip.id, seconds=seconds, finished=at or self._desk.ledger.now(), lost=None if done else LOST
        )
        await self.end(slip, ended)
        return True

    def _state(self, ending: Ending | None, job: JobState | None, answer: Answer | None) -> tuple[str, Lost | None]:
        """Its state, and why it failed. Pictures count, whatever was noted: they may have come after all."""
        if answer is not None:
            return "done", None
        if ending is not None and ending.lost is not None:
            return "failed", ending.lost
        if job is None or job.state == "failed":
            return ("done", None) if ending is not None and ending.kept is not None else ("failed", LOST)
        return job.state, None

    async def _answer(
        self, slip: Slip, ending: Ending | None, answer: Answer | None, lost: Lost | None, begins: str
    ) -> Outgoing | None:
        """What its dialect would have answered; None where its pictures are no longer kept."""
        dialect, route = self._speaker(slip)
        if lost is not None:
            return dialect.render_error(lost.failure())
        ask = await self._asked(slip, dialect, route)
        if ask is None or answer is None:
            return None
        if route.accept is not None:
            held = from_micros(answer.quoted)
            return route.accept(ask, Accepted(request_id=answer.job, created=answer.created, held=held))
        if ending is not None:
            answer = msgspec.structs.replace(answer, prompt=ending.prompt, missing=ending.missing)
        return await rendered(
            self._desk, (dialect, route), ask, answer, begins, ending.seconds if ending is not None else 0.0
        )

    async def _asked(self, slip: Slip, dialect: Dialect, route: Generating) -> Ask | None:
        body = await self._desk.slips.body(slip)
        if body is None:
            return None
        incoming = Incoming(
            method=route.method,
            path=route.path,
            headers={"content-type": slip.kind},
            query=slip.query,
            body=body,
            options=self._desk.options.get(dialect.name, {}),
        )
        try:
            return route.parse(incoming) if len(body) < LARGE else await asyncio.to_thread(route.parse, incoming)
        except Failure:  # understood by the version that took it
            logging.getLogger(__name__).exception("%s is not understood any more", slip.id)
            return None

    def _speaker(self, slip: Slip) -> tuple[Dialect, Generating]:
        dialect = self._desk.dialects[slip.dialect]
        return dialect, next(
            route for route in dialect.routes if isinstance(route, Generating) and route.path == slip.path
        )


def _of(slip: Slip, ending: Ending | None) -> JobState:
    """A request that is no job of the ledger's: it was given what another one had made."""
    return JobState(
        job=slip.id,
        team=slip.team,
        key=slip.key,
        dialect=slip.dialect,
        model=slip.model,
        state="done" if ending is not None and ending.kept is not None else "failed",
        created=slip.created,
        finished=None,
        print=b"",
        answer=ending.kept if ending is not None else None,
    )


def location(id_: str) -> str:
    """Where to ask for a request."""
    return f"/v1/darkroom/requests/{id_}"


def again(id_: str) -> dict[str, str]:
    """Headers of whatever says that there is nothing yet."""
    return {"location": location(id_), "retry-after": str(AGAIN_S)}


def accepted(slip: Slip, wish: Preference) -> dict[str, str]:
    """Headers of the early answer."""
    return {"content-type": "application/json", **again(slip.id), "preference-applied": wish.applied}


def announced(slip: Slip) -> dict[str, Any]:
    """A request that was taken, as its caller is told at once."""
    return {
        "id": slip.id,
        "object": "darkroom.request",
        "model": slip.model,
        "state": "open",
        "created": slip.created // 1000,
        "finished": None,
        "images": None,
        "location": location(slip.id),
    }
