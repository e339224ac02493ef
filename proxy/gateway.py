"""The walk: once through, one direction. Read this file first.

A job comes from the edge parsed, checked and admitted. Every offer of its model is priced, the policy puts them in
order, and one after the other is tried: its money set aside, the vendor asked, what it did cost settled. Each step
returns the next value; nothing is sent before its hold is durable, nothing is answered before its settlement is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from pricing import from_micros
from providers.contract import Image, ImageRequest, Note, Upscale
from proxy.catalogue import SANDBOX, Catalogue, Listing
from proxy.health import Health
from proxy.job import FINISHER, Answer, Job, Most
from proxy.learned import Learned
from proxy.ledger.orders import Held, Refused, Repeated
from proxy.planned import keep
from proxy.policies import Decision, Policies, within
from proxy.policy import Plan, Wish, World
from proxy.policy import plan as make_plan
from proxy.purchase import Purchasing
from proxy.repeats import Repeats
from proxy.shadow import Shadow
from proxy.twins import Twins, may_share

UNKNOWN_SIDE = 1024
"""Pixels that a picture of no stated size is priced at where it is to be made larger."""


class Gateway:
    """Serves jobs."""

    def __init__(
        self,
        catalogue: Catalogue,
        policies: Policies,
        health: Health,
        purchasing: Purchasing,
        repeats: Repeats,
        twins: Twins,
        shadow: Shadow,
        learned: Learned,
    ) -> None:
        self._catalogue = catalogue
        self._policies = policies
        self._health = health
        self._purchasing = purchasing
        self._repeats = repeats
        self._twins = twins
        self._shadow = shadow
        self._learned = learned

    async def serve(self, job: Job) -> tuple[Answer, bool]:
        """Pictures for a job, and whether they were made for an earlier one it repeats. Raises `Failure`."""
        if job.retry or job.idempotency is not None:
            earlier = await self._repeats.join(job)
            if earlier is not None:
                return earlier, True
        with self._repeats.running(job) as run:
            alone = job.wanted
            job = replace(job, wanted=lambda: run.joined or alone())
            made = await self._made(job)  # `Repeated`: known from before a restart, or to another process
            answer = await self._repeats.recall(job, made) if isinstance(made, Repeated) else made
            run.done(answer)
            return answer, made is not answer

    async def _made(self, job: Job) -> Answer | Repeated:
        if not may_share(job):
            return await self._walk(job)
        listing, _ = self._listing(job, job.request)
        model = listing.name if listing.retired else listing.served_by  # in a retired name's place, sizes may be others
        return await self._twins.serve(job, model, _notes(job, listing), self._walk)

    def plan(self, job: Job, under: str | None = None) -> Plan:
        """Which offers would serve a job, in order, and why each other would not. Costs nothing. Raises `Failure`.

        `under`: a policy to decide instead of the one that does.
        """
        listing, decision = self._listing(job, job.request)
        if under is not None:
            decision = replace(decision, policy=under, rules=self._policies.rules(under))
        return self._planned(job, job.request, self._rest(job, self.finish(job)), listing, decision)

    def writing(self, job: Job) -> Decimal:
        """The most that writing the prompt out can cost, in USD."""
        enhancer = self._purchasing.enhancer
        return from_micros(enhancer.quote(job.request.prompt)) if job.request.enhance else Decimal(0)

    def rooms(self) -> Mapping[str, int]:
        """By offer, how many calls it takes at once, where that is known."""
        return {offer: known.room for offer, known in self._health.standings().items() if known.room}

    def finish(self, job: Job) -> Plan | None:
        """Which offers would make one of its pictures larger afterwards, if that is asked for. Raises `Failure`."""
        if job.finish is None:
            return None
        request = job.request
        coming = Image.to_come(request.width or UNKNOWN_SIDE, request.height or UNKNOWN_SIDE)
        larger = Upscale(model=FINISHER, kind=job.finish, picture=coming, prompt=request.prompt, format=request.format)
        return self._planned(job, larger, Most(job.max_cost, job.key.may.most_usd), *self._listing(job, larger))

    def _rest(self, job: Job, ending: Plan | None) -> Most:
        """The most its pictures may cost, beside making them larger and writing the prompt out."""
        each = job.key.may.most_usd
        if job.max_cost is None and each is None:
            return Most()
        last = ending.choices[0].quote.usd * job.request.n if ending is not None and ending.choices else Decimal(0)
        return Most(job.max_cost, None if each is None else each * job.request.n).less(last + self.writing(job))

    def _planned(self, job: Job, request: ImageRequest, most: Most, listing: Listing, decision: Decision) -> Plan:
        test = job.key.test
        wish = Wish(
            request=request,
            any_area=listing.retired,
            strict=job.strict,
            ceiling=most.willing,
            cap=most.may,
            providers=frozenset({SANDBOX}) if test else None,
            named=None if test else job.providers,
            id=job.id,
            max_seconds=job.max_seconds,
            regions=within(job.regions, decision.regions),
            pin=decision.pin,
            bans=decision.bans,
            policy=decision.policy,
        )
        offers = self._catalogue.offers(listing, test=test)
        world = World(now=datetime.now(UTC), health=self._health.standings(), local=self._learned.local(offers))
        return make_plan(decision.rules, wish, offers, world)

    def _listing(self, job: Job, request: ImageRequest) -> tuple[Listing, Decision]:
        """What the model asked for stands for, and who decides about it. Raises REJECTED."""
        pin = self._policies.pin(job.key, request.model)
        today = datetime.now(UTC).date()
        listing = self._catalogue.serving(request.model, request.operation, job.providers, pin=pin, day=today)
        return listing, self._policies.decide(job.key, request.model, asked=job.policy, of_class=listing.policy)

    async def _walk(self, job: Job) -> Answer | Repeated:
        listing, decision = self._listing(job, job.request)
        ending = self.finish(job)
        made = self._planned(job, job.request, self._rest(job, ending), listing, decision)
        for plan in (made, ending):
            if plan is not None and not plan.choices:
                raise plan.failure()
        last = ending.choices[0] if ending else None
        grounds = keep(made, ending, self.writing(job))
        if decision.regions is not None:
            job = replace(job, regions=within(job.regions, decision.regions))
        purchase = self._purchasing.begin(job, _notes(job, listing), last, grounds)
        refused: Refused | None = None
        for place, choice in enumerate(made.choices, 1):
            if not purchase.wants(choice):
                continue  # it was asked beside another, or is too dear after what others took
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
                await purchase.attempt(choice, held, made.choices[place:])
            except Exception:  # a mistake of ours must not leave holds that nobody looks at
                await purchase.abandon()
                raise
            if purchase.over:
                break
        answer = await purchase.finish(refused)
        self._shadow.watch(job, self.plan)
        return answer


def _notes(job: Job, listing: Listing) -> tuple[Note, ...]:
    if listing.said is None:
        return job.notes
    return (*job.notes, Note("model", listing.said, lossy=False))
