"""What one team has, no other can see, use, change or delete: through no route, and no field of any body.

For a stranger, an id that is somebody's is the same as an id that never was one. Everything is tried: every id of a
team at every open place of a path, and in the place of every text in every example of a body.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from proxy.dialects.contract import Dialect, Generating, Route
from proxy.edge.documentation import own
from tests.edge.examples import CLOUD, STUDIO, Example, File, examples, filled, form, url
from tests.edge.test_campaigns import entry
from tests.edge.town import (
    GENERATING,
    ORIGIN,
    ROUTES,
    Team,
    Town,
    furnish,
    named,
    path_of,
    told,
    town,
    town_config,
)
from tests.pictures import png

DRY = {"x-darkroom-dry-run": "plan"}
OPEN = [(dialect, route) for dialect, route in ROUTES if "{" in route.path]
TAKING = [(dialect, route) for dialect, route in ROUTES if route.method in ("POST", "PUT")]
OWN = own.DOCUMENTS
OWN_OPEN = [route for route in OWN if "{" in route]
METRICS = "GET /metrics"
"""Tells of every team, to whoever runs the server."""
LISTING = [(dialect, route) for dialect, route in ROUTES if route.method == "GET"]
VOLATILE = re.compile(
    r'"(?:created\w*|timestamp|id|asset_id|request_id|file_url|filename|url|fields|key|'
    r'\w*(?:Id|Url|Fields|Key)|processing_time|seed)":(?:"(?:[^"\\]|\\.)*"|[\d.e-]+)'
)
"""What differs between two requests that are answered alike."""


class Pair:
    """One team that has things, another that wants them, and a server."""

    def __init__(self, runner: asyncio.Runner, home: Town) -> None:
        self.runner = runner
        self.home = home
        self.owner = home.team("owner")
        self.stranger = home.team("stranger")
        runner.run(furnish(self.owner))
        runner.run(furnish(self.stranger))

    def ids(self) -> dict[str, str]:
        """Everything the owner has that has an id."""
        return dict(self.owner.has)

    def ask(self, *args: Any, team: Team | None = None, **more: Any) -> httpx.Response:
        """Ask, as the stranger unless said otherwise."""
        return self.runner.run((team or self.stranger).ask(*args, **more))

    def state(self) -> list[str]:
        """Everything the owner sees of what it has."""
        has = self.owner.has
        paths = [
            f"{CLOUD}/generations/{has['generation']}",
            f"{CLOUD}/variations/{has['variation']}",
            f"{CLOUD}/init-image/{has['init']}",
            f"{CLOUD}/generations/user/any",
            f"{CLOUD}/me",
            f"{STUDIO}/personas/{has['persona']}",
            f"{STUDIO}/library/{has['library']}",
            f"/v1/darkroom/requests/{has['request']}",
            f"/v1/darkroom/requests/{has['generation']}",
        ]
        answers = [self.ask("GET", path, team=self.owner) for path in paths]
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        assert not [answer.text for answer in answers if re.search(r":(null|\[\])}$", answer.text)]
        return [re.sub(r"/temp-images/[\w.-]+", "", answer.text) for answer in answers]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with asyncio.Runner() as runner:
        opening = town(tmp_path_factory.mktemp("isolation"), town_config())
        made = Pair(runner, runner.run(opening.__aenter__()))
        try:
            yield made
        finally:
            runner.run(opening.__aexit__(None, None, None))


def alike(id_: str) -> str:
    """An id of the same kind that never was one. Its end is the same: a place among the pictures of a request."""
    if id_.startswith("req_"):
        return "req_" + "0" * (len(id_) - 6) + id_[-2:]
    if id_.endswith("-persona"):
        return "nobody-persona"
    return str(uuid4())[:-2] + id_[-2:]


def said(answer: httpx.Response, id_: str) -> tuple[int, str]:
    """What an answer says, but for the id itself and what differs every time."""
    return answer.status_code, VOLATILE.sub("", answer.text.replace(id_[:-2], "ID"))


def innocent(pair: Pair, answer: httpx.Response, sent: str) -> None:
    """An answer to the stranger tells nothing of the owner: no word of it, no id but the one that was sent."""
    text = answer.text.replace(sent[:-2], "")
    assert "owner" not in text
    assert not [id_ for id_ in pair.ids().values() if id_ in text]


@pytest.mark.parametrize(("dialect", "route"), OPEN, ids=named(OPEN))
def test_an_id_of_others_in_a_path_is_an_id_of_nothing(dialect: Dialect, route: Route, pair: Pair) -> None:
    before = pair.state()
    body = {"description": "Mine"} if route.method == "PUT" else b"" if route.method != "POST" else {}
    for id_ in pair.ids().values():
        other = alike(id_)
        answers = []
        for each in (id_, other):
            answer = pair.ask(route.method, f"/{dialect.name}{path_of(route, each)}", body)
            innocent(pair, answer, each)
            answers.append(said(answer, each))
        assert answers[0] == answers[1]
        if route.method == "PUT":  # it has one of its own under that name now
            for each in (id_, other):
                pair.ask("DELETE", f"/{dialect.name}{path_of(route, each)}")
    assert pair.state() == before


@pytest.mark.parametrize("route", OWN_OPEN)
def test_our_own_routes_know_no_id_of_others(route: str, pair: Pair) -> None:
    method, path = route.split(" ")
    before = pair.state()
    for id_ in pair.ids().values():
        answers = []
        for each in (id_, alike(id_)):
            answer = pair.ask(method, re.sub(r"{\w+:\w+}", each, path))
            innocent(pair, answer, each)
            answers.append(said(answer, each))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    assert pair.state() == before


@pytest.mark.parametrize("route", sorted(OWN.keys() - {*OWN_OPEN, METRICS}))
def test_our_own_routes_tell_nothing_of_others(route: str, pair: Pair) -> None:
    method, path = route.split(" ")
    body = {"model": "card", "prompt": "A boat"} if method == "POST" else None
    answer = pair.ask(method, path, body)
    assert answer.status_code == 200, answer.text
    innocent(pair, answer, "")


@pytest.mark.parametrize("path", ["/v1/darkroom/plan", "/v1/darkroom/estimate"])
def test_what_would_be_is_not_told_of_things_of_others(path: str, pair: Pair) -> None:
    """What the owner is told a plan of, the stranger is told does not exist."""
    wanting, guessing = [Team(pair.home, "stranger", pair.stranger.key) for _ in range(2)]
    wanting.has = pair.ids()
    guessing.has = {name: alike(id_) for name, id_ in pair.ids().items()}
    used = 0
    for dialect, route in GENERATING:
        for example in examples(dialect.name, route.method, route.path):
            if filled(example.fields, pair.owner.has) == example.fields:
                continue
            assert pair.ask("POST", path, entry(pair.owner, dialect, route, example), team=pair.owner).is_success
            answers = []
            for team in (wanting, guessing):
                answer = pair.ask("POST", path, entry(team, dialect, route, example))
                assert not [id_ for id_ in pair.ids().values() if id_ in without(answer.text, example, team)]
                assert "owner secret" not in answer.text
                answers.append((answer.status_code, without(VOLATILE.sub("", answer.text), example, team)))
            assert answers[0] == answers[1]
            assert answers[0][0] in (400, 404)
            used += 1
    assert used >= 6


def without(text: str, example: Example, team: Team) -> str:
    """A text without the ids that were sent."""
    sent = json.dumps(filled(example.fields, team.has), default=str)
    for id_ in team.has.values():
        text = text.replace(id_[:-2], "ID") if id_[:-2] in sent else text
    return text


def test_a_request_of_others_that_is_under_way_is_no_request_either(pair: Pair) -> None:
    pair.home.painter.gate.clear()
    body = {"model": "card", "prompt": "owner secret"}
    taken = pair.ask("POST", "/openai/v1/images/generations", body, {"prefer": "respond-async"}, team=pair.owner)
    path = taken.headers["location"]
    for method, of_its_owner in (("GET", 200), ("DELETE", 409)):
        answers = []
        for each in (path, alike_path(path)):
            answer = pair.ask(method, each)
            innocent(pair, answer, each)
            answers.append(said(answer, each.rpartition("/")[2]))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
        assert pair.ask(method, path, team=pair.owner).status_code == of_its_owner
    pair.home.painter.gate.set()
    pair.runner.run(pair.home.quiet())
    told = pair.runner.run(ended(pair.owner, path))
    [link] = [image["url"] for image in told["images"]]
    assert pair.ask("DELETE", path).status_code == 404
    assert pair.runner.run(pair.home.http.get(link)).status_code == 200
    assert pair.ask("DELETE", path, team=pair.owner).status_code == 200
    assert pair.runner.run(pair.home.http.get(link)).status_code == 404


async def ended(team: Team, path: str) -> Any:
    """What is told of a request, once it has ended."""
    async with asyncio.timeout(10):
        while (found := (await team.ask("GET", path)).json())["state"] == "open":
            await asyncio.sleep(0.005)
    return found


def alike_path(path: str) -> str:
    """The same of a request that never was."""
    place, _, id_ = path.rpartition("/")
    return f"{place}/{alike(id_)}"


def test_what_verifies_webhooks_is_another_for_every_team(pair: Pair) -> None:
    secrets = [pair.ask("GET", "/v1/darkroom/webhook-secret", team=team).json() for team in (pair.owner, pair.stranger)]
    assert len({each[name] for each in secrets for name in ("secret", "team_secret")}) == 4


def texts(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a body has texts."""
    if isinstance(value, Mapping):
        return [place for name, each in value.items() for place in texts(each, (*at, name))]
    if isinstance(value, list):
        return [place for number, each in enumerate(value) for place in texts(each, (*at, number))]
    return [at] if isinstance(value, str) else []


def with_text(value: Any, at: tuple[Any, ...], text: str) -> Any:
    """The body with another text in one place."""
    if not at:
        return text
    if isinstance(value, Mapping):
        return {name: with_text(each, at[1:], text) if name == at[0] else each for name, each in value.items()}
    return [with_text(each, at[1:], text) if number == at[0] else each for number, each in enumerate(value)]


def send(pair: Pair, dialect: Dialect, route: Route, example: Example, fields: Any, team: Team) -> httpx.Response:
    """Send a body; what would draw is only planned, which looks at everything that drawing would."""
    body, kind = form(fields) if example.form else (json.dumps(fields).encode(), "application/json")
    headers = {"content-type": kind, **(DRY if isinstance(route, Generating) else {})}
    return pair.ask(route.method, f"/{dialect.name}{path_of(route, 'x')}", body, headers, team=team)


@pytest.mark.parametrize(("dialect", "route"), TAKING, ids=named(TAKING))
def test_an_id_of_others_in_a_body_is_an_id_of_nothing(dialect: Dialect, route: Route, pair: Pair) -> None:
    before = pair.state()
    for example in examples(dialect.name, route.method, route.path):
        fields = filled(example.fields, pair.stranger.has)
        for place in texts(fields):
            for id_ in pair.ids().values():
                answers = []
                for each in (id_, alike(id_)):
                    answer = send(pair, dialect, route, example, with_text(fields, place, each), pair.stranger)
                    innocent(pair, answer, each)
                    answers.append(said(answer, each))
                assert answers[0] == answers[1], place
    assert pair.state() == before


@pytest.mark.parametrize(("dialect", "route"), LISTING, ids=named(LISTING))
def test_nothing_that_is_told_is_about_others(dialect: Dialect, route: Route, pair: Pair) -> None:
    for query in ("", "?limit=500&offset=0&query=secret&use_case=secret"):
        innocent(pair, pair.ask("GET", f"/{dialect.name}{path_of(route, 'x')}{query}"), "")


def test_the_owner_itself_can_do_what_nobody_else_can(pair: Pair) -> None:
    """Else the tests above would hold for a server that knows no ids at all."""
    used = set()
    for dialect, route in TAKING:
        for example in examples(dialect.name, route.method, route.path):
            fields = filled(example.fields, pair.owner.has)
            if fields == example.fields or not isinstance(route, Generating):
                continue
            assert send(pair, dialect, route, example, fields, pair.owner).status_code == 200
            assert send(pair, dialect, route, example, fields, pair.stranger).status_code in (400, 404)
            used |= {name for name, id_ in pair.owner.has.items() if id_[:-2] in json.dumps(fields)}
    assert used >= {"picture", "variation", "init", "canvas", "mask", "persona"}


def test_each_sees_only_its_own_budget(pair: Pair) -> None:
    def purse(team: Team) -> tuple[str, str]:
        body = {"model": "card", "prompt": "A boat"}
        plan = pair.ask("POST", "/openai/v1/images/generations", body, DRY, team=team)
        return plan.json()["budget"], pair.ask("GET", f"{CLOUD}/me", team=team).json()

    before = purse(pair.stranger)
    pair.runner.run(told(pair.owner, "/openai/v1/images/generations", {"model": "card", "prompt": "A boat", "n": 3}))
    assert purse(pair.stranger) == before
    assert purse(pair.owner) != before


@pytest.mark.parametrize("headers", [{"idempotency-key": "shared"}, {"x-stainless-retry-count": "1"}])
def test_a_key_and_its_repeats_are_the_teams_own(headers: dict[str, str], pair: Pair) -> None:
    """The same key for repeats, the same body: two teams, two requests."""
    body = {"model": "card", "prompt": f"A boat {headers}", "response_format": "b64_json"}
    ids = set()
    for team in (pair.owner, pair.stranger):
        before = pair.home.spent(team.name)[0]
        answer = pair.ask("POST", "/openai/v1/images/generations", body, headers, team=team)
        assert answer.status_code == 200
        assert "x-darkroom-repeats" not in answer.headers
        assert pair.home.spent(team.name) == (before + 40_000, 0)
        ids.add(answer.headers["x-request-id"])
        again = pair.ask("POST", "/openai/v1/images/generations", body, headers, team=team)
        assert again.headers["x-darkroom-repeats"] in ids
    assert len(ids) == 2


def test_a_picture_that_two_teams_keep_stays_with_the_one_when_the_other_drops_it(pair: Pair) -> None:
    body = png(31, 17, "blue")
    sent = {"image_base64": url(body)}
    kept = [pair.runner.run(told(team, f"{STUDIO}/save-to-library", sent)) for team in (pair.owner, pair.stranger)]
    assert kept[0]["asset_id"] != kept[1]["asset_id"]
    assert pair.ask("DELETE", f"{STUDIO}/library/{kept[0]['asset_id']}", team=pair.owner).status_code == 200
    again = pair.ask("GET", f"{STUDIO}/library/{kept[1]['asset_id']}").json()
    assert pair.runner.run(pair.home.http.get(again["file_url"])).content == body
    assert pair.ask("DELETE", f"{STUDIO}/library/{kept[1]['asset_id']}").status_code == 200
    assert pair.runner.run(pair.home.http.get(again["file_url"])).status_code == 404


def test_a_slot_is_filled_by_whoever_has_its_token_and_belongs_to_whoever_opened_it(pair: Pair) -> None:
    slot = pair.runner.run(told(pair.owner, f"{CLOUD}/init-image", {"extension": "png"}))["uploadInitImage"]
    body, kind = form({"file": File(png(9, 9))})
    asking = pair.home.http.post(slot["url"], content=body, headers={"content-type": kind})
    assert pair.runner.run(asking).status_code == 204
    shown = [pair.ask("GET", f"{CLOUD}/init-image/{slot['id']}", team=t).json() for t in (pair.owner, pair.stranger)]
    assert shown[0]["init_images_by_pk"]["url"].startswith(ORIGIN)
    assert shown[1] == {"init_images_by_pk": None}
