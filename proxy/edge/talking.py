"""Holds the conversation of a `Talking` route: sees to what it wants, and tells it what came of that."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from pricing import Quote, from_micros
from providers.contract import Code, Failure, Fault, Format
from proxy.dialects import wants
from proxy.dialects.contract import Dialect, Outgoing, Talk
from proxy.edge.desk import Desk
from proxy.edge.erasing import erase
from proxy.edge.preparing import picture_id, picture_of, stored_of
from proxy.job import Job, Kept
from proxy.ledger.accounts import Key
from proxy.ledger.assets import AssetRow
from proxy.ledger.book import JobState
from proxy.policy import Candidate
from proxy.retouch import DamagedError, Retouched
from proxy.store import Stored
from proxy.transport import Lease

NOBODY = Key(key="", team="", name="", prefix="", test=False, created=0)
"""Whoever asks a public route."""


class Conversation:
    """One, with one caller."""

    def __init__(self, desk: Desk, dialect: Dialect, key: Key, begins: str) -> None:
        """`begins`: scheme and host of the links that are given out."""
        self._desk = desk
        self._dialect = dialect
        self._key = key
        self._begins = begins
        self._answers: Mapping[type, Callable[[Any], Awaitable[Any]]] = {
            wants.Cards: self._cards,
            wants.Money: self._money,
            wants.Price: self._price,
            wants.Look: self._look,
            wants.LookBack: self._look_back,
            wants.Erase: self._erase,
            wants.Offer: self._offer,
            wants.Fill: self._fill,
            wants.Keep: self._keep,
            wants.Find: self._find,
            wants.Drop: self._drop,
            wants.Retouch: self._retouch,
        }

    async def hold(self, talk: Talk) -> Outgoing:
        """To its end. A want that fails is raised inside the conversation, which may answer for itself."""
        try:
            want = next(talk)
            while True:
                try:
                    answer = await self._answers[type(want)](want)
                except Failure as failure:
                    want = talk.throw(failure)
                else:
                    want = talk.send(answer)
        except StopIteration as end:
            outgoing: Outgoing = end.value
            return outgoing

    async def _cards(self, _: wants.Cards) -> Any:
        return self._desk.cards(self._key, self._dialect.name)

    async def _money(self, _: wants.Money) -> wants.Purse:
        states = await self._desk.ledger.budget(self._key.team, self._key.key)
        budgets = [state for state in states if state.what == "usd"]
        if not budgets:
            return wants.Purse(team=self._key.team, left=None, settled=Decimal(0))
        least = min(budgets, key=lambda state: state.left)
        left, settled = from_micros(max(0, least.left)), from_micros(least.settled)
        return wants.Purse(team=self._key.team, left=left, settled=settled)

    # Prices.

    async def _price(self, want: wants.Price) -> wants.Estimate:
        job = Job(
            id="",
            key=self._key,
            dialect=self._dialect.name,
            request=want.request,
            print=b"",
            created=time.time_ns() // 1_000_000,
            lease=Lease(self._desk.room),
            finish=want.finish,
            providers=frozenset(want.providers) if want.providers else None,
        )
        plan, ending = self._desk.gateway.plan(job), self._desk.gateway.finish(job)
        more: Decimal | None = Decimal(0)
        why = None
        if ending is not None:
            more = ending.choices[0].quote.usd * want.request.n if ending.choices else None
            why = None if ending.choices else ending.failure().detail
        offers = [_estimated(choice.candidate, more, why) for choice in plan.choices]
        offers += [_estimated(out.candidate, more, out.drop.reason) for out in plan.out]
        return wants.Estimate(tuple(offers))

    # Requests from before.

    async def look(self, id_: str) -> wants.Known | None:
        """A request from before, by its id or the id of one of its pictures."""
        state = await self._mine(id_)
        return None if state is None else await self._known(state)

    async def _look(self, want: wants.Look) -> wants.Known | None:
        return await self.look(want.id)

    async def _look_back(self, want: wants.LookBack) -> list[wants.Known]:
        states = await self._desk.ledger.recalled(self._key.team, self._dialect.name, want.offset, want.limit)
        return [await self._known(state) for state in states]

    async def _erase(self, want: wants.Erase) -> bool:
        state = await self._mine(want.id)
        if state is None:
            return False
        return await erase(self._desk, self._key, state.job)

    async def _mine(self, id_: str) -> JobState | None:
        job = picture_of(id_)[0] if self._dialect.uuids else id_
        state = await self._desk.ledger.job(job)
        if state is None or state.team != self._key.team or state.dialect != self._dialect.name or state.recall is None:
            return None
        return state

    async def _known(self, state: JobState) -> wants.Known:
        pictures: list[wants.Pictured] = []
        if state.answer is not None:
            for place, kept in enumerate(msgspec.json.decode(state.answer, type=Kept).pictures, 1):
                link = self._desk.link(self._dialect, Stored(kept.sha256, kept.format), self._begins)
                id_ = picture_id(state.job, place) if self._dialect.uuids else f"{state.job}/{place}"
                pictures.append(wants.Pictured(id=id_, link=link, format=kept.format, seed=kept.seed))
        return wants.Known(
            id=state.job,
            model=state.model,
            state=cast(Literal["open", "done", "failed"], state.state),
            created=state.created,
            finished=state.finished,
            recall=state.recall or "",
            pictures=tuple(pictures),
        )

    # Assets.

    async def _offer(self, want: wants.Offer) -> wants.Slot:
        token = secrets.token_urlsafe(24)
        row = await asyncio.to_thread(self._desk.assets.open, self._key.team, want.kind, token, want.seconds)
        return wants.Slot(id=row.asset, token=token, origin=self._begins)

    async def _fill(self, want: wants.Fill) -> bool:
        if not await asyncio.to_thread(self._desk.assets.is_open, want.token):
            return False
        stored, size = await self._put(want.body)
        return await asyncio.to_thread(self._desk.assets.fill, want.token, stored.sha256, str(stored.format), size)

    async def _keep(self, want: wants.Keep) -> wants.Asset:
        row = replace(self._desk.assets.new(self._key.team, want.kind, want.name), facts=want.facts)
        if want.body is not None:
            stored, size = await self._put(want.body)
            row = replace(row, sha256=stored.sha256, format=str(stored.format), size=size)
        await asyncio.to_thread(self._desk.assets.keep, row)
        return self._asset(row)

    async def _find(self, want: wants.Find) -> wants.Asset | None:
        row = await asyncio.to_thread(self._desk.assets.find, self._key.team, want.kind, want.id)
        return None if row is None else self._asset(row)

    async def _drop(self, want: wants.Drop) -> bool:
        row = await asyncio.to_thread(self._desk.assets.find, self._key.team, want.kind, want.id)
        if row is None or not await asyncio.to_thread(self._desk.assets.drop, self._key.team, want.kind, want.id):
            return False
        if row.sha256 is not None and not await asyncio.to_thread(self._desk.assets.shown, row.sha256):
            await self._desk.kept.drop(stored_of(row))
        return True

    async def _put(self, body: bytes) -> tuple[Stored, int]:
        image = await self._desk.studio.inspect(body, "file")
        return await self._desk.kept.put(image), len(body)

    def _asset(self, row: AssetRow) -> wants.Asset:
        return wants.Asset(
            id=row.asset,
            kind=row.kind,
            created=row.created,
            facts=row.facts,
            link=self._desk.link(self._dialect, stored_of(row), self._begins) if row.sha256 else None,
            format=Format(row.format) if row.format else None,
            bytes=row.size,
        )

    # Work on pictures.

    async def _retouch(self, want: wants.Retouch) -> Retouched:
        try:
            return await self._desk.studio.retouch(want.body, want.encoding, want.shape)
        except DamagedError as error:
            detail = f"Invalid image in '{want.field}': {error}."
            raise Failure(Fault.REJECTED, detail, code=Code.NOT_AN_IMAGE, field=want.field) from error


def _estimated(candidate: Candidate, more: Decimal | None, out: str | None) -> wants.Estimated:
    """`more`: what comes on top, None where nobody knows: then the whole has no price."""
    priced = candidate.quote.usd if isinstance(candidate.quote, Quote) else None
    return wants.Estimated(
        provider=candidate.offer.provider,
        model=candidate.offer.model.name,
        usd=None if priced is None or more is None else priced + more,
        out=out,
    )
