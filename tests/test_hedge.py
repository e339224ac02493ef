"""Two candidates for one picture: who wins, who pays, and that no budget is passed by it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from aiohttp import web
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from proxy.cli import main
from tests.edge.house import BODY, House, house
from tests.edge.vendors import FickleVendor
from tests.test_purchase import CHEAP, DEAR, balanced, slow, two
from tests.walk.running import eventually, running
from tests.walk.test_repeats import FLUX, post
from tests.walk.vendors import OpenAIVendor, PollingVendor, at, serving

SOON = {"after": 0.2, "extra": "0.10"}


async def metric(home: House, name: str) -> dict[str, float]:
    """A counter's values, by provider and outcome."""
    text = (await home.http.get("http://darkroom.test/metrics")).text
    return {
        " ".join(sample.labels[label] for label in ("provider", "outcome") if label in sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"darkroom_{name}_total"
    }


async def until(check: Callable[[], bool]) -> None:
    for _ in range(500):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def settled(home: House) -> list[tuple[str, int, int]]:
    """The lines of what was paid: provider, micro-USD, pictures."""
    return [(row["provider"], row["micros"], row["images"]) for row in home.rows("entries") if row["kind"] == "settle"]


async def test_the_second_candidate_wins_and_the_first_is_settled_on_a_line_of_its_own(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge=SOON)) as home:
            key = home.key("acme", "1/total")
            cheap.gate.clear()
            answer = await home.post(key)
            assert answer.headers["x-darkroom-provider"] == "dear"
            assert answer.headers["x-darkroom-attempts"] == "2"
            assert answer.headers["x-darkroom-estimated-cost"] == "0.11"  # both were held
            assert answer.headers["x-darkroom-cost"] == "0.07"
            assert answer.headers["x-darkroom-hedge"] == "dear/photo won 0.04"  # that the late one may cost besides
            told = answer.headers["x-darkroom-notes"]
            assert "hedge: dear/photo was asked as well because cheap/photo took long" in told
            assert "cheap/photo was too late, and may cost up to 0.04 USD more" in told
            assert home.spent("acme") == (DEAR, CHEAP)
            balanced(home, "acme")
            cheap.gate.set()
            await until(lambda: home.spent("acme") == (DEAR + CHEAP, 0))
            assert settled(home) == [("dear", DEAR, 1), ("cheap", CHEAP, 0)]
            assert [job["state"] for job in home.rows("jobs")] == ["done"]
            balanced(home, "acme")
            assert await metric(home, "hedges") == {"dear won": 1}
            assert await metric(home, "hedge_usd") == {"cheap": 0.04}
            path = f"/darkroom/requests/{answer.headers['x-request-id']}"
            explained = (await home.get(key, path)).json()
            assert explained["charged_usd"] == "0.11"
            assert [(each["offer"], each["hedge"], each["cost_usd"]) for each in explained["attempts"]] == [
                ("cheap/photo", False, "0.04"),
                ("dear/photo", True, "0.07"),
            ]
            ledger, request = home.data, answer.headers["x-request-id"]
    lines = CliRunner().invoke(main, ["explain", request, "--data", str(ledger)]).stdout.splitlines()
    assert [line.split("\t")[:5] for line in lines[-2:]] == [
        ["cheap/photo", "paid", "0", "0.04", "0.04"],
        ["dear/photo", "paid (asked beside another: hedge)", "1", "0.07", "0.07"],
    ]


async def test_a_repeat_is_told_of_the_hedge_and_whoever_is_given_its_picture_is_not(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        config = two(cheap, dear, hedge=SOON, cache={"teams": {"acme": {"age_s": 3600}}})
        for name in ("cheap", "dear"):
            config["providers"][name]["models"][0]["honours"] = ["seed"]
        async with house(tmp_path, config) as home:
            key = home.key("acme", "1/total")
            cheap.gate.clear()
            first = await home.post(key, {**BODY, "seed": 7}, idempotency_key="k")
            again = await home.post(key, {**BODY, "seed": 7}, idempotency_key="k")
            given = await home.post(key, {**BODY, "seed": 7})
            cheap.gate.set()
            assert first.headers["x-darkroom-hedge"] == again.headers["x-darkroom-hedge"] == "dear/photo won 0.04"
            assert "asked as well" in again.headers["x-darkroom-notes"]
            assert (given.headers["x-darkroom-cache"], given.headers["x-darkroom-cost"]) == ("hit", "0")
            assert "x-darkroom-hedge" not in given.headers
            assert "asked as well" not in given.headers.get("x-darkroom-notes", "")
            assert {each.headers["x-darkroom-policy"] for each in (first, again, given)} == {"house"}


async def test_the_first_candidate_wins_and_the_second_is_paid_for_when_it_ends(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge=SOON)) as home:
            key = home.key("acme", "1/total")
            cheap.gate.clear()
            dear.gate.clear()
            asked = asyncio.create_task(home.post(key))
            await until(lambda: len(dear.submits) == 1)
            cheap.gate.set()
            answer = await asked
            assert answer.headers["x-darkroom-provider"] == "cheap"
            assert "dear/photo was too late, and may cost up to 0.07 USD more" in answer.headers["x-darkroom-notes"]
            assert answer.headers["x-darkroom-hedge"] == "dear/photo lost 0.07"
            assert home.spent("acme") == (CHEAP, DEAR)
            dear.gate.set()
            await until(lambda: home.spent("acme") == (CHEAP + DEAR, 0))
            assert settled(home) == [("cheap", CHEAP, 1), ("dear", DEAR, 0)]
            assert await metric(home, "hedges") == {"dear lost": 1}


async def test_who_answers_in_time_is_asked_alone(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge=SOON)) as home:
            answer = await home.post(home.key("acme", "1/total"))
            assert "x-darkroom-notes" not in answer.headers
            assert "x-darkroom-hedge" not in answer.headers
            assert dear.submits == []
            assert home.spent("acme") == (CHEAP, 0)
            assert await metric(home, "hedges") == {}


ALONE: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str], str]] = {
    "no hedge is configured": ({}, {}, {}, "1/total"),
    "the second would add too much": ({"hedge": {**SOON, "extra": "0.06"}}, {}, {}, "1/total"),
    "the caller's own ceiling is too low for both": ({"hedge": SOON}, {}, {"x_darkroom_max_cost": "0.10"}, "1/total"),
    "the budget does not hold both": ({"hedge": SOON}, {}, {}, "0.10/total"),
    "another policy decides": ({"hedge": {**SOON, "policies": ["cheapest"]}}, {}, {}, "1/total"),
    "too little is known of the offer": ({"hedge": {**SOON, "after": "p95"}}, {}, {}, "1/total"),
    "unfinished pictures are shown": ({"hedge": SOON}, {"stream": True, "partial_images": 1}, {}, "1/total"),
}


@pytest.mark.parametrize("why", ALONE)
async def test_nobody_is_asked_as_well_where(why: str, tmp_path: Path) -> None:
    more, asked, headers, limit = ALONE[why]
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, **more)) as home:
            key = home.key("acme", limit)
            cheap.gate.clear()
            asking = asyncio.create_task(home.post(key, {**BODY, **asked}, **headers))
            await until(lambda: len(cheap.submits) == 1)
            await asyncio.sleep(0.6)
            cheap.gate.set()
            assert (await asking).status_code == 200
            assert dear.submits == []
            assert home.spent("acme") == (CHEAP, 0)
            assert await metric(home, "budget_refusals") == {}  # the request itself was not refused
            refused = {"dear refused": 1.0} if why == "the budget does not hold both" else {}
            assert await metric(home, "hedges") == refused


async def test_what_is_drawn_here_is_broken_off_at_no_charge(tmp_path: Path) -> None:
    dear = OpenAIVendor()
    with serving(dear):
        config = {"providers": {"a": slow(dear), "dear": at(dear)}, "default_model": "photo", "hedge": SOON}
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", "1/total"))
            assert answer.headers["x-darkroom-provider"] == "dear"
            assert "dear/photo was asked as well" in answer.headers["x-darkroom-notes"]
            assert "may cost" not in answer.headers["x-darkroom-notes"]
            assert home.spent("acme") == (CHEAP, 0)  # at once
            assert settled(home) == [("dear", CHEAP, 1)]
            balanced(home, "acme")


async def test_a_second_candidate_that_waits_for_room_is_never_sent_once_the_first_has_answered(
    tmp_path: Path,
) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        config = two(cheap, dear, hedge=SOON)
        config["providers"]["dear"]["concurrency"] = 1
        config["providers"]["dear"]["models"][0]["sizes"] = {"default": "64x64", "listed": ["64x64", "32x32"]}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "1/total")
            cheap.gate.clear()
            dear.gate.clear()
            other = asyncio.create_task(home.post(key, {**BODY, "size": "32x32"}))
            await until(lambda: len(dear.submits) == 1)
            asked = asyncio.create_task(home.post(key))
            await until(lambda: home.spent("acme") == (0, DEAR + CHEAP + DEAR))
            cheap.gate.set()
            answer = await asked
            assert answer.headers["x-darkroom-provider"] == "cheap"
            assert answer.headers["x-darkroom-hedge"] == "dear/photo cancelled 0"
            assert home.spent("acme") == (CHEAP, DEAR)  # that of the other request
            dear.gate.set()
            assert (await other).status_code == 200
            assert len(dear.submits) == 1
            assert await metric(home, "hedges") == {"dear cancelled": 1}
            balanced(home, "acme")


async def test_a_first_candidate_that_hangs_up_leaves_its_hold_and_the_second_answers(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), FickleVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge=SOON)) as home:
            cheap.gate.clear()
            dear.gate.clear()
            cheap.does = ["hangs up"]
            asked = asyncio.create_task(home.post(home.key("acme", "1/total")))
            await until(lambda: len(dear.submits) == 1)
            cheap.gate.set()
            await asyncio.sleep(0.1)
            assert not asked.done()  # the second may still have it
            dear.gate.set()
            answer = await asked
            assert answer.headers["x-darkroom-provider"] == "dear"
            assert home.spent("acme") == (DEAR, CHEAP)
            assert [(hold["provider"], hold["state"]) for hold in home.rows("holds")] == [("cheap", "ambiguous")]
            balanced(home, "acme")


async def test_where_both_fail_the_third_is_asked_and_nobody_twice(tmp_path: Path) -> None:
    cheap, dear, last = FickleVendor(), FickleVendor(), FickleVendor()
    price = {"per": {"type": "image", "rows": [{"price": "0.09"}]}}
    with serving(cheap), serving(dear), serving(last):
        config = two(cheap, dear, hedge=SOON)
        config["providers"]["last"] = at(last, price=price)
        async with house(tmp_path, config) as home:
            cheap.gate.clear()
            dear.gate.clear()
            cheap.does, dear.does = ["breaks"] * 2, ["is down"] * 2
            asked = asyncio.create_task(home.post(home.key("acme", "1/total")))
            await until(lambda: len(dear.submits) == 1)
            cheap.gate.set()
            dear.gate.set()
            answer = await asked
            assert answer.headers["x-darkroom-provider"] == "last"
            assert answer.headers["x-darkroom-hedge"] == "dear/photo failed 0"
            assert [len(vendor.submits) for vendor in (cheap, dear, last)] == [1, 1, 1]
            assert home.spent("acme") == (90_000, 0)
            assert await metric(home, "hedges") == {"dear failed": 1}


async def test_pictures_of_single_calls_get_company_one_by_one_and_no_more_than_is_extra(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge={"after": 0.2, "extra": "0.15"})) as home:
            cheap.gate.clear()
            asked = asyncio.create_task(home.post(home.key("acme", "1/total"), {**BODY, "n": 4}))
            await until(lambda: len(dear.submits) == 2)
            await asyncio.sleep(0.3)
            cheap.gate.set()
            answer = await asked
            assert len(answer.json()["data"]) == 4
            assert len(dear.submits) == 2  # 0.14 of 0.15
            assert answer.headers["x-darkroom-attempts"] == "6"
            assert answer.headers["x-darkroom-hedge"] == "dear/photo won 0.04, dear/photo won 0.04"
            await until(lambda: home.spent("acme") == (2 * DEAR + 4 * CHEAP, 0))
            assert sorted(settled(home)) == sorted(
                [("dear", DEAR, 1)] * 2 + [("cheap", CHEAP, 1)] * 2 + [("cheap", CHEAP, 0)] * 2
            )
            balanced(home, "acme")


async def test_the_offers_own_pace_says_when_it_takes_long(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge={"after": "p95", "extra": "0.10"})) as home:
            key = home.key("acme", "9/total")
            for place in range(40):
                assert (await home.post(key, {**BODY, "prompt": f"Boat {place}"})).status_code == 200
            before = len(dear.submits)
            await asyncio.sleep(0.6)  # what is measured is looked at now and then
            cheap.gate.clear()
            answer = await asyncio.wait_for(home.post(key), 5)
            cheap.gate.set()
            assert answer.headers["x-darkroom-provider"] == "dear"
            assert len(dear.submits) == before + 1


class Moody(FickleVendor):
    """Takes its time, differently every time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self._chance.choice([0, 0.05, 0.15, 0.3]))
        self.does = [self._chance.choice(["ok"] * 8 + ["breaks", "hangs up", "refuses", "says nothing"])]
        return await super()._generations(request)


async def test_many_hedged_requests_on_one_budget_never_pass_it_and_every_micro_dollar_is_accounted_for(
    tmp_path: Path,
) -> None:
    cheap, dear = Moody(1), Moody(2)
    limit = 2_200_000
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, hedge={"after": 0.08, "extra": "0.10"})) as home:
            key = home.key("acme", "2.2/total")
            bodies = [{**BODY, "n": 1 + place % 2, "prompt": f"Boat {place}"} for place in range(30)]
            highest = 0

            async def watch() -> None:
                nonlocal highest
                while True:
                    highest = max(highest, sum(home.spent("acme")))
                    await asyncio.sleep(0.02)

            watching = asyncio.create_task(watch())
            answers = await asyncio.gather(*[home.post(key, body) for body in bodies])
            await until(lambda: {hold["state"] for hold in home.rows("holds")} <= {"ambiguous"})
            watching.cancel()
            assert {answer.status_code for answer in answers} <= {200, 400, 429, 503, 504}
            assert 0.8 * limit < highest <= limit
            told = balanced(home, "acme")
            pictures = sum(len(answer.json()["data"]) for answer in answers if answer.status_code == 200)
            assert sum(images for _, _, images in settled(home)) == pictures
            charged = round(sum(float(answer.headers.get("x-darkroom-cost", 0)) for answer in answers) * 1e6)
            extra = round(sum((await metric(home, "hedge_usd")).values()) * 1e6)
            assert extra > 0
            assert told["settle"] == charged + extra


async def test_a_server_that_stops_in_the_middle_of_a_race_leaves_both_holds_to_its_next_start(
    tmp_path: Path,
) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        config = two(cheap, dear, hedge=SOON)
        with patch("proxy.app.premises.DRAIN_S", 0.2):
            async with house(tmp_path, config) as home:
                key = home.key("acme", "1/total")
                cheap.gate.clear()
                dear.gate.clear()
                asked = asyncio.create_task(home.post(key))
                await until(lambda: len(dear.submits) == 1)
        await asyncio.gather(asked, return_exceptions=True)
        async with house(tmp_path, config) as home:
            assert home.spent("acme") == (0, CHEAP + DEAR)
            assert [hold["state"] for hold in home.rows("holds")] == ["ambiguous"] * 2
            balanced(home, "acme")


def test_the_one_that_lost_is_settled_by_the_next_start_when_the_server_is_killed_before_it_ended(
    tmp_path: Path,
) -> None:
    first, second = PollingVendor(), OpenAIVendor()
    with serving(first), serving(second):
        dearer = {"name": "flux-pro-1.1", "sizes": {"default": "1024x768", "listed": ["1024x768"]}, "at_once": 1}
        other = at(second, price={"per": {"type": "image", "rows": [{"price": "0.07"}]}})
        other["models"] = [{**other["models"][0], **dearer}]
        config = {
            "providers": {"bfl": {"base": first.origin, "key": "bfl-key"}, "other": other},
            "default_model": "flux-pro-1.1",
            "links": {"allow": [f"127.0.0.1:{first.port}"]},
            "hedge": {"after": 0.5, "extra": "0.10"},
        }
        with running(tmp_path, config) as server:
            key = server.key("acme", "1/total")
            first.gate.clear()
            answer: httpx.Response = post(server, key, FLUX)
            assert answer.headers["x-darkroom-provider"] == "other", answer.text
            assert server.spent("acme") == (DEAR, CHEAP)
            server.kill()
            first.gate.set()
            server.start()
            eventually(lambda: server.spent("acme") == (DEAR + CHEAP, 0))
            assert len(first.submits) == len(second.submits) == 1
            assert [job["state"] for job in server.rows("jobs")] == ["done"]
