"""From a request's bytes to a job: parsed in its dialect, its pictures fetched and looked at, its headers read."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast, get_args
from uuid import UUID

from msgspec.structs import replace

from providers.contract import Code, Edit, Failure, Fault, Format, Image, ImageRequest, Moderation, Note
from proxy.dialects.contract import Ask, Dialect, Generating, Incoming, Source
from proxy.edge.desk import Desk
from proxy.edge.permission import check_dialect, check_request
from proxy.edge.terms import end_user, terms
from proxy.enhance import Words
from proxy.job import Cache, Job
from proxy.ledger.accounts import Key
from proxy.ledger.assets import AssetRow
from proxy.pictures import check_mask
from proxy.store import Stored
from proxy.transport import Lease, LinkError
from proxy.written import amount_in

LARGE = 262_144
"""A body from this size on is parsed and hashed in a thread."""
FOLLOW_S = 60.0
"""Seconds a caller's link may take."""


class Preparation:
    """Prepares one job."""

    def __init__(self, desk: Desk, dialect: Dialect, route: Generating, key: Key, lease: Lease) -> None:
        self._desk = desk
        self._dialect = dialect
        self._route = route
        self._key = key
        self._lease = lease

    async def job(self, id_: str, incoming: Incoming) -> tuple[Ask, Job]:
        """What is asked, and the job it makes. Raises REJECTED in the caller's own words."""
        check_dialect(self._key, self._dialect.name)
        if len(incoming.body) < LARGE:
            ask, print_ = self._route.parse(incoming), fingerprint(self._key, incoming)
        else:
            ask, print_ = await asyncio.to_thread(
                lambda: (self._route.parse(incoming), fingerprint(self._key, incoming))
            )
        request = await self._request(ask)
        headers = incoming.headers
        idempotency = headers.get("idempotency-key") or None
        route = terms(headers, self._desk.catalogue.lines, ask.providers)
        self._desk.policies.allow(self._key, route.policy)  # here, for a request that repeats another is not planned
        job = Job(
            id=id_,
            key=self._key,
            dialect=self._dialect.name,
            request=request,
            print=print_,
            created=time.time_ns() // 1_000_000,
            lease=self._lease,
            idempotency=_checked_key(idempotency),
            retry=_count(headers.get("x-stainless-retry-count")),
            strict=_strict(headers.get("x-darkroom-strict", "false"), ask.notes),
            max_cost=_ceiling(headers.get("x-darkroom-max-cost")),
            max_seconds=route.max_seconds,
            regions=route.regions,
            policy=route.policy,
            keep=ask.links or idempotency is not None or self._route.accept is not None or self._again(headers),
            cache=_cache(headers.get("x-darkroom-cache")),
            user=end_user(request.user, headers),
            finish=ask.finish,
            providers=route.providers,
            recall=ask.recall,
            notes=ask.notes,
        )
        return ask, job

    def _again(self, headers: Mapping[str, str]) -> bool:
        """Whether its client counts its retries, and the next one may come to a server that does not remember."""
        return "x-stainless-retry-count" in headers and self._desk.repeats.shared()

    async def _request(self, ask: Ask) -> ImageRequest:
        images = [await self._picture(source) for source in ask.sources] if ask.sources else []
        request = ask.compose(images)
        check_request(self._key, request, ask.finish, request.model or self._desk.catalogue.default_model)
        if isinstance(request, Edit) and request.mask is not None:
            check_mask(request.pictures[0], request.mask.image, request.mask.changes)
        if request.exact and (request.width or 0) * (request.height or 0) > self._desk.studio.most:
            detail = f"{request.width}x{request.height} are more pixels than are drawn here."
            raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="size")
        if ask.unfiltered:
            if "unfiltered" not in self._key.grants:
                detail = "This key may not ask for pictures without a safety filter."
                raise Failure(Fault.REJECTED, detail, code=Code.FORBIDDEN, field="moderation")
            request = replace(request, moderation=Moderation.OFF)
        if request.enhance:
            enhancer = Words() if self._key.test else self._desk.enhancer
            request = enhancer.prepared(request)
        if ask.prefix is not None:
            asset = await asyncio.to_thread(self._desk.assets.find, self._key.team, ask.prefix.kind, ask.prefix.id)
            if asset is None:
                detail = f"There is no {ask.prefix.kind} '{ask.prefix.id[:64]}' of this team."
                raise Failure(Fault.REJECTED, detail, code=Code.UNKNOWN_ASSET, field=ask.prefix.kind)
            request = replace(request, prompt=f"{asset.facts} {request.prompt}".strip())
        return request

    async def _picture(self, source: Source) -> Image:
        body = source.body
        if source.url is not None:
            body = await self._follow(source.url, source.field)
        elif source.asset is not None:
            body = await self._kept(source.asset, source.field)
        assert body is not None
        return await self._desk.studio.inspect(body, source.field)

    async def _follow(self, url: str, field: str) -> bytes:
        """What is behind a caller's link. Raises REJECTED."""
        try:
            async with asyncio.timeout(FOLLOW_S):
                return await self._desk.guard.fetch(url, self._lease)
        except (LinkError, TimeoutError) as error:
            why = f": {error}" if isinstance(error, LinkError) else ""
            detail = f"Failed to download the image of '{field}'{why}."
            raise Failure(Fault.REJECTED, detail, code=Code.UNREACHABLE_LINK, field=field) from error

    async def _kept(self, asset: str, field: str) -> bytes:
        """The picture of an asset of the caller's team, or of one of its requests. Raises REJECTED."""
        found = await asyncio.to_thread(self._desk.assets.find, self._key.team, None, asset)
        body = await self._desk.kept.get(stored_of(found)) if found is not None and found.sha256 else None
        if body is None and self._dialect.uuids:
            job, place = picture_of(asset)
            state = await self._desk.ledger.job(job) if place else None
            answer = None
            if state is not None and state.team == self._key.team:
                answer = await self._desk.repeats.answer_of(state)
            if answer is not None and place <= len(answer.pictures):
                body = answer.pictures[place - 1].image.body
        if body is None:
            detail = f"'{field}': there is no picture '{asset[:64]}' of this team."
            raise Failure(Fault.REJECTED, detail, code=Code.UNKNOWN_ASSET, field=field)
        return body


def stored_of(asset: AssetRow) -> Stored:
    """Where an asset's picture lies."""
    assert asset.sha256 is not None
    assert asset.format is not None
    return Stored(asset.sha256, Format(asset.format))


def picture_id(job: str, place: int) -> str:
    """The id of a picture of a request whose ids are UUIDs: the request's, which ends in 00, with the place from 1."""
    return f"{job[:-2]}{place:02x}"


def picture_of(id_: str) -> tuple[str, int]:
    """The request an id belongs to, and the place of the picture it means: 0 for the request itself."""
    try:
        place = UUID(id_).bytes[-1]
    except ValueError:
        return id_, 0
    return f"{id_[:-2]}00", place


def fingerprint(key: Key, incoming: Incoming) -> bytes:
    """What is the same for a request and its retry: key, route and body, whatever boundary a form was built with."""
    hashed = hashlib.sha256(f"{key.key}\n{incoming.path}\n".encode())
    boundary = incoming.headers.get("content-type", "").partition("boundary=")[2].strip('"')
    if boundary:
        for piece in incoming.body.split(boundary.encode("latin-1")):
            hashed.update(piece)
    else:
        hashed.update(incoming.body)
    return hashed.digest()


def _checked_key(key: str | None) -> str | None:
    if key is not None and len(key) > 255:
        raise Failure(Fault.REJECTED, "An Idempotency-Key has at most 255 characters.", code=Code.INVALID)
    return key


def _count(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 4 else 0


def _strict(text: str, notes: Sequence[Note]) -> bool:
    """Whether the request is strict; raises REJECTED where it is, and its dialect has lost some of it already."""
    if text.lower() not in ("true", "1", "false", "0"):
        detail = f"X-Darkroom-Strict takes 'true' or 'false', not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="strict")
    strict = text.lower() in ("true", "1")
    for note in notes:
        if strict and note.lossy:
            detail = f"This would not be done as asked: {note.field}: {note.detail}."
            raise Failure(Fault.REJECTED, detail, field=note.field)
    return strict


def _cache(text: str | None) -> Cache | None:
    if text is None:
        return None
    wanted = text.strip().lower()
    if wanted not in get_args(Cache):
        detail = f"X-Darkroom-Cache takes {', '.join(get_args(Cache))}; not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="cache")
    return cast(Cache, wanted)


def _ceiling(text: str | None) -> Decimal | None:
    if text is None:
        return None
    amount = amount_in(text)
    if amount is None:
        detail = f"X-Darkroom-Max-Cost is an amount in USD, not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="max_cost")
    return amount
