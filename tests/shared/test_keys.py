"""Keys changed at one server are looked at by the others at once, and not only when they look by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxy.app import chores
from proxy.ledger.accounts import Accounts, KeyRing
from proxy.ledger.engine import open_ledger
from tests.shared.ends import End, until


async def test_a_key_that_one_server_learns_of_is_known_to_the_others_at_once(
    ends: tuple[End, End], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "KEYS_S", 600.0)
    engine = open_ledger(tmp_path)
    accounts = Accounts(engine)
    accounts.create_team("acme")
    rings = [KeyRing(accounts), KeyRing(accounts)]
    watching = [asyncio.create_task(chores.watch_keys(ring, end.board)) for ring, end in zip(rings, ends, strict=True)]
    try:
        await asyncio.sleep(0)
        key, secret = accounts.create_key("acme")
        await asyncio.to_thread(rings[0].refresh)
        await until(lambda: rings[1].find(secret) is not None)
        accounts.revoke_key(key.key)
        await asyncio.to_thread(rings[1].refresh)
        await until(lambda: (found := rings[0].find(secret)) is not None and found.revoked is not None)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        engine.dispose()
