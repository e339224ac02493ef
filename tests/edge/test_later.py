"""`Prefer: respond-async` on every route that makes pictures: taken at once, fetched later, by nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from providers.contract import Failure, Fault
from providers.sandbox import DETAILS
from proxy.dialects.contract import Dialect, Generating
from proxy.edge import pickup
from proxy.edge.generating import early
from proxy.edge.preference import Preference, preferred
from proxy.edge.slips import Ending, Lost, Slip, Slips
from proxy.gateway import Gateway
from proxy.health import breaker
from proxy.job import Job
from proxy.ledger.accounts import Accounts, parse_budget, parse_count
from proxy.ledger.book import end_hold
from proxy.ledger.clock import now_ms
from proxy.repeats import Repeats
from proxy.store import DiskStore
from tests.edge.examples import CLOUD, EXAMPLES, Example
from tests.edge.house import Visitor
from tests.edge.town import GENERATING, ORIGIN, Team, Town, furnish, named, town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY = pytest.mark.parametrize(("dialect", "route"), GENERATING, ids=named(GENERATING))
ASYNC = {"prefer": "respond-async"}
OPENAI = "/openai/v1/images/generations"
BOAT = {"model": "card", "prompt": "A boat", "size": "64x64", "response_format": "b64_json"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(tmp_path_factory.mktemp("later")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def team(home: Town) -> Team:
    made = home.team("acme", "100000/total")
    await furnish(made)
    return made


def example(dialect: Dialect, route: Generating) -> Example:
    return EXAMPLES[dialect.name][f"{route.method} {route.path}"][0]


def lasting(text: str) -> str:
    """What of an answer is the same when it is given again: not its links, not how long it took."""
    return re.sub(r'"(?:url|processing_time|generation_time)":\s*(?:"[^"]*"|[\d.e-]+)', "", text)


async def fetched(team: Team, answer: httpx.Response) -> dict[str, Any]:
    """What a request that was taken has come to."""
    assert answer.status_code == 202, answer.text
    for _ in range(1000):
        found = await team.ask("GET", answer.headers["location"])
        assert found.status_code == 200, found.text
        told: dict[str, Any] = found.json()
        if told["state"] != "open":
            assert "retry-after" not in found.headers
            return told
        assert found.headers["retry-after"] == str(pickup.AGAIN_S)
        await asyncio.sleep(0.005)
    raise AssertionError("it goes on and on")


# Taken.


@EVERY
async def test_it_is_taken_at_once_and_fetched_when_it_is_there(
    dialect: Dialect, route: Generating, home: Town, team: Team
) -> None:
    before, painter = await home.quiet(), home.painter
    asked = painter.asked
    painter.gate.clear()
    answer = await team.example(dialect, route, example(dialect, route), ASYNC)
    assert answer.status_code == 202, answer.text
    taken = answer.json()
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["location"] == f"/v1/darkroom/requests/{taken['id']}" == taken["location"]
    assert answer.headers["retry-after"] == str(pickup.AGAIN_S)
    assert answer.headers["x-request-id"] == taken["id"]
    assert (taken["object"], taken["state"], taken["images"]) == ("darkroom.request", "open", None)
    assert float(taken["estimated_cost_usd"]) > 0
    assert home.money().held > 0
    state = await team.ask("GET", answer.headers["location"])
    assert (state.json()["state"], state.headers["retry-after"]) == ("open", str(pickup.AGAIN_S))
    assert "answer" not in state.json()
    painter.gate.set()
    told = await fetched(team, answer)
    assert (told["state"], told["status"], told["id"]) == ("done", 200, taken["id"])
    assert told["finished"] >= told["created"] > 1_700_000_000
    assert len(told["images"]) == painter.asked - asked > 0
    for image in told["images"]:
        assert (await home.http.get(image["url"])).headers["content-type"].startswith("image/")
    assert told["answer"]
    assert (await home.quiet()).settled > before.settled


@EVERY
async def test_what_is_fetched_is_the_very_answer(dialect: Dialect, route: Generating, team: Team) -> None:
    key = {"idempotency-key": f"very {dialect.name} {route.path}"}
    at_once = await team.example(dialect, route, example(dialect, route), key)
    assert at_once.status_code == 200, at_once.text
    told = await fetched(team, await team.example(dialect, route, example(dialect, route), key | ASYNC))
    assert told["status"] == 200
    assert lasting(json.dumps(told["answer"])) == lasting(json.dumps(at_once.json()))


async def test_pictures_come_as_they_were_asked_for(home: Town, team: Team) -> None:
    told = await fetched(team, await team.ask("POST", OPENAI, BOAT, ASYNC))
    [datum] = told["answer"]["data"]
    assert datum["b64_json"]
    assert "url" not in datum
    linked = {name: value for name, value in BOAT.items() if name != "response_format"}
    told = await fetched(team, await team.ask("POST", OPENAI, linked, ASYNC))
    [datum] = told["answer"]["data"]
    assert (await home.http.get(datum["url"])).status_code == 200
    pixels = {"prompt": "A boat", "aspect_ratio": "square", "response_format": "hxd"}
    told = await fetched(team, await team.ask("POST", "/studiolm/v1/images/generations", pixels, ASYNC))
    assert re.match(r"\d+x\d+:[0-9a-f]", told["answer"]["data"][0]["hxd"])


async def test_what_is_written_out_of_a_prompt_is_in_the_answer(team: Team) -> None:
    body = {"prompt": "A boat", "enhance_prompt": True, "width": 64, "height": 64}
    told = await fetched(team, await team.ask("POST", "/api/image-studio/create", body, ASYNC))
    assert told["status"] == 200, told
    enhanced = told["answer"]["request"]["enhanced_prompt"]
    assert enhanced.startswith("A boat")
    assert enhanced != "A boat"


# Refused, or come to nothing.


@EVERY
async def test_what_is_refused_is_refused_at_once(dialect: Dialect, route: Generating, home: Town, team: Team) -> None:
    asked, slips = home.painter.asked, sorted((home.data / "slips").rglob("*.slip"))
    each, path = example(dialect, route), f"/{dialect.name}{route.path}"
    poor = Accounts(home.engine()).create_key(team.name, limits=(parse_budget("0.0399/total"),))[1]
    poor_team = Team(home, team.name, poor)
    poor_team.has = team.has
    for answer, plain in (
        (await poor_team.example(dialect, route, each, ASYNC), await poor_team.example(dialect, route, each)),
        (await team.ask("POST", path, b"", ASYNC), await team.ask("POST", path, b"")),
        (
            await Team(home, "nobody", "dk_live_wrong").ask("POST", path, b"{}", ASYNC),
            await Team(home, "nobody", "dk_live_wrong").ask("POST", path, b"{}"),
        ),
    ):
        assert answer.status_code == plain.status_code >= 400
        assert answer.json().keys() == plain.json().keys()
        assert "location" not in answer.headers
    assert home.painter.asked == asked
    assert sorted((home.data / "slips").rglob("*.slip")) == slips


@pytest.mark.parametrize("fault", sorted(DETAILS))
@EVERY
async def test_what_comes_to_nothing_is_told_in_the_dialects_words(
    dialect: Dialect, route: Generating, fault: Fault, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> Any:
        raise Failure(fault, DETAILS[fault], retry_after=0.001 if fault is Fault.THROTTLED else None)

    monkeypatch.setattr(team.home.painter, "draw", fails)
    monkeypatch.setattr(breaker, "CREDENTIAL_S", 0.001)  # the next test has nothing to do with this one
    told = await fetched(team, await team.example(dialect, route, example(dialect, route), ASYNC))
    expected = dialect.render_error(Failure(fault, DETAILS[fault]))
    assert (told["state"], told["status"], told["images"]) == ("failed", expected.status, None)
    assert DETAILS[fault].partition(":")[0] in json.dumps(told["answer"])
    assert (told["error"]["type"], told["error"]["message"]) == (fault, DETAILS[fault])
    for hold in team.home.rows("holds"):  # it may have been paid for, until a person says that it was not
        end_hold(team.home.engine(), hold["hold"], None, now_ms())


async def test_a_mistake_of_ours_is_told_as_one(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(_: Any, job: Job) -> Any:
        job.held(40_000, ())
        await asyncio.sleep(0.02)
        raise RuntimeError("that was not meant to be")

    monkeypatch.setattr(Gateway, "serve", breaks)
    told = await fetched(team, await team.ask("POST", OPENAI, BOAT, ASYNC))
    assert (told["state"], told["status"], told["error"]["code"]) == ("failed", 500, "internal")
    assert "that was not meant" not in json.dumps(told)


async def test_a_mistake_in_keeping_stored_pictures_costs_nobody_any_and_is_in_the_log(
    team: Team, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(*_: Any) -> None:
        raise ZeroDivisionError("that was not meant")

    monkeypatch.setattr(Repeats, "keep", breaks)
    told = await fetched(team, await team.ask("POST", OPENAI, BOAT, ASYNC))
    assert told["state"] == "done"  # they were stored before that
    assert f"the pictures of {told['id']} cannot be kept" in caplog.text
    assert "that was not meant" in caplog.text


async def test_a_full_disk_makes_the_caller_wait_for_the_answer(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Slips, "put", full)
    answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers
    assert answer.json()["data"][0]["b64_json"]


# Whose it is.


async def test_nobody_else_can_fetch_it(home: Town, team: Team) -> None:
    answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
    await fetched(team, answer)
    stranger = home.team("strangers")
    refused = await stranger.ask("GET", answer.headers["location"])
    never = await stranger.ask("GET", "/v1/darkroom/requests/req_0000000000000000")
    assert (refused.status_code, refused.json()) == (never.status_code, never.json()) == (404, never.json())
    colleague = Team(home, team.name, home.another_key(team.name))
    assert (await colleague.ask("GET", answer.headers["location"])).json()["state"] == "done"


@pytest.mark.parametrize("id_", ["..%2f..%2fledger", "%2e%2e", "x" * 300, "a%00b", "..", "a.slip"])
async def test_an_id_is_no_path(id_: str, team: Team) -> None:
    assert (await team.ask("GET", f"/v1/darkroom/requests/{id_}")).status_code == 404


async def test_a_request_at_a_time_counts_until_it_has_ended(home: Town, team: Team) -> None:
    secret = Accounts(home.engine()).create_key(team.name, limits=(parse_count("in_flight", "1"),))[1]
    one = Team(home, team.name, secret)
    home.painter.gate.clear()
    first = await one.ask("POST", OPENAI, BOAT, ASYNC)
    assert (await one.ask("POST", OPENAI, BOAT, ASYNC)).status_code == 429
    home.painter.gate.set()
    await fetched(one, first)
    assert (await one.ask("POST", OPENAI, BOAT, ASYNC)).status_code == 202


async def test_who_goes_away_after_that_loses_nothing(home: Town, team: Team) -> None:
    home.painter.gate.clear()
    visitor = Visitor(team.key, prefer="respond-async", content_type="application/json").leads_to(OPENAI)
    await visitor.says(json.dumps(BOAT).encode()).goes_away().visit(home.app)
    assert visitor.status == 202
    home.painter.gate.set()
    told = await fetched(team, httpx.Response(202, headers={"location": visitor.headers["location"]}))
    assert told["state"] == "done"


# Waiting.


async def test_it_is_answered_plainly_where_it_is_there_in_time(team: Team) -> None:
    for prefer in ("wait=10", "respond-async, wait=10", "Wait=10; foo, respond-async"):
        answer = await team.ask("POST", OPENAI, BOAT, {"prefer": prefer})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"][0]["b64_json"]
        assert answer.headers["x-darkroom-cost"] == "0.04"
    refused = await team.ask("POST", OPENAI, {**BOAT, "prompt": "make it moderated"}, {"prefer": "wait=10"})
    assert refused.status_code == 400


async def test_after_that_it_is_taken(home: Town, team: Team) -> None:
    home.painter.gate.clear()
    began = time.monotonic()
    answer = await team.ask("POST", OPENAI, BOAT, {"prefer": "wait=1"})
    assert 0.9 < time.monotonic() - began < 5
    assert answer.headers["preference-applied"] == "respond-async, wait=1"
    home.painter.gate.set()
    assert (await fetched(team, answer))["state"] == "done"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("respond-async", Preference()),
        ("RESPOND-ASYNC", Preference()),
        ("return=minimal, respond-async", Preference()),
        ('respond-async; x="y", wait=5', Preference(wait=5)),
        ("wait = 7", Preference(wait=7)),
        ('wait="7"', Preference(wait=7)),
        ("wait=99999", Preference(wait=600)),
        ("wait=5, wait=9", Preference(wait=5)),
        ("wait=-1", None),
        ("wait=soon", None),
        ("wait=²", None),
        ("wait", None),
        ("handling=lenient", None),
        ("", None),
        (",;=,", None),
    ],
)
async def test_what_is_not_understood_of_a_preference_is_passed_over(said: str, meant: Preference | None) -> None:
    assert preferred({"prefer": said}) == meant


async def test_an_answer_that_streams_is_not_put_off(team: Team) -> None:
    answer = await team.ask("POST", OPENAI, {**BOAT, "stream": True}, ASYNC)
    assert answer.status_code == 200
    assert "event: image_generation.completed" in answer.text


async def test_a_dry_run_is_answered_at_once(team: Team) -> None:
    answer = await team.ask("POST", OPENAI, BOAT, {**ASYNC, "x-darkroom-dry-run": "plan"})
    assert (answer.status_code, answer.json()["object"]) == (200, "darkroom.plan")


# Repeats.


async def test_a_repeat_of_what_is_under_way_has_a_slip_of_its_own(
    home: Town, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "PATIENCE_S", 0.05)
    asked = home.painter.asked
    key = {**ASYNC, "idempotency-key": "late-1"}
    home.painter.gate.clear()
    first = await team.ask("POST", OPENAI, BOAT, key)
    second = await team.ask("POST", OPENAI, BOAT, key)
    assert second.headers["location"] != first.headers["location"]
    home.painter.gate.set()
    one, two = await fetched(team, first), await fetched(team, second)
    assert one["answer"]["data"][0]["b64_json"] == two["answer"]["data"][0]["b64_json"]
    assert home.painter.asked - asked == 1


# After a restart.


async def test_it_is_fetched_after_a_restart_as_before(tmp_path: Path) -> None:
    async with town(tmp_path) as home:
        team = home.team("acme")
        answer = await team.ask("POST", OPENAI, {**BOAT, "prompt": "A ship"}, ASYNC)
        failing = await team.ask("POST", OPENAI, {**BOAT, "prompt": "make it moderated"}, ASYNC)
        before, failed = await fetched(team, answer), await fetched(team, failing)
    async with town(tmp_path) as home:
        team = Team(home, team.name, team.key)
        again = await fetched(team, answer)
        assert again["answer"] == before["answer"]
        assert (again["state"], again["finished"]) == ("done", before["finished"])
        assert await fetched(team, failing) == failed


async def test_what_a_restart_broke_off_is_told_to_have_come_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.app.premises.DRAIN_S", 0.05)
    async with town(tmp_path) as home:
        team = home.team("acme")
        home.painter.gate = asyncio.Event()
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        await until(lambda: home.painter.asked)
        home.painter.gate = asyncio.Event()  # the one it waits at is never opened
    async with town(tmp_path) as home:
        team = Team(home, team.name, team.key)
        told = await fetched(team, answer)
        assert (told["state"], told["status"], told["images"]) == ("failed", 503, None)
        assert "restarted" in told["answer"]["error"]["message"]
        assert (await home.quiet()).settled == 0
        await until(lambda: list((home.data / "slips").rglob("*.end")))


async def test_pictures_that_are_gone_are_told_to_be(tmp_path: Path) -> None:
    async with town(tmp_path) as home:
        team = home.team("acme")
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        await fetched(team, answer)
        for file in (home.data / "pictures").rglob("*.png"):
            file.unlink()
        told = await fetched(team, answer)
        assert (told["state"], told["images"]) == ("done", None)
        assert "answer" not in told


async def test_a_leonardo_job_is_asked_for_in_its_own_words_too(home: Town, team: Team) -> None:
    body = {"prompt": "A boat", "num_images": 1, "width": 64, "height": 64}
    answer = await team.ask("POST", f"{CLOUD}/generations", body, ASYNC)
    told = await fetched(team, answer)
    id_ = told["answer"]["sdGenerationJob"]["generationId"]
    assert id_ == told["id"]
    known = (await team.ask("GET", f"{CLOUD}/generations/{id_}")).json()["generations_by_pk"]
    assert known["status"] == "COMPLETE"


# The slips themselves.


def slip(id_: str = "req_1", **more: Any) -> Slip:
    told = {"team": "acme", "key": "k_1", "dialect": "openai", "path": "/v1/images/generations", "kind": ""}
    return Slip(id=id_, query={}, model="card", created=1, begins=ORIGIN, **{**told, **more})


async def test_slips_are_kept_for_their_owner_alone_and_swept(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    slips = Slips(store)
    await slips.put(slip(), b"body")
    await slips.put(slip("req_2"), b"other")
    lost = Ending(job="req_2", lost=Lost.of(Failure(Fault.THROTTLED, "x", retry_after=3.0)))
    assert await slips.end(slip("req_2"), lost)
    assert not await slips.end(slip("req_2"), Ending(job="req_2"))  # whoever notes it first is believed
    assert await slips.find("req_1", "acme") == slip()
    assert await slips.find("req_1", "others") is None
    assert await slips.find("../req_1", "acme") is None
    assert await slips.body(slip()) == b"body"
    assert [each.id for each in await slips.unended()] == ["req_1"]
    ended = await slips.ending(slip("req_2"))
    assert ended is not None
    assert ended.lost is not None
    assert (ended.lost.failure().fault, ended.lost.failure().retry_after) == (Fault.THROTTLED, 3.0)
    for file in tmp_path.rglob("*.*"):
        assert file.stat().st_mode & 0o077 == 0
    await slips.sweep(60)
    assert await slips.find("req_1", "acme") is not None
    await slips.sweep(-60)
    assert await slips.find("req_1", "acme") is None
    assert await slips.unended() == []
    store.close()


async def test_a_slip_is_seen_to_by_others_only_when_its_server_is_gone(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    slips = Slips(store, "s_1")
    for id_, owner in (("req_1", "s_1"), ("req_2", "s_2"), ("req_3", "s_3")):
        await slips.put(slip(id_, owner=owner), b"")
    await slips.end(slip("req_3"), Ending(job="req_3"))
    assert [each.id for each in await slips.unended({"s_1", "s_2"})] == []
    assert [each.id for each in await slips.unended({"s_1"})] == ["req_2"]
    store.close()


async def test_a_team_may_have_its_slips_kept_for_longer_or_shorter_than_others(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    slips = Slips(store)
    for team in ("short", "long", "plain"):
        await slips.put(slip(team=team), b"")
    for file in tmp_path.rglob("*.*"):
        os.utime(file, (time.time() - 50,) * 2)
    await slips.sweep(60, {"short": 10, "long": 1000})
    assert [team for team in ("short", "long", "plain") if await slips.find("req_1", team)] == ["long", "plain"]
    await slips.sweep(40, {"short": 10, "long": 1000})
    assert [team for team in ("short", "long", "plain") if await slips.find("req_1", team)] == ["long"]
    store.close()
