"""Servers killed, the database restarted, Redis gone, while clients insist: nothing is bought twice, nothing is lost.

`CHAOS_S` says for how many seconds; twenty by default.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from proxy.ledger.tables import entries, holds, jobs
from tests.many.book import Studio
from tests.many.replicas import replicas
from tests.many.test_hammer import verified
from tests.servers import Buckets, Postgres, Redis
from tests.walk.looking import Looking
from tests.walk.running import Running, eventually
from tests.walk.vendors import serving

CHAOS_S = float(os.environ.get("CHAOS_S", "20"))
LEASE_S = 4.0
CLIENTS = 24
KILLS = CHAOS_S / 10
INSIST_S = 90.0
"""Seconds after the chaos in which everybody has to have a picture."""


class Wreckers:
    """Kill a server every few seconds and start it again; restart the database once, and lose Redis once."""

    def __init__(self, servers: Sequence[Running], postgres: Postgres, redis: Redis) -> None:
        self._servers = servers
        self._postgres = postgres
        self._redis = redis
        self._lots = random.Random(11)
        self.over = threading.Event()
        self.kills = 0
        self._ends = 0.0
        self.up = {server: server.base for server in servers}
        """Where clients may ask just now."""

    def rage(self) -> bool:
        """Whether the chaos goes on: for so many seconds, and until enough was killed on a machine that is slow."""
        return time.monotonic() < self._ends or (self.kills < KILLS and time.monotonic() < self._ends + INSIST_S)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Until it is over, everything is whole again."""
        self._ends = time.monotonic() + CHAOS_S
        threads = [threading.Thread(target=each) for each in (self._kill, self._restart)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(60)

    def bases(self) -> list[str]:
        """Where clients may ask just now: a dead server's place among them, as a load balancer would for a moment."""
        return list(self.up.values())

    def _kill(self) -> None:
        while not self.over.wait(self._lots.uniform(1.5, 3.0)) and self.rage():
            server = self._lots.choice(self._servers)
            server.kill()
            self.kills += 1
            time.sleep(0.3)
            self._start(server)

    def _start(self, server: Running) -> None:
        """As whatever supervises it would: again and again, for its database may be away."""
        while True:
            try:
                server.start()
            except AssertionError:
                time.sleep(0.5)
            else:
                self.up[server] = server.base
                return

    def _restart(self) -> None:
        if not self.over.wait(CHAOS_S * 0.3):
            self._postgres.restart(0.5)
        if not self.over.wait(CHAOS_S * 0.3):
            self._redis.stop()
            self.over.wait(2.0)
            self._redis.start()


class Insisting:
    """Clients that want a picture each, one after another, and ask again with the same key until they have it."""

    def __init__(self, wreckers: Wreckers, key: str) -> None:
        self._wreckers = wreckers
        self._key = key
        self.served: list[str] = []
        self.troubles: list[str] = []

    async def run(self) -> None:
        """All of them, for as long as the chaos lasts; then until everybody has what was asked for."""
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            await asyncio.gather(*[self._client(session, place) for place in range(CLIENTS)])

    async def _client(self, session: aiohttp.ClientSession, place: int) -> None:
        lots, turn = random.Random(place), 0
        while self._wreckers.rage():
            prompt = f"boat-{place}-{turn}"
            turn += 1
            calm = 0.0
            while not await self._asked(session, prompt, lots):
                calm = 0.0 if self._wreckers.rage() else calm or time.monotonic()
                assert not calm or time.monotonic() < calm + INSIST_S, (prompt, self.troubles[-20:])
                await asyncio.sleep(0.1)
            self.served.append(prompt)

    async def _asked(self, session: aiohttp.ClientSession, prompt: str, lots: random.Random) -> bool:
        body = {"model": "flux-pro-1.1", "prompt": prompt, "response_format": "b64_json"}
        headers = {"authorization": f"Bearer {self._key}", "idempotency-key": prompt}
        try:
            base = lots.choice(self._wreckers.bases())
            async with session.post(f"{base}/images/generations", json=body, headers=headers) as answer:
                told = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self.troubles.append(f"{prompt}: {type(error).__name__}")
            return False
        if answer.status == 200:
            assert told["data"][0]["b64_json"]
            return True
        self.troubles.append(f"{prompt}: {answer.status} {told['error']['code']} {told['error']['message'][:80]}")
        assert answer.status in (409, 429, 500, 503), self.troubles[-1]
        return False


TICKETED = select(holds.c.hold).where(holds.c.ticket.is_not(None))


def test_nothing_is_bought_twice_and_nothing_is_lost(
    tmp_path: Path, postgres: Postgres, postgres_url: str, redis: Redis, redis_url: str, buckets: Buckets
) -> None:
    vendor = Studio(pace_s=0.4)
    with serving(vendor):
        config: dict[str, Any] = {
            "providers": {"bfl": {"base": vendor.origin, "key": "bfl-key", "concurrency": 100}},
            "default_model": "flux-pro-1.1",
            "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
            "ledger": {"url": postgres_url, "lease_s": LEASE_S, "ambiguous_s": 3},
            "shared": {"redis": redis_url},
            "store": {"url": buckets.fresh(), "options": buckets.options},
        }
        with replicas([tmp_path / name for name in "abc"], config) as servers:
            key = servers[0].key("acme", "1000/total")
            wreckers = Wreckers(servers, postgres, redis)
            clients = Insisting(wreckers, key)
            with Looking(servers[0].engine(), TICKETED, forgives=[SQLAlchemyError]) as looking, wreckers.at_work():
                asyncio.run(clients.run())
            ticketed = {hold for (hold,) in looking.seen}
            eventually(lambda: not servers[0].rows("holds"), within=INSIST_S)
            judge(servers[0], vendor, ticketed)
    assert wreckers.kills >= KILLS
    assert len(clients.served) >= CHAOS_S
    assert len(ticketed) >= len(clients.served) / 2


def judge(server: Running, vendor: Studio, ticketed: set[str]) -> None:
    """What had a ticket was submitted once, and settled once at what it did cost; the rest is accounted for."""
    with server.reading() as connection:
        prompts: dict[str, str] = dict(
            connection.execute(select(jobs.c.job, jobs.c.idempotency).where(jobs.c.idempotency.is_not(None))).all()
        )
        query = select(entries.c.hold, entries.c.kind, entries.c.micros, entries.c.job)
        found = connection.execute(query.where(entries.c.kind != "hold")).all()
        held = connection.execute(
            select(entries.c.job, func.count()).where(entries.c.kind == "hold").group_by(entries.c.job)
        ).all()
    ends = {row.hold: (row.kind, row.micros) for row in found}
    assert len(ends) == len(found), "a hold ended twice"
    assert {hold: ends[hold] for hold in ticketed} == dict.fromkeys(ticketed, ("settle", 40_000))
    submissions = {job: count for job, count in held if job in prompts}
    for job, prompt in prompts.items():
        if any(hold.startswith(f"{job}/") for hold in ticketed):
            assert submissions[job] == 1, f"{prompt} was held again although it had a ticket"
    settled = sum(micros for kind, micros in ends.values() if kind == "settle")
    assert settled >= vendor.charged, "something was bought and not settled"
    assert server.spent("acme") == (settled, 0)
    verified(server)
