"""Plans and estimates in any dialect, of one request and of many: the same as asking for each, and for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from proxy.dialects.contract import Dialect, Generating
from proxy.edge import campaigns
from proxy.edge.batch import MOST_TIMES
from tests.edge.examples import EXAMPLES, Example, File, filled, url
from tests.edge.house import House, house
from tests.edge.test_every_route import EVERY, PLAN, Here, example
from tests.edge.town import CENTS, LIGHTNING, Team, furnish, town
from tests.walk.vendors import OpenAIVendor, at, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
AMOUNTS = ("low_usd", "expected_usd", "high_usd", "quote_usd", "enhancer_usd")
BOAT = {"model": "card", "prompt": "A boat", "size": "64x64"}
ESTIMATE, PLANS = "/v1/darkroom/estimate", "/v1/darkroom/plan"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    async with town(tmp_path_factory.mktemp("campaigns")) as home:
        team = home.team("acme", "100000/total")
        await furnish(team)
        yield Here(home, team)


async def asked(team: Team, path: str, body: Any, **headers: str) -> Any:
    answer = await team.ask("POST", path, body, headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def entry(team: Team, dialect: Dialect, route: Generating, each: Example) -> dict[str, Any]:
    """An example as a campaign has it."""
    fields = filled(each.fields, team.has)
    path = f"/{dialect.name}{route.path}"
    return {"route": path, "form" if each.form else "body": {name: written(value) for name, value in fields.items()}}


def written(value: Any) -> Any:
    if isinstance(value, list):
        return [written(each) for each in value]
    return url(bytes(value)) if isinstance(value, File) else value


@EVERY
async def test_every_example_is_planned_and_priced_as_its_own_dry_run_is(
    dialect: Dialect, route: Generating, here: Here
) -> None:
    team = here.caller(usd="100/total")
    before, drawn = await here.home.quiet(), here.home.painter.asked
    for each in EXAMPLES[dialect.name][f"{route.method} {route.path}"]:
        dry = (await team.example(dialect, route, each, PLAN)).json()
        del dry["request_id"]
        asking = entry(team, dialect, route, each)
        assert await asked(team, PLANS, asking) == dry
        estimate = await asked(team, ESTIMATE, asking)
        assert estimate["quote_usd"] == estimate["expected_usd"] == dry["estimated_cost_usd"]
        assert Decimal(estimate["expected_usd"]) >= Decimal(CENTS) / 1_000_000
        assert (estimate["requests"], estimate["images"]) == (1, dry["images"])
        [own] = [budget for budget in estimate["budget"] if budget["scope"].startswith("key:")]
        [known] = [budget for budget in dry["budget"] if budget["scope"].startswith("key:")]
        assert own["left_after_usd"] == known["left_after_usd"]
    assert (here.home.money(), here.home.painter.asked) == (before, drawn)


async def test_a_campaign_of_every_dialect_comes_to_the_sum_of_its_requests(here: Here) -> None:
    team = here.caller()
    before = await here.home.quiet()
    requests = []
    for number, (dialect, route) in enumerate(EVERY.args[1]):
        times = number + 1
        requests.append({**entry(team, dialect, route, example(dialect, route)), "times": times})
    together = await asked(team, ESTIMATE, {"requests": requests, "at_once": 3})
    sums = dict.fromkeys(AMOUNTS, Decimal(0))
    images = 0
    for each in requests:
        single = await asked(team, ESTIMATE, {**each, "times": 1})
        images += single["images"] * each["times"]
        for name in AMOUNTS:
            sums[name] += Decimal(single[name]) * each["times"]
    assert {name: Decimal(together[name]) for name in AMOUNTS} == sums
    assert together["images"] == images
    assert together["requests"] == sum(each["times"] for each in requests)
    assert sum(Decimal(each["expected_usd"]) for each in together["offers"]) == sums["expected_usd"]
    assert (together["refused"], together["at_once"]) == ([], 3)
    assert here.home.money() == before


async def test_a_list_a_bare_body_and_what_stands_for_many_are_the_same(here: Here) -> None:
    team = here.caller()
    wrapped = {"body": BOAT, "times": 3}
    listed = [
        [BOAT, BOAT, BOAT],
        {"requests": [BOAT] * 3},
        [wrapped],
        [{**BOAT, "times": 3}],
        [{**BOAT, "times": 2}, {"route": "/v1/images/generations", "body": BOAT}],
    ]
    answers = [await asked(team, ESTIMATE, each) for each in listed]
    assert answers == [answers[0]] * len(listed)
    assert (answers[0]["requests"], answers[0]["expected_usd"]) == (3, "0.12")
    alone = await asked(team, ESTIMATE, BOAT)
    assert (alone["requests"], alone["expected_usd"]) == (1, "0.04")


async def test_a_body_speaks_the_dialect_it_would_speak_at_its_route(here: Here) -> None:
    team = here.caller()
    assert (await asked(team, PLANS, {"prompt": "A boat"}))["model"] == ""  # OpenAI's: the default
    studio = {"prompt": "A boat", "user_selected_model": "photo"}
    assert (await asked(team, PLANS, studio))["model"] == "photo"
    key = here.home.key("leonardo-only", "1/total")
    leonardo = Team(here.home, "leonardo-only", key)
    told = await asked(leonardo, PLANS, {"route": "/api/rest/v1/generations", "body": {"prompt": "A boat"}})
    assert (told["model"], told["images"]) == (LIGHTNING, 4)


async def test_headers_of_the_question_hold_for_the_requests_in_it(here: Here) -> None:
    team = here.caller()
    told = await asked(team, PLANS, BOAT, **{"x-darkroom-max-cost": "0.01"})
    assert (told["choices"], [each["rule"] for each in told["left_out"]]) == ([], ["within_ceiling"])
    answer = await team.ask("POST", ESTIMATE, BOAT, {"x-darkroom-max-cost": "0.01"})
    assert (answer.status_code, answer.json()["error"]["message"].split()[0]) == (400, "card")


async def test_who_cannot_be_served_is_told_beside_the_others(here: Here) -> None:
    team = here.caller()
    unknown = {"model": "nothing-like-it", "prompt": "A boat"}
    bad = {"model": "card", "prompt": "A boat", "n": 99}
    nowhere = {"route": "/v1/models", "body": {}}
    told = await asked(team, ESTIMATE, [BOAT, unknown, bad, unknown, nowhere])
    assert (told["requests"], told["expected_usd"]) == (1, "0.04")
    found = [(each["first"], each["requests"], each["code"], each["param"]) for each in told["refused"]]
    assert found == [(1, 2, "unknown_model", "model"), (2, 1, "above_maximum", "n"), (4, 1, "invalid", "route")]
    plans = (await asked(team, PLANS, [BOAT, unknown]))["data"]
    assert [each["requests"] for each in plans] == [1, 1]
    assert (plans[0]["choices"][0]["offer"], plans[1]["code"]) == ("cards/card", "unknown_model")
    for each in (unknown, bad, nowhere):  # alone, it is refused as it would be
        for path in (ESTIMATE, PLANS):
            answer = await team.ask("POST", path, each)
            assert answer.status_code in (400, 404)
            assert answer.json()["error"]["message"]


WRONG: Mapping[str, Any] = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b'"x"',
    "no request": [],
    "no requests": {"requests": []},
    "no list": {"requests": {}},
    "an entry that is none": [1],
    "both": {"body": BOAT, "form": {}},
    "another field": {"body": BOAT, "rout": "/v1/images/generations"},
    "none of it": [{"body": BOAT, "times": 0}],
    "too many of it": [{"body": BOAT, "times": MOST_TIMES + 1}],
    "half of it": [{**BOAT, "times": 0.5}],
    "nobody at once": {"requests": [BOAT], "at_once": 0},
    "base64 that is none": {"route": "/v1/images/variations", "form": {"image": "data:image/png;base64,???"}},
    "a form in a form": {"route": "/v1/images/variations", "form": {"image": "--darkroom-form"}},
}


@pytest.mark.parametrize("path", [ESTIMATE, PLANS])
@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
async def test_what_cannot_be_read_is_refused(body: Any, path: str, here: Here) -> None:
    answer = await here.caller().ask("POST", path, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


async def test_nobody_is_told_without_a_key(here: Here) -> None:
    for path in (ESTIMATE, PLANS):
        assert (await Team(here.home, "nobody", "dk_live_wrong").ask("POST", path, BOAT)).status_code == 401


async def test_asking_counts_against_the_requests_a_minute(here: Here) -> None:
    team = here.caller(counts={"requests": "2"})
    told = await asked(team, ESTIMATE, [{"body": BOAT, "times": 60}])
    assert (told["requests_a_minute"], told["seconds"]) == (2, None)  # nobody has seen how long a card takes
    await asked(team, PLANS, BOAT)
    assert (await team.ask("POST", ESTIMATE, BOAT)).status_code == 429


async def test_a_test_key_is_told_what_the_sandbox_takes(here: Here) -> None:
    tester = Team(here.home, "tester", here.home.key("tester", "1/total", test=True))
    told = await asked(tester, ESTIMATE, [{"body": {"model": "photo", "prompt": "A boat"}, "times": 1000}])
    assert (told["expected_usd"], told["fits"], told["offers"][0]["offer"]) == ("0", True, "sandbox/sandbox")


async def test_the_budget_that_breaks_first_is_told_with_how_far_it_goes(here: Here) -> None:
    team = here.caller(usd="1/day", counts={"images": "20/day"})
    told = await asked(team, ESTIMATE, [{"body": {**BOAT, "n": 2}, "times": 20}])
    assert (told["fits"], told["expected_usd"]) == (False, "1.6")
    [key_images] = [each for each in told["budget"] if each["what"] == "images"]
    assert (key_images["left"], key_images["left_after"], key_images["fits"]) == (20, -20, False)
    first = told["breaks_first"]
    assert (first["what"], first["window"], first["after_requests"]) == ("images", "day", 10)
    assert (await asked(team, ESTIMATE, BOAT))["breaks_first"] is None


async def test_too_many_different_plans_are_refused_and_estimated_all_the_same(here: Here) -> None:
    team = here.caller()
    different = [{**BOAT, "prompt": f"Boat {number}"} for number in range(campaigns.MOST_PLANS + 1)]
    assert (await team.ask("POST", PLANS, different)).status_code == 400
    assert (await asked(team, ESTIMATE, different))["requests"] == len(different)


async def test_what_takes_too_long_is_refused(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "LONGEST_S", 0.0)
    answer = await here.caller().ask("POST", ESTIMATE, [{**BOAT, "prompt": str(number)} for number in range(500)])
    assert answer.status_code == 400, answer.text
    assert "less of it at a time" in answer.text


# What is kept of a request, and shown.


@pytest.fixture(scope="module")
def vendors() -> Any:
    ill, well = OpenAIVendor(), OpenAIVendor()
    with serving(ill), serving(well):
        yield ill, well


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def two(vendors: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The cheaper one is ill; the limits keep its breaker closed."""
    ill, well = vendors
    dear = {"per": {"type": "image", "rows": [{"price": "0.07"}]}}
    config = {
        "providers": {"ill": at(ill), "well": at(well, price=dear), "mute": at(well, price=None)},
        "default_model": "photo",
        "limits": {"breaker_failures": 10_000},
    }
    async with house(tmp_path_factory.mktemp("two"), config) as home:
        yield home


DOWN: tuple[int, dict[str, str], dict[str, Any]] = (503, {}, {"error": {"message": "down", "type": "server_error"}})


async def test_a_request_tells_why_it_went_where_it_did_and_what_each_attempt_cost(two: House, vendors: Any) -> None:
    key = two.key("acme", "10/total")
    ill, _ = vendors
    ill.fail_next.append(DOWN)
    served = await two.post(key, {"model": "photo", "prompt": "My own secret boat", "response_format": "b64_json"})
    assert served.headers["x-darkroom-provider"] == "well"
    told = (await two.get(key, f"/darkroom/requests/{served.headers['x-request-id']}")).json()
    plan = told["plan"]
    assert [(each["place"], each["offer"], each["quote_usd"]) for each in plan["choices"]] == [
        (1, "ill/photo", "0.04"),
        (2, "well/photo", "0.07"),
    ]
    assert all(each["reasons"] for each in plan["choices"])
    [out] = plan["left_out"]
    assert (out["offer"], out["rule"], out["quote_usd"]) == ("mute/photo", "priced", None)
    failed, paid = told["attempts"]
    assert (failed["offer"], failed["outcome"], failed["why"]) == ("ill/photo", "released", "unavailable")
    assert (failed["quote_usd"], failed["cost_usd"], failed["images"]) == ("0.04", "0", 0)
    assert (paid["offer"], paid["outcome"], paid["why"]) == ("well/photo", "paid", None)
    assert (paid["quote_usd"], paid["cost_usd"], paid["images"], paid["vendor_id"]) == ("0.07", "0.07", 1, "vendor-1")
    assert paid["seconds"] >= 0
    assert told["charged_usd"] == "0.07" == served.headers["x-darkroom-cost"]
    assert told["policy"]
    [row] = [row for row in two.rows("jobs") if row["job"] == told["id"]]
    assert "secret" not in row["plan"]
    assert row["policy"] == told["policy"]


async def test_the_plan_that_is_kept_is_the_plan_that_was_told(two: House) -> None:
    key = two.key("asker", "10/total")
    body = {"model": "photo", "prompt": "A boat", "n": 3}
    dry = (await two.post(key, body, **{"x-darkroom-dry-run": "plan"})).json()
    served = await two.post(key, body)
    plan = (await two.get(key, f"/darkroom/requests/{served.headers['x-request-id']}")).json()["plan"]
    for name, kept in plan["choices"][0].items():
        assert dry["choices"][0][name] == kept
    assert [each["offer"] for each in plan["choices"]] == [each["offer"] for each in dry["choices"]]
    assert [each["reason"] for each in plan["left_out"]] == [each["reason"] for each in dry["left_out"]]


async def test_another_team_is_told_nothing(two: House) -> None:
    owner, stranger = two.key("owner", "10/total"), two.key("stranger", "10/total")
    served = await two.post(owner)
    path = f"/darkroom/requests/{served.headers['x-request-id']}"
    assert (await two.get(owner, path)).json()["attempts"]
    refused = await two.get(stranger, path)
    assert refused.status_code == 404
    assert "plan" not in refused.json()


async def test_what_offers_took_is_what_is_expected_of_them(
    two: House, vendors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "FRESH_S", 0.0)
    key = two.key("regular", "10/total")
    for _ in range(5):
        await two.post(key, {"model": "spare", "prompt": "A boat"})
    answer = await two.http.post(
        "http://darkroom.test/v1/darkroom/estimate",
        content=msgspec.json.encode({"requests": [{"body": {"model": "spare", "prompt": "A boat"}, "times": 10}]}),
        headers={"authorization": f"Bearer {key}"},
    )
    told = answer.json()
    [offer] = told["offers"]
    assert (offer["seen"], offer["cost_ratio"], offer["calls"]) == (5, "1", 10)
    assert told["seconds"] == offer["seconds"] is not None
    assert told["high_usd"] == "0.7"  # at the other one
