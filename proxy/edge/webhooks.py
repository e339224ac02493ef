"""Telling a caller's own address that a request has ended: signed with the key's own token, tried again for a while.

Not kept across a restart: whoever misses one asks for the request itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from proxy.events import Tell, WebhookEnded
from proxy.ledger.accounts import Key
from proxy.transport import Guard, LinkError

PAUSES_S = (1.0, 5.0, 25.0, 120.0, 600.0)
"""Before each further try."""
WAIT_S = 20.0
"""Seconds an address may take to answer."""


async def call(guard: Guard, tell: Tell, key: Key, request: str, message: Any) -> None:
    """Send a message to a key's webhook, until it is taken or there is no sense in going on."""
    assert key.webhook is not None
    body = msgspec.json.encode(message)
    headers = {"authorization": f"Bearer {key.webhook_key.reveal()}"} if key.webhook_key else {}
    outcome = "given up"
    tries = 0
    for pause in (0.0, *PAUSES_S):
        await asyncio.sleep(pause)
        tries += 1
        try:
            async with asyncio.timeout(WAIT_S):
                status = await guard.post(key.webhook, body, headers)
        except LinkError as error:
            if error.forbidden:
                outcome = "forbidden"
                break
        except TimeoutError:
            pass
        else:
            if status < 300:
                outcome = "taken"
                break
            if status in (404, 410):
                outcome = "refused"
                break
    tell(WebhookEnded(request=request, team=key.team, outcome=outcome, tries=tries))
