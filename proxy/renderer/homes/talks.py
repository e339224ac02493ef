"""Who hears what an engine says of which job. For one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from providers.contract import Failure
from proxy.renderer.homes.contract import LostError
from proxy.renderer.wire import Failed, Finished, OfJob


class Talks:
    """The jobs of one engine, each with somebody who listens."""

    def __init__(self) -> None:
        self._heard: dict[int, asyncio.Queue[OfJob | LostError | Failure]] = {}

    def __len__(self) -> int:
        return len(self._heard)

    def begin(self, job: int) -> None:
        """From now on what is said of a job is kept for its listener."""
        self._heard[job] = asyncio.Queue()

    def end(self, job: int) -> bool:
        """Nobody listens any more. Whether somebody did."""
        return self._heard.pop(job, None) is not None

    def say(self, message: OfJob) -> None:
        """Something of a job; nothing happens where nobody listens."""
        heard = self._heard.get(message.id)
        if heard is not None:
            heard.put_nowait(message)

    def lose(self, reason: str) -> int:
        """The engine is gone: every listener gets `LostError`. How many there are."""
        for heard in self._heard.values():
            heard.put_nowait(LostError(reason))
        return len(self._heard)

    def fail(self, job: int, why: LostError | Failure) -> None:
        """Its engine is gone, or it never had one; of others nothing is said. Its listener gets that."""
        if (heard := self._heard.get(job)) is not None:
            heard.put_nowait(why)

    async def listen(self, job: int) -> AsyncGenerator[OfJob, None]:
        """What is said of a job that has begun, to its end. Raises `LostError`, or what `fail` said. It is over when
        this ends.
        """
        heard = self._heard[job]
        while True:
            said = await heard.get()
            if isinstance(said, LostError | Failure):
                self.end(job)
                raise said
            if isinstance(said, Finished | Failed):
                self.end(job)
                yield said
                return
            yield said
