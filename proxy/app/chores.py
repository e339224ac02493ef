"""What is done again and again beside the requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from providers.contract import Failure
from proxy.app.premises import Premises
from proxy.config import StoreRow
from proxy.health import Health
from proxy.ledger.accounts import Accounts, KeyRing, Used
from proxy.ledger.retention import kept_by_job, kept_by_team
from proxy.shared import Board
from proxy.store import Store

KEYS = "accounts"
"""What servers tell each other of keys and limits: the version they have read."""
KEYS_S = 1.0
"""Keys and limits are looked at this often for changes by other processes, whoever tells or does not."""
USED_S = 60.0
"""When keys were used is written down this often: nobody waits for it, and it is to about a minute."""
SWEEP_S = 300.0
REPORT_S = 5.0
"""What is measured of offers and accounts is told this often: as often as anybody scrapes it."""


async def report(health: Health) -> None:
    """Tell what is measured."""
    while True:
        await asyncio.sleep(REPORT_S)
        health.report()


async def watch_keys(ring: KeyRing, board: Board) -> None:
    """Notice keys and limits that others changed: at once where they tell, else by looking."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def heard(version: str) -> None:
        if version != str(ring.version):
            told.set()

    board.listen(KEYS, heard)

    def tell() -> None:
        loop.call_soon_threadsafe(board.tell, KEYS, str(ring.version))

    ring.listen(tell)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(KEYS_S):
                await told.wait()
        told.clear()
        try:
            await asyncio.to_thread(ring.refresh)
        except SQLAlchemyError:  # a look that fails must not be the last one: keys are revoked by it
            logging.getLogger(__name__).exception("keys could not be looked at")


async def write_used(used: Used, accounts: Accounts) -> None:
    """Write down when keys were used, and once more at the end."""
    try:
        while True:
            await asyncio.sleep(USED_S)
            await asyncio.to_thread(_write_used, used, accounts)
    finally:
        _write_used(used, accounts)


def _write_used(used: Used, accounts: Accounts) -> None:
    try:
        accounts.write_used(used.take())
    except SQLAlchemyError:  # whoever uses a key again is noted again
        logging.getLogger(__name__).exception("when keys were used could not be written down")


async def sweep(premises: Premises, row: Callable[[], StoreRow]) -> None:
    """The janitor: pictures nobody may fetch any more, idempotency keys nobody may repeat any more."""
    ledger = premises.ledger
    while True:
        keep = max(row().keep_s, row().link_s)
        try:
            if await _turn(premises.files):
                await premises.store.sweep(keep, lambda ids: ledger.read(lambda c: kept_by_job(c, ids)))
                await premises.slips.sweep(keep, await ledger.read(kept_by_team))
            await ledger.forget_keys(ledger.now() - keep * 1000)
        except (OSError, Failure, SQLAlchemyError):  # the janitor comes again
            logging.getLogger(__name__).exception("pictures could not be swept")
        await asyncio.sleep(SWEEP_S)


async def _turn(files: Store) -> bool:
    """Whether it is time to go through the store: of the servers that share one, one does. Raises OSError."""
    folder, mark = "turns", "sweep"
    now = time.time()
    if any(entry.at > now - SWEEP_S * 0.9 for entry in await files.begins(folder, mark)):
        return False
    await files.put(f"{folder}/{mark}", b"")
    return True
