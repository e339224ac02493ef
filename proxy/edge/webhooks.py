"""Telling a caller's own address that a request has ended: signed, tried again for hours, whatever becomes of a server.

The signature is that of Standard Webhooks, so that any of its libraries verifies it:

    webhook-id: msg_<request>           the same on every try: what was seen before is to be taken and forgotten
    webhook-timestamp: 1795273013       seconds since 1970, of this try
    webhook-signature: v1,<base64>      HMAC-SHA256 of "<id>.<timestamp>.<body>" with the key's own secret

A message is written down before its first try and lies there until it was taken or given up, so it may come twice and
does not get lost: `letters/<server>/msg_<request>.letter` in the store. Each server sends its own; what one has left
that is gone is taken over by another. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Set
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.events import Tell, WebhookEnded
from proxy.store import Store
from proxy.transport import Guard, LinkError

PAUSES_S = (1.0, 5.0, 25.0, 120.0, 600.0, 3600.0, 21_600.0)
"""Before each further try: seven hours in all."""
WAIT_S = 20.0
"""Seconds an address may take to answer."""
AT_ONCE = 8
"""Tries of one team under way at once: addresses that do not answer hold up nobody else's."""
NOBODY = (404, 410)
"""Answers that say that nobody wants it."""
FOLDER = "letters"
_LETTER = ".letter"
_TAKEN = ".taken"
"""The end of the name of a mark that says which server is taking a letter over, so that only one does."""


class Letter(Struct, frozen=True, kw_only=True):
    """A message on its way."""

    request: str
    team: str
    key: str
    """Whose secret signs it."""
    url: str
    body: bytes
    bearer: str | None = None
    tries: int = 0
    due: float = 0.0
    """Seconds since 1970."""

    @property
    def id(self) -> str:
        """The same on every try."""
        return f"msg_{self.request}"


class Webhooks:
    """What is on its way from this server."""

    def __init__(
        self,
        guard: Guard,
        store: Store,
        secret: bytes,
        tell: Tell,
        *,
        owner: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secret`: what every key's own is made of; `owner`: the name of this server."""
        self._guard = guard
        self._store = store
        self._secret = secret
        self._tell = tell
        self._owner = owner or "here"
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[str] = set()
        """Names of the letters that a task of this process sees to."""
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    def secret_of(self, key: str) -> str:
        """What verifies the messages of a key, by its id: `whsec_` and base64, as Standard Webhooks writes it."""
        return f"whsec_{base64.b64encode(self._derived(key)).decode()}"

    async def take_over(self, living: Set[str] = frozenset()) -> int:
        """Send what servers have left that are not `living`, an earlier process in this one's place among them.

        Returns how many letters that are. Of several servers that do this at once, one takes each. Raises OSError.
        """
        taken = 0
        async for page in self._store.listed(FOLDER):
            for name in [entry.name for entry in page]:
                owner = name.split("/")[1]
                if name in self._under_way or (owner in living and owner != self._owner):
                    continue
                if name.endswith(_LETTER):
                    taken += await self._take(name, owner)
                elif name.endswith(_TAKEN) and (await self._store.get(name) or b"").decode() not in living:
                    await self._store.drop(name)  # by one that is gone as well: it is anybody's again, at the next look
        return taken

    async def send(self, letter: Letter) -> None:
        """Send a message, now and as often as it takes; returns when it is written down."""
        await self._keep(letter)
        self._begin(letter)

    async def close(self) -> None:
        """Stop at once: what was not taken is sent after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, name: str, owner: str) -> bool:
        mark = f"{name}{_TAKEN}"
        if owner != self._owner and not await self._store.put_new(mark, self._owner.encode()):
            return False
        letter = _read(name, await self._store.get(name))
        if letter is not None:
            await self.send(letter)
        if owner != self._owner:  # now that it lies under this server's name; what cannot be read stays where it is
            await self._store.drop(*([name, mark] if letter is not None else [mark]))
        return letter is not None

    def _begin(self, letter: Letter) -> None:
        self._under_way.add(self._name(letter))
        task = asyncio.create_task(self._deliver(letter))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, letter: Letter) -> None:
        outcome = None
        while outcome is None:
            await asyncio.sleep(letter.due - self._clock())
            async with self._turns[letter.team]:
                outcome = await self._try(letter)
            letter = replace(letter, tries=letter.tries + 1)
            if outcome is None and letter.tries > len(PAUSES_S):
                outcome = "given up"
            if outcome is None:
                letter = replace(letter, due=self._clock() + PAUSES_S[letter.tries - 1])
                await self._keep(letter)
        await self._forget(letter)
        self._tell(WebhookEnded(request=letter.request, team=letter.team, outcome=outcome, tries=letter.tries))

    async def _try(self, letter: Letter) -> str | None:
        """How it ended; None where there is sense in another try."""
        try:
            async with asyncio.timeout(WAIT_S):
                status = await self._guard.post(letter.url, letter.body, self.headers(letter))
        except LinkError as error:
            return "forbidden" if error.forbidden else None
        except TimeoutError:
            return None
        if status < 300:
            return "taken"
        return "refused" if status in NOBODY else None

    def headers(self, letter: Letter) -> dict[str, str]:
        """What a try is sent with, now."""
        at = str(int(self._clock()))
        said = f"{letter.id}.{at}.".encode() + letter.body
        signature = base64.b64encode(hmac.digest(self._derived(letter.key), said, "sha256")).decode()
        headers = {"webhook-id": letter.id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}
        return {**headers, "authorization": f"Bearer {letter.bearer}"} if letter.bearer else headers

    def _derived(self, key: str) -> bytes:
        return hmac.digest(self._secret, f"webhooks\n{key}".encode(), "sha256")

    def _name(self, letter: Letter) -> str:
        return f"{FOLDER}/{self._owner}/{letter.id}{_LETTER}"

    async def _keep(self, letter: Letter) -> None:
        """Write it down as it stands; a full disk does not keep it from being sent."""
        try:
            await self._store.put(self._name(letter), msgspec.msgpack.encode(letter))
        except OSError:
            logging.getLogger(__name__).exception("the webhook of %s cannot be kept", letter.request)

    async def _forget(self, letter: Letter) -> None:
        try:
            await self._store.drop(self._name(letter))
        except OSError:  # it comes once more after the next start: whoever was told has seen its id
            logging.getLogger(__name__).exception("the webhook of %s cannot be dropped", letter.request)
        self._under_way.discard(self._name(letter))


def message(kind: str, at_ms: int, told: Any) -> bytes:
    """What is sent of a request that was asked for with `Prefer: respond-async`."""
    return msgspec.json.encode({"type": kind, "timestamp": at_ms // 1000, "data": told})


def _read(name: str, body: bytes | None) -> Letter | None:
    try:
        return None if body is None else msgspec.msgpack.decode(body, type=Letter)
    except msgspec.DecodeError:  # of another version
        logging.getLogger(__name__).exception("%s is no message that can be read", name)
        return None
