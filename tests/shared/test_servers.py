"""Two servers that share a Redis, and what they do while it is gone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import httpx
import pytest

from tests.servers import Redis
from tests.walk.running import Running, eventually, running
from tests.walk.vendors import OpenAIVendor, at, serving

pytestmark = pytest.mark.slow
BODY = {"model": "photo", "prompt": "A boat", "response_format": "b64_json"}


class Pair(NamedTuple):
    redis: Redis
    open: Running
    closed: Running


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Servers on one ledger: with Redis gone, one lets requests in by its own counts, the other refuses them."""
    vendor, redis = OpenAIVendor(), Redis()
    folder = tmp_path_factory.mktemp("pair")
    with serving(vendor), ExitStack() as stack:
        stack.callback(redis.close)
        made = []
        for when_gone in ("open", "closed"):
            own = folder / when_gone
            own.mkdir()
            config = {
                "providers": {"stub": at(vendor)},
                "default_model": "photo",
                "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
                "shared": {"redis": redis.url, "when_gone": when_gone},
            }
            made.append(stack.enter_context(running(own, config, data=folder / "data")))
        yield Pair(redis, *made)


def ask(server: Running, key: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{server.base}/images/generations", json=BODY, headers=headers, timeout=30)


def asked(key: str, *servers: Running) -> list[int]:
    return [ask(server, key).status_code for server in servers]


def turns(server: Running) -> list[str]:
    return [line["state"] for line in server.log() if line.get("event") == "SharedTurned"]


def test_a_limit_holds_over_both_servers_together_and_says_what_both_have_left(pair: Pair) -> None:
    key = pair.open.key("together", "requests:4")
    lefts = [ask(server, key).headers["x-ratelimit-remaining-requests"] for server in (pair.open, pair.closed) * 2]
    assert lefts == ["3", "2", "1", "0"]
    assert asked(key, pair.open, pair.closed) == [429, 429]


def test_redis_killed_costs_no_money_and_little_time_and_everything_comes_back(pair: Pair) -> None:
    limited, free = pair.open.key("limited", "requests:3"), pair.open.key("free")
    budget = pair.open.key("budget", "0.1/total")  # for two pictures of four cents, and not for three
    assert asked(limited, pair.open, pair.closed) == [200, 200]
    before = [len(turns(server)) for server in (pair.open, pair.closed)]
    pair.redis.stop()
    for server, told in zip((pair.open, pair.closed), before, strict=True):
        eventually(lambda server=server, told=told: turns(server)[told:] == ["gone"])

    assert asked(limited, pair.open, pair.open, pair.open) == [200, 200, 429]  # what it has counted itself
    refused = ask(pair.closed, limited)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert asked(free, pair.open, pair.closed) == [200, 200]
    began = time.perf_counter()
    said = Counter(asked(budget, *(pair.open, pair.closed) * 4))
    assert time.perf_counter() - began < 5
    settled, held = pair.open.spent("budget")
    assert held == 0
    assert 0 < settled <= 100_000
    assert said == {200: settled // 40_000, 429: 8 - settled // 40_000}

    pair.redis.start()
    for server, told in zip((pair.open, pair.closed), before, strict=True):
        eventually(lambda server=server, told=told: turns(server)[told:] == ["gone", "back"])
    again = pair.open.key("again", "requests:2")
    assert asked(again, pair.open, pair.closed) == [200, 200]
    assert asked(again, pair.open, pair.closed) == [429, 429]
    assert httpx.get(f"{pair.open.base[:-3]}/health/ready").status_code == 200
