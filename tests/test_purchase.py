"""Buying along a plan: what is tried next, what is not, and what every way of ending costs to the micro-dollar."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.edge.house import BODY, House, house
from tests.edge.vendors import DEARER, FickleVendor
from tests.pictures import jpeg, png
from tests.walk.vendors import OpenAIVendor, at, serving

CHEAP, DEAR = 40_000, 70_000


def two(cheap: OpenAIVendor, dear: OpenAIVendor, **more: Any) -> dict[str, Any]:
    """A model at two vendors, the first of them cheaper."""
    providers = {"cheap": at(cheap), "dear": at(dear, price=DEARER)}
    return {"providers": providers, "default_model": "photo", "limits": {"breaker_failures": 100}, **more}


def balanced(home: House, team: str) -> Counter[str]:
    """Micro-USD by kind of entry; they, the balance and the open holds always tell the same story."""
    told: Counter[str] = Counter()
    for entry in home.rows("entries"):
        told[entry["kind"]] += entry["micros"]
    held = sum(hold["micros"] for hold in home.rows("holds"))
    ended = {entry["hold"] for entry in home.rows("entries") if entry["kind"] in ("settle", "release")}
    begun = {entry["hold"]: entry["micros"] for entry in home.rows("entries") if entry["kind"] == "hold"}
    assert home.spent(team) == (told["settle"], held)
    assert sum(micros for hold, micros in begun.items() if hold not in ended) == held
    return told


CHARGED = ("says nothing", "talks nonsense")
FAULTS = [
    ("throttles", True, 200),
    ("breaks", True, 200),
    ("is down", True, 200),
    ("refuses our key", True, 200),
    ("has no credit", True, 200),
    ("says nothing", True, 200),
    ("talks nonsense", True, 200),
    ("refuses", False, 400),
    ("moderates", False, 400),
    ("gives up waiting", False, 504),
    ("hangs up", False, 504),
]


@pytest.mark.parametrize(("fault", "goes_on", "status"), FAULTS)
async def test_the_next_offer_is_asked_after_a_definite_failure_and_never_after_one_that_is_final(
    fault: str, goes_on: bool, status: int, tmp_path: Path
) -> None:
    cheap, dear = FickleVendor(), FickleVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear)) as home:
            key = home.key("acme", "1/total")
            cheap.does = [fault]
            answer = await home.post(key)
            assert answer.status_code == status
            assert (len(cheap.submits), len(dear.submits)) == (1, int(goes_on))
            (job,) = home.rows("jobs")
            balanced(home, "acme")
            if goes_on:
                assert answer.headers["x-darkroom-provider"] == "dear"
                assert answer.headers["x-darkroom-attempts"] == "2"
                kept = CHEAP if fault in CHARGED else 0  # a vendor that says yes and gives nothing may have charged
                assert (home.spent("acme"), job["state"]) == ((DEAR, kept), "done")
                assert [hold["state"] for hold in home.rows("holds")] == ["ambiguous"] * bool(kept)
            elif status == 504:  # it may have been paid for
                assert answer.headers["x-should-retry"] == "false"
                (hold,) = home.rows("holds")
                assert (home.spent("acme"), hold["state"], job["state"]) == ((0, CHEAP), "ambiguous", "open")
                for again in ({"x_stainless_retry_count": "1"}, {"x_stainless_retry_count": "2"}):
                    pending = await home.post(key, **again)
                    assert (pending.status_code, pending.json()["error"]["code"]) == (409, "request_pending")
                assert (len(cheap.submits), len(dear.submits)) == (1, 0)
            else:
                assert answer.headers["x-should-retry"] == "false"
                assert (home.spent("acme"), job["state"]) == ((0, 0), "failed")


TEN = [
    ({"breaks": 3}, 7, 3),
    ({"throttles": 9}, 1, 9),
    ({"breaks": 10}, 0, 10),
    ({"refuses": 1}, 9, 0),
    ({"refuses": 1, "breaks": 4}, 5, 0),
    ({"gives up waiting": 2, "breaks": 4}, 4, 0),
    ({"gives up waiting": 10}, 0, 0),
    ({"hangs up": 1, "moderates": 9}, 0, 0),
]


@pytest.mark.parametrize(("fails", "made", "elsewhere"), TEN)
async def test_ten_pictures_of_single_calls_are_settled_call_by_call(
    fails: dict[str, int], made: int, elsewhere: int, tmp_path: Path
) -> None:
    cheap, dear = FickleVendor(), FickleVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear)) as home:
            key = home.key("acme", "2/total", "images:20/day")
            cheap.does = [name for name, times in fails.items() for _ in range(times)]
            lost = fails.get("gives up waiting", 0) + fails.get("hangs up", 0)
            answer = await home.post(key, {**BODY, "n": 10})
            assert len(cheap.submits) == 10
            assert len(dear.submits) == elsewhere
            paid = made * CHEAP + elsewhere * DEAR
            assert home.spent("acme") == (paid, lost * CHEAP)
            told = balanced(home, "acme")
            assert told["hold"] == 10 * CHEAP + elsewhere * DEAR
            (job,) = home.rows("jobs")
            if not made + elsewhere:
                assert answer.status_code >= 400
                assert job["state"] == "open"
                return
            assert len(answer.json()["data"]) == made + elsewhere
            assert job["state"] == "done"
            assert answer.headers["x-darkroom-cost"] == f"{paid / 1e6:.2f}".rstrip("0").rstrip(".")
            short = made + elsewhere < 10
            assert ("of 10 pictures were made" in answer.headers.get("x-darkroom-notes", "")) is short


async def test_what_is_missing_is_bought_only_where_the_budget_still_holds_it(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), FickleVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear)) as home:
            key = home.key("acme", "0.12/total")
            cheap.does = ["breaks", "breaks"]
            answer = await home.post(key, {**BODY, "n": 3})
            assert len(answer.json()["data"]) == 1  # 0.04 are spent, and two more would be 0.14
            assert "1 of 3 pictures were made" in answer.headers["x-darkroom-notes"]
            assert dear.submits == []
            assert home.spent("acme") == (CHEAP, 0)


async def test_a_budget_too_small_for_the_first_offer_may_still_hold_the_next(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    local = {
        "policy": {"rules": ["configured", "capable", "allowed", "priced", "within_ceiling"]}
    }  # in order of their names
    with serving(cheap), serving(dear):
        config = {**two(cheap, dear), **local}
        config["providers"] = {"a": at(dear, price=DEARER), "b": at(cheap)}
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", "0.05/total"))
            assert answer.headers["x-darkroom-provider"] == "b"
            assert dear.submits == []
            assert home.spent("acme") == (CHEAP, 0)


PENNY = {"per": {"type": "image", "rows": [{"price": "0.01"}]}}


def slow(like: OpenAIVendor) -> dict[str, Any]:
    """The cheapest offer: drawn here, and never done."""
    return {
        "speaks": "sandbox",
        "options": {"words": {"boat": "slow"}, "delay_s": 30},
        "models": at(like, price=PENNY)["models"],
    }


async def test_when_the_time_of_a_request_is_up_nothing_more_is_bought(tmp_path: Path) -> None:
    dear = OpenAIVendor()
    with serving(dear):
        out = at(dear, sizes={"default": "32x32", "listed": ["32x32"]})
        config = {"providers": {"a": slow(dear), "dear": out}, "default_model": "photo", "limits": {"request_s": 0.3}}
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", "1/total"), {**BODY, "size": "64x64"})
            assert answer.status_code == 503
            assert dear.submits == []
            assert home.spent("acme") == (0, 0)
            assert [job["state"] for job in home.rows("jobs")] == ["failed"]


async def test_offers_that_come_to_nothing_leave_time_for_those_after_them(tmp_path: Path) -> None:
    last = OpenAIVendor()
    with serving(last):
        config = {"providers": {"a": slow(last), "b": slow(last), "last": at(last)}, "default_model": "photo"}
        async with house(tmp_path, {**config, "limits": {"request_s": 4.0}}) as home:
            began = time.monotonic()
            answer = await home.post(home.key("acme", "1/total"))
            assert answer.headers["x-darkroom-provider"] == "last"
            assert answer.headers["x-darkroom-attempts"] == "3"
            assert 3.0 <= time.monotonic() - began < 4.0  # half of four seconds, half of two
            assert home.spent("acme") == (CHEAP, 0)
            balanced(home, "acme")


async def test_what_was_sent_to_a_vendor_is_waited_for_to_the_end_whoever_else_could_be_asked(tmp_path: Path) -> None:
    """To break it off would leave its money held, and nobody may be asked after that."""
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, limits={"request_s": 2.0})) as home:
            key = home.key("acme", "1/total")
            cheap.gate.clear()
            asked = asyncio.create_task(home.post(key))
            await _submitted(cheap, 1)
            await asyncio.sleep(1.5)  # more than its share
            cheap.gate.set()
            answer = await asyncio.wait_for(asked, 5)
            assert answer.headers["x-darkroom-provider"] == "cheap"
            assert home.spent("acme") == (CHEAP, 0)
            assert dear.submits == []


async def test_an_edit_never_falls_to_a_model_of_words_alone(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        config = two(cheap, dear)
        config["providers"]["words"] = at(dear, operations=["generate"], price=PENNY)
        async with house(tmp_path, config) as home:
            key = home.key("acme", "1/total")
            cheap.fails = {"photo": (503, {}, {"error": {"message": "down"}})}
            headers = {"authorization": f"Bearer {key}"}
            files = {"image": ("a.png", png(64, 64, (1, 2, 3)))}
            ask = {"model": "photo", "prompt": "A boat"}
            answer = await home.http.post("/images/edits", data=ask, files=files, headers=headers)
            assert answer.headers["x-darkroom-provider"] == "dear"
            dear.fails = cheap.fails
            again = await home.http.post("/images/edits", data={**ask, "prompt": "B"}, files=files, headers=headers)
            assert again.status_code == 503  # and not drawn from words for a cent
            providers = [entry["provider"] for entry in home.rows("entries") if entry["kind"] == "hold"]
            assert providers == ["cheap", "dear", "cheap", "dear"]
            assert home.spent("acme") == (DEAR, 0)


async def test_the_next_offer_is_held_for_at_its_own_price_once_the_one_before_is_released(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear)) as home:
            cheap.does = ["breaks"]
            assert (await home.post(home.key("acme", "0.07/total"))).status_code == 200  # both together never fit
            told = [(entry["kind"], entry["provider"], entry["micros"]) for entry in home.rows("entries")]
            assert told == [
                ("hold", "cheap", CHEAP),
                ("release", "cheap", 0),
                ("hold", "dear", DEAR),
                ("settle", "dear", DEAR),
            ]


async def test_a_picture_in_another_format_than_asked_is_encoded_and_a_broken_one_is_given_as_it_is(
    tmp_path: Path,
) -> None:
    class Jpegs(OpenAIVendor):
        picture = jpeg(64, 64)

        def _answer(self, count: int) -> dict[str, Any]:
            return {"created": 1, "data": [{"b64_json": base64.b64encode(self.picture).decode()}] * count}

    vendor = Jpegs()
    with serving(vendor):
        config = {"providers": {"stub": at(vendor, formats=["png", "jpeg"])}, "default_model": "photo"}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "1/total")
            whole = await home.post(key, {**BODY, "output_format": "png"})
            assert base64.b64decode(whole.json()["data"][0]["b64_json"]).startswith(b"\x89PNG")
            vendor.picture = vendor.picture[:-200]
            broken = await home.post(key, {**BODY, "output_format": "png"})
            assert broken.status_code == 200  # it is paid for
            assert base64.b64decode(broken.json()["data"][0]["b64_json"]).startswith(b"\xff\xd8")
            assert "format: stays jpeg" in broken.headers["x-darkroom-notes"]
            assert home.spent("acme") == (2 * CHEAP, 0)


async def test_many_requests_on_one_budget_end_exactly_whatever_their_vendor_does(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), FickleVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear)) as home:
            key = home.key("acme", "1.00/total")
            cheap.does = [name for name, *_ in FAULTS] * 2
            dear.does = ["breaks", "ok", "hangs up", "ok"]
            bodies = [{**BODY, "n": 1 + place % 4, "prompt": f"Boat {place}"} for place in range(24)]
            answers = await asyncio.gather(*[home.post(key, body) for body in bodies])
            assert {answer.status_code for answer in answers} <= {200, 400, 429, 503, 504}
            told = balanced(home, "acme")
            settled, held = home.spent("acme")
            assert settled + held <= 1_000_000
            pictures = sum(len(answer.json()["data"]) for answer in answers if answer.status_code == 200)
            by_cost = Counter(entry["micros"] for entry in home.rows("entries") if entry["kind"] == "settle")
            assert by_cost[CHEAP] + by_cost[DEAR] == pictures
            charged = sum(float(answer.headers.get("x-darkroom-cost", 0)) for answer in answers)
            assert round(charged * 1e6) == told["settle"]


async def test_what_a_vendor_takes_beyond_hold_and_budget_is_not_charged_to_the_team(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    tokens = {
        "type": "token",
        "text_in": "5",
        "image_in": "8",
        "image_out": "30",
        "output": {"type": "table", "tokens": {"low": {"64x64": 200}, "high": {"64x64": 1000}}},
    }
    vendor.usage = {"input_tokens": 0, "output_tokens": 2000, "total_tokens": 2000}  # twice what it may be
    with serving(vendor):
        config = {"providers": {"stub": at(vendor, price={"per": tokens})}, "default_model": "photo"}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "0.04/total")
            answer = await home.post(key)
            assert answer.status_code == 200
            assert answer.headers["x-darkroom-cost"] == "0.04"
            assert home.spent("acme") == (40_000, 0)
            assert balanced(home, "acme")["overrun"] == 20_000


async def test_an_offer_whose_one_trial_is_taken_is_passed_over(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), FickleVendor()
    with serving(cheap), serving(dear):
        config = two(cheap, dear, limits={"breaker_failures": 1, "breaker_s": 0.1})
        config["providers"]["dear"]["models"][0]["sizes"] = {"default": "64x64", "listed": ["64x64", "32x32"]}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "2/total")
            only_dear = {**BODY, "size": "32x32"}
            dear.does = ["breaks"]
            assert (await home.post(key, only_dear)).status_code == 503
            await asyncio.sleep(0.15)
            cheap.gate.clear()
            dear.gate.clear()
            cheap.does = ["breaks"]
            first = asyncio.create_task(home.post(key))
            await _submitted(cheap, 1)
            trial = asyncio.create_task(home.post(key, only_dear))
            await _submitted(dear, 2)
            cheap.gate.set()
            assert (await asyncio.wait_for(first, 5)).status_code == 503
            dear.gate.set()
            assert (await trial).status_code == 200
            assert len(dear.submits) == 2
            assert home.spent("acme") == (DEAR, 0)


async def _submitted(vendor: OpenAIVendor, count: int) -> None:
    while len(vendor.submits) < count:
        await asyncio.sleep(0.01)
