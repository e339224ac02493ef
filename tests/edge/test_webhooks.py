"""Telling a caller's own address: over real HTTP, to a receiver that does what receivers do."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from proxy.edge import webhooks
from proxy.events import Bus, WebhookEnded
from proxy.ledger.accounts import Accounts
from proxy.store import DiskStore
from tests.edge.examples import CLOUD
from tests.edge.town import Team, Town, town, town_config, until
from tests.walk.vendors import Vendor, serving


class Receiver(Vendor):
    """Takes messages, answering with what it was told, then with 200."""

    def __init__(self) -> None:
        super().__init__()
        self.says: list[int] = []
        self.bodies: list[bytes] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/hook", self._hook), web.post("/moved", self._moved)]

    async def _hook(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(await request.read())
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
    plain = Bus.tell

    def hear(bus: Bus, event: Any) -> None:
        if isinstance(event, WebhookEnded):
            heard.append(event)
        plain(bus, event)

    monkeypatch.setattr(Bus, "tell", hear)
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


# Signed, and kept.

OPENAI = "/openai/v1/images/generations"
BOAT = {"model": "card", "prompt": "A boat", "size": "64x64"}


async def taken(team: Team, headers: dict[str, str], **more: Any) -> str:
    """The id of a request that is to be asked for later."""
    answer = await team.ask("POST", OPENAI, {**BOAT, **more}, {"prefer": "respond-async", **headers})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def secret_of(team: Team) -> str:
    answer = await team.ask("GET", "/v1/darkroom/webhook-secret")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return str(answer.json()["secret"])


def signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a receiver verifies it, with the library of those who wrote the specification."""
    try:
        Webhook(secret).verify(body.decode(), headers)
    except WebhookVerificationError:
        return False
    return True


async def test_an_address_of_the_request_is_told_and_can_verify_it(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver, "https://elsewhere.test/") as (home, team):
        id_ = await taken(team, {"x-darkroom-webhook": f"{receiver.origin}/hook"})
        await until(lambda: told)
        assert told == [WebhookEnded(request=id_, team="acme", outcome="taken", tries=1)]
        [message], [headers], [body] = receiver.submits, receiver.headers, receiver.bodies
        assert "authorization" not in headers  # that token is between the operator and the key's own address
        assert headers["webhook-id"] == f"msg_{id_}"
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 20
        secret = await secret_of(team)
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
        assert signed(secret, headers, body)
        assert not signed(secret, headers, body + b" ")
        assert not signed(secret, {**headers, "webhook-timestamp": "1"}, body)
        stranger = home.team("strangers")
        assert not signed(await secret_of(stranger), headers, body)
        assert message["type"] == "request.done"
        data = message["data"]
        assert (data["id"], data["state"], data["location"]) == (id_, "done", f"/v1/darkroom/requests/{id_}")
        assert (await home.http.get(data["images"][0]["url"])).status_code == 200
        assert "answer" not in data  # it may be large; whoever has the key fetches it
    assert list((home.data / "letters").rglob("*.*")) == []


async def test_the_keys_own_address_is_told_where_the_request_names_none(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver) as (_, team):
        id_ = await taken(team, {}, prompt="make it moderated")
        await until(lambda: told)
        [message], [headers], [body] = receiver.submits, receiver.headers, receiver.bodies
        assert headers["authorization"] == "Bearer s3cret"
        assert signed(await secret_of(team), headers, body)
        assert (message["type"], message["data"]["id"]) == ("request.failed", id_)
        assert message["data"]["error"]["type"] == "moderated"


async def test_a_job_of_leonardos_is_told_in_its_words_to_the_address_of_the_request(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver, "https://elsewhere.test/") as (_, team):
        sent = {"x-darkroom-webhook": f"{receiver.origin}/hook"}
        assert (await team.ask("POST", f"{CLOUD}/generations", GENERATION, sent)).status_code == 200
        await until(lambda: told)
        assert receiver.submits[0]["type"] == "image_generation.complete"
        assert signed(await secret_of(team), receiver.headers[0], receiver.bodies[0])
        assert "authorization" not in receiver.headers[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.9/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:pass@example.com/",
        "ftp://example.com/",
        "example.com/hook",
        "https://",
        "",
        "https://example.com/" + "x" * 2048,
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_at_once(
    url: str, receiver: Receiver, told: list[WebhookEnded], tmp_path: Path
) -> None:
    async with calling(tmp_path, receiver) as (home, team):
        answer = await team.ask("POST", OPENAI, BOAT, {"prefer": "respond-async", "x-darkroom-webhook": url})
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "x-darkroom-webhook"
        assert home.painter.asked == 0
        assert told == []


async def test_a_request_that_is_waited_for_tells_nobody(receiver: Receiver, tmp_path: Path) -> None:
    async with calling(tmp_path, receiver) as (home, team):
        answer = await team.ask("POST", OPENAI, BOAT, {"x-darkroom-webhook": f"{receiver.origin}/hook"})
        assert answer.status_code == 400
        assert "respond-async" in answer.text
        assert home.painter.asked == 0


async def test_every_try_says_when_it_was_and_which_message_it_is(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "PAUSES_S", (1.1,))
    receiver.says = [500]
    async with calling(tmp_path, receiver) as (_, team):
        await taken(team, {})
        await until(lambda: told)
        first, second = receiver.headers
        assert first["webhook-id"] == second["webhook-id"]
        assert int(first["webhook-timestamp"]) < int(second["webhook-timestamp"])
        assert signed(await secret_of(team), second, receiver.bodies[1])


async def test_what_was_not_taken_is_sent_after_a_restart_and_holds_up_no_stop(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "PAUSES_S", (0.3,) * 7)
    receiver.says = [503] * 7
    async with calling(tmp_path, receiver) as (home, team):
        secret = await secret_of(team)
        id_ = await taken(team, {})
        await until(lambda: receiver.submits)
        began = time.monotonic()
    receiver.says = []
    assert time.monotonic() - began < 5
    assert len(list((home.data / "letters").rglob("*.letter"))) == 1
    assert told == []
    config = town_config(links={"allow": [f"127.0.0.1:{receiver.port}"]})
    async with town(tmp_path, config) as home:
        await until(lambda: told)
        assert told == [WebhookEnded(request=id_, team="acme", outcome="taken", tries=told[0].tries)]
        assert signed(secret, receiver.headers[-1], receiver.bodies[-1])
        assert receiver.headers[-1]["webhook-id"] == receiver.headers[0]["webhook-id"]


async def test_a_request_that_a_restart_ended_is_told_too(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.app.premises.DRAIN_S", 0.05)
    async with calling(tmp_path, receiver) as (home, team):
        home.painter.gate = asyncio.Event()
        id_ = await taken(team, {})
        await until(lambda: home.painter.asked)
        home.painter.gate = asyncio.Event()  # the one it waits at is never opened
    assert receiver.submits == []
    config = town_config(links={"allow": [f"127.0.0.1:{receiver.port}"]})
    async with town(tmp_path, config):
        await until(lambda: told)
        assert (receiver.submits[0]["type"], receiver.submits[0]["data"]["id"]) == ("request.failed", id_)


async def test_what_cannot_be_read_or_kept_harms_nothing(
    receiver: Receiver, told: list[WebhookEnded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(tmp_path, receiver) as (home, team):
        await taken(team, {})
        await until(lambda: told)
    bad = home.data / "letters" / "s_gone" / "msg_x.letter"
    bad.parent.mkdir()
    bad.write_bytes(b"\xc1")
    config = town_config(links={"allow": [f"127.0.0.1:{receiver.port}"]})
    async with town(tmp_path, config) as home:

        async def full(_: DiskStore, name: str, body: bytes) -> None:
            raise OSError("no space left")

        async def full_of_letters(store: DiskStore, name: str, body: bytes) -> None:
            await (full if name.startswith(webhooks.FOLDER) else put)(store, name, body)

        put = DiskStore.put
        monkeypatch.setattr(DiskStore, "put", full_of_letters)
        await taken(Team(home, team.name, team.key), {})
        await until(lambda: len(told) == 2)
        assert told[1].outcome == "taken"
        assert bad.exists()  # for whoever wants to know what it was
