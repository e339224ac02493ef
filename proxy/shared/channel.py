"""The board over Redis: one channel, on which every server hears what the others tell."""

from __future__ import annotations

import asyncio
import logging
from secrets import token_hex

import msgspec

from proxy.shared.board import Hear, MemoryBoard
from proxy.shared.link import AGAIN_S, LOST, Link

LOOK_S = 1.0
"""A connection on which nothing is said is looked at this often: whether there still is one."""
_TOLD = tuple[str, str, str]
"""Who tells, the topic, the words."""


class RedisBoard:
    """Among all servers that share a Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._here = MemoryBoard()
        self._channel = f"{link.prefix}news"
        self._own = token_hex(8)
        self.listening = asyncio.Event()
        """Set while the others are heard."""

    def tell(self, topic: str, words: str) -> None:
        """See `Board`."""
        self._link.post("PUBLISH", self._channel, msgspec.json.encode((self._own, topic, words)).decode())
        self._here.tell(topic, words)

    def listen(self, topic: str, hear: Hear) -> None:
        """See `Board`."""
        self._here.listen(topic, hear)

    async def run(self) -> None:
        """Hear the others."""
        while True:
            await self._link.there.wait()
            try:
                await self._hear()
            except LOST:
                await asyncio.sleep(AGAIN_S)
            finally:
                self.listening.clear()

    async def _hear(self) -> None:
        async with self._link.listening() as others:
            await others.subscribe(self._channel)
            self.listening.set()
            while not self._link.gone:
                said = await others.get_message(timeout=LOOK_S)
                if said is not None:
                    self._heard(said["data"])

    def _heard(self, said: bytes) -> None:
        try:
            whose, topic, words = msgspec.json.decode(said, type=_TOLD)
        except msgspec.DecodeError:  # another program's, under our name
            logging.getLogger(__name__).warning("what was told on %s is not ours", self._channel)
            return
        if whose != self._own:
            self._here.tell(topic, words)
