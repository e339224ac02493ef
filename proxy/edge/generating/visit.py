"""One request for pictures: who sent it, in which dialect, what it takes up meanwhile, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from litestar.types import HTTPScope, Receive, Send
from msgspec.structs import replace

from proxy.dialects.contract import Ask, Dialect, Generating, Incoming
from proxy.edge.answering import request_id, request_uuid
from proxy.edge.desk import Desk
from proxy.edge.permission import check_spending
from proxy.edge.preference import WEBHOOK
from proxy.edge.preparing import Preparation
from proxy.edge.wire import gone, headers_of, query_of
from proxy.events import RequestEnded
from proxy.job import Answer, Job
from proxy.ledger.accounts import Key
from proxy.limits import Entry, Remaining
from proxy.transport import Lease

Speaker = tuple[Dialect, Generating]
"""A dialect, and its route on a path."""


class Visit:
    """One request."""

    def __init__(self, desk: Desk, speakers: Sequence[Speaker], scope: HTTPScope, receive: Receive, send: Send) -> None:
        """`speakers`: who shares the path; the last one takes what nobody claims, and what cannot be read."""
        self.desk = desk
        self.dialect, self.route = speakers[-1]
        self.receive = receive
        self.send = send
        self.id = request_id()
        self.began = time.perf_counter()
        self.headers = headers_of(scope)
        self.told: dict[str, Any] = {"operation": self.route.operation}
        """Fields of `RequestEnded`, as they become known."""
        self.key: Key | None = None
        self.goes_on = False
        """Its caller is answered, its work is not done: whoever does that ends it, nobody before."""
        self.given_up = False
        """Its client went away, and what was drawn for it was left off."""
        self._left: float | None = None
        self._speakers = speakers
        self._scope = scope
        self._entry: Entry | None = None
        self._lease: Lease | None = None
        self._taken = 0

    async def enter(self) -> Key:
        """Whose it is, counted in. Raises `Failure` for whoever is not let in."""
        self.key = key = await self.desk.admission.authenticate(self.headers)
        if len(self._speakers) > 1 and key.dialect is not None:
            self._speak([each for each in self._speakers if each[0].name == key.dialect] or self._speakers)
        check_spending(key)
        announced = self.headers.get("content-length", "")
        size = int(announced) if announced.isdecimal() else None
        self._entry = await self.desk.admission.enter(key, size, unnamed=True)
        return key

    @property
    def remaining(self) -> Remaining | None:
        """Of the key's requests, once it was let in."""
        return None if self._entry is None else self._entry.remaining

    async def read(self, key: Key) -> tuple[Incoming, Ask, Job]:
        """The request as it came, what is asked for, and the job that is made of it. Raises `Failure`, GoneError."""
        body = await self.desk.intake.read(self.headers, self.receive)
        self._taken = len(body)
        self._lease = lease = Lease(self.desk.room)
        incoming = self._incoming(body)
        if self.dialect.uuids:
            self.id = request_uuid()
        ask, job = await Preparation(self.desk, self.dialect, self.route, key, lease).job(self.id, incoming)
        await self.desk.admission.name(self._entry, key, job.user or None)
        self.told |= {"model": job.request.model, "operation": job.request.operation}
        if self.desk.prompts:
            self.told["prompt"] = job.request.prompt
        return incoming, ask, job

    def _incoming(self, body: bytes) -> Incoming:
        """The request, in the dialect it turns out to be in."""
        incoming = Incoming(
            method=self._scope["method"],
            path=self._scope["path"],
            headers=self.headers,
            query=query_of(self._scope),
            body=body,
            options=self.desk.options.get(self.dialect.name, {}),
        )
        for speaker in self._speakers[:-1]:
            claims = speaker[1].claims
            if claims is not None and claims(incoming):
                self._speak([speaker])
                return replace(incoming, options=self.desk.options.get(self.dialect.name, {}))
        return incoming

    def _speak(self, speakers: Sequence[Speaker]) -> None:
        self._speakers = speakers
        self.dialect, self.route = speakers[-1]
        self.told["operation"] = self.route.operation

    def begins(self) -> str:
        """Scheme and host that links in its answer begin with."""
        return self.desk.origin(self._scope, self.headers)

    def seconds(self) -> float:
        """Since its first byte."""
        return time.perf_counter() - self.began

    def wanted(self) -> bool:
        """Whether to go on with it: its client is there, or went so lately that it may come again and find it."""
        if not gone(self.receive):
            return True
        now = time.perf_counter()
        self._left = self._left or now
        self.given_up = now - self._left >= self.desk.leave_s
        return not self.given_up

    def webhook(self, key: Key) -> tuple[str | None, str | None]:
        """Whom to tell, and the token for that: a caller's own address is never shown that of the key's."""
        url = self.headers.get(WEBHOOK)
        if url is not None or key.webhook is None:
            return url, None
        return key.webhook, key.webhook_key.reveal() if key.webhook_key else None

    # What is told of it.

    def note(self, answer: Answer, joined: bool) -> None:
        """There is an answer; `joined`: it is that of an earlier request."""
        self.told |= {
            "offer": answer.offer,
            "images": len(answer.pictures),
            "attempts": answer.attempts,
            "quoted": answer.quoted,
            "charged": 0 if joined else answer.charged,
            "joined": joined,
            "policy": answer.policy or "",
            "cache": "" if joined else answer.how or "",
        }

    def end(self, status: int) -> None:
        """Count it out, give back what it took of memory, and tell of it; unless it goes on."""
        if self.goes_on:
            return
        entry, self._entry = self._entry, None
        self.desk.admission.leave(entry)
        if self._lease is not None:
            self._lease.release()
        self.desk.intake.give(self._taken)
        self._taken = 0
        self._tell(status)

    def _tell(self, status: int) -> None:
        self.desk.tell(
            RequestEnded(
                request=self.id,
                dialect=self.dialect.name,
                route=self.route.path,
                status=status,
                seconds=self.seconds(),
                team=self.key.team if self.key else "",
                key=self.key.key if self.key else "",
                **self.told,
            )
        )
