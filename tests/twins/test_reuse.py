"""The same picture is bought once: while it is being made, afterwards and after a restart; never for another team."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from PIL import Image as Pillow
from sqlalchemy import select, update

from providers.contract import Note
from proxy.job import Answer
from proxy.ledger.engine import open_ledger
from proxy.ledger.tables import jobs
from proxy.twins import may_share
from proxy.twins.reuse import whole
from tests.edge.house import BODY, House, Visitor, house
from tests.edge.vendors import FickleVendor, LargeVendor
from tests.pictures import png
from tests.twins.asking import job, request
from tests.walk.vendors import PICTURE, OpenAIVendor, at, serving

SEEDED = {**BODY, "seed": 7}
DAY = {"teams": {"acme": {"age_s": 86_400}}}
OFF, ONLY, ALLOW = ({"x_darkroom_cache": said} for said in ("off", "only-if-cached", "allow"))


@pytest.fixture
def vendor() -> Iterator[FickleVendor]:
    made = FickleVendor()
    with serving(made):
        yield made


def config(vendor: FickleVendor, **more: Any) -> dict[str, Any]:
    return {"providers": {"stub": at(vendor, honours=["seed"])}, "default_model": "photo", **more}


@asynccontextmanager
async def home_of(folder: Path, vendor: FickleVendor, cache: dict[str, Any] | None = DAY) -> AsyncIterator[House]:
    async with house(folder, config(vendor, **({"cache": cache} if cache is not None else {}))) as home:
        yield home


async def submitted(vendor: OpenAIVendor, count: int) -> None:
    """Until the vendor was asked so often; the house shares this loop, so nothing here may block."""
    async with asyncio.timeout(10):
        while len(vendor.submits) < count:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def said(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Status, what came of the look, and USD charged."""
    return answer.status_code, answer.headers.get("x-darkroom-cache"), answer.headers.get("x-darkroom-cost")


def pictures(answer: httpx.Response) -> list[bytes]:
    return [base64.b64decode(each["b64_json"]) for each in answer.json()["data"]]


MISS, HIT, JOINED = (200, "miss", "0.04"), (200, "hit", "0"), (200, "joined", "0")


# While it is being made.


async def test_requests_of_a_team_for_one_picture_at_once_are_one_purchase_and_the_first_pays(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        keys = [home.key("acme", "1/total")]
        keys.append(home.another_key("acme"))
        vendor.gate.clear()
        first = asyncio.create_task(home.post(keys[0], SEEDED))
        await submitted(vendor, 1)
        others = [asyncio.create_task(home.post(keys[place % 2], SEEDED)) for place in range(8)]
        await asyncio.sleep(0.2)
        vendor.gate.set()
        paid, *given = await asyncio.gather(first, *others)
        assert said(paid) == MISS
        assert {said(answer) for answer in given} == {JOINED}
        assert {answer.headers["x-darkroom-repeats"] for answer in given} == {paid.headers["x-request-id"]}
        assert len({answer.headers["x-request-id"] for answer in [paid, *given]}) == 9
        assert all(answer.json() == paid.json() for answer in given)
        assert len(vendor.submits) == 1
        assert home.spent("acme") == (40_000, 0)
        assert {row["job"] for row in home.rows("entries")} == {paid.headers["x-request-id"]}
        assert {row["state"] for row in home.rows("jobs")} == {"done"}
        assert said(await home.post(keys[0], SEEDED)) == MISS  # nothing is kept for a team that was not named


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({**BODY}, {}),
        ({**BODY, "seed": 8}, {}),
        ({**SEEDED, "prompt": "A house"}, {}),
        ({**SEEDED, "n": 2}, {}),
        ({**SEEDED, "size": "128x64"}, {}),
        ({**SEEDED, "model": "spare"}, {}),
        (SEEDED, OFF),
        (SEEDED, {"x_darkroom_max_cost": "0.5"}),
        (SEEDED, {"x_darkroom_strict": "true"}),
    ],
    ids=str,
)
async def test_what_is_not_the_same_is_bought_for_itself(
    body: dict[str, Any], headers: dict[str, str], tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED)), asyncio.create_task(home.post(key, body, **headers))]
        await submitted(vendor, 2)
        vendor.gate.set()
        for answer in await asyncio.gather(*asking):
            assert answer.status_code == 200
            assert answer.headers.get("x-darkroom-cache") in ("miss", None)
        assert home.spent("acme")[0] >= 80_000


async def test_no_team_is_given_the_picture_of_another(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, {"default": {"age_s": 86_400}}) as home:
        acme, other = home.key("acme", "1/total"), home.key("other", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED)) for key in (acme, other)]
        await submitted(vendor, 2)
        vendor.gate.set()
        assert [said(answer) for answer in await asyncio.gather(*asking)] == [MISS, MISS]
        third = home.key("third", "1/total")
        assert said(await home.post(third, SEEDED)) == MISS
        assert (await home.post(home.key("fourth"), SEEDED, **ONLY)).status_code == 404
        assert len(vendor.submits) == 3


@pytest.mark.parametrize("fails", ["breaks", "moderates", "refuses"])
async def test_where_the_first_comes_to_nothing_the_next_in_line_tries_and_nobody_else(
    fails: str, tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        vendor.does = [fails, fails]
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED))]
        await submitted(vendor, 1)
        asking += [asyncio.create_task(home.post(key, SEEDED)) for _ in range(4)]
        await asyncio.sleep(0.2)
        vendor.gate.set()
        told = [said(answer)[:2] for answer in await asyncio.gather(*asking)]
        status = 503 if fails == "breaks" else 400
        assert sorted(told, key=str) == sorted(
            [(200, "joined"), (200, "joined"), (200, "miss"), (status, None), (status, None)], key=str
        )
        assert len(vendor.submits) == 3
        assert home.spent("acme") == (40_000, 0)
        assert said(await home.post(key, SEEDED)) == HIT


async def test_whoever_streams_gets_the_finished_picture_of_whoever_does_not(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        first = asyncio.create_task(home.post(key, SEEDED))
        await submitted(vendor, 1)
        streamed = asyncio.create_task(home.post(key, {**SEEDED, "stream": True, "partial_images": 2}))
        await asyncio.sleep(0.2)
        vendor.gate.set()
        paid, stream = await asyncio.gather(first, streamed)
        assert stream.headers["x-darkroom-repeats"] == paid.headers["x-request-id"]
        assert (stream.headers["x-darkroom-cache"], stream.headers["x-darkroom-cost"]) == ("joined", "0")
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
        assert [event["type"] for event in events] == ["image_generation.completed"]
        assert base64.b64decode(events[0]["b64_json"]) == pictures(paid)[0]
        assert len(vendor.submits) == 1


async def test_a_caller_who_goes_away_leaves_the_picture_to_those_who_wait(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        visitor = Visitor(key, content_type="application/json").says(json.dumps(SEEDED).encode())
        gone = asyncio.create_task(visitor.visit(home.app))
        await submitted(vendor, 1)
        other = asyncio.create_task(home.post(key, SEEDED))
        await asyncio.sleep(0.1)
        visitor.goes_away()
        vendor.gate.set()
        assert said(await other) == JOINED
        await gone
        assert home.spent("acme") == (40_000, 0)


async def test_a_request_that_is_broken_off_passes_its_turn_on(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED))]
        await submitted(vendor, 1)
        asking += [asyncio.create_task(home.post(key, SEEDED)) for _ in range(2)]
        await asyncio.sleep(0.2)
        asking[0].cancel()
        await submitted(vendor, 2)
        vendor.gate.set()
        assert [said(answer) for answer in await asyncio.gather(*asking[1:])] == [MISS, JOINED]


# Afterwards.


async def test_a_kept_picture_is_given_again_after_a_restart_for_nothing(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "0.04/total")
        first = await home.post(key, SEEDED)
        assert said(first) == MISS
    async with home_of(tmp_path, vendor) as home:
        again = await home.post(home.another_key("acme"), SEEDED)
        assert said(again) == HIT
        assert again.json() == first.json()
        assert again.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
        assert 0 <= int(again.headers["age"]) < 60
        assert said(await home.post(key, SEEDED, **ONLY)) == HIT
        assert said(await home.post(key, {**SEEDED, "seed": 8}))[0] == 429  # the budget is used up: a hit needs none
        state = (await home.get(key, f"/darkroom/requests/{again.headers['x-request-id']}")).json()
        assert state["state"] == "done"
        assert len(vendor.submits) == 1
        assert home.spent("acme") == (40_000, 0)


async def test_a_hit_counts_as_a_request_and_as_no_picture(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "images:1/total", "requests:3")
        assert [said(await home.post(key, SEEDED)) for _ in range(3)] == [MISS, HIT, HIT]
        assert (await home.post(key, SEEDED)).status_code == 429


@pytest.mark.parametrize("how", ["too old", "pictures gone", "a picture gone", "not whole", "other count"])
async def test_what_is_not_all_there_or_too_old_is_bought_again(how: str, tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, {"teams": {"acme": {"age_s": 60}}}) as home:
        key = home.key("acme", "1/total")
        assert said(await home.post(key, SEEDED)) == MISS
        (row,) = home.rows("jobs")
        if how == "too old":
            changed: dict[str, Any] = {"created": row["created"] - 61_000}
        elif how in ("not whole", "other count"):
            kept = json.loads(row["answer"])
            kept |= {"asked": None} if how == "not whole" else {"pictures": kept["pictures"] * 2}
            changed = {"answer": json.dumps(kept)}
        else:
            for file in (home.data / "pictures").glob("*/*"):
                file.unlink()
            changed = {"state": "done"}
        with home.engine().begin() as connection:
            connection.execute(update(jobs).values(**changed))
        assert (await home.post(key, SEEDED, **ONLY)).json()["error"]["code"] == "not_cached"
        assert said(await home.post(key, SEEDED)) == MISS
        assert said(await home.post(key, SEEDED)) == HIT


async def test_giving_a_picture_again_does_not_make_it_younger(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, {"teams": {"acme": {"age_s": 60}}}) as home:
        key = home.key("acme", "1/total")
        links = {**SEEDED, "response_format": "url"}
        assert [said(await home.post(key, links)) for _ in range(2)] == [MISS, HIT]
        with home.engine().begin() as connection:
            connection.execute(update(jobs).where(jobs.c.twin.is_not(None)).values(created=jobs.c.created - 61_000))
        assert said(await home.post(key, links)) == MISS


async def test_a_link_to_a_picture_given_again_works_as_long_as_any_other(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        assert said(await home.post(key, SEEDED)) == MISS
        (file,) = (home.data / "pictures").glob("*/*")
        os.utime(file, (1, 1))
        again = await home.post(key, {**SEEDED, "response_format": "url"})
        assert said(again) == HIT
        assert file.stat().st_mtime > time.time() - 60
        assert (await home.http.get(again.json()["data"][0]["url"])).content == PICTURE


async def test_a_kept_png_is_encoded_as_it_is_asked_for_and_a_jpeg_is_never_made_a_png(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        as_png, as_jpeg, as_webp = ({**SEEDED, "output_format": name} for name in ("png", "jpeg", "webp"))
        assert said(await home.post(key, as_png)) == MISS
        for body, format_ in ((as_jpeg, "JPEG"), (as_webp, "WEBP")):
            given = await home.post(key, body)
            assert said(given) == HIT
            assert Pillow.open(BytesIO(pictures(given)[0])).format == format_
        other = {"seed": 8}
        assert [said(await home.post(key, body | other)) for body in (as_jpeg, as_png)] == [MISS, MISS]
        assert said(await home.post(key, as_jpeg | other | {"output_compression": 10})) == HIT  # of the PNG


async def test_all_pictures_of_a_request_are_given_and_a_part_of_them_to_nobody(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        first = await home.post(key, {**SEEDED, "n": 3})
        again = await home.post(key, {**SEEDED, "n": 3})
        assert said(again) == (200, "hit", "0")
        assert pictures(again) == pictures(first) == [PICTURE] * 3
        assert said(await home.post(key, SEEDED)) == MISS


async def test_a_request_without_a_seed_is_served_with_another_only_where_both_it_and_its_team_say_so(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key, other = home.key("acme", "1/total"), home.key("other", "1/total")
        assert [said(await home.post(key)) for _ in range(2)] == [(200, None, "0.04")] * 2
        assert [said(await home.post(key, **ALLOW)) for _ in range(2)] == [MISS, HIT]
        assert said(await home.post(key, **ONLY)) == HIT
        assert said(await home.post(key)) == (200, None, "0.04")
        assert said(await home.post(key, {**BODY, "seed": 0}, **ALLOW)) == MISS
        for _ in range(2):
            refused = await home.post(other, **ALLOW)
            assert said(refused) == (200, None, "0.04")
            assert "cache: " in refused.headers["x-darkroom-notes"]
        assert (await home.post(other, **ONLY)).status_code == 404
        assert said(await home.post(other, BODY, **ALLOW, x_darkroom_strict="true"))[0] == 200


async def test_a_request_that_is_not_to_be_bought_waits_for_one_that_is(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor, None) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        first = asyncio.create_task(home.post(key, SEEDED))
        await submitted(vendor, 1)
        waiting = asyncio.create_task(home.post(key, SEEDED, **ONLY))
        await asyncio.sleep(0.1)
        vendor.gate.set()
        assert (said(await first), said(await waiting)) == (MISS, JOINED)
        assert (await home.post(key, SEEDED, **ONLY)).status_code == 404


@pytest.mark.parametrize("text", ["", "yes", "no-store"])
async def test_a_header_that_says_nothing_known_is_refused(text: str, tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        answer = await home.post(home.key("acme", "1/total"), SEEDED, x_darkroom_cache=text)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("X-Darkroom-Cache takes off, only-if-cached, allow")
        assert vendor.submits == []


# Beside what there was before.


async def test_an_idempotency_key_goes_before_what_is_kept(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        first = await home.post(key, {**SEEDED, "seed": 1}, idempotency_key="order")
        given = await home.post(key, {**SEEDED, "seed": 1}, idempotency_key="another")
        assert said(given) == HIT
        for name, answer in (("order", first), ("another", given)):
            again = await home.post(key, {**SEEDED, "seed": 1}, idempotency_key=name)
            assert again.json() == first.json()
            assert again.headers["x-darkroom-repeats"] == answer.headers["x-request-id"]
            assert "x-darkroom-cache" not in again.headers
            conflict = await home.post(key, {**SEEDED, "seed": 2}, idempotency_key=name)
            assert conflict.status_code == 409
        for file in (home.data / "pictures").glob("*/*"):
            file.unlink()
        for _ in range(2):  # a key that came to nothing stands for nothing
            assert (await home.post(key, SEEDED, idempotency_key="third", **ONLY)).status_code == 404
        assert said(await home.post(key, SEEDED, idempotency_key="third")) == MISS
        (home.data / "pictures").rename(home.data / "away")
        (home.data / "pictures").mkdir()
        assert (
            await home.post(key, SEEDED, idempotency_key="third", **ONLY)
        ).status_code == 409  # its pictures are gone
        assert len(vendor.submits) == 2


async def test_a_retry_of_a_request_that_was_given_a_picture_gets_it_again(
    tmp_path: Path, vendor: FickleVendor
) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        await home.post(key, SEEDED)
        given = await home.post(key, SEEDED)
        again = await home.post(key, SEEDED, x_stainless_retry_count="1")
        assert again.json() == given.json()
        assert home.spent("acme") == (40_000, 0)


async def test_what_was_saved_is_counted_and_told(tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        key = home.key("acme", "1/total")
        vendor.gate.clear()
        asking = [asyncio.create_task(home.post(key, SEEDED)) for _ in range(3)]
        await submitted(vendor, 1)
        vendor.gate.set()
        await asyncio.gather(*asking)
        await home.post(key, SEEDED)
        exposed = (await home.http.get("http://darkroom.test/metrics")).text
        for line in (
            'darkroom_saved_usd_total{reason="joined",team="acme"} 0.08',
            'darkroom_saved_usd_total{reason="hit",team="acme"} 0.04',
            'darkroom_cache_total{outcome="joined",team="acme"} 2.0',
            'darkroom_cache_total{outcome="hit",team="acme"} 1.0',
            'darkroom_cache_total{outcome="miss",team="acme"} 1.0',
            'darkroom_images_total{model="photo",provider="stub",team="acme"} 1.0',
        ):
            assert line in exposed


async def test_what_is_said_of_a_picture_is_what_holds_for_whoever_asks(tmp_path: Path, vendor: FickleVendor) -> None:
    """A model's other name, or a wish that a model cannot fulfil, is noted for each request as it was asked."""
    more = {"cache": DAY, "models": {"snapshot": {"to": ["photo"]}}}
    async with house(tmp_path, config(vendor, **more)) as home:
        key = home.key("acme", "1/total")
        body = {**SEEDED, "style": "vivid"}
        plain = await home.post(key, body)
        named = await home.post(key, {**body, "model": "snapshot"})
        back = await home.post(key, body)
        assert [said(answer) for answer in (plain, named, back)] == [MISS, HIT, HIT]
        assert "snapshot is another name" in named.headers["x-darkroom-notes"]
        assert "style" in plain.headers["x-darkroom-notes"]
        assert "style" in named.headers["x-darkroom-notes"]
        assert back.headers["x-darkroom-notes"] == plain.headers["x-darkroom-notes"]


SQUARE = {"sizes": {"default": "1024x1024", "listed": ["1024x1024"]}}


@pytest.mark.parametrize("drawn", [1024, 64])
async def test_another_dialect_is_given_the_same_picture_in_its_own_words_where_that_is_the_same(
    drawn: int, tmp_path: Path
) -> None:
    """StudioLM's callers get the size they ask for; where a vendor draws another, that is another picture."""
    vendor = LargeVendor(png(drawn, drawn))
    with serving(vendor):
        more = {"providers": {"stub": at(vendor, honours=["seed"], **SQUARE)}, "default_model": "photo", "cache": DAY}
        async with house(tmp_path, more) as home:
            key = home.key("acme", "1/total")
            first = await home.post(key, {**SEEDED, "size": "1024x1024", "output_format": "png"})
            assert said(first) == MISS
            body = {"user_selected_model": "photo", "prompt": "A boat", "seed": 7, "aspect_ratio": "square"}
            path = "http://darkroom.test/studiolm/v1/images/generations"
            other = await home.http.post(path, json=body, headers={"authorization": f"Bearer {key}"})
            assert said(other) == (HIT if drawn == 1024 else MISS)
            third = await home.post(key, {**SEEDED, "size": "1024x1024", "output_format": "jpeg"})
            assert said(third) == HIT
            assert third.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
            assert len(vendor.submits) == (1 if drawn == 1024 else 2)


CLOUD = "http://darkroom.test/api/rest/v1/generations"
LARGE = {"modelId": "photo", "prompt": "A boat", "seed": 7, "width": 1024, "height": 1024, "num_images": 1}


async def generation(home: House, key: str) -> tuple[str, dict[str, str]]:
    """Ask as Leonardo's callers do: the id they come back with, and the answer's headers."""
    answer = await home.http.post(CLOUD, json=LARGE, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    return answer.json()["sdGenerationJob"]["generationId"], dict(answer.headers)


async def drawn(home: House, key: str, id_: str) -> bytes:
    """The picture behind such an id, once it is there."""
    async with asyncio.timeout(10):
        while True:
            told = (await home.http.get(f"{CLOUD}/{id_}", headers={"authorization": f"Bearer {key}"})).json()
            found = told["generations_by_pk"]
            if found["status"] != "PENDING":
                assert found["status"] == "COMPLETE"
                return (await home.http.get(found["generated_images"][0]["url"])).content
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("when", ["hit", "joined"])
async def test_whoever_comes_back_for_a_picture_finds_it_under_an_id_of_its_own(when: str, tmp_path: Path) -> None:
    vendor = LargeVendor(png(1024, 1024))
    with serving(vendor):
        more = {"providers": {"stub": at(vendor, honours=["seed"], **SQUARE)}, "default_model": "photo", "cache": DAY}
        async with house(tmp_path, more) as home:
            key = home.key("acme", "1/total")
            vendor.gate.clear()
            one, _ = await generation(home, key)
            await submitted(vendor, 1)
            later = asyncio.create_task(generation(home, key))
            await asyncio.sleep(0.1)
            if when == "hit":
                later.cancel()
            vendor.gate.set()
            assert await drawn(home, key, one) == vendor.picture
            two, headers = await (later if when == "joined" else generation(home, key))
            assert two != one
            assert headers["x-darkroom-estimated-cost"] == "0"
            assert await drawn(home, key, two) == vendor.picture
            assert len(vendor.submits) == 1
            assert home.spent("acme") == (40_000, 0)


@pytest.mark.parametrize("waits", [False, True])
async def test_whoever_is_answered_later_shares_a_picture_as_well(waits: bool, tmp_path: Path) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with home_of(tmp_path, vendor, None) as home:
            key = home.key("acme", "1/total")
            vendor.gate.clear()
            first = asyncio.create_task(home.post(key, SEEDED))
            await submitted(vendor, 1)
            prefer = "respond-async, wait=10" if waits else "respond-async"
            second = asyncio.create_task(home.post(key, SEEDED, prefer=prefer))
            await asyncio.sleep(0.1)
            if waits:
                vendor.gate.set()
            told = await second
            vendor.gate.set()
            paid = await first
            assert told.status_code == (200 if waits else 202)
            if waits:
                assert pictures(told) == pictures(paid)
            assert len(vendor.submits) == 1


# When it is not all that was asked for.


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({}, True),
        ({"notes": (Note("seed", "the model takes none"),)}, True),
        ({"notes": (Note("n", "said by its dialect"),), "asked": 1}, True),
        ({"missing": 1}, False),
        ({"asked": None}, False),
        ({"notes": (Note("upscale", "failed, the picture is as it was drawn"),)}, False),
        ({"notes": (Note("n", "2 of 3 pictures were made"),)}, False),
    ],
    ids=str,
)
def test_what_went_wrong_once_is_given_to_nobody_else(change: dict[str, Any], shared: bool) -> None:
    answer = Answer(job="req_1", created=1, model="photo", offer="stub/photo", pictures=(), asked=0)
    assert whole(replace(answer, **change)) is shared


@pytest.mark.parametrize("seed", [None, -1])
@pytest.mark.parametrize("cache", [None, "off"])
def test_a_seed_below_zero_is_any_seed(seed: int | None, cache: Any) -> None:
    assert not may_share(job(request(seed=seed), cache=cache))
    assert may_share(job(request(seed=seed), cache="allow"))
    assert may_share(job(request(seed=0)))


# What it costs to look.


def test_looking_for_a_twin_reads_no_other_jobs(tmp_path: Path) -> None:
    with open_ledger(tmp_path).connect() as connection:
        same = jobs.c.twin.in_([b"1" * 32, b"2" * 32]) & (jobs.c.team == "acme") & (jobs.c.created >= 0)
        query = select(jobs.c.job).where(same).order_by(jobs.c.created.desc()).limit(4)
        compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
        plan = connection.exec_driver_sql(f"explain query plan {compiled}", tuple(compiled.params.values())).all()
    assert "USING INDEX ix_jobs_twin (twin=? AND created>?)" in plan[0].detail
