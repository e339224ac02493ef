"""Vendors in trouble, played by their stubs: traffic moves, no client notices, and who works again is used again."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from pricing import Book
from proxy.balance import Balances
from proxy.catalogue import Catalogue
from proxy.config import parse
from proxy.events import BalanceRead, BalanceUnknown, Event
from proxy.health import Health
from proxy.stub.contract import Answer, Asked, Route, Script, Stub
from proxy.stub.server import Stubs, serving
from proxy.transport import Guard, Room, Transport
from tests.edge.house import House, house
from tests.stub.test_every_stub import models_of

ASK = {"model": "flux-dev", "prompt": "a red boat", "response_format": "b64_json"}
BREAKER_S = 30.0
"""Longer than the requests take that must find a breaker open. Nobody waits for it: the clock is turned."""


class Clock:
    """Time, which a test can put forward."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class Place:
    """A server, and the stubs behind it."""

    def __init__(self, home: House, stubs: Stubs, clock: Clock) -> None:
        self.home, self.stubs, self._clock = home, stubs, clock
        self.key = home.key("acme", "50/total")

    async def ask(self, count: int = 1, **more: Any) -> Counter[str]:
        """Ask at once; who served how many. No request may fail."""
        answers = await asyncio.gather(*[self.home.post(self.key, {**ASK, **more}) for _ in range(count)])
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        return Counter(answer.headers["x-darkroom-provider"] for answer in answers)

    def passes(self, seconds: float) -> None:
        """So much time passes for the breakers."""
        self._clock.ahead_s += seconds

    async def metrics(self) -> dict[str, float]:
        await asyncio.sleep(0.1)  # until events are heard
        text = (await self.home.http.get("http://darkroom.test/metrics")).text
        return {name: float(value) for name, value in re.findall(r"^(darkroom_\S+) (\S+)$", text, re.MULTILINE)}


@asynccontextmanager
async def placed(
    folder: Path, *names: str, pace: float = 0.03, queue_s: float = 60, **rows: dict[str, Any]
) -> AsyncIterator[Place]:
    stubs = Stubs(list(names), pace=pace, link_s=60)
    async with serving(stubs):
        config = stubs.rows()
        config["balances"] = rows.pop("balances", {})
        for name, row in rows.items():
            config["providers"][name] |= row
            if "accounts" in row:
                del config["providers"][name]["key"]
        config |= {
            "default_model": "flux-dev",
            "log": {"level": "error"},
            "limits": {"breaker_failures": 3, "breaker_s": BREAKER_S, "queue_s": queue_s},
        }
        clock = Clock()
        with patch("proxy.app.premises.Health", partial(Health, clock=clock)):
            async with house(folder, config) as home:
                yield Place(home, stubs, clock)


def accounts(**keys: str) -> list[dict[str, Any]]:
    return [{"name": name, "key": key} for name, key in keys.items()]


@pytest.mark.parametrize("script", [Script.UNAVAILABLE, Script.FAILED])
async def test_a_vendor_that_starts_failing_is_out_within_its_threshold_and_back_after_a_trial(
    tmp_path: Path, script: Script
) -> None:
    async with placed(tmp_path, "bfl", "wavespeed") as place:
        assert await place.ask() == {"wavespeed": 1}  # the cheaper one
        place.stubs.next["wavespeed"] = [script] * 100
        for _ in range(3):
            assert await place.ask() == {"bfl": 1}
        assert await place.ask(7) == {"bfl": 7}
        assert len(place.stubs.next["wavespeed"]) == 97  # three were enough
        place.passes(BREAKER_S)
        assert await place.ask(4) == {"bfl": 4}
        assert len(place.stubs.next["wavespeed"]) == 96  # one tried, and it was not well yet
        place.stubs.next["wavespeed"] = []
        place.passes(BREAKER_S)
        assert (await place.ask(4))["wavespeed"] == 1
        assert await place.ask(4) == {"wavespeed": 4}
        assert place.home.spent("acme")[1] == 0


async def test_one_accounts_bad_key_takes_out_that_account_only(tmp_path: Path) -> None:
    async with placed(tmp_path, "bfl", bfl={"accounts": accounts(good="right", bad="wrong")}) as place:
        assert await place.ask(12) == {"bfl": 12}
        before = await place.metrics()
        assert before['darkroom_account_state{account="bad",model="flux-dev",provider="bfl"}'] == 2
        assert 'darkroom_breaker_state{model="flux-dev",provider="bfl"}' not in before
        assert await place.ask(12) == {"bfl": 12}
        refused = 'darkroom_attempts_total{model="flux-dev",outcome="credential",provider="bfl"}'
        after = await place.metrics()
        assert after[refused] == before[refused]  # nobody was sent there again
        assert place.stubs.worlds["bfl"].submits == {"flux-dev": 24}
        assert place.home.spent("acme") == (24 * 40_000, 0)  # what the vendor says it did cost
        assert len([row for row in place.home.rows("entries") if row["kind"] == "hold"]) == 24  # one each, not two


async def test_an_offer_is_out_when_all_its_accounts_are_and_another_one_serves(tmp_path: Path) -> None:
    bad = {"accounts": accounts(one="wrong", two="wrong")}
    async with placed(tmp_path, "bfl", "wavespeed", wavespeed=bad) as place:
        assert await place.ask() == {"bfl": 1}
        seen = await place.metrics()
        assert seen['darkroom_breaker_state{model="flux-dev",provider="wavespeed"}'] == 2
        assert seen['darkroom_attempts_total{model="flux-dev",outcome="credential",provider="wavespeed"}'] == 2
        assert await place.ask(5) == {"bfl": 5}
        again = await place.metrics()
        assert {name: again[name] for name in seen if "wavespeed" in name} == {
            name: value for name, value in seen.items() if "wavespeed" in name
        }


async def test_what_would_draw_a_429_waits_its_turn(tmp_path: Path) -> None:
    async with placed(tmp_path, "bfl", bfl={"concurrency": 2}, pace=0.1) as place:
        world = place.stubs.worlds["bfl"]
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, sum([world.stage(job) != "ended" for job in tuple(world._jobs.values())]))
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        assert await place.ask(8) == {"bfl": 8}
        watching.cancel()
        assert 1 <= most <= 2
        seen = await place.metrics()
        assert seen['darkroom_account_wait_seconds_count{provider="bfl"}'] == 6


async def test_whoever_finds_no_room_in_time_goes_to_the_next_offer(tmp_path: Path) -> None:
    one = {"concurrency": 1}
    async with placed(tmp_path, "bfl", "wavespeed", wavespeed=one, pace=0.5, queue_s=0.05) as place:
        assert await place.ask(3) == {"wavespeed": 1, "bfl": 2}
        assert await place.ask() == {"wavespeed": 1}  # to be busy is no failure
        assert place.home.spent("acme")[1] == 0


async def test_accounts_share_the_work_by_their_weights(tmp_path: Path) -> None:
    rows = [{"name": "large", "key": "a", "weight": 3}, {"name": "small", "key": "b"}]
    async with placed(tmp_path, "bfl", bfl={"accounts": rows, "concurrency": 100}) as place:
        keys: Counter[str] = Counter()
        routed = place.stubs._routed

        def seen(vendor: str, stub: Stub, route: Route, asked: Asked) -> Answer:
            if route.pays:
                keys[stub.key(asked) or ""] += 1
            return routed(vendor, stub, route, asked)

        place.stubs._routed = seen  # type: ignore[method-assign]
        for _ in range(6):
            await place.ask(10)
        assert keys.total() == 60
        assert 30 <= keys["a"] <= 58


# Balances.


@pytest.mark.parametrize("vendor", ["bfl", "stability", "wavespeed"])
async def test_a_vendor_says_what_its_accounts_hold_and_is_asked_for_nothing_that_costs(vendor: str) -> None:
    stubs = Stubs([vendor], pace=0, link_s=60)
    async with serving(stubs):
        rows = stubs.rows()
        del rows["providers"][vendor]["key"]
        rows["providers"][vendor]["accounts"] = accounts(eu="right", us="wrong")
        config = parse(yaml.safe_dump({**rows, "default_model": models_of(vendor)[0].name}), {})
        told: list[Event] = []
        guard = Guard((), 1 << 20)
        transport = Transport(guard, {}, 1 << 20)
        try:
            lines = Catalogue(config, Book.load(), {}).lines
            await Balances(lines, transport, Room(1 << 20), told.append, config.balances).ask()
        finally:
            await transport.close()
            await guard.close()
        read, unknown = told
        assert read == BalanceRead(provider=vendor, account="eu", micros=10_000_000)
        assert isinstance(unknown, BalanceUnknown)
        assert unknown.account == "us"
        assert "wrong" not in unknown.why
        assert not stubs.worlds[vendor].submits


async def test_a_server_asks_by_itself(tmp_path: Path) -> None:
    async with placed(tmp_path, "bfl", balances={"every_s": 0.05}) as place:
        await asyncio.sleep(0.3)
        assert (await place.metrics())['darkroom_balance_usd{account="",provider="bfl"}'] == 10
