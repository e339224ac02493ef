"""The walk: once through, one direction. Read this file first.

A job comes from the edge parsed, checked and admitted. Every offer of its model is priced, the policy puts them in
order, and one after the other is tried: its money set aside, the vendor asked, what it did cost settled. Each step
returns the next value; nothing is sent before its hold is durable, nothing is answered before its settlement is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from pricing import from_micros
from providers.contract import Image, ImageRequest, Note, Upscale
from proxy.catalogue import SANDBOX, Catalogue, Listing
from proxy.health import Health
from proxy.job import FINISHER, Answer, Job
from proxy.ledger.orders import Held, Refused, Repeated
from proxy.policy import Plan, Rule, Wish, World
from proxy.policy import plan as make_plan
from proxy.purchase import Purchasing
from proxy.repeats import Repeats

UNKNOWN_SIDE = 1024
"""Pixels that a picture of no stated size is priced at where it is to be made larger."""


class Gateway:
    """Serves jobs."""

    def __init__(
        self,
        catalogue: Catalogue,
        rules: Sequence[tuple[str, Rule]],
        health: Health,
        purchasing: Purchasing,
        repeats: Repeats,
    ) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._health = health
        self._purchasing = purchasing
        self._repeats = repeats

    async def serve(self, job: Job) -> tuple[Answer, bool]:
        """Pictures for a job, and whether they were made for an earlier one it repeats. Raises `Failure`."""
        if job.retry or job.idempotency is not None:
            earlier = await self._repeats.join(job)
            if earlier is not None:
                return earlier, True
        with self._repeats.running(job) as run:
            made = await self._walk(job)  # `Repeated`: known from before a restart, or to another process
            answer = await self._repeats.recall(job, made) if isinstance(made, Repeated) else made
            run.done(answer)
            return answer, made is not answer

    def plan(self, job: Job) -> Plan:
        """Which offers would serve a job, in order, and why each other would not. Costs nothing. Raises `Failure`."""
        ending = self.finish(job)
        rest = job.max_cost
        if rest is not None:
            last = ending.choices[0].quote.usd * job.request.n if ending is not None and ending.choices else Decimal(0)
            rest = max(Decimal(0), rest - last - self.writing(job))
        return self._planned(job, job.request, rest)

    def writing(self, job: Job) -> Decimal:
        """The most that writing the prompt out can cost, in USD."""
        enhancer = self._purchasing.enhancer
        return from_micros(enhancer.quote(job.request.prompt)) if job.request.enhance else Decimal(0)

    def finish(self, job: Job) -> Plan | None:
        """Which offers would make one of its pictures larger afterwards, if that is asked for. Raises `Failure`."""
        if job.finish is None:
            return None
        request = job.request
        coming = Image.to_come(request.width or UNKNOWN_SIDE, request.height or UNKNOWN_SIDE)
        larger = Upscale(model=FINISHER, kind=job.finish, picture=coming, prompt=request.prompt, format=request.format)
        return self._planned(job, larger, job.max_cost)

    def _planned(self, job: Job, request: ImageRequest, ceiling: Decimal | None) -> Plan:
        listing = self._catalogue.serving(request.model, request.operation, job.providers)
        wish = Wish(
            request=request,
            any_area=listing.retired,
            strict=job.strict,
            ceiling=ceiling,
            providers=frozenset({SANDBOX}) if job.key.test else None,
            named=None if job.key.test else job.providers,
        )
        world = World(now=datetime.now(UTC), health=self._health.standings())
        offers = self._catalogue.offers(listing, test=job.key.test)
        return make_plan(self._rules, wish, offers, world)

    async def _walk(self, job: Job) -> Answer | Repeated:
        listing = self._catalogue.serving(job.request.model, job.request.operation, job.providers)
        made, ending = self.plan(job), self.finish(job)
        for plan in (made, ending):
            if plan is not None and not plan.choices:
                raise plan.failure()
        purchase = self._purchasing.begin(job, _notes(job, listing), ending.choices[0] if ending else None)
        refused: Refused | None = None
        for choice in made.choices:
            if not self._health.admit(choice.offer.name):
                continue  # another request has the one trial of its open breaker
            held = None
            try:
                held = await purchase.reserve(choice)
            finally:
                if not isinstance(held, Held):
                    self._health.forget_trial(choice.offer.name)
            if isinstance(held, Repeated):
                return held
            if isinstance(held, Refused):
                refused = held  # a cheaper one may still fit
                continue
            try:
                await purchase.attempt(choice, held)
            except Exception:  # a mistake of ours must not leave holds that nobody looks at
                await purchase.abandon()
                raise
            if purchase.over:
                break
        return await purchase.finish(refused)


def _notes(job: Job, listing: Listing) -> tuple[Note, ...]:
    if not listing.alias:
        return job.notes
    said = "is retired" if listing.retired else "is another name"
    return (*job.notes, Note("model", f"{listing.name} {said}: {listing.served_by} serves it", lossy=False))
