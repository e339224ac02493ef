"""Requests for one picture at once are one purchase: the first pays, and nobody of another team is given any of it."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.edge.house import BODY, Visitor
from tests.edge.vendors import FickleVendor
from tests.twins.again import HIT, JOINED, MISS, OFF, ONLY, SEEDED, home_of, pictures, said, submitted


async def test_requests_of_a_team_for_one_picture_at_once_are_one_purchase_and_the_first_pays(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        keys = [home.key("acme", "1/total")]
        keys.append(home.another_key("acme"))
        vendor.gate.clear()
        first = asyncio.create_task(home.post(keys[0], SEEDED))
        await submitted(vendor, 1)
        others = [asyncio.create_task(home.post(keys[place % 2], SEEDED)) for place in range(8)]
        await asyncio.sleep(0.2)
        vendor.gate.set()
        paid, *given = await asyncio.gather(first, *others)
        assert said(paid) == MISS
        assert {said(answer) for answer in given} == {JOINED}
        assert {answer.headers["x-darkroom-repeats"] for answer in given} == {paid.headers["x-request-id"]}
        assert len({answer.headers["x-request-id"] for answer in [paid, *given]}) == 9
        assert all(answer.json() == paid.json() for answer in given)
        assert len(vendor.submits) == 1
        assert home.spent("acme") == (40_000, 0)
        assert {row["job"] for row in home.rows("entries")} == {paid.headers["x-request-id"]}
        assert {row["state"] for row in home.rows("jobs")} == {"done"}
        assert said(await home.post(keys[0], SEEDED)) == MISS  # nothing is kept for a team that was not named


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({**BODY}, {}),
        ({**BODY, "seed": 8}, {}),
        ({**SEEDED, "prompt": "A house"}, {}),
        ({**SEEDED, "n": 2}, {}),
        ({**SEEDED, "size": "128x64"}, {}),
        ({**SEEDED, "model": "spare"}, {}),
        (SEEDED, OFF),
        (SEEDED, {"x_darkroom_max_cost": "0.5"}),
        (SEEDED, {"x_darkroom_strict": "true"}),
    ],
    ids=str,
)
async def test_what_is_not_the_same_is_bought_for_itself(
    body: dict[str, Any], headers: dict[str, str], tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED)), asyncio.create_task(home.post(key, body, **headers))]
        await submitted(vendor, 2)
        vendor.gate.set()
        for answer in await asyncio.gather(*asking):
            assert answer.status_code == 200
            assert answer.headers.get("x-darkroom-cache") in ("miss", None)
        assert home.spent("acme")[0] >= 80_000


async def test_no_team_is_given_the_picture_of_another(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, {"default": {"age_s": 86_400}}) as home:
        acme, other = home.key("acme", "1/total"), home.key("other", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED)) for key in (acme, other)]
        await submitted(vendor, 2)
        vendor.gate.set()
        assert [said(answer) for answer in await asyncio.gather(*asking)] == [MISS, MISS]
        third = home.key("third", "1/total")
        assert said(await home.post(third, SEEDED)) == MISS
        assert (await home.post(home.key("fourth"), SEEDED, **ONLY)).status_code == 404
        assert len(vendor.submits) == 3


@pytest.mark.parametrize("fails", ["breaks", "moderates", "refuses"])
async def test_where_the_first_comes_to_nothing_the_next_in_line_tries_and_nobody_else(
    fails: str, tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        vendor.does = [fails, fails]
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED))]
        await submitted(vendor, 1)
        asking += [asyncio.create_task(home.post(key, SEEDED)) for _ in range(4)]
        await asyncio.sleep(0.2)
        vendor.gate.set()
        told = [said(answer)[:2] for answer in await asyncio.gather(*asking)]
        status = 503 if fails == "breaks" else 400
        assert sorted(told, key=str) == sorted(
            [(200, "joined"), (200, "joined"), (200, "miss"), (status, None), (status, None)], key=str
        )
        assert len(vendor.submits) == 3
        assert home.spent("acme") == (40_000, 0)
        assert said(await home.post(key, SEEDED)) == HIT


async def test_whoever_streams_gets_the_finished_picture_of_whoever_does_not(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        first = asyncio.create_task(home.post(key, SEEDED))
        await submitted(vendor, 1)
        streamed = asyncio.create_task(home.post(key, {**SEEDED, "stream": True, "partial_images": 2}))
        await asyncio.sleep(0.2)
        vendor.gate.set()
        paid, stream = await asyncio.gather(first, streamed)
        assert stream.headers["x-darkroom-repeats"] == paid.headers["x-request-id"]
        assert (stream.headers["x-darkroom-cache"], stream.headers["x-darkroom-cost"]) == ("joined", "0")
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
        assert [event["type"] for event in events] == ["image_generation.completed"]
        assert base64.b64decode(events[0]["b64_json"]) == pictures(paid)[0]
        assert len(vendor.submits) == 1


async def test_a_caller_who_goes_away_leaves_the_picture_to_those_who_wait(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        visitor = Visitor(key, content_type="application/json").says(json.dumps(SEEDED).encode())
        gone = asyncio.create_task(visitor.visit(home.app))
        await submitted(vendor, 1)
        other = asyncio.create_task(home.post(key, SEEDED))
        await asyncio.sleep(0.1)
        visitor.goes_away()
        vendor.gate.set()
        assert said(await other) == JOINED
        await gone
        assert home.spent("acme") == (40_000, 0)


async def test_a_request_that_is_broken_off_passes_its_turn_on(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED))]
        await submitted(vendor, 1)
        asking += [asyncio.create_task(home.post(key, SEEDED)) for _ in range(2)]
        await asyncio.sleep(0.2)
        asking[0].cancel()
        await submitted(vendor, 2)
        vendor.gate.set()
        assert [said(answer) for answer in await asyncio.gather(*asking[1:])] == [MISS, JOINED]


async def test_a_request_that_is_not_to_be_bought_waits_for_one_that_is(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        first = asyncio.create_task(home.post(key, SEEDED))
        await submitted(vendor, 1)
        waiting = asyncio.create_task(home.post(key, SEEDED, **ONLY))
        await asyncio.sleep(0.1)
        vendor.gate.set()
        assert (said(await first), said(await waiting)) == (MISS, JOINED)
        assert (await home.post(key, SEEDED, **ONLY)).status_code == 404
