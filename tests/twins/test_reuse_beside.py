"""Pictures given again beside idempotency keys, retries, metrics, notes, other dialects and answers that come later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.edge.house import House, house
from tests.edge.vendors import FickleVendor, LargeVendor
from tests.pictures import png
from tests.twins.again import DAY, HIT, MISS, ONLY, SEEDED, config, home_of, pictures, said, submitted
from tests.walk.vendors import at, serving


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
