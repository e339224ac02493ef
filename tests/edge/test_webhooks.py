"""Telling a caller's own address: over real HTTP, to a receiver that does what receivers do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.edge import webhooks
from proxy.events import WebhookEnded
from proxy.ledger.accounts import Accounts
from tests.edge.examples import CLOUD
from tests.edge.town import Team, Town, town, town_config, until
from tests.walk.vendors import Vendor, serving


class Receiver(Vendor):
    """Takes messages, answering with what it was told, then with 200."""

    def __init__(self) -> None:
        super().__init__()
        self.says: list[int] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/hook", self._hook), web.post("/moved", self._moved)]

    async def _hook(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.submits.append(await request.json())
        await self.opened()
        return web.Response(status=self.says.pop(0) if self.says else 200)

    async def _moved(self, request: web.Request) -> web.Response:
        self.submits.append({})
        raise web.HTTPTemporaryRedirect(f"{self.origin}/hook")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with serving(made):
        yield made


@asynccontextmanager
async def calling(
    folder: Path, receiver: Receiver, url: str | None = None, *, key: str | None = "s3cret", **more: Any
) -> AsyncIterator[tuple[Town, Team]]:
    """A server, and a team whose key has a webhook."""
    allowed = {"links": {"allow": [f"127.0.0.1:{receiver.port}"]}}
    async with town(folder, town_config(**{**allowed, **more})) as home:
        team = home.team("acme")
        made = Accounts(home.engine()).create_key(team.name, webhook=url or f"{receiver.origin}/hook", webhook_key=key)
        team.key = made[1]
        yield home, team


GENERATION = {"prompt": "A boat", "num_images": 1, "width": 64, "height": 64}


async def generated(team: Team, **more: Any) -> str:
    answer = await team.ask("POST", f"{CLOUD}/generations", {**GENERATION, **more})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["sdGenerationJob"]["generationId"])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[WebhookEnded]:
    """What was told of webhooks; the pauses between tries are short."""
    heard: list[WebhookEnded] = []
    plain = webhooks.call

    async def call(guard: Any, tell: Any, *args: Any) -> None:
        def hear(event: Any) -> None:
            heard.append(event)
            tell(event)

        await plain(guard, hear, *args)

    monkeypatch.setattr("proxy.edge.generating.call", call)
    monkeypatch.setattr(webhooks, "PAUSES_S", (0.01, 0.01, 0.01))
    return heard


async def test_the_address_is_told_with_the_keys_own_token(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver) as (_, team):
        id_ = await generated(team)
        await until(lambda: told)
        [message], [headers] = receiver.submits, receiver.headers
        assert headers["authorization"] == "Bearer s3cret"
        assert headers["content-type"] == "application/json"
        assert message["type"] == "image_generation.complete"
        assert message["data"]["object"]["id"] == id_
        assert len(message["data"]["object"]["images"]) == 1
        assert told == [WebhookEnded(request=id_, team="acme", outcome="taken", tries=1)]


async def test_a_key_without_a_token_signs_nothing(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver, key=None) as (_, team):
        await generated(team)
        await until(lambda: told)
        assert "authorization" not in receiver.headers[0]


@pytest.mark.parametrize(
    ("says", "outcome", "tries"),
    [
        ([500, 503], "taken", 3),
        ([429, 302, 400], "taken", 4),
        ([500] * 9, "given up", 4),
        ([404], "refused", 1),
        ([500, 410], "refused", 2),
    ],
)
async def test_it_is_tried_again_for_a_while_unless_nobody_wants_it(
    says: list[int], outcome: str, tries: int, receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    receiver.says = says
    async with calling(tmp_path, receiver) as (_, team):
        await generated(team)
        await until(lambda: told)
        assert (told[0].outcome, told[0].tries, len(receiver.submits)) == (outcome, tries, tries)
        assert len({json.dumps(message) for message in receiver.submits}) == 1


async def test_a_receiver_that_falls_silent_is_tried_again(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "WAIT_S", 0.1)
    receiver.gate.clear()
    async with calling(tmp_path, receiver) as (_, team):
        await generated(team)
        await until(lambda: len(receiver.submits) == 2)
        receiver.gate.set()
        await until(lambda: told)
        assert told[0].outcome == "taken"


async def test_a_redirect_is_not_followed(receiver: Receiver, told: list[WebhookEnded], tmp_path: Path) -> None:
    async with calling(tmp_path, receiver, f"{receiver.origin}/moved") as (_, team):
        await generated(team)
        await until(lambda: told)
        assert told[0].outcome == "given up"
        assert receiver.headers == []


@pytest.mark.parametrize("url", ["{origin}/hook", "https://127.0.0.1:1/", "https://[::1]/", "https://10.0.0.1/"])
async def test_a_private_address_is_not_called(
    url: str, receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    address = url.format(origin=receiver.origin)
    async with calling(tmp_path, receiver, address, links={"allow": ["other.test"]}) as (_, team):
        await generated(team)
        await until(lambda: told)
        assert (told[0].outcome, told[0].tries) == ("forbidden", 1)
        assert receiver.submits == []


async def test_a_receiver_that_is_not_there_is_given_up(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    nobody: dict[str, Any] = {"links": {"allow": ["127.0.0.1"]}}
    async with calling(tmp_path, receiver, "http://127.0.0.1:1/hook", **nobody) as (_, team):
        await generated(team)
        await until(lambda: told)
        assert (told[0].outcome, told[0].tries) == ("given up", 4)


async def test_a_failure_is_told_too_and_what_is_no_generation_is_not(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver) as (home, team):
        await generated(team, prompt="make it unavailable")
        await until(lambda: told)
        assert receiver.submits[0]["type"] == "image_generation.failed"
        picture = f"{(await generated(team))[:-2]}01"
        await until(lambda: len(told) == 2)
        assert (await team.ask("POST", f"{CLOUD}/variations/nobg", {"id": picture})).status_code == 200
        assert (await team.ask("POST", "/openai/v1/images/generations", {"prompt": "A boat"})).status_code == 200
        await home.quiet()
        await asyncio.sleep(0.05)
        assert len(receiver.submits) == 2


async def test_a_repeat_is_told_once(receiver: Receiver, told: list[WebhookEnded], tmp_path: Path) -> None:
    async with calling(tmp_path, receiver) as (_, team):
        for _again in range(2):
            answer = await team.ask("POST", f"{CLOUD}/generations", GENERATION, {"idempotency-key": "a"})
            assert answer.status_code == 200
            await until(lambda: told)
        await asyncio.sleep(0.05)
        assert len(receiver.submits) == 1


async def test_a_refused_request_is_told_to_nobody_but_its_caller(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver) as (_, team):
        answer = await team.ask("POST", f"{CLOUD}/generations", {**GENERATION, "num_images": 99})
        assert answer.status_code == 400
        await asyncio.sleep(0.05)
        assert (told, receiver.submits) == ([], [])
