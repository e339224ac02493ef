"""The walk as a whole: idempotency keys against crashes and silence, breakers, other names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.edge.house import BODY, House, house
from tests.edge.vendors import FickleVendor
from tests.walk.vendors import OpenAIVendor, at, serving

ORDER = {"idempotency_key": "order-1"}
SOON_S = 5.0


def config(vendor: OpenAIVendor, **more: Any) -> dict[str, Any]:
    return {"providers": {"stub": at(vendor)}, "default_model": "photo", **more}


async def soon(answer: Any) -> httpx.Response:
    """What hangs is a bug, and not a reason to wait."""
    found: httpx.Response = await asyncio.wait_for(answer, SOON_S)
    return found


async def test_an_answer_outlives_the_server_under_its_idempotency_key_and_all_who_ask_get_it(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            first = await home.post(key, **ORDER)
        async with house(tmp_path, config(vendor)) as home:
            again = await asyncio.gather(*[soon(home.post(key, **ORDER)) for _ in range(4)])
            assert [answer.json() for answer in again] == [first.json()] * 4
            assert {answer.headers["x-darkroom-repeats"] for answer in again} == {first.headers["x-request-id"]}
            other = await soon(home.post(key, {**BODY, "prompt": "A house"}, **ORDER))
            assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_in_use")
            assert len(vendor.submits) == 1
            assert home.spent("acme") == (40_000, 0)


async def test_an_answer_whose_pictures_are_gone_is_neither_given_nor_bought_again(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            assert (await home.post(key, **ORDER)).status_code == 200
            for file in (home.data / "pictures").glob("*/*"):
                file.unlink()
            refused = await soon(home.post(key, **ORDER))
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_in_use")
            (job,) = home.rows("jobs")
            assert (await home.get(key, f"/darkroom/requests/{job['job']}")).json()["images"] is None
            assert len(vendor.submits) == 1


async def test_a_key_whose_request_may_have_been_paid_for_is_answered_at_once_and_not_sent_again(
    tmp_path: Path,
) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            vendor.does = ["hangs up"]
            assert (await home.post(key, **ORDER)).status_code == 504
            for _ in range(2):
                pending = await soon(home.post(key, **ORDER))
                assert (pending.status_code, pending.json()["error"]["code"]) == (409, "request_pending")
                assert pending.headers["retry-after"] == "2"
            assert len(vendor.submits) == 1
            assert home.spent("acme") == (0, 40_000)


async def test_a_key_never_gets_the_answer_of_another_request_with_the_same_body(tmp_path: Path) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            vendor.does = ["hangs up"]
            assert (await home.post(key, **ORDER)).status_code == 504
            vendor.gate.clear()
            other = asyncio.create_task(home.post(key, idempotency_key="order-2"))
            while len(vendor.submits) < 2:
                await asyncio.sleep(0.01)
            pending = asyncio.create_task(soon(home.post(key, **ORDER)))
            await asyncio.sleep(0.1)
            vendor.gate.set()
            assert (await other).status_code == 200
            assert (await pending).status_code == 409


async def test_everybody_who_joined_learns_that_it_failed_and_then_it_may_be_tried_again(tmp_path: Path) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key, stranger = home.key("acme", "1/total"), home.key("other", "1/total")
            vendor.does = ["breaks", "breaks"]
            vendor.gate.clear()
            asking = [asyncio.create_task(home.post(key, **ORDER)) for _ in range(5)]
            while not vendor.submits:
                await asyncio.sleep(0.01)
            stranger_asking = asyncio.create_task(home.post(stranger, **ORDER))
            while len(vendor.submits) < 2:
                await asyncio.sleep(0.01)
            conflict = await soon(home.post(key, {**BODY, "prompt": "A house"}, **ORDER))
            assert conflict.status_code == 409
            vendor.gate.set()
            assert {(await soon(each)).status_code for each in [*asking, stranger_asking]} == {503}
            assert len(vendor.submits) == 2  # one of each team
            assert (await home.post(key, **ORDER)).status_code == 200
            assert (await home.post(stranger, **ORDER)).status_code == 200
            assert (home.spent("acme"), home.spent("other")) == ((40_000, 0), (40_000, 0))


async def test_two_keys_of_one_team_do_not_share_idempotency_keys_or_retries(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            one = home.key("acme", "1/total")
            two = home.another_key("acme")
            for key, headers in ((one, ORDER), (two, {"x_stainless_retry_count": "1"}), (two, ORDER)):
                assert "x-darkroom-repeats" not in (await home.post(key, **headers)).headers
            assert len(vendor.submits) == 3


async def test_a_refused_budget_leaves_its_idempotency_key_free(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "0.04/total")
            assert (await home.post(key, {**BODY, "n": 2}, **ORDER)).status_code == 429
            assert (await home.post(key, **ORDER)).status_code == 200


# Breakers.


@pytest.mark.parametrize("what", ["a repeated key", "a refused budget"])
async def test_a_request_that_never_reached_its_vendor_gives_the_trial_of_an_open_breaker_back(
    what: str, tmp_path: Path
) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        limits = {"breaker_failures": 1, "breaker_s": 0.1}
        async with house(tmp_path, config(vendor, limits=limits)) as home:
            key, poor = home.key("acme", "1/total"), home.key("poor", "0.01/total")
            first = await home.post(key, **ORDER)
            vendor.does = ["breaks"]
            assert (await home.post(key)).status_code == 503
            await asyncio.sleep(0.15)
            if what == "a repeated key":
                assert (await soon(home.post(key, **ORDER))).json() == first.json()
            else:
                assert (await home.post(poor)).status_code == 429
            assert (await home.post(key)).status_code == 200


async def test_one_request_tries_an_offer_that_failed_and_the_others_do_not_wait_for_it(tmp_path: Path) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        limits = {"breaker_failures": 1, "breaker_s": 0.1}
        async with house(tmp_path, config(vendor, limits=limits)) as home:
            key = home.key("acme", "1/total")
            vendor.does = ["breaks"]
            assert (await home.post(key)).status_code == 503
            await asyncio.sleep(0.15)
            vendor.gate.clear()
            trial = asyncio.create_task(home.post(key))
            while len(vendor.submits) < 2:
                await asyncio.sleep(0.01)
            others = await asyncio.gather(*[soon(home.post(key)) for _ in range(3)])
            assert {answer.status_code for answer in others} == {503}
            assert {answer.headers["retry-after"] for answer in others} == {"1"}
            vendor.gate.set()
            assert (await trial).status_code == 200
            assert (await home.post(key)).status_code == 200
            assert len(vendor.submits) == 3


# Names and keys.


async def plan_of(home: House, key: str, **body: Any) -> dict[str, Any]:
    answer = await home.post(key, {**BODY, **body}, x_darkroom_dry_run="plan")
    told: dict[str, Any] = answer.json()
    return told


async def test_a_plan_is_what_the_request_would_do(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        names = {"dall-e-3": {"to": ["photo"], "retired": True}, "picture": {"to": ["photo"]}}
        providers = {"stub": at(vendor), "sandbox": {}, "bfl": {}}
        async with house(tmp_path, {"providers": providers, "default_model": "photo", "models": names}) as home:
            live, test = home.key("acme", "1/total"), home.key("tests", test=True)
            for key, model, offer in (
                (live, "photo", "stub/photo"),
                (live, "", "stub/photo"),
                (live, "picture", "stub/photo"),
                (live, "dall-e-3", "stub/photo"),
                (test, "photo", "sandbox/sandbox"),
                (test, "flux-dev", "sandbox/sandbox"),
            ):
                told = await plan_of(home, key, model=model)
                assert [choice["offer"] for choice in told["choices"]] == [offer], model
                served = await home.post(key, {**BODY, "model": model})
                assert served.status_code == 200
                headers = served.headers
                assert f"{headers['x-darkroom-provider']}/{headers['x-darkroom-model']}" == offer
                assert headers["x-darkroom-estimated-cost"] == told["estimated_cost_usd"]
                assert ("another name" in headers.get("x-darkroom-notes", "")) is (model == "picture")
            out = await plan_of(home, live, model="flux-dev")
            assert (out["choices"], out["estimated_cost_usd"]) == ([], None)
            (left,) = out["left_out"]
            assert (left["rule"], "BFL_API_KEY" in left["reason"]) == ("configured", True)
            refused = await home.post(live, {**BODY, "model": "flux-dev"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
