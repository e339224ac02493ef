"""Telling a caller's own address that a request has ended: signed, tried again for hours, kept across a restart.

The signature is that of Standard Webhooks, so that any of its libraries verifies it:

    webhook-id: msg_<request>           the same on every try: what was seen before is to be taken and forgotten
    webhook-timestamp: 1795273013       seconds since 1970, of this try
    webhook-signature: v1,<base64>      HMAC-SHA256 of "<id>.<timestamp>.<body>" with the key's own secret

A message is written down before its first try and lies there until it was taken or given up, so it may come twice and
does not get lost. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import secrets
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.events import Tell, WebhookEnded
from proxy.transport import Guard, LinkError

PAUSES_S = (1.0, 5.0, 25.0, 120.0, 600.0, 3600.0, 21_600.0)
"""Before each further try: seven hours in all."""
WAIT_S = 20.0
"""Seconds an address may take to answer."""
AT_ONCE = 8
"""Tries of one team under way at once: addresses that do not answer hold up nobody else's."""
NOBODY = (404, 410)
"""Answers that say that nobody wants it."""
_SECRET = 32


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
    """What is on its way, in a folder of its own."""

    def __init__(
        self, guard: Guard, folder: Path, secret: bytes, tell: Tell, clock: Callable[[], float] = time.time
    ) -> None:
        """`secret`: what every key's own is made of."""
        self._guard = guard
        self._folder = folder
        self._secret = secret
        self._tell = tell
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def with_secret_in(cls, folder: Path, guard: Guard, tell: Tell) -> Webhooks:
        """Messages in a data folder, signed with a secret of it, made at first use and its owner's alone."""
        file = folder / "webhooks.secret"
        secret = file.read_bytes() if file.exists() else b""
        if len(secret) < _SECRET:
            secret = secrets.token_bytes(_SECRET)
            _write(file, secret)
        return cls(guard, folder / "webhooks", secret, tell)

    def secret_of(self, key: str) -> str:
        """What verifies the messages of a key, by its id: `whsec_` and base64, as Standard Webhooks writes it."""
        return f"whsec_{base64.b64encode(self._derived(key)).decode()}"

    def start(self) -> None:
        """Take up what an earlier process left."""
        for path in sorted(self._folder.glob("*.letter")):
            try:
                letter = msgspec.msgpack.decode(path.read_bytes(), type=Letter)
            except msgspec.DecodeError:  # of another version
                logging.getLogger(__name__).exception("%s is no message that can be read", path)
            else:
                self._begin(letter)

    async def send(self, letter: Letter) -> None:
        """Send a message, now and as often as it takes; returns when it is written down."""
        await self._keep(letter)
        self._begin(letter)

    async def close(self) -> None:
        """Stop at once: what was not taken is sent after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, letter: Letter) -> None:
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
        await asyncio.to_thread(self._file(letter).unlink, missing_ok=True)
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

    def _file(self, letter: Letter) -> Path:
        return self._folder / f"{letter.id}.letter"

    async def _keep(self, letter: Letter) -> None:
        """Write it down as it stands; a full disk does not keep it from being sent."""
        try:
            await asyncio.to_thread(_write, self._file(letter), msgspec.msgpack.encode(letter))
        except OSError:
            logging.getLogger(__name__).exception("the webhook of %s cannot be kept", letter.request)


def message(kind: str, at_ms: int, told: Any) -> bytes:
    """What is sent of a request that was asked for with `Prefer: respond-async`."""
    return msgspec.json.encode({"type": kind, "timestamp": at_ms // 1000, "data": told})


def _write(path: Path, body: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:  # its owner's alone
        file.write(body)
    Path(file.name).rename(path)  # whole or not at all
