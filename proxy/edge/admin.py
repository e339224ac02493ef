"""`/admin/v1`: what operators ask of the server itself. Only keys that have the grant `admin` are answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.config import Config, ConfigError
from proxy.dialects.contract import Incoming, Outgoing
from proxy.ledger.accounts import AccountError, Key
from proxy.replay import Question, QuestionError, answer

JSON = {"content-type": "application/json", "cache-control": "no-store"}


class Administration(Struct, frozen=True, kw_only=True):
    """What the routes have the server do."""

    folder: Path
    environ: Mapping[str, str] = os.environ
    config: Callable[[], Config]
    """The one that holds."""
    reload: Callable[[str], Awaitable[list[str]]]
    """Reads it anew, for whom; returns the rows that have changed. Raises ConfigError."""
    turn: asyncio.Semaphore
    """Whose turn it is to replay: it takes a core, and one is enough."""

    async def reloaded(self, key: Key, _: Incoming) -> Outgoing:
        """Goes by config.yaml and the prices as they are now, whole or not at all. Raises `Failure`."""
        _check(key)
        try:
            changed = await self.reload(key.key)
        except ConfigError as error:
            raise Failure(Fault.REJECTED, str(error), code=Code.INVALID) from error
        return _told({"object": "darkroom.reload", "changed": changed})

    async def replayed(self, key: Key, incoming: Incoming) -> Outgoing:
        """Plans recorded requests again, in a process of its own. Raises `Failure`."""
        _check(key)
        question = _question(incoming.body)
        async with self.turn:
            try:
                return _told(await self._apart(question))
            except (QuestionError, ConfigError, AccountError) as error:
                place = f"{error.field}: " if isinstance(error, QuestionError) else ""
                raise Failure(Fault.REJECTED, f"{place}{error}", code=Code.INVALID) from error
            except BrokenProcessPool as error:
                raise Failure(Fault.UNAVAILABLE, "The replay was broken off.", retry_after=1.0) from error

    async def _apart(self, question: Question) -> dict[str, Any]:
        """In a process of its own, so that no request waits for the seconds it takes."""
        pool = ProcessPoolExecutor(1, get_context("spawn"))
        try:
            work = partial(answer, self.folder, self.config(), question, dict(self.environ))
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        finally:
            pool.shutdown(wait=False)


def _check(key: Key) -> None:
    if "admin" not in key.grants:
        raise Failure(Fault.REJECTED, "This key may not administer the server.", code=Code.FORBIDDEN)


def _question(body: bytes) -> Question:
    try:
        return msgspec.json.decode(body or b"{}", type=Question)
    except msgspec.ValidationError as error:
        raise Failure(Fault.REJECTED, str(error), code=Code.INVALID) from error
    except msgspec.DecodeError as error:
        raise Failure(Fault.REJECTED, "The body is not JSON.", code=Code.NOT_JSON) from error


def _told(told: dict[str, Any]) -> Outgoing:
    return Outgoing(headers=JSON, body=(msgspec.json.encode(told),))
