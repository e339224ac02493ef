"""One budget, hammered: whatever several servers do at once, every micro-dollar is where the vendor's book has it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from proxy.cli import main
from proxy.ledger.tables import entries, holds
from tests.many.book import Bookkeeper
from tests.many.replicas import Crowd, replicas
from tests.servers import Redis
from tests.walk.looking import Looking
from tests.walk.running import Running, balance_of
from tests.walk.vendors import serving

LIMIT = 100_000_000
"""Micro-USD."""


def body(lots: random.Random) -> dict[str, Any]:
    """A request at one of several prices: most at a few cents, some for many pictures."""
    model = lots.choice(("story", "story", "poster"))
    return {"model": model, "prompt": "A boat", "n": lots.choice((1, 1, 2, 4)), "response_format": "b64_json"}


def entered(server: Running) -> Mapping[str, int]:
    """Micro-USD of every kind of entry; nothing is held any more."""
    query = select(entries.c.kind, func.sum(entries.c.micros)).group_by(entries.c.kind)
    with server.reading() as connection:
        assert connection.execute(select(func.count()).select_from(holds)).scalar() == 0
        return {kind: int(micros) for kind, micros in connection.execute(query)}


def verified(server: Running) -> None:
    """`darkroom ledger verify` finds nothing."""
    told = CliRunner().invoke(
        main, ["ledger", "verify", "--data", str(server.data), "--config", str(server.config)], catch_exceptions=False
    )
    assert told.exit_code == 0, told.output


def hammer(folders: list[Path], config: Mapping[str, Any], clients: int) -> None:
    """Spend a hundred dollars through several servers at once, and hold every figure against the vendor's book."""
    vendor = Bookkeeper(seed=7)
    with serving(vendor):
        whole = {**config, "providers": {"stub": vendor.row()}, "default_model": "story"}
        with replicas(folders, whole) as servers:
            key = servers[0].key("acme", "100/total")
            crowd = Crowd(lambda: [server.base for server in servers], key, body)
            with Looking(servers[0].engine(), balance_of("acme")) as looking:
                answers = crowd.run(clients * len(servers), seed=7, within=150)
            settled, held = servers[0].spent("acme")
            kinds = entered(servers[0])
            verified(servers[0])
    assert held == 0
    assert settled == kinds["settle"]
    assert settled + kinds.get("overrun", 0) == vendor.charged
    assert settled <= LIMIT
    assert settled > LIMIT - 4 * 84_480, "the budget was not used up"
    assert max(settled + held for settled, held in looking.seen) <= LIMIT
    assert len(looking.seen) > 50
    assert answers["200"] > 500
    assert answers["429 insufficient_quota"] >= clients * len(servers)
    assert vendor.answers["down"] > 10
    assert vendor.answers["refused"] > 10


def test_two_servers_on_one_sqlite_file_spend_a_budget_to_the_micro_dollar_and_no_further(tmp_path: Path) -> None:
    hammer([tmp_path, tmp_path], {}, clients=64)


@pytest.mark.parametrize("count", [3])
def test_replicas_on_postgresql_and_redis_spend_a_budget_to_the_micro_dollar_and_no_further(
    count: int, tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    config = {"ledger": {"url": postgres_url}, "shared": {"redis": redis_url}}
    hammer([tmp_path / str(place) for place in range(count)], config, clients=64)


def test_a_budget_holds_without_redis(tmp_path: Path, postgres_url: str, redis: Redis) -> None:
    """It was there at the start, and goes while they work."""
    config = {"ledger": {"url": postgres_url}, "shared": {"redis": redis.url, "when_gone": "open"}}
    vendor = Bookkeeper(seed=8)
    with serving(vendor):
        whole = {**config, "providers": {"stub": vendor.row()}, "default_model": "story"}
        with replicas([tmp_path / "a", tmp_path / "b"], whole) as servers:
            key = servers[0].key("acme", "10/total", "in_flight:100")
            crowd = Crowd(lambda: [server.base for server in servers], key, body)
            redis.stop()
            try:
                crowd.run(32, seed=8, within=100)
            finally:
                redis.start()
            settled, held = servers[0].spent("acme")
            kinds = entered(servers[0])
            verified(servers[0])
    assert (held, settled + kinds.get("overrun", 0)) == (0, vendor.charged)
    assert settled <= 10_000_000
