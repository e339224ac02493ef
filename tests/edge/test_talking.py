"""What conversations of dialects are answered with: each want by itself, by a dialect made for the purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PIL import Image as Pillow

from providers.contract import Code, Failure, Fault, Format, Generate, UpscaleKind
from proxy.dialects import load, wants
from proxy.dialects.contract import Dialect, Outgoing
from proxy.edge.desk import Desk
from proxy.edge.talking import Conversation
from proxy.ledger.accounts import Key
from proxy.retouch import Encoding, Shape
from tests.edge.examples import CLOUD
from tests.edge.town import ORIGIN, Team, Town, town, town_config, until
from tests.pictures import jpeg, png

Talked = Callable[..., Any]


class Room:
    """A server, its desk, and whoever talks there."""

    def __init__(self, home: Town, desk: Desk) -> None:
        self.home = home
        self.desk = desk

    def key(self, team: Team, **more: Any) -> Key:
        """The key as the server knows it."""
        self.desk.admission._ring.refresh()
        found = self.desk.admission._ring.find(team.key)
        assert found is not None
        return replace(found, **more)

    async def want(self, team: Team, *wanted: Any, dialect: str = "leonardo", **more: Any) -> Any:
        """What the last of these wants is answered with."""
        told: list[Any] = []

        def talk() -> Generator[Any, Any, Outgoing]:
            for each in wanted:
                told.append((yield each))
            return Outgoing()

        spoken: Dialect = load(dialect)
        await Conversation(self.desk, spoken, self.key(team, **more), ORIGIN).hold(talk())
        return told[-1]


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    desks: list[Desk] = []

    def desk(**parts: Any) -> Desk:
        desks.append(Desk(**parts))
        return desks[-1]

    monkeypatch.setattr("proxy.app.service.Desk", desk)
    async with town(tmp_path, town_config(limits={"picture_pixels": 1_000_000})) as home:
        yield Room(home, desks[0])


@pytest.fixture
def team(room: Room) -> Team:
    return room.home.team("acme", "1/total", "2/day", "images:9/day")


def small(**more: Any) -> Generate:
    return Generate(model="card", prompt="A boat", width=64, height=64, **more)


async def generated(room: Room, team: Team, n: int = 1, **more: Any) -> str:
    body = {"prompt": "A boat", "num_images": n, "width": 64, "height": 64, **more}
    answer = await team.ask("POST", f"{CLOUD}/generations", body)
    assert answer.status_code == 200, answer.text
    await room.home.quiet()
    return str(answer.json()["sdGenerationJob"]["generationId"])


# The conversation itself.


async def test_a_conversation_that_wants_nothing_is_an_answer(room: Room, team: Team) -> None:
    def talk() -> Generator[Any, Any, Outgoing]:
        yield from ()
        return Outgoing(status=204)

    spoken = Conversation(room.desk, load("leonardo"), room.key(team), ORIGIN)
    assert (await spoken.hold(talk())).status == 204


async def test_a_want_that_fails_is_raised_where_it_was_wanted_and_may_be_answered_for(room: Room, team: Team) -> None:
    bad = wants.Keep(kind="library", body=b"no picture")

    seen: list[Code | None] = []

    def forgiving() -> Generator[Any, Any, Outgoing]:
        try:
            yield bad
        except Failure as failure:
            seen.append(failure.code)
        told = yield wants.Keep(kind="library", body=png())
        return Outgoing(status=200 if told.bytes else 500)

    def plain() -> Generator[Any, Any, Outgoing]:
        yield bad
        raise AssertionError

    def first() -> Generator[Any, Any, Outgoing]:
        raise Failure(Fault.REJECTED, "not even that", code=Code.INVALID)
        yield

    spoken = Conversation(room.desk, load("leonardo"), room.key(team), ORIGIN)
    assert (await spoken.hold(forgiving())).status == 200
    assert seen == [Code.NOT_AN_IMAGE]
    for talk in (plain, first):
        with pytest.raises(Failure) as caught:
            await spoken.hold(talk())
        assert caught.value.fault is Fault.REJECTED


# Models and money.


async def test_cards_are_those_of_the_dialect(room: Room, team: Team) -> None:
    for dialect, theirs in (("leonardo", True), ("openai", False)):
        cards = {card.name for card in await room.want(team, wants.Cards(), dialect=dialect)}
        assert {"card", "standard", "sandbox"} <= cards
        assert any(name.startswith("b24e16ff") for name in cards) is theirs


async def test_a_purse_is_the_narrowest_budget_in_usd(room: Room, team: Team) -> None:
    assert await room.want(team, wants.Money()) == wants.Purse(team="acme", left=Decimal(1), settled=Decimal(0))
    await generated(room, team, 2)
    assert await room.want(team, wants.Money()) == wants.Purse(
        team="acme", left=Decimal("0.92"), settled=Decimal("0.08")
    )


async def test_a_purse_without_a_budget_has_no_bottom(room: Room) -> None:
    free = room.home.team("free", "images:9/day")
    assert await room.want(free, wants.Money()) == wants.Purse(team="free", left=None, settled=Decimal(0))


async def test_a_budget_that_is_overrun_has_nothing_left(room: Room) -> None:
    poor = room.home.team("poor", "0.04/total")
    await generated(room, poor)
    assert (await room.want(poor, wants.Money())).left == 0


# Prices.


async def test_a_price_is_the_plans_with_what_comes_after(room: Room, team: Team) -> None:
    plain = await room.want(team, wants.Price(small(n=3)))
    [offer] = plain.offers
    assert (offer.provider, offer.model, offer.usd, offer.out) == ("cards", "card", Decimal("0.12"), None)
    finished = await room.want(team, wants.Price(small(n=3), finish=UpscaleKind.CONSERVATIVE))
    assert finished.offers[0].usd == Decimal("0.24")
    assert room.home.money().lines == 0


async def test_offers_that_are_left_out_are_told_with_their_reason(room: Room, team: Team) -> None:
    estimate = await room.want(team, wants.Price(small(), providers=("cards",)))
    assert [(offer.provider, offer.out) for offer in estimate.offers] == [("cards", None)]
    tall = replace(small(), width=8000, height=8000)
    [offer] = (await room.want(team, wants.Price(tall))).offers
    assert offer.out is not None
    free = await room.want(team, wants.Price(replace(small(), model="sandbox")))
    assert free.offers[0].usd == 0


async def test_what_nobody_can_finish_has_no_price(room: Room, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    listings = room.desk.catalogue._listings
    [card] = listings["card"].offers
    narrow = replace(card, model=replace(card.model, operations=frozenset({"generate"})))
    monkeypatch.setitem(listings, "narrow", replace(listings["card"], name="narrow", offers=(narrow,)))
    monkeypatch.setattr("proxy.gateway.FINISHER", "narrow")
    [offer] = (await room.want(team, wants.Price(small(), finish=UpscaleKind.FAST))).offers
    assert offer.usd is None
    assert offer.out is not None


async def test_a_price_of_a_model_there_is_none_of_is_refused(room: Room, team: Team) -> None:
    with pytest.raises(Failure) as caught:
        await room.want(team, wants.Price(replace(small(), model="none")))
    assert caught.value.code is Code.UNKNOWN_MODEL


# Requests from before.


async def test_a_request_is_known_by_its_id_and_by_those_of_its_pictures(room: Room, team: Team) -> None:
    id_ = await generated(room, team, 2, seed=7)
    for each in (id_, f"{id_[:-2]}01", f"{id_[:-2]}02", f"{id_[:-2]}ff"):
        known = await room.want(team, wants.Look(each))
        assert (known.id, known.state, known.model) == (id_, "done", "b24e16ff-06e3-43eb-8d33-4416c2d75876")
    assert [picture.id[-2:] for picture in known.pictures] == ["01", "02"]
    assert [picture.seed for picture in known.pictures] == [7, 8]
    assert known.finished is not None
    assert known.finished >= known.created
    for picture in known.pictures:
        body = (await room.home.http.get(picture.link)).content
        assert Pillow.open(BytesIO(body)).size == (64, 64)
        assert picture.format is Format.PNG


async def test_what_is_not_there_or_anothers_is_none(room: Room, team: Team) -> None:
    id_ = await generated(room, team)
    stranger = room.home.team("stranger")
    for asker, wanted, dialect in (
        (stranger, id_, "leonardo"),
        (team, id_, "openai"),
        (team, id_[:-2] + "zz", "leonardo"),
        (team, "", "leonardo"),
        (team, "0" * 32, "leonardo"),
    ):
        assert await room.want(asker, wants.Look(wanted), dialect=dialect) is None
        assert await room.want(asker, wants.Erase(wanted), dialect=dialect) is False
    assert await room.want(stranger, wants.LookBack(0, 10)) == []
    plain = await team.ask("POST", "/openai/v1/images/generations", {"model": "card", "prompt": "A boat"})
    request = plain.headers["x-request-id"]  # its dialect asked for no recall
    assert await room.want(team, wants.Look(request), dialect="openai") is None


async def test_one_that_is_under_way_has_no_pictures_yet(room: Room, team: Team) -> None:
    room.home.painter.gate.clear()
    answer = await team.ask("POST", f"{CLOUD}/generations", {"prompt": "A boat"})
    id_ = answer.json()["sdGenerationJob"]["generationId"]
    known = await room.want(team, wants.Look(id_))
    assert (known.state, known.finished, known.pictures) == ("open", None, ())
    room.home.painter.gate.set()
    await room.home.quiet()
    assert (await room.want(team, wants.Look(id_))).state == "done"


async def test_looking_back_is_newest_first_in_pages(room: Room, team: Team) -> None:
    ids = []
    for _ in range(5):
        ids.append(await generated(room, team))
        await asyncio.sleep(0.002)
    ids.reverse()
    for offset, limit in ((0, 10), (0, 2), (2, 2), (4, 2), (5, 2)):
        found = await room.want(team, wants.LookBack(offset, limit))
        assert [known.id for known in found] == ids[offset : offset + limit]


async def test_what_is_erased_cannot_be_found_or_leant_on(room: Room, team: Team) -> None:
    id_ = await generated(room, team)
    picture = f"{id_[:-2]}01"
    asking = {"prompt": "A boat", "num_images": 1, "init_generation_image_id": picture}
    dry = {"x-darkroom-dry-run": "plan"}
    assert (await team.ask("POST", f"{CLOUD}/generations", asking, dry)).status_code == 200
    assert await room.want(team, wants.Erase(picture)) is True
    assert await room.want(team, wants.Look(id_)) is None
    assert await room.want(team, wants.Erase(id_)) is False
    assert await room.want(team, wants.LookBack(0, 9)) == []
    refused = await team.ask("POST", f"{CLOUD}/generations", asking, dry)
    assert refused.status_code == 400
    assert (await team.ask("GET", f"/v1/darkroom/requests/{id_}")).json()["images"] is None


# Assets.


async def test_a_slot_is_filled_once_with_a_picture_and_only_while_it_is_open(room: Room, team: Team) -> None:
    slot = await room.want(team, wants.Offer(kind="init-image", suffix="png", seconds=60))
    assert slot.origin == ORIGIN
    empty = await room.want(team, wants.Find("init-image", slot.id))
    assert (empty.link, empty.format, empty.bytes) == (None, None, 0)
    with pytest.raises(Failure):
        await room.want(team, wants.Fill(token=slot.token, body=b"no picture"))
    assert await room.want(team, wants.Fill(token="no token", body=png())) is False
    assert await room.want(team, wants.Fill(token=slot.token, body=jpeg(9, 7))) is True
    assert await room.want(team, wants.Fill(token=slot.token, body=png())) is False
    full = await room.want(team, wants.Find("init-image", slot.id))
    assert (full.format, full.bytes) == (Format.JPEG, len(jpeg(9, 7)))
    assert (await room.home.http.get(full.link)).content == jpeg(9, 7)
    late = await room.want(team, wants.Offer(kind="init-image", suffix="png", seconds=0))
    assert await room.want(team, wants.Fill(token=late.token, body=png())) is False


async def test_two_who_fill_a_slot_at_once_are_one_that_did(room: Room, team: Team) -> None:
    slot = await room.want(team, wants.Offer(kind="k", suffix="png", seconds=60))
    fills = [room.want(team, wants.Fill(token=slot.token, body=png(9, side))) for side in range(5, 10)]
    assert sorted(await asyncio.gather(*fills)) == [False] * 4 + [True]


async def test_facts_are_kept_under_a_name_and_written_over(room: Room, team: Team) -> None:
    first = await room.want(team, wants.Keep(kind="persona", name="acme", facts="Warm."))
    assert (first.id, first.facts, first.link, first.bytes) == ("acme", "Warm.", None, 0)
    await room.want(team, wants.Keep(kind="persona", name="acme", facts="Cold."))
    assert (await room.want(team, wants.Find("persona", "acme"))).facts == "Cold."
    assert await room.want(team, wants.Find("library", "acme")) is None
    assert await room.want(team, wants.Drop("library", "acme")) is False
    assert await room.want(team, wants.Drop("persona", "acme")) is True
    assert await room.want(team, wants.Drop("persona", "acme")) is False


async def test_a_picture_goes_with_the_last_asset_that_shows_it(room: Room, team: Team) -> None:
    kept = [await room.want(team, wants.Keep(kind="library", body=png(33, 9), facts="{}")) for _ in range(2)]
    assert len({asset.id for asset in kept}) == 2
    for place, status in enumerate((200, 404)):
        assert await room.want(team, wants.Drop("library", kept[place].id)) is True
        assert (await room.home.http.get(kept[1].link)).status_code == status


async def test_two_who_drop_an_asset_at_once_are_one_that_did(room: Room, team: Team) -> None:
    kept = await room.want(team, wants.Keep(kind="library", body=png(), facts="{}"))
    drops = [room.want(team, wants.Drop("library", kept.id)) for _ in range(4)]
    assert sorted(await asyncio.gather(*drops)) == [False, False, False, True]


async def test_an_asset_that_is_gone_when_it_is_to_be_dropped_was_dropped_by_somebody_else(
    room: Room, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await room.want(team, wants.Keep(kind="library", body=png(), facts="{}"))
    monkeypatch.setattr(type(room.desk.assets), "drop", lambda *_: False)
    assert await room.want(team, wants.Drop("library", kept.id)) is False
    assert (await room.home.http.get(kept.link)).status_code == 200


# Work on pictures.


async def test_a_picture_is_retouched_for_nothing(room: Room, team: Team) -> None:
    wanted = wants.Retouch(body=png(40, 30), encoding=Encoding(format="jpeg"), shape=Shape(width=16, height=16))
    made = await room.want(team, wanted)
    assert (made.width, made.height, made.format) == (16, 16, "jpeg")
    assert room.home.money().lines == 0


@pytest.mark.parametrize("body", [b"", b"no picture", png()[:50], png(2000, 1000)])
async def test_what_is_no_picture_is_refused_by_the_name_of_its_field(body: bytes, room: Room, team: Team) -> None:
    with pytest.raises(Failure) as caught:
        await room.want(team, wants.Retouch(body=body, encoding=Encoding(format="png"), field="photo"))
    assert (caught.value.code, caught.value.field) == (Code.NOT_AN_IMAGE, "photo")
    assert "photo" in caught.value.detail


async def test_nothing_is_left_under_way(room: Room, team: Team) -> None:
    await generated(room, team)
    await until(lambda: not room.desk.background._tasks)
