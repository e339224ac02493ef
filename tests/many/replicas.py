"""Several servers on one ledger, and many clients that ask whichever of them they like."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.walk.running import Running, running


@contextmanager
def replicas(folders: Sequence[Path], config: Mapping[str, Any]) -> Iterator[list[Running]]:
    """Servers, one a folder (which may be the same one), stopped at the end."""
    with ExitStack() as stack:
        made = []
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            made.append(stack.enter_context(running(folder, config)))
        yield made


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
