"""Pictures that are paid for and of no use: found, settled as the vendor charges, bought again where that may help."""

from __future__ import annotations

import base64
import io
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from prometheus_client.parser import text_string_to_metric_families

from providers.contract import Generate, Image
from proxy import stub
from proxy.config import QualityRow
from proxy.pictures import Studio
from proxy.quality import Inspector, blank, too_small
from proxy.stub.server import Stubs
from proxy.stub.server import serving as stubbing
from tests.edge.house import BODY, House, house
from tests.edge.vendors import FickleVendor, LargeVendor
from tests.pictures import png
from tests.providers.recording import picture
from tests.test_purchase import CHEAP, DEAR, balanced, two
from tests.walk.vendors import OpenAIVendor, serving

CHECK = {"quality_check": {"blank": True, "small": True}}
WALL = png(64, 64, (255, 255, 255))


def drawn(width: int = 64, height: int = 64) -> bytes:
    """A picture with something in it."""
    made = Pillow.new("RGB", (width, height), "navy")
    made.paste("white", (width // 4, height // 4, width // 2, height // 2))
    return encoded(made)


def encoded(made: Pillow.Image, kind: str = "PNG", **more: Any) -> bytes:
    target = io.BytesIO()
    made.save(target, kind, **more)
    return target.getvalue()


async def wasted(home: House) -> dict[str, float]:
    """By provider and reason: submissions that were paid for and are of no use."""
    text = (await home.http.get("http://darkroom.test/metrics")).text
    return {
        f"{sample.labels['provider']} {sample.labels['reason']}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "darkroom_unusable_total"
    }


def given(answer: Any, place: int = 0) -> bytes:
    return base64.b64decode(answer.json()["data"][place]["b64_json"])


@pytest.mark.parametrize(("body", "flaw"), [(WALL, "blank"), (drawn(24, 64), "small")])
async def test_a_picture_of_no_use_is_paid_for_and_bought_again_from_the_next_candidate(
    body: bytes, flaw: str, tmp_path: Path
) -> None:
    cheap, dear = LargeVendor(body), LargeVendor(drawn())
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, **CHECK)) as home:
            answer = await home.post(home.key("acme", "1/total", "images:5/day"))
            assert answer.headers["x-darkroom-provider"] == "dear"
            assert given(answer) == drawn()
            assert answer.headers["x-darkroom-cost"] == "0.11"
            assert home.spent("acme") == (CHEAP + DEAR, 0)
            lines = [
                (row["provider"], row["micros"], row["images"])
                for row in home.rows("entries")
                if row["kind"] == "settle"
            ]
            assert lines == [("cheap", CHEAP, 0), ("dear", DEAR, 1)]
            assert await wasted(home) == {f"cheap {flaw}": 1}
            balanced(home, "acme")


async def test_nothing_is_looked_for_unless_it_is_configured(tmp_path: Path) -> None:
    cheap, dear = LargeVendor(WALL), LargeVendor(drawn())
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear)) as home:
            answer = await home.post(home.key("acme", "1/total"))
            assert given(answer) == WALL
            assert "x-darkroom-notes" not in answer.headers
            assert home.spent("acme") == (CHEAP, 0)
            assert await wasted(home) == {}


@pytest.mark.parametrize("limit", ["1/total", "0.10/total"])
async def test_where_nothing_better_is_to_be_had_the_caller_gets_what_was_paid_for_and_a_note(
    limit: str, tmp_path: Path
) -> None:
    cheap, dear = LargeVendor(WALL), LargeVendor(png(64, 64, (0, 0, 0)))
    third = LargeVendor(drawn())
    with serving(cheap), serving(dear), serving(third):
        config = two(cheap, dear, **CHECK)
        config["providers"]["third"] = {**config["providers"]["dear"], "base": f"{third.origin}/v1"}
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", limit))
            assert answer.status_code == 200
            assert given(answer) == WALL
            assert "picture: one came out blank, and nothing better was to be had" in answer.headers["x-darkroom-notes"]
            both = limit == "1/total"
            assert home.spent("acme") == (CHEAP + DEAR * both, 0)
            assert third.submits == []  # bought again once, and no more
            assert await wasted(home) == {"cheap blank": 1, **({"dear blank": 1} if both else {})}
            balanced(home, "acme")


async def test_a_callers_ceiling_is_about_all_that_is_bought_for_it(tmp_path: Path) -> None:
    cheap, dear = LargeVendor(WALL), LargeVendor(drawn())
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, **CHECK)) as home:
            answer = await home.post(home.key("acme", "1/total"), BODY, x_darkroom_max_cost="0.10")
            assert given(answer) == WALL
            assert dear.submits == []
            assert home.spent("acme") == (CHEAP, 0)


async def test_a_vendor_that_charges_nothing_for_it_is_paid_nothing(tmp_path: Path) -> None:
    free, dear = LargeVendor(WALL), LargeVendor(drawn())
    with serving(free), serving(dear):
        config = two(free, dear, **CHECK)
        for model in config["providers"]["cheap"]["models"]:
            model["price"] = {"per": {"type": "free"}}
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", "1/total"))
            assert given(answer) == drawn()
            assert home.spent("acme") == (DEAR, 0)
            kinds = [(row["provider"], row["kind"]) for row in home.rows("entries")]
            assert ("cheap", "release") in kinds
            assert ("cheap", "settle") not in kinds
            assert await wasted(home) == {}


async def test_of_several_pictures_only_those_of_no_use_are_bought_again(tmp_path: Path) -> None:
    class Mixed(OpenAIVendor):
        def _answer(self, count: int) -> dict[str, Any]:
            bodies = [WALL, drawn(), drawn()][:count]
            return {"created": 1, "data": [{"b64_json": base64.b64encode(body).decode()} for body in bodies]}

    cheap, dear = Mixed(), LargeVendor(drawn())
    with serving(cheap), serving(dear):
        config = two(cheap, dear, **CHECK)
        for row in config["providers"].values():
            row["models"] = [{**model, "at_once": 4} for model in row["models"]]
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", "1/total"), {**BODY, "n": 3})
            assert [given(answer, place) for place in range(3)] == [drawn()] * 3
            assert [asked.get("n", 1) for asked in (*cheap.submits, *dear.submits)] == [3, 1]
            assert home.spent("acme") == (3 * CHEAP + DEAR, 0)
            settled = [(row["provider"], row["images"]) for row in home.rows("entries") if row["kind"] == "settle"]
            assert settled == [("cheap", 2), ("dear", 1)]
            balanced(home, "acme")


async def test_a_refusal_that_is_billed_counts_as_paid_and_of_no_use(tmp_path: Path) -> None:
    stubs = Stubs(["ideogram"], pace=0.1, link_s=60)
    assert stub.load("ideogram").filters
    async with stubbing(stubs):
        config = {**stubs.rows(), "default_model": "ideogram-v3-edit", "log": {"level": "error"}}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "5/total")
            files = {
                name: (f"{name}.png", picture(f"{kind}-64x48.png"))
                for name, kind in (("image", "blue"), ("mask", "clear+white"))
            }
            ask = {"model": "ideogram-v3-edit", "prompt": "a boat, stub:moderated"}
            headers = {"authorization": f"Bearer {key}"}
            answer = await home.http.post("/images/edits", data=ask, files=files, headers=headers)
            assert answer.status_code == 400
            assert home.spent("acme") == (60_000, 0)
            assert await wasted(home) == {"ideogram moderated": 1}


async def test_a_refusal_that_costs_nothing_does_not(tmp_path: Path) -> None:
    cheap, dear = FickleVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        async with house(tmp_path, two(cheap, dear, **CHECK)) as home:
            cheap.does = ["moderates"]
            assert (await home.post(home.key("acme", "1/total"))).status_code == 400
            assert await wasted(home) == {}


# What is blank, and what is small.


def checked(kind: str, **more: Any) -> bytes:
    """A board of single pixels: as grey as a wall once it is made smaller."""
    made = Pillow.new("L", (256, 256))
    made.putdata([255 * ((place + place // 256) % 2) for place in range(256 * 256)])
    return encoded(made.convert("RGB"), kind, **more)


noise = random.Random(7).randbytes(3 * 300 * 300)
SEEN: dict[str, tuple[bytes, bool]] = {
    "white": (encoded(Pillow.new("RGB", (300, 200), "white")), True),
    "black, as a JPEG": (encoded(Pillow.new("RGB", (1024, 1024), "black"), "JPEG"), True),
    "red, as a WebP": (encoded(Pillow.new("RGB", (300, 200), "red"), "WEBP"), True),
    "grey": (encoded(Pillow.new("L", (300, 200), 7)), True),
    "sixteen bits of grey": (encoded(Pillow.new("I;16", (300, 200), 4000)), True),
    "of a palette": (encoded(Pillow.new("RGB", (300, 200), "red").quantize(4)), True),
    "one bit": (encoded(Pillow.new("1", (300, 200), 1)), True),
    "transparent": (encoded(Pillow.new("RGBA", (300, 200), (1, 2, 3, 0))), True),
    "a board": (checked("PNG"), False),
    "noise": (encoded(Pillow.frombytes("RGB", (300, 300), noise)), False),
    "noise, as a JPEG": (encoded(Pillow.frombytes("RGB", (300, 300), noise), "JPEG"), False),
    "one dot": (encoded(drawn_dot := Pillow.new("RGB", (1024, 1024), "white")), True),
    "a ramp": (encoded(Pillow.linear_gradient("L")), False),
    "a drawing": (drawn(), False),
}
drawn_dot.putpixel((500, 500), (0, 0, 0))
SEEN["one dot"] = (encoded(drawn_dot), False)
cut_out = Pillow.new("RGBA", (300, 200), (255, 255, 255, 0))
cut_out.paste((255, 255, 255, 255), (50, 50, 100, 100))
SEEN["white on nothing"] = (encoded(cut_out), False)


@pytest.mark.parametrize("what", SEEN)
def test_blank_is_what_has_one_colour(what: str) -> None:
    body, expected = SEEN[what]
    assert blank(body, Image(body).format) is expected


@pytest.mark.parametrize(
    ("size", "asked", "small"),
    [
        ((64, 64), (64, 64), False),
        ((32, 32), (64, 64), False),
        ((31, 64), (64, 64), True),
        ((64, 31), (64, 64), True),
        ((1, 1), (None, None), False),
        ((1024, 576), (1024, 1024), False),
    ],
)
def test_small_is_less_than_half_a_side(
    size: tuple[int, int], asked: tuple[int | None, int | None], small: bool
) -> None:
    request = Generate(prompt="A boat", model="photo", width=asked[0], height=asked[1])
    assert too_small(Image(png(*size, (1, 2, 3))), request) is small


async def test_what_cannot_be_decoded_is_left_to_whoever_gets_it() -> None:
    studio = Studio(1_000_000)
    try:
        body = encoded(Pillow.frombytes("RGB", (300, 300), noise))
        inspector = Inspector(studio, QualityRow(blank=True))
        assert await inspector.flaw(Image(body[:-500]), Generate(prompt="A boat", model="photo")) is None
        assert await inspector.flaw(Image(WALL), Generate(prompt="A boat", model="photo")) == "blank"
    finally:
        studio.close()
