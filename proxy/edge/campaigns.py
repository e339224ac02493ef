"""`POST /v1/darkroom/plan` and `/v1/darkroom/estimate`: what requests would do and cost. Nothing is spent or held.

Each different request is prepared as its own route would have it and planned once; between two of them the event loop
has its turn, so that a campaign of ten thousand keeps nobody waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pricing import from_micros, to_micros
from providers.contract import Code, Failure, Fault
from proxy.campaign import Asked, Estimate, Pace, effects, estimate, seconds
from proxy.dialects.contract import Dialect, Generating, Incoming, Outgoing
from proxy.edge.batch import Batch, Entry, read
from proxy.edge.desk import Desk
from proxy.edge.estimated import told as told_of
from proxy.edge.generating import Speaker
from proxy.edge.preparing import LARGE, Preparation
from proxy.explain import explain
from proxy.job import Job
from proxy.ledger.accounts import Key
from proxy.ledger.observed import Observed, observed
from proxy.policy import Plan
from proxy.transport import Lease

JSON = {"content-type": "application/json"}
MOST_PLANS = 100
"""Different requests that are told plan by plan in one answer."""
TURN_S = 0.005
"""After so long of planning, others have their turn."""
LONGEST_S = 60.0
"""What takes longer is refused: links of callers are slow."""
SEEN_MS = 30 * 86_400_000
"""How far back settlements tell what offers cost."""
FRESH_S = 30.0
"""For so long, what they told holds."""
DROPPED = frozenset({"content-length", "content-type", "idempotency-key", "x-stainless-retry-count"})
"""Headers of the question that are not those of the requests in it."""


class Made(Struct, frozen=True):
    """A request, and who would serve it."""

    job: Job
    plan: Plan
    ending: Plan | None
    writing: int
    """Micro-USD."""

    @property
    def failure(self) -> Failure | None:
        """Why nobody would."""
        return next((plan.failure() for plan in (self.plan, self.ending) if plan and not plan.choices), None)


Take = Callable[[Entry, Made | Failure], None]
"""What is done with each entry, once it is planned: no plan is kept longer than that."""


class Campaigns:
    """Answers what would be."""

    def __init__(self, desk: Desk, speakers: Mapping[str, Sequence[Speaker]]) -> None:
        """`speakers`: who shares each path that makes pictures, the one that takes the rest last."""
        self._desk = desk
        self._speakers = speakers
        self._turn = asyncio.Semaphore(1)
        self._seen: Mapping[str, Observed] = {}
        self._seen_at = -FRESH_S

    async def plan(self, key: Key, incoming: Incoming) -> Outgoing:
        """The plan of a request, or of each of several. Raises `Failure`."""
        batch = await _read(incoming.body)
        if len(batch.entries) > MOST_PLANS:
            detail = f"At most {MOST_PLANS} different requests are planned in one answer; estimate them instead."
            raise Failure(Fault.REJECTED, detail, code=Code.ABOVE_MAXIMUM, field="requests")
        budget = await self._desk.ledger.budget(key.team, key.key)
        plans: list[dict[str, Any]] = []

        def tell(entry: Entry, made: Made | Failure) -> None:
            if isinstance(made, Failure):
                plans.append({**_place(entry), **_refused(made)})
                return
            plan = explain(made.plan, made.job, budget, made.ending, writing=from_micros(made.writing))
            del plan["request_id"]  # there is none
            plans.append({**_place(entry), **plan} if batch.many else plan)

        await self._each(key, incoming, batch, tell)
        return _answered({"object": "list", "data": plans} if batch.many else plans[0])

    async def estimate(self, key: Key, incoming: Incoming) -> Outgoing:
        """What a request, or many, would cost and take. Raises `Failure`."""
        batch = await _read(incoming.body)
        seen = await self._observed()
        day = datetime.now(UTC).date()
        found = Estimate()
        refused: list[dict[str, Any]] = []

        def price(entry: Entry, made: Made | Failure) -> None:
            nonlocal found
            failure = made if isinstance(made, Failure) else made.failure
            if failure is None:
                assert isinstance(made, Made)
                asked = Asked(
                    plan=made.plan, images=made.job.request.n, day=day, ending=made.ending, writing=made.writing
                )
                found = found.plus(estimate(asked, seen), entry.times)
            elif batch.many:
                refused.append({**_place(entry), **_refused(failure)})
            else:
                raise failure

        await self._each(key, incoming, batch, price)
        pace = _pace(key, batch.at_once, self._desk.gateway.rooms())
        budget = await self._desk.ledger.budget(key.team, key.key)
        told = told_of(found, seen, pace, seconds(found, pace), effects(found, budget))
        return _answered({**told, "refused": refused})

    async def _each(self, key: Key, incoming: Incoming, batch: Batch, take: Take) -> None:
        """Every entry planned, one after another; a failure in the place of one that cannot be, if there are others."""
        entry = await self._desk.admission.enter(key, len(incoming.body))
        try:
            async with asyncio.timeout(LONGEST_S), self._turn:
                await self._all(key, incoming, batch, take)
        except TimeoutError as error:
            detail = f"This takes longer than {LONGEST_S:.0f} s: ask for less of it at a time."
            raise Failure(Fault.REJECTED, detail, code=Code.TOO_LARGE) from error
        finally:
            self._desk.admission.leave(entry)

    async def _all(self, key: Key, incoming: Incoming, batch: Batch, take: Take) -> None:
        headers = {name: said for name, said in incoming.headers.items() if name not in DROPPED}
        began = time.perf_counter()
        for entry in batch.entries:
            made: Made | Failure
            try:
                made = await self._one(key, headers, entry)
            except Failure as failure:
                if not batch.many:
                    raise
                made = failure
            take(entry, made)
            if time.perf_counter() - began > TURN_S:
                await asyncio.sleep(0)
                began = time.perf_counter()

    async def _one(self, key: Key, headers: Mapping[str, str], entry: Entry) -> Made:
        speakers = self._speakers.get(entry.route)
        if speakers is None:
            detail = f"'{entry.route[:100]}' is no route that makes pictures."
            raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="route")
        method = speakers[-1][1].method
        sent = {**headers, "content-type": entry.kind}
        dialect, route, incoming = self._spoken(
            key, speakers, Incoming(method=method, path=entry.route, headers=sent, body=entry.body)
        )
        lease = Lease(self._desk.room)
        try:
            _, job = await Preparation(self._desk, dialect, route, key, lease).job(entry.id, incoming)
            gateway = self._desk.gateway
            return Made(job, gateway.plan(job), gateway.finish(job), to_micros(gateway.writing(job)))
        finally:
            lease.release()

    def _spoken(
        self, key: Key, speakers: Sequence[Speaker], incoming: Incoming
    ) -> tuple[Dialect, Generating, Incoming]:
        """Whose words a request is in, of those who share its path."""
        own = [each for each in speakers if each[0].name == key.dialect] if len(speakers) > 1 else []
        shared = own or speakers
        dialect, route = next(
            (each for each in shared[:-1] if each[1].claims is not None and each[1].claims(incoming)), shared[-1]
        )
        options = self._desk.options.get(dialect.name, {})
        return dialect, route, replace(incoming, options=options)

    async def _observed(self) -> Mapping[str, Observed]:
        """What offers really cost, as it was known a moment ago."""
        if time.monotonic() - self._seen_at >= FRESH_S:
            since = self._desk.ledger.now() - SEEN_MS
            self._seen = await self._desk.ledger.read(lambda connection: observed(connection, since))
            self._seen_at = time.monotonic()
        return self._seen


def _pace(key: Key, at_once: int | None, rooms: Mapping[str, int]) -> Pace:
    """What the caller says, within what its key and team may; one after another where nobody says anything."""
    flying = [budget.amount for _, budget in key.limits if budget.what == "in_flight"]
    minute = [budget.amount for _, budget in key.limits if budget.what == "requests"]
    return Pace(
        at_once=max(1, min([*flying, at_once] if at_once else flying, default=1)),
        a_minute=min(minute, default=None),
        rooms=rooms,
    )


async def _read(body: bytes) -> Batch:
    """What a body asks for; a large one is read in a thread. Raises REJECTED."""
    return read(body) if len(body) < LARGE else await asyncio.to_thread(read, body)


def _place(entry: Entry) -> dict[str, int]:
    """Where an entry stands first, and for how many requests."""
    return {"first": entry.place, "requests": entry.times}


def _refused(failure: Failure) -> dict[str, Any]:
    return {"error": failure.detail, "code": str(failure.code or failure.fault), "param": failure.field}


def _answered(told: Any) -> Outgoing:
    return Outgoing(headers=JSON, body=(msgspec.json.encode(told),))
