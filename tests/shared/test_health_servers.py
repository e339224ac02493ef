"""Two servers and one vendor: its account's room is theirs together, and one finds out for both that it is out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

import httpx
import pytest

from tests.servers import Redis
from tests.walk.running import Running, eventually, running
from tests.walk.vendors import OpenAIVendor, at, serving

pytestmark = pytest.mark.slow
MOST = 3
BODY = {"model": "photo", "prompt": "A boat", "response_format": "b64_json"}


class CountingVendor(OpenAIVendor):
    """Takes its time, and knows how many were with it at once."""

    inside = 0
    most = 0

    async def opened(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.05)
        self.inside -= 1


class Pair(NamedTuple):
    vendor: CountingVendor
    redis: Redis
    servers: tuple[Running, Running]
    key: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Servers on one ledger and one Redis."""
    vendor, redis = CountingVendor(), Redis()
    folder = tmp_path_factory.mktemp("health")
    with serving(vendor), ExitStack() as stack:
        stack.callback(redis.close)
        made = []
        for name in ("one", "two"):
            own = folder / name
            own.mkdir()
            config = {
                "providers": {"stub": {**at(vendor), "concurrency": MOST}},
                "default_model": "photo",
                "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
                "shared": {"redis": redis.url},
            }
            made.append(stack.enter_context(running(own, config, data=folder / "data")))
        yield Pair(vendor, redis, (made[0], made[1]), made[0].key("acme"))


def ask(server: Running, key: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{server.base}/images/generations", json=BODY, headers=headers, timeout=30)


def ask_both(pair: Pair, count: int) -> Counter[int]:
    with ThreadPoolExecutor(count) as many:
        said = many.map(lambda number: ask(pair.servers[number % 2], pair.key).status_code, range(count))
        return Counter(said)


def told(server: Running, event: str) -> list[str]:
    return [line["state"] for line in server.log() if line.get("event") == event]


def test_together_they_keep_to_what_the_account_takes(pair: Pair) -> None:
    assert ask_both(pair, 30) == {200: 30}
    assert pair.vendor.most == MOST


def test_what_one_finds_out_the_other_knows_without_a_request_of_its_own(pair: Pair) -> None:
    one, two = pair.servers
    pair.vendor.fail_next.append((429, {"retry-after": "2"}, {"error": {"message": "slow down"}}))
    assert ask(one, pair.key).status_code == 429
    eventually(lambda: told(two, "BreakerTurned") == ["open"])
    before = len(pair.vendor.submits)
    refused = ask(two, pair.key)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 2
    assert len(pair.vendor.submits) == before
    eventually(lambda: ask(two, pair.key).status_code == 200)
    eventually(lambda: told(two, "BreakerTurned") == ["open", "half_open", "closed"])
    eventually(lambda: told(one, "BreakerTurned") == ["open", "closed"])


def test_with_redis_gone_each_keeps_to_it_alone(pair: Pair) -> None:
    pair.redis.stop()
    for server in pair.servers:
        eventually(lambda server=server: told(server, "SharedTurned") == ["gone"])
    pair.vendor.most = 0
    assert ask_both(pair, 24) == {200: 24}
    assert MOST < pair.vendor.most <= 2 * MOST
    pair.redis.start()
    for server in pair.servers:
        eventually(lambda server=server: told(server, "SharedTurned") == ["gone", "back"])
    pair.vendor.most = 0
    assert ask_both(pair, 24) == {200: 24}
    assert pair.vendor.most == MOST
