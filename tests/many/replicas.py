"""Several servers on one ledger, and many clients that ask whichever of them they like."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Engine, select

from proxy.ledger.tables import balances
from tests.walk.running import Running


@contextmanager
def replicas(folders: Sequence[Path], config: Mapping[str, Any]) -> Iterator[list[Running]]:
    """Servers, one a folder (which may be the same one), stopped at the end."""
    with ExitStack() as stack:
        made = []
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            server = Running(folder, config)
            server.start()
            stack.callback(_stop, server)
            made.append(server)
        yield made


def _stop(server: Running) -> None:
    server.close_clients()
    if server.up:
        assert server.stop() == 0, (server.folder / "server.log").read_text()[-2000:]


class Sampler(threading.Thread):
    """Looks at a team's balance again and again, as somebody who does not trust it would."""

    def __init__(self, engine: Engine, scope: str) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._query = select(balances.c.settled, balances.c.held).where(
            balances.c.scope == scope, balances.c.window == "total"
        )
        self._over = threading.Event()
        self.samples: list[tuple[int, int]] = []

    def run(self) -> None:
        while not self._over.is_set():
            with self._engine.connect().execution_options(reads=True) as connection:
                found = connection.execute(self._query).first()
            if found is not None:
                self.samples.append((found.settled, found.held))
            time.sleep(0.01)

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(10)
        self._engine.dispose()


Body = Callable[[random.Random], dict[str, Any]]


class Crowd:
    """Clients that ask until the budget says no, each at a server of its own choice every time."""

    def __init__(self, bases: Callable[[], Sequence[str]], key: str, body: Body, *, patience: int = 3) -> None:
        """`bases`: the servers there are just now; `patience`: how often a client is refused before it gives up."""
        self._bases = bases
        self._key = key
        self._body = body
        self._patience = patience
        self.answers: Counter[str] = Counter()
        """By status and code."""
        self.charged = 0.0

    def run(self, clients: int, seed: int, *, within: float) -> Counter[str]:
        """Let them ask; fails where they are not through in so many seconds."""
        asyncio.run(asyncio.wait_for(self._all(clients, seed), within))
        return self.answers

    async def _all(self, clients: int, seed: int) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
            await asyncio.gather(*[self._one(session, random.Random(f"{seed}/{place}")) for place in range(clients)])

    async def _one(self, session: aiohttp.ClientSession, lots: random.Random) -> None:
        refused = 0
        while refused < self._patience:
            said = await self._ask(session, lots)
            self.answers[said] += 1
            refused += said == "429 insufficient_quota"

    async def _ask(self, session: aiohttp.ClientSession, lots: random.Random) -> str:
        base = lots.choice(list(self._bases()))
        headers = {"authorization": f"Bearer {self._key}"}
        async with session.post(f"{base}/images/generations", json=self._body(lots), headers=headers) as answer:
            told = await answer.json()
            return "200" if answer.status == 200 else f"{answer.status} {told['error']['code']}"
