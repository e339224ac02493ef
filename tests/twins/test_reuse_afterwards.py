"""A picture that is kept is given again, also after a restart: whole, not too old, and to whoever may have it."""

from __future__ import annotations

import json
import os
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from sqlalchemy import update

from proxy.ledger.tables import jobs
from tests.edge.house import BODY
from tests.edge.vendors import FickleVendor
from tests.twins.again import ALLOW, HIT, MISS, ONLY, SEEDED, home_of, pictures, said
from tests.walk.vendors import PICTURE


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
        (file,) = (home.data / "pictures").glob("*/*.png")
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


@pytest.mark.parametrize("text", ["", "yes", "no-store"])
async def test_a_header_that_says_nothing_known_is_refused(text: str, tmp_path: Path, vendor: FickleVendor) -> None:
    async with home_of(tmp_path, vendor) as home:
        answer = await home.post(home.key("acme", "1/total"), SEEDED, x_darkroom_cache=text)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("X-Darkroom-Cache takes off, only-if-cached, allow")
        assert vendor.submits == []
