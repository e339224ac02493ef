"""The local GPU as an offer of a whole server: quoted by what it took, settled by what it took, full, and warm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from proxy.config import Config
from proxy.events import Tell
from proxy.ledger.tables import entries
from proxy.renderer import LocalRenderer
from tests.edge.house import House, house
from tests.edge.town import until
from tests.learned.drawn import LOADS, Fast
from tests.walk.vendors import OpenAIVendor, at, serving

OWNED = {
    "type": "owned", "seconds": "30", "purchase_usd": "36000", "years": "4", "utilisation": "0.4", "watts": "900",
    "usd_per_kwh": "0.20",
}  # fmt: skip
RATE_PICOS = 762_981_976
"""USD 10^-12 a second of that machine."""
SQUARE = {"model": "sketch", "prompt": "A boat", "size": "1024x1024", "response_format": "b64_json"}
PLAN = {"x_darkroom_dry_run": "plan"}


def local(per: dict[str, str] = OWNED) -> dict[str, Any]:
    model = {
        "name": "sketch",
        "load": {"type": "untrained", "steps": 20, "guidance": 1.0},
        "sizes": {"default": "1024x1024", "step": 64, "min_side": 256, "max_side": 2048},
        "at_once": 4,
        "price": {"per": per},
    }
    return {"models": [model]}


def config(**more: Any) -> dict[str, Any]:
    return {"providers": {"local": local(), **more}, "default_model": "sketch"}


@contextmanager
def drawing(home: Fast, queue_limit: int = 64) -> Iterator[None]:
    """A server that is opened meanwhile draws there."""

    def made(_: Config, tell: Tell) -> LocalRenderer:
        return LocalRenderer(home, LOADS, tell, queue_limit=queue_limit)

    with patch("proxy.app.premises.local_renderer", made):
        yield


async def plan(home: House, key: str, **fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = (await home.post(key, {**SQUARE, **fields}, **PLAN)).json()
    return told


def micros(seconds_tenths: int) -> int:
    """What so many tenths of a second come to at that machine, in whole micro-USD, rounded up."""
    return -(-RATE_PICOS * seconds_tenths // 10_000_000)


async def test_a_quote_falls_to_what_pictures_took_and_every_settlement_is_seconds_times_the_rate(
    tmp_path: Path,
) -> None:
    with drawing(Fast()):
        async with house(tmp_path, config()) as home:
            key = home.key("acme", "10/total")
            first = await plan(home, key)
            assert first["choices"][0]["breakdown"][0]["quantity"] == "30"
            for number in range(1, 6):
                assert (await home.post(key, {**SQUARE, "n": 1})).status_code == 200
                assert home.spent("acme") == (micros(25) * number, 0)
            home.app.premises.bus.flush()
            learnt = await plan(home, key, n=2)
            [line] = learnt["choices"][0]["breakdown"]
            assert line["quantity"] == "6.26"  # twice 2.5 s, a quarter more, in three figures
            assert (await home.post(key, {**SQUARE, "n": 3})).status_code == 200
            assert home.spent("acme") == (micros(25) * 5 + micros(75), 0)
        async with house(tmp_path, config()) as home:  # after a restart
            assert (await plan(home, home.another_key("acme"), n=2))["choices"][0]["breakdown"] == [line]


async def test_a_hold_is_what_was_quoted_and_covers_what_it_took(tmp_path: Path) -> None:
    with drawing(Fast()):
        async with house(tmp_path, config()) as home:
            key = home.key("acme", "10/total")
            for _ in range(6):
                assert (await home.post(key, SQUARE)).status_code == 200
                home.app.premises.bus.flush()
            with home.engine().connect() as connection:
                posted = list(connection.execute(entries.select()).mappings())
            held = [each["micros"] for each in posted if each["kind"] == "hold"]
            settled = [each["micros"] for each in posted if each["kind"] == "settle"]
            assert held[0] == micros(300)
            assert held[-1] == -(-RATE_PICOS * 313 // 10**8)  # 2.5 s, a quarter more, in three figures
            assert all(paid == micros(25) for paid in settled)
            assert held[-1] >= settled[-1]


async def test_a_plan_shows_the_wait_and_whether_the_model_is_in_memory(tmp_path: Path) -> None:
    engine = Fast()
    with drawing(engine):
        async with house(tmp_path, config()) as home:
            key = home.key("acme", "10/total")
            cold = (await plan(home, key))["choices"][0]["local"]
            assert cold == {
                "expected_wait_s": 0.0, "ahead": 0, "full": False, "warm": False, "expected_seconds": None
            }  # fmt: skip
            await asyncio.gather(*[home.post(key, SQUARE) for _ in range(5)])
            home.app.premises.bus.flush()
            engine.gate.clear()
            busy = [asyncio.create_task(home.post(key, SQUARE)) for _ in range(3)]
            renderer = home.app.premises.local
            assert renderer is not None
            await until(lambda: renderer.standing.queue + renderer.standing.inside == 3)
            warm = (await plan(home, key))["choices"][0]["local"]
            assert (warm["ahead"], warm["warm"], warm["expected_seconds"]) == (3, True, 2.5)
            assert warm["expected_wait_s"] > 5
            engine.warm = frozenset()
            again = (await plan(home, key))["choices"][0]["local"]
            assert again["expected_wait_s"] == warm["expected_wait_s"] + 7.5
            engine.gate.set()
            assert [answer.status_code for answer in await asyncio.gather(*busy)] == [200] * 3


async def fill(home: House, engine: Fast, key: str) -> list[asyncio.Task[httpx.Response]]:
    """Requests for all that the engine takes at once and all that may wait."""
    engine.gate.clear()
    busy = [asyncio.create_task(home.post(key, SQUARE)) for _ in range(3)]
    renderer = home.app.premises.local
    assert renderer is not None
    await until(lambda: renderer.standing.full)
    return busy


async def test_a_full_queue_is_out_with_its_wait_and_says_so_where_nobody_else_serves(tmp_path: Path) -> None:
    engine = Fast()
    with drawing(engine, queue_limit=1):
        async with house(tmp_path, config()) as home:
            key = home.key("acme", "10/total")
            busy = await fill(home, engine, key)
            [out] = (await plan(home, key))["left_out"]
            assert (out["offer"], out["rule"]) == ("local/sketch", "healthy")
            assert out["reason"] == "has a full queue here: expected wait 15 s"  # three pictures nobody has timed yet
            assert out["local"]["full"]
            answer = await home.post(key, SQUARE)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "15")
            assert "expected wait 15 s" in answer.json()["error"]["message"]
            engine.gate.set()
            assert [each.status_code for each in await asyncio.gather(*busy)] == [200] * 3
            assert (await home.post(key, SQUARE)).status_code == 200


async def test_a_full_queue_sends_requests_elsewhere(tmp_path: Path) -> None:
    engine, vendor = Fast(), OpenAIVendor()
    with serving(vendor), drawing(engine, queue_limit=1):
        elsewhere = at(vendor, name="sketch", sizes={"listed": ["1024x1024"]})
        async with house(tmp_path, config(stub=elsewhere)) as home:
            key = home.key("acme", "10/total")
            assert (await home.post(key, SQUARE)).headers["x-darkroom-provider"] == "local"
            busy = await fill(home, engine, key)
            answer = await home.post(key, SQUARE)
            assert (answer.status_code, answer.headers["x-darkroom-provider"]) == (200, "stub")
            engine.gate.set()
            assert {each.headers["x-darkroom-provider"] for each in await asyncio.gather(*busy)} == {"local"}
