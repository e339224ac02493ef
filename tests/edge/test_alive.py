"""White space before an answer that takes its time: legal JSON for every route, and only where it was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from providers.contract import Failure, Fault
from proxy.dialects.contract import Dialect, Generating
from proxy.edge.alive import every
from proxy.edge.generating import attending
from proxy.events import RequestEnded
from tests.edge.examples import EXAMPLES, filled, form
from tests.edge.house import Visitor
from tests.edge.town import CENTS, GENERATING, Team, furnish, named, town, town_config, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
WAITED_FOR = [(dialect, route) for dialect, route in GENERATING if route.accept is None]
EVERY = pytest.mark.parametrize(("dialect", "route"), WAITED_FOR, ids=named(WAITED_FOR))
OPENAI = "/openai/v1/images/generations"
BOAT = {"model": "card", "prompt": "A boat", "size": "64x64", "response_format": "b64_json"}
ALIVE = {"x_darkroom_keep_alive": "15"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    async with town(tmp_path_factory.mktemp("alive")) as home:
        made = home.team("acme", "100000/total")
        await furnish(made)
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are hundredths."""

    def hurried(*args: Any) -> float | None:
        found = every(*args)
        return None if found is None else found / 1000

    monkeypatch.setattr(attending, "every", hurried)


async def visited(team: Team, path: str, body: bytes, blanks: int, **headers: str) -> Visitor:
    """A visit whose pictures come when so many blanks were sent."""
    team.home.painter.gate.clear()
    visitor = Visitor(team.key, **{"content_type": "application/json", **headers}).leads_to(path).says(body)
    visit = asyncio.create_task(visitor.visit(team.home.app))
    await until(lambda: visitor.body.count(b" ") >= blanks or visit.done())
    team.home.painter.gate.set()
    await visit
    return visitor


@EVERY
async def test_an_answer_behind_blanks_is_the_same(
    dialect: Dialect, route: Generating, team: Team, quick: None
) -> None:
    example = EXAMPLES[dialect.name][f"{route.method} {route.path}"][0]
    fields = filled(example.fields, team.has)
    body, kind = form(fields) if example.form else (json.dumps(fields).encode(), "application/json")
    path = f"/{dialect.name}{route.path}"
    visitor = await visited(team, path, body, 3, content_type=kind, **ALIVE)
    assert visitor.status == 200
    assert visitor.body.startswith(b"   ")
    told = json.loads(visitor.body)
    plain = await visited(team, path, body, 0, content_type=kind)
    assert told.keys() == json.loads(plain.body).keys()
    assert "x-darkroom-cost" in plain.headers
    assert "content-length" not in visitor.headers
    assert visitor.headers["content-type"].startswith("application/json")
    assert (visitor.headers["x-darkroom-keep-alive"], visitor.headers["x-accel-buffering"]) == ("0.015", "no")
    state = await team.ask("GET", f"/v1/darkroom/requests/{visitor.headers['x-request-id']}")
    assert state.json()["state"] == "done"  # what the headers would have told is told there


@EVERY
async def test_what_fails_behind_blanks_is_told_in_the_body(
    dialect: Dialect, route: Generating, team: Team, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> Any:
        await team.home.painter.gate.wait()
        raise Failure(Fault.MODERATED, "Not this.")

    told: list[RequestEnded] = []

    def ended_with(**more: Any) -> RequestEnded:
        told.append(RequestEnded(**more))
        return told[-1]

    monkeypatch.setattr(team.home.painter, "draw", fails)
    monkeypatch.setattr("proxy.edge.generating.visit.RequestEnded", ended_with)
    example = EXAMPLES[dialect.name][f"{route.method} {route.path}"][0]
    fields = filled(example.fields, team.has)
    body, kind = form(fields) if example.form else (json.dumps(fields).encode(), "application/json")
    visitor = await visited(team, f"/{dialect.name}{route.path}", body, 1, content_type=kind, **ALIVE)
    assert visitor.status == 200
    expected = dialect.render_error(Failure(Fault.MODERATED, "Not this."))
    assert json.loads(visitor.body).keys() == json.loads(b"".join(expected.body)).keys()
    assert "Not this." in visitor.body.decode()
    assert len([message for message in visitor.sent if message["type"] == "http.response.start"]) == 1
    [ended] = told
    assert (ended.status, ended.fault, ended.early) == (expected.status, "moderated", True)


async def test_what_is_there_in_time_is_answered_as_ever(team: Team) -> None:
    answer = await team.ask("POST", OPENAI, BOAT, {"x-darkroom-keep-alive": "60"})
    assert (answer.status_code, answer.text[0]) == (200, "{")
    assert answer.headers["x-darkroom-cost"] == "0.04"
    assert "x-darkroom-keep-alive" not in answer.headers
    refused = await team.ask("POST", OPENAI, {**BOAT, "prompt": "make it moderated"}, {"x-darkroom-keep-alive": "60"})
    assert refused.status_code == 400


async def test_who_goes_away_during_blanks_finds_the_pictures(team: Team, quick: None) -> None:
    home = team.home
    before = await home.quiet()
    home.painter.gate.clear()
    visitor = Visitor(team.key, **ALIVE).leads_to(OPENAI).says(json.dumps(BOAT).encode())
    visit = asyncio.create_task(visitor.visit(home.app))
    await until(lambda: visitor.body)
    visitor.goes_away()
    home.painter.gate.set()
    await visit
    assert (await home.quiet()).settled - before.settled == CENTS
    state = await team.ask("GET", f"/v1/darkroom/requests/{visitor.headers['x-request-id']}")
    assert len(state.json()["images"]) == 1


async def test_a_stream_says_as_often_that_it_is_alive(team: Team, quick: None) -> None:
    home = team.home
    home.painter.gate.clear()
    visitor = Visitor(team.key, **ALIVE).leads_to(OPENAI).says(json.dumps({**BOAT, "stream": True}).encode())
    visit = asyncio.create_task(visitor.visit(home.app))
    await until(lambda: visitor.body.count(b": ping") >= 2)
    home.painter.gate.set()
    await visit
    assert b"image_generation.completed" in visitor.body


async def test_it_can_be_configured_and_turned_off(tmp_path: Path) -> None:
    async with town(tmp_path, town_config(limits={"keep_alive_s": 1})) as home:
        team = home.team("acme")
        visitor = await visited(team, OPENAI, json.dumps(BOAT).encode(), 1)
        assert visitor.headers["x-darkroom-keep-alive"] == "1"
        assert json.loads(visitor.body)["data"]
        home.painter.gate.clear()
        silent = Visitor(team.key, x_darkroom_keep_alive="0").leads_to(OPENAI).says(json.dumps(BOAT).encode())
        visit = asyncio.create_task(silent.visit(home.app))
        await asyncio.sleep(1.3)
        assert silent.sent == []
        home.painter.gate.set()
        await visit
        assert "content-length" in silent.headers


@pytest.mark.parametrize("said", ["", "-1", "0.5", "601", "soon", "1e3", "15 s", "00000001"])
async def test_a_pause_that_makes_no_sense_is_refused(said: str, team: Team) -> None:
    asked = team.home.painter.asked
    answer = await team.ask("POST", OPENAI, BOAT, {"x-darkroom-keep-alive": said})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "x-darkroom-keep-alive"
    assert team.home.painter.asked == asked


async def test_nobody_is_kept_alive_who_did_not_ask() -> None:
    assert every({}, None) is None
    assert every({}, 20.0) == 20.0
    assert every({"x-darkroom-keep-alive": "0"}, 20.0) is None
    assert every({"x-darkroom-keep-alive": "5"}, None) == 5.0
    with pytest.raises(Failure, match="takes 1 to 600"):
        every({"x-darkroom-keep-alive": "²"}, None)
