"""From bytes to a job: where its pictures come from, whose they are, and what is refused before anything is priced."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Failure
from proxy.dialects.contract import Incoming
from proxy.edge import preparing
from proxy.edge.preparing import LARGE, _ceiling, _count, fingerprint, picture_id, picture_of
from proxy.ledger.accounts import Accounts, Key
from tests.edge.examples import CLOUD, STUDIO, url
from tests.edge.town import Team, Town, furnish, town, town_config, until
from tests.pictures import gif, jpeg, png
from tests.properties import MANY
from tests.walk.vendors import PICTURE, Vendor, serving

DRY = {"x-darkroom-dry-run": "plan"}
STUDIOLM = "/studiolm/v1/images/generations"


class Hosting(Vendor):
    """Has pictures behind links, and other things."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/one.png", self._picture),
            web.get("/text", self._text),
            web.get("/large", self._large),
            web.get("/slow", self._slow),
            web.get("/away", self._away),
        ]

    async def _picture(self, _: web.Request) -> web.Response:
        return web.Response(body=PICTURE, content_type="image/png")

    async def _text(self, _: web.Request) -> web.Response:
        return web.Response(body=b"no picture")

    async def _large(self, _: web.Request) -> web.Response:
        return web.Response(body=b"x" * 300_000)

    async def _slow(self, _: web.Request) -> web.Response:
        await self.opened()
        return web.Response(body=PICTURE)

    async def _away(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("https://10.0.0.1/one.png")


@pytest.fixture
def host() -> Iterator[Hosting]:
    made = Hosting()
    with serving(made):
        yield made


@pytest.fixture
async def home(host: Hosting, tmp_path: Path) -> AsyncIterator[Town]:
    more: dict[str, Any] = {
        "links": {"allow": [f"127.0.0.1:{host.port}"]},
        "limits": {"picture_pixels": 832 * 1216, "reply_bytes": 200_000},
    }
    async with town(tmp_path, town_config(**more)) as made:
        yield made


@pytest.fixture
def team(home: Town) -> Team:
    return home.team("acme")


async def planned(team: Team, path: str = STUDIOLM, **body: Any) -> tuple[int, Any]:
    """Status and body of a plan, which has gone through all of the preparation."""
    answer = await team.ask("POST", path, {"prompt": "A boat", **body}, DRY)
    return answer.status_code, answer.json()


# Links.


async def test_a_link_is_followed_to_its_picture(home: Town, team: Team, host: Hosting) -> None:
    status, plan = await planned(team, aspect_ratio="portrait", reference_image_url=f"{host.origin}/one.png")
    assert (status, plan["operation"]) == (200, "generate.reference")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/none", "its host answers 404"),
        ("/text", "Invalid file 'reference_image_url'"),
        ("/large", "200000"),
        ("/away", "private address"),
        ("/slow", "Failed to download the image of 'reference_image_url'."),
    ],
)
async def test_a_link_that_leads_nowhere_is_refused(
    path: str, says: str, home: Town, team: Team, host: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "FOLLOW_S", 0.2 if path == "/slow" else 20.0)
    host.gate.clear()
    status, told = await planned(team, aspect_ratio="portrait", reference_image_url=f"{host.origin}{path}")
    assert status == 400
    assert says in told["error"]["message"]
    assert home.money().lines == 0


# Sizes.


async def test_as_many_pixels_as_are_drawn_here_and_not_one_row_more(team: Team) -> None:
    assert (await planned(team, aspect_ratio="portrait"))[0] == 200
    status, told = await planned(team, aspect_ratio="square")
    assert status == 400
    assert "1024x1024 are more pixels than are drawn here" in told["error"]["message"]
    body = {"width": 832, "height": 1216}
    assert (await planned(team, f"{STUDIO}/create", **body))[0] == 200
    assert (await planned(team, f"{STUDIO}/create", **{**body, "height": 1217}))[0] == 400
    assert (await planned(team, "/openai/v1/images/generations", model="card", size="1024x1024"))[0] == 200


async def test_a_picture_sent_along_has_as_many_pixels_too(team: Team) -> None:
    for picture, status in ((png(832, 1216), 200), (png(833, 1216), 400), (gif(), 400)):
        assert (await planned(team, aspect_ratio="portrait", reference_image=url(picture)))[0] == status


# What only some keys may.


async def test_pictures_without_a_filter_are_for_keys_that_may(home: Town, team: Team) -> None:
    wanted: dict[str, Any] = {"aspect_ratio": "portrait", "disable_safety_checker": True}
    status, told = await planned(team, **wanted)
    assert (status, told["error"]["type"]) == (403, "permission_error")
    team.key = Accounts(home.engine()).create_key("acme", grants=frozenset({"unfiltered"}))[1]
    assert (await planned(team, **wanted))[0] == 200


# Assets.


async def test_facts_of_an_asset_go_before_the_prompt(home: Town, team: Team) -> None:
    wanted = {"width": 64, "height": 64, "use_persona": True, "persona_id": "brand", "enhance_prompt": True}
    status, told = await planned(team, f"{STUDIO}/create", **wanted)
    assert status == 404
    assert "persona 'brand'" in told["detail"]
    await team.ask("PUT", f"{STUDIO}/personas/brand", {"description": "Warm light."})
    answer = await team.ask("POST", f"{STUDIO}/create", {"prompt": "A boat", **wanted})
    assert answer.json()["request"]["enhanced_prompt"].startswith("Warm light. A boat")


async def test_pictures_are_pointed_at_wherever_they_came_from(home: Town, team: Team) -> None:
    await furnish(team)
    for name in ("picture", "variation", "init", "canvas", "mask", "library"):
        id_ = team.has[name] if name != "variation" else f"{team.has[name][:-2]}01"
        assert (await planned(team, f"{CLOUD}/generations", init_image_id=id_))[0] == 200, name
    generation = team.has["generation"]
    for id_ in (generation, f"{generation[:-2]}02", f"{generation[:-2]}zz", "x", team.has["persona"]):
        status, told = await planned(team, f"{CLOUD}/generations", init_image_id=id_)
        assert status == 400
        assert f"there is no picture '{id_}'" in told["error"]


async def test_a_slot_that_nobody_filled_is_no_picture(team: Team) -> None:
    slot = (await team.ask("POST", f"{CLOUD}/init-image", {"extension": "png"})).json()["uploadInitImage"]
    assert (await planned(team, f"{CLOUD}/generations", init_image_id=slot["id"]))[0] == 400


async def test_a_mask_that_is_kept_has_to_fit_its_picture(home: Town, team: Team) -> None:
    await furnish(team)
    canvas = {"canvasRequest": True, "canvasRequestType": "INPAINT", "canvasMaskId": team.has["mask"]}
    assert (await planned(team, f"{CLOUD}/generations", canvasInitId=team.has["init"], **canvas))[0] == 200
    status, told = await planned(team, f"{CLOUD}/generations", canvasInitId=team.has["picture"], **canvas)
    assert status == 400
    assert "must match" in told["error"]


async def test_a_request_whose_pictures_are_gone_is_no_source(home: Town, team: Team) -> None:
    await furnish(team)
    for picture in (home.data / "pictures").rglob("*"):
        if picture.is_file():
            picture.unlink()
    status, _ = await planned(team, f"{CLOUD}/generations", init_image_id=team.has["picture"])
    assert status == 400


# Large bodies.


async def test_a_large_body_is_read_in_a_thread_and_understood_all_the_same(team: Team) -> None:
    reference = url(jpeg()) + " " * LARGE
    assert (await planned(team, aspect_ratio="portrait", reference_image=reference))[0] == 200
    assert (await planned(team, aspect_ratio="none", reference_image=reference))[0] == 400


# Headers, and what is the same of two requests.


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", "0"), ("0.25", "0.25"), ("1e3", "1000"), ("1e-20", "1e-20"), (" 1 ", "1"), ("-0", "0"), ("1e20", "1e20")],
)
def test_a_ceiling_is_an_amount(text: str, amount: str) -> None:
    assert _ceiling(text) == Decimal(amount)
    assert _ceiling(None) is None


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "nan", "-nan", "snan", "inf", "-Infinity", "1e21", "1E-999999999", "$1"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Failure) as caught:
        _ceiling(text)
    assert caught.value.field == "max_cost"


@MANY
@given(st.text(max_size=30))
def test_no_text_breaks_a_header(text: str) -> None:
    assert 0 <= _count(text) < 1000
    try:
        amount = _ceiling(text)
    except Failure:
        return
    assert amount is not None
    assert amount >= 0


@MANY
@given(st.uuids(version=4), st.integers(1, 255))
def test_a_picture_is_found_by_the_id_it_was_given(made: Any, place: int) -> None:
    job = f"{str(made)[:-2]}00"
    assert picture_of(picture_id(job, place)) == (job, place)
    assert picture_of(job) == (job, 0)


@MANY
@given(st.text(max_size=40))
def test_any_text_is_a_request_or_a_picture(text: str) -> None:
    job, place = picture_of(text)
    assert 0 <= place < 256
    assert len(job) <= len(text) + 2


KEYS = [Key(key=name, team="acme", name="", prefix="", test=False, created=0) for name in ("k_1", "k_2")]


def incoming(body: bytes, kind: str = "application/json", path: str = "/v1/images/edits") -> Incoming:
    return Incoming(method="POST", path=path, headers={"content-type": kind}, body=body)


def test_two_requests_are_the_same_by_key_route_and_body_whatever_their_boundary() -> None:
    forms = [
        incoming(f"--{each}\r\n\r\nx\r\n--{each}--".encode(), f"multipart/form-data; boundary={each}")
        for each in ("a1", "b2")
    ]
    quoted = incoming(forms[0].body, 'multipart/form-data; boundary="a1"')
    assert fingerprint(KEYS[0], forms[0]) == fingerprint(KEYS[0], forms[1]) == fingerprint(KEYS[0], quoted)
    others = [incoming(b"{}"), incoming(b"{ }"), incoming(b"{}", path="/v1/images/variations"), forms[0]]
    prints = {fingerprint(key, each) for key in KEYS for each in others}
    assert len(prints) == len(KEYS) * len(others)
    assert fingerprint(KEYS[0], incoming(b"x", "multipart/form-data; boundary=")) == fingerprint(
        KEYS[0], incoming(b"x")
    )


async def test_a_caller_that_leaves_while_its_link_is_followed_costs_nothing(
    home: Town, team: Team, host: Hosting
) -> None:
    host.gate.clear()
    body = {"prompt": "A boat", "aspect_ratio": "portrait", "reference_image_url": f"{host.origin}/slow"}
    asking = asyncio.create_task(team.ask("POST", STUDIOLM, json.dumps(body).encode()))
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    host.gate.set()
    await until(lambda: home.money().held == 0)
    assert home.money().lines == 0


# Headers every dialect has.


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "false", "0"])
async def test_a_request_is_strict_or_is_not(text: str, team: Team) -> None:
    lossy = {"prompt": "A boat", "aspect_ratio": "portrait", "n": 3}
    answer = await team.ask("POST", STUDIOLM, lossy, {**DRY, "x-darkroom-strict": text})
    assert answer.status_code == (400 if text.lower() in ("true", "1") else 200)
    assert ("would not be done as asked: n: " in answer.text) is (answer.status_code == 400)


@pytest.mark.parametrize(
    "headers", [{"x-darkroom-strict": "maybe"}, {"idempotency-key": "x" * 256}, {"x-darkroom-dry-run": "now"}]
)
async def test_a_header_that_says_nothing_known_is_refused(headers: dict[str, str], home: Town, team: Team) -> None:
    answer = await team.ask("POST", STUDIOLM, {"prompt": "A boat", "aspect_ratio": "portrait"}, headers)
    assert answer.status_code == 400
    assert home.money().lines == 0
