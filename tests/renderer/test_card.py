"""The sandbox card: what one can rely on about a picture made to be looked at."""

from __future__ import annotations

import pytest
from PIL import ImageChops, ImageStat

from providers.contract import (
    Background,
    Failure,
    Fault,
    Format,
    Generate,
)
from proxy.renderer import CardRenderer
from tests.renderer.cards import LONG, only, render, words


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (16, 16),
        (17, 23),
        (64, 64),
        (119, 121),
        (256, 256),
        (512, 512),
        (1536, 1024),
        (16, 4096),
        (4096, 16),
        (1200, 128),
    ],
)
@pytest.mark.parametrize("prompt", ["", LONG], ids=["empty", "long"])
async def test_it_has_exactly_the_size_asked_for(cards: CardRenderer, width: int, height: int, prompt: str) -> None:
    drawn = await cards.draw(render(words(prompt, width=width, height=height)))
    picture = only(drawn)
    assert picture.size == (width, height)
    assert max(ImageStat.Stat(picture).stddev) > 5
    assert drawn.seconds > 0
    assert drawn.seconds.as_tuple().exponent == -6


async def test_the_largest(cards: CardRenderer) -> None:
    assert only(await cards.draw(render(words(width=4096, height=4096)))).size == (4096, 4096)


@pytest.mark.parametrize(
    "prompt",
    [
        "一只可爱的猫坐在窗台上看着外面的雪景",
        "🐱❄️👩‍👩‍👧‍👦🏳️‍🌈",
        "مرحبا بالعالم",
        "Ünïcödé — “quotes” ‰ ß ŒØ",
        "\x00\t\r\n\u2028\ufeff\u202e\ud800\U0010ffff",
        "Z̷̢a̸l̵g̶o̷" * 30,
        "unbreakable" * 100,
        "猫" * 3_000,
        " ",
    ],
)
async def test_any_text_is_drawn(cards: CardRenderer, prompt: str) -> None:
    for side in (128, 512):
        assert only(await cards.draw(render(words(prompt, width=side, height=side)))).size == (side, side)


async def test_the_same_request_gives_the_same_file(cards: CardRenderer) -> None:
    request = words(n=2)
    one, other = await cards.draw(render(request)), await cards.draw(render(request))
    assert [image.body for image in one.images] == [image.body for image in other.images]


async def test_prompt_seed_and_model_each_show(cards: CardRenderer) -> None:
    requests = [words(), words(seed=2), words("A red bicycle"), Generate(model="other", width=256, height=256, seed=1)]
    drawn = [await cards.draw(render(request)) for request in requests]
    assert len({each.images[0].body for each in drawn}) == len(requests)


async def test_the_prompt_is_legible(cards: CardRenderer) -> None:
    """The middle of the caption is mostly dark, with a fair share of light letters in it."""
    for seed in range(8):
        picture = only(await cards.draw(render(words(width=512, height=512, seed=seed)))).convert("L")
        grey = picture.crop((50, 350, 462, 460)).histogram()
        everything = sum(grey)
        assert sum(grey[:110]) > 0.75 * everything
        assert 0.03 * everything < sum(grey[200:]) < 0.25 * everything


async def test_seeds_count_on(cards: CardRenderer) -> None:
    several = await cards.draw(render(words(n=3, seed=7)))
    single = await cards.draw(render(words(seed=9)))
    assert several.seeds == (7, 8, 9)
    assert several.images[2].body == single.images[0].body


async def test_without_a_seed_one_is_chosen_and_told(cards: CardRenderer) -> None:
    drawn = await cards.draw(render(words(seed=None, n=2)))
    assert drawn.seeds[1] == drawn.seeds[0] + 1
    again = await cards.draw(render(words(seed=drawn.seeds[0])))
    assert again.images[0].body == drawn.images[0].body
    assert (await cards.draw(render(words(seed=None)))).seeds != drawn.seeds[:1]


@pytest.mark.parametrize("wanted", [Format.PNG, Format.JPEG, Format.WEBP])
async def test_formats(cards: CardRenderer, wanted: Format) -> None:
    drawn = await cards.draw(render(words(format=wanted)))
    assert drawn.images[0].format is wanted
    assert only(drawn).size == (256, 256)


@pytest.mark.parametrize("wanted", [Format.JPEG, Format.WEBP])
async def test_compression_is_quality(cards: CardRenderer, wanted: Format) -> None:
    sizes = [
        len((await cards.draw(render(words(format=wanted, compression=quality)))).images[0].body)
        for quality in (0, 50, 100)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("wanted", [Format.GIF, Format.SVG])
async def test_it_makes_no_other_format(cards: CardRenderer, wanted: Format) -> None:
    with pytest.raises(Failure) as caught:
        await cards.draw(render(words(format=wanted)))
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "format")


@pytest.mark.parametrize("wanted", [None, Format.WEBP])
async def test_a_transparent_background(cards: CardRenderer, wanted: Format | None) -> None:
    picture = only(await cards.draw(render(words(background=Background.TRANSPARENT, format=wanted))))
    assert picture.mode == "RGBA"
    assert picture.getchannel("A").getextrema() == (0, 255)


async def test_jpeg_has_no_transparency_to_give(cards: CardRenderer) -> None:
    request = words(background=Background.TRANSPARENT, format=Format.JPEG)
    assert only(await cards.draw(render(request))).mode == "RGB"


async def test_an_unfinished_card_looks_it(cards: CardRenderer) -> None:
    finished = only(await cards.draw(render(words(width=512, height=512))))
    far = [
        sum(
            ImageStat.Stat(
                ImageChops.difference(finished, only(await cards.draw(render(words(width=512, height=512), done))))
            ).mean
        )
        for done in (0.0, 0.3, 0.6, 0.9)
    ]
    assert far == sorted(far, reverse=True)
    assert far[-1] > 0


async def test_an_unfinished_card_may_be_transparent_or_tiny(cards: CardRenderer) -> None:
    for side in (16, 300):
        request = words(width=side, height=side, background=Background.TRANSPARENT)
        assert only(await cards.draw(render(request, 0.5))).size == (side, side)
