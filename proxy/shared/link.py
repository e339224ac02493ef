"""The connection to Redis: one, in order, and never waited for once it is lost.

What is to be sent waits in a box; one task sends all that is in there in one piece, so that many requests share a round
trip and everything arrives in the order it was said. The same task notices that Redis is gone, and tries until it is
back: until then whoever asks is told so without a wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from proxy.events import SharedTurned, Tell
from proxy.shared.gates import GoneError

ANSWER_S = 0.5
"""Redis answers within so long, or is gone: the longest that a request waits for it, and only when it has just gone."""
AGAIN_S = 0.25
"""From one try to reach it to the next."""
BEAT_S = 1.0
"""Where nobody asks, it is asked so often whether it is there."""
TOGETHER = 512
"""Most commands in one piece."""

LOST = (RedisError, OSError, TimeoutError)
"""How it shows that Redis is gone."""
Command = Sequence[str | int | float]


class _Posted(Struct):
    command: Command
    answer: asyncio.Future[Any] | None = None


class Link:
    """The connection. On the event loop only."""

    def __init__(self, url: str, prefix: str, tell: Tell) -> None:
        """`prefix`: what every name there begins with."""
        self.prefix = prefix
        self.there = asyncio.Event()
        """Set while it can be reached."""
        self._tell = tell
        self._client: Redis = Redis.from_url(
            url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0)
        )
        self._scripts: list[str] = []
        self._returns: list[Callable[[], None]] = []
        self._box: list[_Posted] = []
        self._filled = asyncio.Event()
        self._told_gone = False

    @property
    def gone(self) -> bool:
        """Whether it cannot be reached."""
        return not self.there.is_set()

    def knows(self, script: str) -> None:
        """A script that may be called by its digest: Redis is told it whenever it is reached anew."""
        self._scripts.append(script)

    def returned(self, hear: Callable[[], None]) -> None:
        """Call that whenever Redis is reached anew: it may have forgotten everything."""
        self._returns.append(hear)

    def listening(self) -> PubSub:
        """Another connection, for what others say."""
        return self._client.pubsub(ignore_subscribe_messages=True)

    def post(self, *command: str | int | float) -> None:
        """Have something sent in a moment; where Redis is gone, or goes before that, nothing comes of it."""
        if not self.gone:
            self._put(_Posted(command))

    async def ask(self, *command: str | int | float) -> Any:
        """What Redis answers. Raises GoneError: at once while it is known to be gone, else within ANSWER_S or so."""
        if self.gone:
            raise GoneError
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(_Posted(command, answer))
        return await answer

    async def run(self) -> None:
        """Send what is to be sent, and keep the connection."""
        while True:
            if self.gone and not await self._reach():
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._filled.wait()
            except TimeoutError:
                self.post("PING")
            await self._send()

    async def reach(self) -> None:
        """Try it once: whoever starts wants to know."""
        await self._reach()

    async def close(self) -> None:
        """Send what is left, and end."""
        if not self.gone:
            await self._send()
        self._drop()
        await self._client.aclose()

    # Inside.

    def _put(self, posted: _Posted) -> None:
        self._box.append(posted)
        self._filled.set()

    async def _reach(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                for script in self._scripts:
                    await self._client.script_load(script)
                await self._client.set(f"{self.prefix}reached", 1, px=1000)  # one that only reads is of no use
        except LOST as error:
            await self._lose(error)
            return False
        self.there.set()
        if self._told_gone:
            self._told_gone = False
            self._tell(SharedTurned(state="back"))
        for hear in self._returns:
            hear()
        return True

    async def _send(self) -> None:
        posted, self._box = self._box[:TOGETHER], self._box[TOGETHER:]
        if not self._box:
            self._filled.clear()
        if not posted:
            return
        together = self._client.pipeline(transaction=False)
        for each in posted:
            together.execute_command(*each.command)
        try:
            async with asyncio.timeout(ANSWER_S):
                answers = await together.execute(raise_on_error=False)
        except LOST as error:
            self._box = posted + self._box
            await self._lose(error)
            return
        except asyncio.CancelledError:
            self._box = posted + self._box
            raise
        for each, answer in zip(posted, answers, strict=True):
            if each.answer is not None and not each.answer.done():
                if isinstance(answer, Exception):
                    each.answer.set_exception(GoneError())
                else:
                    each.answer.set_result(answer)
        refused = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if refused is not None:  # out of memory, only to be read, or our scripts are forgotten: of no use for now
            await self._lose(refused)

    async def _lose(self, error: Exception) -> None:
        self.there.clear()
        self._drop()
        if not self._told_gone:
            self._told_gone = True
            self._tell(SharedTurned(state="gone", why=str(error) or type(error).__name__))
        await self._client.connection_pool.disconnect()

    def _drop(self) -> None:
        dropped, self._box = self._box, []
        self._filled.clear()
        for each in dropped:
            if each.answer is not None and not each.answer.done():
                each.answer.set_exception(GoneError())
