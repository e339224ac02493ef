"""Several servers on one store, and what a team may have deleted there: on a folder, and on an object store."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from proxy.app import chores
from proxy.edge import pickup, webhooks
from proxy.ledger.accounts import Accounts
from proxy.ledger.tables import entries, jobs, teams
from tests.edge.examples import CLOUD, PHOTO
from tests.edge.test_later import ASYNC, BOAT, OPENAI, fetched
from tests.edge.test_webhooks import Receiver
from tests.edge.town import ORIGIN, Team, Town, town, town_config, until
from tests.servers import Buckets
from tests.walk.vendors import serving

LINKED = {**BOAT, "response_format": "url"}


@pytest.fixture(params=["folder", "objects"])
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What is configured."""
    return objects(request.getfixturevalue("buckets")) if request.param == "objects" else {}


def objects(buckets: Buckets, **more: Any) -> dict[str, Any]:
    """A bucket of its own."""
    return {"url": f"{buckets.fresh()}/prefix", "options": buckets.options, **more}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with serving(made):
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickup, "LIVING_S", 0.02)
    monkeypatch.setattr(pickup, "LOOK_S", (0.02, 0.02))


@asynccontextmanager
async def two(folder: Path, store: dict[str, Any], **more: Any) -> AsyncIterator[tuple[Town, Town]]:
    """Servers that share a ledger and a store."""
    config = town_config(store=store, **more)
    async with town(folder, config) as one, town(folder, config) as other:
        yield one, other


def at(team: Team, home: Town) -> Team:
    """The same team, asking another server."""
    return Team(home, team.name, team.key)


def hooked(home: Town, receiver: Receiver) -> Team:
    """A team that wants to be told."""
    team = home.team("acme")
    team.key = Accounts(home.engine()).create_key(team.name, webhook=f"{receiver.origin}/hook")[1]
    return team


def url_of(answer: httpx.Response) -> str:
    """The link of an answer with one picture."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][0]["url"])


# Two servers.


async def test_what_one_server_took_is_fetched_from_the_other_while_it_runs_and_after(
    tmp_path: Path, store: dict[str, Any]
) -> None:
    async with two(tmp_path, store) as (one, other):
        team = one.team("acme")
        one.painter.gate.clear()
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        await until(lambda: one.painter.asked)
        for home in (one, other):
            state = await at(team, home).ask("GET", answer.headers["location"])
            assert state.json()["state"] == "open", state.text
        one.painter.gate.set()
        there = await fetched(at(team, other), answer)
        assert (there["state"], there["status"]) == ("done", 200)
        assert there["answer"] == (await fetched(team, answer))["answer"]
        assert base64.b64decode(there["answer"]["data"][0]["b64_json"]).startswith(b"\x89PNG")
        assert (await other.http.get(there["images"][0]["url"])).status_code == 200
        assert other.painter.asked == 0


async def test_a_request_that_is_not_in_the_ledger_yet_is_open_on_every_server(
    tmp_path: Path, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its money is not held: to the other server the ledger knows nothing of it."""
    monkeypatch.setattr("proxy.edge.generating.early.PATIENCE_S", 0.01)
    async with two(tmp_path, store) as (one, other):
        team = one.team("acme")
        held = asyncio.Event()
        real = one.app.service.desk.gateway.serve

        async def late(job: Any) -> Any:
            await held.wait()
            return await real(job)

        monkeypatch.setattr(one.app.service.desk.gateway, "serve", late)
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        state = await at(team, other).ask("GET", answer.headers["location"])
        assert state.json()["state"] == "open", state.text
        held.set()
        assert (await fetched(at(team, other), answer))["state"] == "done"


async def test_a_link_of_one_server_is_answered_by_the_other(tmp_path: Path, store: dict[str, Any]) -> None:
    async with two(tmp_path, store) as (one, other):
        link = url_of(await one.team("acme").ask("POST", OPENAI, LINKED))
        assert link.startswith(f"{ORIGIN}/v1/temp-images/")
        found = await other.http.get(link)
        assert (found.status_code, found.headers["content-type"]) == (200, "image/png")


async def test_an_upload_to_one_server_is_drawn_from_by_the_other(tmp_path: Path, store: dict[str, Any]) -> None:
    async with two(tmp_path, store) as (one, other):
        team = one.team("acme")
        kept = {"image_base64": "data:image/png;base64," + base64.b64encode(PHOTO).decode(), "prompt": "A boat"}
        asset = (await team.ask("POST", "/api/image-studio/save-to-library", kept)).json()
        found = await at(team, other).ask("GET", f"/api/image-studio/library/{asset['asset_id']}")
        assert found.status_code == 200, found.text
        [link] = {value for value in found.json().values() if str(value).startswith(ORIGIN)}
        assert (await other.http.get(link)).content == PHOTO


async def test_what_a_server_left_unfinished_is_told_of_by_the_other_once(
    tmp_path: Path, store: dict[str, Any], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.app.premises.DRAIN_S", 0.05)
    config = town_config(store=store, links={"allow": [f"127.0.0.1:{receiver.port}"]})
    async with town(tmp_path, config) as stays, town(tmp_path, config) as stays_too:
        async with town(tmp_path, config) as goes:
            team = hooked(goes, receiver)
            goes.painter.gate = asyncio.Event()
            answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
            await until(lambda: goes.painter.asked)
            goes.painter.gate = asyncio.Event()  # the one it waits at is never opened
        for home in (stays, stays_too):
            assert (await fetched(at(team, home), answer))["state"] in {"failed", "done"}
        await until(lambda: receiver.submits)
        await asyncio.sleep(0.3)
        assert [message["data"]["id"] for message in receiver.submits] == [answer.json()["id"]]


async def test_a_letter_that_a_server_left_is_sent_by_one_of_the_others(
    tmp_path: Path, store: dict[str, Any], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its receiver was away for as long as the server was there."""
    monkeypatch.setattr(webhooks, "PAUSES_S", (0.5,) * 7)
    config = town_config(store=store, links={"allow": [f"127.0.0.1:{receiver.port}"]})
    async with town(tmp_path, config) as stays, town(tmp_path, config):
        async with town(tmp_path, config) as goes:
            team = hooked(goes, receiver)
            receiver.says = [503]
            answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
            await until(lambda: receiver.submits)
        await until(lambda: len(receiver.submits) == 2)
        await asyncio.sleep(0.7)
        assert [each["webhook-id"] for each in receiver.headers] == [f"msg_{answer.json()['id']}"] * 2
        left = [entry.name async for page in stays.app.premises.files.listed(webhooks.FOLDER) for entry in page]
        assert left == []


async def test_letters_of_a_version_that_kept_them_elsewhere_are_sent(tmp_path: Path, receiver: Receiver) -> None:
    config = town_config(links={"allow": [f"127.0.0.1:{receiver.port}"]})
    async with town(tmp_path, config) as home:
        team = hooked(home, receiver)
        receiver.says = [503]
        await team.ask("POST", OPENAI, BOAT, ASYNC)
        await until(lambda: receiver.submits)
    (letter,) = (home.data / "letters").rglob("*.letter")
    earlier = home.data / "webhooks"
    earlier.mkdir()
    letter.rename(earlier / letter.name)
    async with town(tmp_path, config):
        await until(lambda: len(receiver.submits) == 2)


# Presigned.


async def test_a_presigned_link_has_the_shape_of_a_proxied_one_and_leads_to_the_vendor(
    tmp_path: Path, buckets: Buckets
) -> None:
    async with town(tmp_path, town_config(store=objects(buckets, links="presigned", link_s=77))) as home:
        link = url_of(await home.team("acme").ask("POST", OPENAI, LINKED))
        assert link.startswith(f"{ORIGIN}/v1/temp-images/")
        found = await home.http.get(link)
        assert (found.status_code, found.content) == (302, b"")
        assert found.headers["location"].startswith(buckets.endpoint)
        seconds = int(httpx.URL(found.headers["location"]).params["X-Amz-Expires"])
        assert 70 <= seconds <= 77
        async with httpx.AsyncClient() as anybody:
            picture = await anybody.get(found.headers["location"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        assert (await home.http.get(link[:-8] + "AAAA.png")).status_code == 404


# Deleting.


async def deleted(team: Team, id_: str) -> httpx.Response:
    return await team.ask("DELETE", f"/v1/darkroom/requests/{id_}")


async def names(home: Town) -> list[str]:
    """All there is in the store of pictures and slips."""
    files = home.app.premises.files
    return [entry.name for folder in ("pictures", "slips") async for page in files.listed(folder) for entry in page]


async def test_a_team_deletes_a_request_and_nothing_of_it_is_left_but_what_it_did_cost(
    tmp_path: Path, store: dict[str, Any]
) -> None:
    async with two(tmp_path, store) as (one, other):
        team = one.team("acme")
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        told = await fetched(team, answer)
        id_, link = told["id"], told["images"][0]["url"]
        money = await one.quiet()
        assert await names(one) != []
        gone = await deleted(at(team, other), id_)
        assert (gone.status_code, gone.json()) == (200, {"id": id_, "object": "darkroom.request", "deleted": True})
        assert await names(one) == []
        assert (await one.http.get(link)).status_code == 404
        state = (await team.ask("GET", f"/v1/darkroom/requests/{id_}")).json()
        assert (state["state"], state["images"]) == ("done", None)
        with one.engine().connect().execution_options(reads=True) as connection:
            columns = (jobs.c.recall, jobs.c.plan, jobs.c.answer)
            assert tuple(connection.execute(select(*columns).where(jobs.c.job == id_)).one()) == (None, None, None)
            kinds = connection.execute(select(entries.c.kind).where(entries.c.job == id_)).scalars().all()
        assert sorted(kinds) == ["hold", "settle"]
        assert one.money() == money


async def test_a_picture_that_another_request_has_as_well_stays_until_that_one_is_deleted(
    tmp_path: Path, store: dict[str, Any]
) -> None:
    """The painter draws the same for the same seed: two requests, of two teams, one picture."""
    async with two(tmp_path, store) as (one, _):
        first, second = one.team("acme"), one.team("rival")
        answers = [await team.ask("POST", OPENAI, {**LINKED, "seed": 3}) for team in (first, second)]
        links = [url_of(answer) for answer in answers]
        assert len([name for name in await names(one) if name.endswith(".png")]) == 1
        ids = [answer.headers["x-request-id"] for answer in answers]
        assert (await deleted(first, ids[1])).status_code == 404  # it is not theirs
        assert (await deleted(first, ids[0])).status_code == 200
        assert [(await one.http.get(link)).status_code for link in links] == [200, 200]  # links say which picture
        assert (await second.ask("GET", f"/v1/darkroom/requests/{ids[1]}")).json()["images"] is not None
        assert (await first.ask("GET", f"/v1/darkroom/requests/{ids[0]}")).json()["images"] is None
        assert (await deleted(second, ids[1])).status_code == 200
        assert [(await one.http.get(link)).status_code for link in links] == [404, 404]


async def test_a_request_under_way_is_not_deleted(tmp_path: Path, store: dict[str, Any]) -> None:
    async with two(tmp_path, store) as (one, other):
        team = one.team("acme")
        one.painter.gate.clear()
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        for home in (one, other):
            refused = await deleted(at(team, home), answer.json()["id"])
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "request_pending")
        one.painter.gate.set()
        assert (await fetched(team, answer))["state"] == "done"
        assert (await deleted(team, answer.json()["id"])).status_code == 200


async def test_a_deleted_answer_is_not_given_to_a_repeat(tmp_path: Path) -> None:
    async with town(tmp_path) as home:
        team = home.team("acme")
        sent = {"x-stainless-retry-count": "0"}
        answer = await team.ask("POST", OPENAI, BOAT, sent)
        assert (await deleted(team, answer.headers["x-request-id"])).status_code == 200
        again = await team.ask("POST", OPENAI, BOAT, {"x-stainless-retry-count": "1"})
        assert again.status_code == 200
        assert "x-darkroom-repeats" not in again.headers
        assert home.painter.asked == 2


async def test_a_dialects_own_deletion_drops_the_pictures_too(tmp_path: Path, store: dict[str, Any]) -> None:
    async with two(tmp_path, store) as (one, other):
        team = one.team("acme")
        body = {"prompt": "A boat", "num_images": 1, "width": 64, "height": 64}
        id_ = (await team.ask("POST", f"{CLOUD}/generations", body)).json()["sdGenerationJob"]["generationId"]
        await one.quiet()
        known = (await at(team, other).ask("GET", f"{CLOUD}/generations/{id_}")).json()["generations_by_pk"]
        link = known["generated_images"][0]["url"]
        assert (await other.http.get(link)).status_code == 200
        assert (await at(team, other).ask("DELETE", f"{CLOUD}/generations/{id_}")).status_code == 200
        assert (await one.http.get(link)).status_code == 404
        assert await names(one) == []


async def test_nobody_deletes_what_is_not_theirs_or_never_was(tmp_path: Path, store: dict[str, Any]) -> None:
    async with two(tmp_path, store) as (one, _):
        team, rival = one.team("acme"), one.team("rival")
        answer = await team.ask("POST", OPENAI, BOAT, ASYNC)
        id_ = (await fetched(team, answer))["id"]
        for stranger in (rival, Team(one, "nobody", "dk_live_wrong")):
            assert (await deleted(stranger, id_)).status_code in {401, 404}
        for odd in ("req_never", "..", "%2e%2e%2fledger", "a.slip"):
            assert (await deleted(team, odd)).status_code in {404, 405}
        assert (await fetched(team, answer))["images"] is not None


async def test_an_object_store_that_is_away_is_told_as_that_and_deletes_the_rest_later(
    tmp_path: Path, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path, town_config(store=objects(buckets))) as home:
        team = home.team("acme")
        answer = await team.ask("POST", OPENAI, LINKED)
        link, id_ = url_of(answer), answer.headers["x-request-id"]
        away = True
        for name in ("get_async", "head_async", "delete_async", "put_async"):
            real = getattr(home.app.premises.files._do, name)  # type: ignore[attr-defined]

            async def ask(*args: Any, real: Any = real, **more: Any) -> Any:
                if away:
                    raise OSError("connection refused")
                return await real(*args, **more)

            monkeypatch.setattr(home.app.premises.files._do, name, ask)  # type: ignore[attr-defined]
        assert (await home.http.get(link)).status_code == 503
        assert (await deleted(team, id_)).status_code == 503
        plain = await team.ask("POST", OPENAI, {**BOAT, "prompt": "Another"})
        assert plain.status_code == 200  # it needs no link
        assert (await team.ask("POST", OPENAI, {**LINKED, "prompt": "A third"})).status_code == 503
        exposed = home.app.premises.metrics
        home.app.premises.bus.flush()
        assert b'darkroom_store_failures_total{what="get"}' in exposed.expose()
        away = False
        assert (await home.http.get(link)).status_code == 200
        assert (await deleted(team, id_)).status_code == 200
        assert await names(home) == []


# Keeping.


async def test_a_teams_pictures_are_kept_for_as_long_as_it_says(
    tmp_path: Path, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`short` and `long` share one picture; `short` has one of its own; `plain` is as configured."""
    monkeypatch.setattr(chores, "SWEEP_S", 0.05)
    async with town(tmp_path, town_config(store={**store, "keep_s": 100, "link_s": 100})) as home:
        made = {name: home.team(name) for name in ("short", "long", "plain")}
        with home.engine().begin() as connection:
            for name, keep in (("short", 10), ("long", 1000)):
                connection.execute(update(teams).where(teams.c.team == name).values(keep_s=keep))
        asked = [("short", 1), ("short", 2), ("long", 2), ("plain", 3)]
        ids = {(name, seed): await asked_for(made[name], seed) for name, seed in asked}

        async def shown() -> set[tuple[str, int]]:
            found = set()
            for at, id_ in ids.items():
                if (await made[at[0]].ask("GET", f"/v1/darkroom/requests/{id_}")).json()["images"]:
                    found.add(at)
            return found

        assert await shown() == set(asked)
        for ahead, left in (
            (50, {("short", 2), ("long", 2), ("plain", 3)}),
            (150, {("short", 2), ("long", 2)}),
            (1100, set()),
        ):
            monkeypatch.setattr(home.app.premises.store, "_clock", lambda ahead=ahead: time.time() + ahead)
            deadline = time.monotonic() + 10
            while await shown() != left:
                assert time.monotonic() < deadline, (ahead, await shown())
                await asyncio.sleep(0.02)


async def asked_for(team: Team, seed: int) -> str:
    answer = await team.ask("POST", OPENAI, {**LINKED, "seed": seed})
    url_of(answer)
    return answer.headers["x-request-id"]


async def test_of_servers_that_share_a_store_one_goes_through_it(
    tmp_path: Path, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path, store) as (one, other):
        await until(lambda: True)
        assert [await chores._turn(home.app.premises.files) for home in (one, other, one)] == [False] * 3
        monkeypatch.setattr(chores, "SWEEP_S", -5.0)
        assert await chores._turn(other.app.premises.files)
