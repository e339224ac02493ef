"""What is done again and again beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from providers.contract import Failure
from proxy.app.premises import Premises
from proxy.config import StoreRow
from proxy.health import Health
from proxy.ledger.accounts import KeyRing

KEYS_S = 1.0
"""Keys and limits are looked at this often for changes by other processes."""
SWEEP_S = 300.0
REPORT_S = 5.0
"""What is measured of offers and accounts is told this often: as often as anybody scrapes it."""


async def report(health: Health) -> None:
    """Tell what is measured."""
    while True:
        await asyncio.sleep(REPORT_S)
        health.report()


async def watch_keys(ring: KeyRing) -> None:
    """Notice keys and limits that others changed."""
    while True:
        await asyncio.sleep(KEYS_S)
        try:
            await asyncio.to_thread(ring.refresh)
        except SQLAlchemyError:  # a look that fails must not be the last one: keys are revoked by it
            logging.getLogger(__name__).exception("keys could not be looked at")


async def sweep(premises: Premises, row: Callable[[], StoreRow]) -> None:
    """The janitor: pictures nobody may fetch any more, idempotency keys nobody may repeat any more."""
    ledger = premises.ledger
    while True:
        keep = max(row().keep_s, row().link_s)
        try:
            await premises.store.sweep(keep)
            await premises.slips.sweep(keep)
            await ledger.forget_keys(ledger.now() - keep * 1000)
        except (OSError, Failure):  # the janitor comes again
            logging.getLogger(__name__).exception("pictures could not be swept")
        await asyncio.sleep(SWEEP_S)
