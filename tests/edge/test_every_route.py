"""What holds for every route that makes pictures, in any dialect: plans, ceilings, repeats, budgets, headers, faults.

The dialects' folder is walked: a route is tested by being there, and has to have an example.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from itertools import count
from typing import Any

import httpx
import pytest
import pytest_asyncio

from providers.contract import Code, Failure, Fault
from providers.sandbox import DETAILS
from proxy.dialects.contract import Dialect, Generating
from proxy.ledger.accounts import Accounts, parse_budget, parse_count
from proxy.ledger.book import end_hold
from proxy.ledger.clock import now_ms
from tests.edge.examples import EXAMPLES, Example, filled, form
from tests.edge.house import Visitor
from tests.edge.town import CENTS, GENERATING, SHAPES, Team, Town, furnish, named, town, town_config, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY = pytest.mark.parametrize(("dialect", "route"), GENERATING, ids=named(GENERATING))
PLAN = {"x-darkroom-dry-run": "plan"}
STRICT = {"x-darkroom-strict": "true"}
_prompts = count(1)


class Here:
    """A server, and a team that can pay. Every test has a key of its own."""

    def __init__(self, home: Town, team: Team) -> None:
        self.home = home
        self.team = team
        self._keys = Accounts(home.engine())

    def caller(self, *, usd: str | None = None, counts: Mapping[Any, str] | None = None) -> Team:
        """The team by a new key, which may have limits."""
        limits = [parse_budget(usd)] if usd else []
        limits += [parse_count(what, said) for what, said in (counts or {}).items()]
        made = Team(self.home, self.team.name, self._keys.create_key(self.team.name, limits=tuple(limits))[1])
        made.has = self.team.has
        return made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    async with town(tmp_path_factory.mktemp("every")) as home:
        team = home.team("acme", "100000/total")
        await furnish(team)
        yield Here(home, team)


GRID = {"step": 16, "min_side": 16, "max_side": 4800}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def poor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    """A server whose one model can hardly do anything."""
    config = town_config()
    config["providers"]["cards"]["models"][0] |= {"honours": [], "qualities": [], "sizes": GRID}
    async with town(tmp_path_factory.mktemp("poor"), config) as home:
        team = home.team("acme", "100000/total")
        await furnish(team)
        yield Here(home, team)


def example(dialect: Dialect, route: Generating) -> Example:
    """The first a route has; it must have one."""
    return EXAMPLES[dialect.name][f"{route.method} {route.path}"][0]


def refused(dialect: Dialect, answer: httpx.Response, *statuses: int) -> None:
    """Refused with one of these, in the dialect's shape."""
    assert answer.status_code in statuses, answer.text
    assert SHAPES[dialect.name].fit(answer), answer.text
    assert "x-request-id" in answer.headers


def lasting(answer: httpx.Response) -> str:
    """What of an answer is the same when it is given again: not its links, not how long it took."""
    return re.sub(r'"(?:url|processing_time|generation_time)":\s*(?:"[^"]*"|[\d.e-]+)', "", answer.text)


async def state_of(team: Team, request: str) -> Any:
    return (await team.ask("GET", f"/v1/darkroom/requests/{request}")).json()


# Plans, and requests that are refused for what they would come to.


@EVERY
async def test_a_dry_run_answers_the_plan_and_costs_nothing(dialect: Dialect, route: Generating, here: Here) -> None:
    team = here.caller(usd="100/total")
    before, asked = await here.home.quiet(), here.home.painter.asked
    answer = await team.example(dialect, route, example(dialect, route), PLAN)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert plan["object"] == "darkroom.plan"
    assert plan["request_id"] == answer.headers["x-request-id"]
    assert float(plan["estimated_cost_usd"]) >= CENTS / 1_000_000
    assert [each["offer"] for each in plan["choices"]] == ["cards/card"]
    [own] = [each for each in plan["budget"] if each["scope"].startswith("key:")]
    assert float(own["left_after_usd"]) == 100 - float(plan["estimated_cost_usd"])
    refused(dialect, await team.example(dialect, route, example(dialect, route), {"x-darkroom-dry-run": "yes"}), 400)
    assert (here.home.money(), here.home.painter.asked) == (before, asked)
    real = await team.example(dialect, route, example(dialect, route))
    assert real.headers["x-darkroom-estimated-cost"] == plan["estimated_cost_usd"]


@EVERY
async def test_a_ceiling_refuses_what_may_cost_more(dialect: Dialect, route: Generating, here: Here) -> None:
    team = here.caller()
    before, asked = await here.home.quiet(), here.home.painter.asked
    for ceiling in ("0", "0.0399"):
        answer = await team.example(dialect, route, example(dialect, route), {"x-darkroom-max-cost": ceiling})
        refused(dialect, answer, 400, 402)
    refused(dialect, await team.example(dialect, route, example(dialect, route), {"x-darkroom-max-cost": "x"}), 400)
    assert (here.home.money(), here.home.painter.asked) == (before, asked)
    answer = await team.example(dialect, route, example(dialect, route), {"x-darkroom-max-cost": "5"})
    assert answer.status_code == 200
    assert (await here.home.quiet()).settled > before.settled


LOSES_NOTHING = {
    "alwrity /api/image-studio/upscale",
    "openai /v1/images/variations",
    "leonardo /api/rest/v1/variations/upscale",
    "leonardo /api/rest/v1/variations/unzoom",
    "leonardo /api/rest/v1/variations/nobg",
}
"""Whoever does this work at all does it as asked: there is nothing to say about how."""


@EVERY
async def test_a_strict_request_is_done_as_asked_or_not_at_all(dialect: Dialect, route: Generating, poor: Here) -> None:
    team = poor.caller()
    before, asked = await poor.home.quiet(), poor.home.painter.asked
    lossy = 0
    for each in EXAMPLES[dialect.name][f"{route.method} {route.path}"]:
        assert (await team.example(dialect, route, each, PLAN)).json()["choices"]
        plan = await team.example(dialect, route, each, {**STRICT, **PLAN})
        if plan.status_code == 200 and plan.json()["choices"]:
            continue  # nothing of it would be lost
        lossy += 1
        refused(dialect, await team.example(dialect, route, each, STRICT), 400)
    assert (lossy > 0) is (f"{dialect.name} {route.path}" not in LOSES_NOTHING)
    assert (poor.home.money(), poor.home.painter.asked) == (before, asked)


@EVERY
async def test_strictness_is_a_yes_or_a_no(dialect: Dialect, route: Generating, here: Here) -> None:
    team = here.caller()
    answer = await team.example(dialect, route, example(dialect, route), {"x-darkroom-strict": "rather", **PLAN})
    refused(dialect, answer, 400)


# Repeats.


def another(each: Example, team: Team) -> dict[str, Any]:
    """What makes it another request of the same kind."""
    if "prompt" in each.fields:
        return {"prompt": f"Another boat {next(_prompts)}"}
    if list(each.fields) == ["id"]:
        return {"id": team.has["init"]}
    pointing = [name for name, value in each.fields.items() if str(value).startswith("@")]
    return {pointing[0]: team.has["init"], **PLAIN.get(pointing[0], {})} if pointing else {"n": "2"}


PLAIN = {"id": {"isVariation": False}}


@EVERY
async def test_the_same_key_gives_the_first_answer_again_and_costs_once(
    dialect: Dialect, route: Generating, here: Here
) -> None:
    team, each = here.caller(), example(dialect, route)
    key = {"idempotency-key": "order-1"}
    first = await team.example(dialect, route, each, key)
    assert first.status_code == 200, first.text
    before, asked = await here.home.quiet(), here.home.painter.asked
    again = await team.example(dialect, route, each, key)
    assert again.status_code == 200
    assert lasting(again) == lasting(first)
    if route.accept is None:
        assert again.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
    refused(dialect, await team.example(dialect, route, each, key, **another(each, team)), 409)
    refused(dialect, await team.example(dialect, route, each, {"idempotency-key": "x" * 256}), 400)
    assert (here.home.money(), here.home.painter.asked) == (before, asked)
    other = await team.example(dialect, route, each, {"idempotency-key": "order-2"})
    assert "x-darkroom-repeats" not in other.headers
    assert (await here.home.quiet()).settled > before.settled


@EVERY
async def test_the_same_key_at_the_same_time_is_one_request(dialect: Dialect, route: Generating, here: Here) -> None:
    team, painter = here.caller(), here.home.painter
    before, asked = await here.home.quiet(), painter.asked
    key = {"idempotency-key": "order-1"}
    painter.gate.clear()
    asking = [asyncio.create_task(team.example(dialect, route, example(dialect, route), key)) for _ in range(3)]
    await until(lambda: painter.asked > asked)
    await asyncio.sleep(0.05)
    painter.gate.set()
    answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({lasting(answer) for answer in answers}) == 1
    money = await here.home.quiet()
    assert money.settled - before.settled == CENTS * (painter.asked - asked)
    assert painter.drawn == painter.asked


# A caller that goes away.


@EVERY
async def test_who_goes_away_finds_the_pictures_by_the_id_of_the_request(
    dialect: Dialect, route: Generating, here: Here
) -> None:
    team, each, painter = here.caller(), example(dialect, route), here.home.painter
    fields = filled(each.fields, team.has)
    body, kind = form(fields) if each.form else (json.dumps(fields).encode(), "application/json")
    before, asked = await here.home.quiet(), painter.asked
    known = {job["job"] for job in here.home.rows("jobs")}
    painter.gate.clear()
    visitor = Visitor(team.key, content_type=kind).leads_to(f"/{dialect.name}{route.path}")
    visit = asyncio.create_task(visitor.says(body).visit(here.home.app))
    await until(lambda: painter.asked > asked)
    visitor.goes_away()
    painter.gate.set()
    await visit
    assert (await here.home.quiet()).settled > before.settled
    [job] = {job["job"] for job in here.home.rows("jobs")} - known
    state = await state_of(team, job)
    assert (state["state"], len(state["images"])) == ("done", painter.asked - asked)
    for image in state["images"]:
        assert (await here.home.http.get(image["url"])).headers["content-type"].startswith("image/")


# Money and limits.


@EVERY
async def test_over_the_budget_nothing_is_drawn(dialect: Dialect, route: Generating, here: Here) -> None:
    before, asked = await here.home.quiet(), here.home.painter.asked
    over = dialect.render_error(Failure(Fault.QUOTA, "", code=Code.BUDGET))
    for team in (here.caller(usd="0.0399/total"), here.caller(counts={"images": "0/day"})):
        answer = await team.example(dialect, route, example(dialect, route))
        refused(dialect, answer, over.status)
    assert (here.home.painter.asked, here.home.money()) == (asked, before)


@EVERY
async def test_requests_in_a_while_are_counted_told_and_limited(
    dialect: Dialect, route: Generating, here: Here
) -> None:
    team, asked = here.caller(counts={"requests": "1"}), here.home.painter.asked
    first, second = [await team.example(dialect, route, example(dialect, route), PLAN) for _ in range(2)]
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    limit = dialect.render_error(Failure(Fault.QUOTA, "", code=Code.RATE, retry_after=1.0))
    refused(dialect, second, limit.status)
    assert ("retry-after" in second.headers) is ("retry-after" in limit.headers)
    assert here.home.painter.asked == asked


@EVERY
async def test_an_answer_says_who_served_it_and_what_it_cost(dialect: Dialect, route: Generating, here: Here) -> None:
    team = here.caller()
    before, asked = await here.home.quiet(), here.home.painter.asked
    answer = await team.example(dialect, route, example(dialect, route))
    headers = answer.headers
    cost = (await here.home.quiet()).settled - before.settled
    assert cost == CENTS * (here.home.painter.asked - asked) > 0
    assert headers["x-darkroom-estimated-cost"] == f"{cost / 1_000_000:g}"
    if route.accept is not None:  # nobody has served it yet
        assert not {"x-darkroom-cost", "x-darkroom-provider"} & headers.keys()
    else:
        assert headers["x-darkroom-cost"] == headers["x-darkroom-estimated-cost"]
        assert (headers["x-darkroom-provider"], headers["x-darkroom-model"]) == ("cards", "card")
        assert headers["x-darkroom-attempts"] == "1"
    assert (await state_of(team, headers["x-request-id"]))["state"] == "done"


# Faults.


@pytest.mark.parametrize("fault", sorted(DETAILS))
@EVERY
async def test_a_fault_has_the_dialects_own_status_and_shape(
    dialect: Dialect, route: Generating, fault: Fault, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = here.caller()
    before = await here.home.quiet()

    async def fails(*_: Any) -> Any:
        raise Failure(fault, DETAILS[fault], retry_after=0.001 if fault is Fault.THROTTLED else None)

    monkeypatch.setattr(here.home.painter, "draw", fails)
    monkeypatch.setattr("proxy.health.breaker.CREDENTIAL_S", 0.001)  # the next test has nothing to do with this one
    answer = await team.example(dialect, route, example(dialect, route))
    if route.accept is None:
        expected = dialect.render_error(Failure(fault, DETAILS[fault], retry_after=1.0))
        refused(dialect, answer, expected.status)
        assert DETAILS[fault].partition(":")[0] in answer.text
        assert ("retry-after" in answer.headers) is (fault is Fault.THROTTLED and "retry-after" in expected.headers)
    else:
        assert answer.status_code == 200  # its money was held; what became of it is asked for
    request = answer.headers["x-request-id"]
    if fault is not Fault.AMBIGUOUS:
        assert (await here.home.quiet()).settled == before.settled
        state = await state_of(team, request)
        assert (state["state"], state["images"]) == ("failed", None)
        return
    await until(lambda: [hold for hold in here.home.rows("holds") if hold["state"] == "ambiguous"])
    assert here.home.money().settled == before.settled
    assert (await state_of(team, request))["state"] == "open"
    for hold in here.home.rows("holds"):  # it may have been paid for, until a person says that it was not
        end_hold(here.home.engine(), hold["hold"], None, now_ms())
    assert (await here.home.quiet()).settled == before.settled


# Whom it lets in.


@EVERY
async def test_another_method_is_refused_in_the_dialects_words(dialect: Dialect, route: Generating, here: Here) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await here.team.ask(method, f"/{dialect.name}{route.path}")
        refused(dialect, answer, 405)
        assert answer.headers["allow"] == route.method


@EVERY
async def test_nobody_draws_without_a_key(dialect: Dialect, route: Generating, here: Here) -> None:
    stranger = Team(here.home, "nobody", "dk_live_wrong")
    answer = await stranger.ask(route.method, f"/{dialect.name}{route.path}", b"{}")
    refused(dialect, answer, 401)
    assert "dk_live_wrong" not in answer.text
