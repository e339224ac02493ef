"""How many holds a second become durable: many in one transaction against one in each, beside a file's bare ceiling.

`make bench` prints the figures. All of it goes to one disk in one run, in turns, and medians are compared.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from proxy.ledger.accounts import Accounts, Budget
from proxy.ledger.book import Ledger
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.orders import Held
from proxy.ledger.scribe import Scribe
from tests.ledger.posted import record, reserve

pytestmark = pytest.mark.bench

AT_ONCE = 64
HOLDS = 1_280
ALONE = 256
ROUNDS = 5
TARGET = 5.0
LIMITS = (Budget("usd", "month", 10**12), Budget("usd", "total", 10**12))


async def grouped(ledger: Ledger, key: str) -> float:
    """Holds a second of so many callers at once, as a server's requests are."""
    waiting = iter(range(HOLDS))

    async def caller() -> None:
        for _ in waiting:
            assert isinstance(await ledger.reserve(reserve(40_000, job=record(key=key))), Held)

    began = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(AT_ONCE)])
    return HOLDS / (time.perf_counter() - began)


async def one_by_one(clerk: Clerk, key: str) -> float:
    """Holds a second, each in a transaction of its own, without even a socket on the way."""
    began = time.perf_counter()
    for _ in range(ALONE):
        (held,) = clerk.post([reserve(40_000, job=record(key=key))])
        assert isinstance(held, Held)
    return ALONE / (time.perf_counter() - began)


async def raw(file: Path) -> float:
    """Rows a second that Python's own driver inserts into one table, so many a transaction: what nobody can beat."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, micros INTEGER, facts TEXT)")
        began = time.perf_counter()
        for _ in range(HOLDS // AT_ONCE):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO rows (micros, facts) VALUES (?, ?)", [(40_000, "{}")] * AT_ONCE)
            connection.execute("COMMIT")
        return HOLDS / (time.perf_counter() - began)


async def test_holds_in_groups_are_at_least_five_times_as_many_as_holds_alone(tmp_path: Path) -> None:
    engine = open_ledger(tmp_path)
    accounts = Accounts(engine)
    accounts.create_team("acme", LIMITS)
    key, _ = accounts.create_key("acme", limits=LIMITS)
    file = tmp_path / FILE
    clerk = Clerk(file)
    ledger = Ledger(engine, await Scribe.start(file, tell=lambda _: None), lambda _: None)
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        "grouped": lambda: grouped(ledger, key.key),
        "alone": lambda: one_by_one(clerk, key.key),
        "raw": lambda: raw(tmp_path / "raw.sqlite3"),
    }
    seen: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(ROUNDS):
            for name, way in ways.items():
                seen[name].append(await way())
    finally:
        await ledger.shut()
        clerk.close()
    rate = {name: statistics.median(rates) for name, rates in seen.items()}
    ratio = rate["grouped"] / rate["alone"]
    print(
        f"\n{AT_ONCE} at once: {rate['grouped']:,.0f} holds a second in groups, {rate['alone']:,.0f} alone,"
        f" ratio {ratio:.1f} (target {TARGET:g}); bare inserts, {AT_ONCE} a transaction: {rate['raw']:,.0f} a second"
    )
    assert ratio >= TARGET
