"""What a caller's headers and a team's terms do to the route, through the whole application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai.types import Model as TheirModel

from proxy.edge.terms import MOST_S
from tests.edge.house import BODY, House, house
from tests.walk.vendors import OpenAIVendor, at, serving

DRY = {"x_darkroom_dry_run": "plan"}
STUDIOLM = {"prompt": "A boat", "aspect_ratio": "square", "user_selected_model": "photo"}


def server(usd: str, *names: str, **row: Any) -> dict[str, Any]:
    price = {"per": {"type": "image", "rows": [{"price": usd}]}}
    models = [{"name": name, "price": price} for name in names]
    return {"speaks": "openai", "base": "http://127.0.0.1:9/v1", "key": "k", "models": models, **row}


CONFIG = {
    "providers": {
        "sandbox": {},
        "dear": server("0.08", "photo", region="eu-west", seconds={"photo": 3}),
        "cheap": server("0.04", "photo", region="us", seconds={"photo": 30}),
        "other": server("0.06", "poster"),
    },
    "default_model": "photo",
    "models": {"old": {"to": ["photo"], "ends": "2026-05-12"}, "role": {"to": ["art.premium"], "listed": False}},
    "classes": {"art.premium": {"models": ["photo", "poster"], "policy": "cheapest"}},
    "teams": {
        "tight": {"policy": "fastest", "may": ["cheapest"], "bans": ["cheap"], "regions": ["eu"]},
        "pinned": {"pins": {"photo": "dear", "old": "other/poster"}},
    },
}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, CONFIG) as made:
        yield made


async def planned(home: House, key: str, model: str = "photo", **headers: str) -> tuple[list[str], dict[str, str]]:
    answer = await home.post(key, {**BODY, "model": model}, **DRY, **headers)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return [each["offer"] for each in told["choices"]], {each["offer"]: each["rule"] for each in told["left_out"]}


async def test_every_header_leaves_out_what_it_says(home: House) -> None:
    key = home.key("free", "1/total")
    assert await planned(home, key) == (["cheap/photo", "dear/photo"], {})
    assert await planned(home, key, x_darkroom_providers="dear, other") == (
        ["dear/photo"],
        {"cheap/photo": "providers"},
    )
    assert await planned(home, key, x_darkroom_region="eu, ch") == (["dear/photo"], {"cheap/photo": "region"})
    assert await planned(home, key, x_darkroom_max_seconds="10") == (["dear/photo"], {"cheap/photo": "max_seconds"})
    assert await planned(home, key, x_darkroom_policy="fastest") == (["dear/photo", "cheap/photo"], {})
    assert await planned(home, key, x_darkroom_policy=" cheapest ") == (["cheap/photo", "dear/photo"], {})


async def test_a_class_lets_price_choose_across_models(home: House) -> None:
    key = home.key("free", "1/total")
    for name in ("art.premium", "role"):
        assert (await planned(home, key, name))[0] == ["cheap/photo", "other/poster", "dear/photo"]


async def test_a_teams_terms_hold_whatever_its_requests_say(home: House) -> None:
    key = home.key("tight", "1/total")
    assert await planned(home, key) == (["dear/photo"], {"cheap/photo": "banned"})
    assert (await planned(home, key, x_darkroom_region="us"))[0] == []
    key = home.key("pinned", "1/total")
    assert await planned(home, key) == (["dear/photo"], {"cheap/photo": "pinned"})
    assert (await planned(home, key, "old"))[0] == ["other/poster"]


async def test_a_policy_the_team_may_not_choose_is_refused_in_the_callers_own_words(home: House) -> None:
    key = home.key("tight", "1/total")
    answer = await home.post(key, BODY, x_darkroom_policy="best")
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "'best' is not among the policies this team may choose: cheapest.",
        "type": "invalid_request_error",
        "param": "x-darkroom-policy",
        "code": "invalid_value",
    }
    answer = await home.post(key, STUDIOLM, x_darkroom_policy="best")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("X-Darkroom-Policy: 'best' is not among the policies")
    assert home.spent("tight") == (0, 0)


async def test_a_policy_the_team_may_not_choose_is_refused_to_a_repeat_as_well(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {"providers": {"stub": at(vendor)}, "default_model": "photo", "teams": {"acme": {"may": ["cheapest"]}}}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "1/total")
            first = await home.post(key, x_darkroom_policy="cheapest", idempotency_key="k")
            for again in ({"x_stainless_retry_count": "1"}, {"idempotency_key": "k"}):
                joined = await home.post(key, x_darkroom_policy="cheapest", **again)
                assert joined.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
                refused = await home.post(key, x_darkroom_policy="best", **again)
                assert refused.status_code == 400
                assert refused.json()["error"]["param"] == "x-darkroom-policy"
            vendor.gate.clear()
            running = asyncio.create_task(home.post(key, {**BODY, "prompt": "Another"}))
            while len(vendor.submits) < 2:
                await asyncio.sleep(0.01)
            retry = {"x_stainless_retry_count": "1", "x_darkroom_policy": "best"}
            assert (await home.post(key, {**BODY, "prompt": "Another"}, **retry)).status_code == 400
            vendor.gate.set()
            assert (await running).status_code == 200
            assert len(vendor.submits) == 2


@pytest.mark.parametrize(("asked", "decided"), [({}, "nachts um 3"), ({"x_darkroom_policy": "cheapest"}, "cheapest")])
async def test_the_policy_that_decided_is_told_to_the_caller_the_counter_and_who_explains(
    asked: dict[str, str], decided: str, tmp_path: Path
) -> None:
    vendor = OpenAIVendor()
    more = {"policies": {"nachts um 3": ["configured", "capable", "allowed", "priced", "within_ceiling", "cheapest"]}}
    with serving(vendor):
        config = {"providers": {"stub": at(vendor)}, "default_model": "photo", "policy": {"default": "nachts um 3"}}
        async with house(tmp_path, {**config, **more}) as home:
            key = home.key("acme", "1/total")
            dry = await home.post(key, **DRY, **asked)
            assert dry.json()["policy"] == decided
            answer = await home.post(key, **asked)
            assert answer.headers["x-darkroom-policy"] == decided
            told = await home.get(key, f"/darkroom/requests/{answer.headers['x-request-id']}")
            assert told.json()["policy"] == decided
            metrics = (await home.http.get("http://darkroom.test/metrics")).text
            assert f'darkroom_policy_decisions_total{{policy="{decided}",provider="stub"}} 1.0' in metrics


@pytest.mark.parametrize(
    ("header", "said", "param"),
    [
        *[("x_darkroom_max_seconds", said, "max-seconds") for said in ("", "soon", "0", "-1", "nan", "inf", "1e9")],
        *[("x_darkroom_region", said, "region") for said in ("", " , ", "x" * 2000)],
        *[("x_darkroom_providers", said, "providers") for said in ("", "nobody", "cheap,nobody", ",")],
        *[("x_darkroom_policy", said, "policy") for said in ("", "CHEAPEST", "x" * 2000)],
    ],
)
async def test_a_header_that_means_nothing_is_refused(home: House, header: str, said: str, param: str) -> None:
    answer = await home.post(home.key("free", "1/total"), BODY, **DRY, **{header: said})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, f"x-darkroom-{param}", "invalid_value")
    assert len(error["message"]) < 300


async def test_a_limit_of_a_day_is_one(home: House) -> None:
    key = home.key("free", "1/total")
    assert len((await planned(home, key, x_darkroom_max_seconds=str(MOST_S)))[0]) == 2


async def test_a_test_key_is_served_by_the_sandbox_whatever_its_team_forbids(home: House) -> None:
    key = home.key("tight", "1/total", test=True)
    found = await planned(home, key, x_darkroom_policy="cheapest", x_darkroom_region="eu", x_darkroom_providers="dear")
    assert found[0][0].startswith("sandbox/")


async def test_the_model_list_tells_offers_prices_classes_and_ends(home: House) -> None:
    key = home.key("free", "1/total")
    answer = await home.get(key, "/models")
    listed = {each["id"]: each for each in answer.json()["data"]}
    for each in listed.values():
        TheirModel.model_validate(each, strict=True)
    assert [(each["id"], each["from_usd"], each["regions"]) for each in listed["photo"]["offers"]] == [
        ("cheap/photo", "0.04", ["us"]),
        ("dear/photo", "0.08", ["eu-west"]),
    ]
    assert listed["photo"]["from_usd"] == "0.04"
    assert (listed["art.premium"]["tier"], len(listed["art.premium"]["offers"])) == ("premium", 3)
    assert {each["tier"] for each in listed["art.premium"]["offers"]} == {"premium"}
    old = listed["old"]
    assert (old["retired"], old["successor"], old["shutdown_date"]) == (True, "photo", "2026-05-12")
    assert "role" not in listed
    first, second = await asyncio.gather(*[home.get(key, "/models/photo") for _ in "ab"])
    assert first.json() == second.json() == listed["photo"]


async def test_the_model_list_leaves_out_what_the_team_bans(home: House) -> None:
    found = await home.get(home.key("tight", "1/total"), "/models/photo")
    assert [each["provider"] for each in found.json()["offers"]] == ["dear"]


@pytest.mark.parametrize("whose", ["team", "caller"])
async def test_a_request_that_wants_a_region_is_served_by_the_accounts_there(whose: str, tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    accounts = [{"name": place, "key": f"{place}-key", "region": place} for place in ("eu-west", "us", "asia")]
    with serving(vendor):
        row = {name: value for name, value in at(vendor).items() if name != "key"}
        config = {"providers": {"stub": {**row, "accounts": accounts}}, "default_model": "photo"}
        teams = {"tight": {"regions": ["eu", "us"]}} if whose == "team" else {}
        async with house(tmp_path, {**config, "teams": teams}) as home:
            asked = {} if whose == "team" else {"x_darkroom_region": "eu, us"}
            key = home.key("tight", "10/total")
            for number in range(12):
                answer = await home.post(key, {**BODY, "prompt": f"A boat {number}"}, **asked)
                assert answer.status_code == 200, answer.text
            keys = {headers["Authorization"] for headers in vendor.headers}
            assert keys == {"Bearer eu-west-key", "Bearer us-key"}
            refused = await home.post(key, BODY, x_darkroom_region="mars")
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "x-darkroom-region")
