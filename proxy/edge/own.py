"""Routes that are in no dialect: what became of a request, stored pictures, the documentation, health, metrics."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

import msgspec

from providers.contract import Code, Failure, Fault, Secret
from proxy.dialects.contract import Dialect, Incoming, Outgoing
from proxy.edge import documentation
from proxy.edge.answering import unstored
from proxy.edge.asking import AnyRequest
from proxy.edge.desk import Desk
from proxy.edge.erasing import erase
from proxy.edge.pickup import Pickup, again
from proxy.explain import explain_served
from proxy.ledger.accounts import Key
from proxy.ledger.book import JobState
from proxy.ledger.submissions import served
from proxy.store import Stored

JSON = {"content-type": "application/json"}


class Own:
    """Answers them."""

    def __init__(self, desk: Desk, dialects: Sequence[Dialect]) -> None:
        """The first dialect speaks for all."""
        self._desk = desk
        self._dialects = dialects

    async def request_state(self, key: Key, incoming: Incoming) -> Outgoing:
        """What became of a request, for the team that made it; its pictures as links, if they are kept."""
        base = (self._desk.public_url or incoming.origin).rstrip("/")
        slip = await self._desk.slips.find(incoming.parts["id"], key.team)
        state = await self._desk.ledger.job(incoming.parts["id"])
        told: dict[str, Any] = {}
        if state is not None and state.team == key.team:
            told = await self._job_told(state, None if slip is not None else base)
        elif slip is None:
            raise Failure(Fault.REJECTED, "There is no such request of this team.", code=Code.UNKNOWN_ROUTE)
        if slip is not None:
            told |= await Pickup(self._desk).told(slip, base)
        headers = again(slip.id) if slip is not None and told["state"] == "open" else {}
        return Outgoing(headers={**JSON, **headers}, body=(msgspec.json.encode(told),))

    async def _job_told(self, state: JobState, base: str | None) -> dict[str, Any]:
        """What the ledger knows of a request; with links to its pictures, where `base` says what they begin with."""
        told: dict[str, Any] = {
            "id": state.job,
            "object": "darkroom.request",
            "model": state.model,
            "state": state.state,
            "created": state.created // 1000,
            "finished": state.finished and state.finished // 1000,
            "images": None,
        }
        found = await self._desk.ledger.read(lambda connection: served(connection, state.job))
        if found is not None:
            told |= explain_served(found)
        answer = await self._desk.repeats.answer_of(state) if base is not None else None
        if answer is not None and base is not None:
            links = [self._desk.link(self._dialects[0], stored, base) for stored in answer.stored]
            told["images"] = [{"url": link} for link in links]
        return told

    async def request_erased(self, key: Key, incoming: Incoming) -> Outgoing:
        """Deletes what is kept of a request that has ended, for the team that made it."""
        id_ = incoming.parts["id"]
        slip = await self._desk.slips.find(id_, key.team)
        state = await self._desk.ledger.job(id_)
        told = await Pickup(self._desk).told(slip, "", whole=False) if slip is not None else {}
        if told.get("state") == "open" or (state is not None and state.team == key.team and state.state == "open"):
            detail = "This request is still under way: delete it when it has ended."
            raise Failure(Fault.REJECTED, detail, code=Code.PENDING)
        if not await erase(self._desk, key, id_):
            raise Failure(Fault.REJECTED, "There is no such request of this team.", code=Code.UNKNOWN_ROUTE)
        told = {"id": id_, "object": "darkroom.request", "deleted": True}
        return Outgoing(headers=JSON, body=(msgspec.json.encode(told),))

    async def webhook_secret(self, key: Key, _: Incoming) -> Outgoing:
        """What verifies the messages that a key's requests send."""
        told = {"object": "darkroom.webhook_secret", "secret": self._desk.webhooks.secret_of(key.key)}
        told["team_secret"] = self._desk.webhooks.secret_of(f"team:{key.team}")
        return Outgoing(headers={**JSON, "cache-control": "no-store"}, body=(msgspec.json.encode(told),))

    async def picture(self, request: AnyRequest) -> Outgoing:
        """A stored picture, to whoever has its link."""
        found = self._desk.links.lives(str(request.path_params["name"]))
        try:
            outgoing = await self._shown(*found) if found is not None else None
        except OSError as error:
            return self._dialects[0].render_error(unstored(error))
        if outgoing is None:
            failure = Failure(Fault.REJECTED, "This link has expired or never was one.", code=Code.UNKNOWN_ROUTE)
            return self._dialects[0].render_error(failure)
        return outgoing

    async def _shown(self, stored: Stored, left_s: int) -> Outgoing | None:
        """A picture whose link works for so many seconds more, or where it is to be had for as long; None for none.

        Raises OSError.
        """
        if self._desk.presigned:
            for pictures in (self._desk.store, self._desk.kept):
                link = await pictures.presigned(stored, left_s)
                if link is not None:
                    return Outgoing(status=302, headers={"location": link, "cache-control": "no-store"}, body=())
            return None
        body = await self._desk.store.get(stored)
        if body is None:
            body = await self._desk.kept.get(stored)
        if body is None:
            return None
        headers = {
            "content-type": stored.format.mime,
            "cache-control": "private, max-age=3600",
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        }
        return Outgoing(headers=headers, body=(body,))

    async def openapi(self, _: AnyRequest) -> Outgoing:
        """What the server tells of itself, for programs."""
        body = await asyncio.to_thread(lambda: msgspec.json.encode(documentation.openapi(self._dialects)))
        return Outgoing(headers={**JSON, "cache-control": "public, max-age=300"}, body=(body,))

    async def page(self, _: AnyRequest) -> Outgoing:
        """The same, for people."""
        body = (await asyncio.to_thread(documentation.page, self._dialects)).encode()
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "public, max-age=300",
            "content-security-policy": documentation.CONTENT_POLICY,
            "x-content-type-options": "nosniff",
        }
        return Outgoing(headers=headers, body=(body,))

    async def live(self, _: AnyRequest) -> Outgoing:
        """Live: it answers."""
        return _status(200, "ok")

    async def ready(self, _: AnyRequest) -> Outgoing:
        """Ready: not draining, and the ledger answers."""
        try:
            async with asyncio.timeout(2):
                await self._desk.ledger.job("")
        except (Failure, TimeoutError):
            return _status(503, "the ledger does not answer")
        if self._desk.ledger.lost.is_set():
            return _status(503, "the ledger cannot be written")
        return _status(200, "ok") if self._desk.admission.open else _status(503, "shutting down")


class Exposition:
    """Answers whoever scrapes."""

    def __init__(self, expose: Callable[[], Awaitable[bytes]], token: Secret | None, speaks: Dialect) -> None:
        """`expose` renders the metrics; `speaks` refuses those who may not see them."""
        self._expose = expose
        self._token = token
        self._speaks = speaks

    async def exposition(self, request: AnyRequest) -> Outgoing:
        """The metrics, for whoever has the token; without one configured, for this machine alone."""
        if not self._may_see(request):
            detail = "Metrics are for this machine, unless metrics.token or metrics.bind is configured."
            return self._speaks.render_error(Failure(Fault.REJECTED, detail, code=Code.FORBIDDEN))
        headers = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
        return Outgoing(headers=headers, body=(await self._expose(),))

    def _may_see(self, request: AnyRequest) -> bool:
        if self._token:
            said = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
            return hmac.compare_digest(said, self._token.reveal().encode())
        return request.client is not None and ip_address(request.client.host).is_loopback


def _status(status: int, said: str) -> Outgoing:
    return Outgoing(status=status, headers=JSON, body=(msgspec.json.encode({"status": said}),))
