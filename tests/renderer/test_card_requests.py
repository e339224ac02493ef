"""`CardRenderer`: pictures sent along, sizes, its queue and its threads."""

from __future__ import annotations

import asyncio
import threading
from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Pillow

from providers.contract import (
    Code,
    Failure,
    Fault,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Polarity,
    Upscale,
    UpscaleKind,
)
from proxy.renderer import CardRenderer
from tests.pictures import gif, jpeg, png, svg
from tests.renderer.cards import edit, only, render, words


async def test_a_picture_sent_along_is_shown(cards: CardRenderer) -> None:
    for sent in (png(400, 300, "red"), jpeg(4000, 300, "red"), gif(10, 10, "red"), png(40, 30, (255, 0, 0, 255))):
        picture = only(await cards.draw(render(edit(sent))))
        red = [count for count, colour in picture.getcolors(1 << 20) or [] if _is_red(colour)]
        assert sum(red) > 60, "the thumbnail is there"


def _is_red(colour: Any) -> bool:
    return bool(colour[0] > 240 and colour[1] < 20 and colour[2] < 20)


@pytest.mark.parametrize(
    ("polarity", "left", "right"),
    [
        (Polarity.WHITE, (255, 255, 255, 255), (0, 0, 0, 255)),
        (Polarity.BLACK, (0, 0, 0, 255), (255, 255, 255, 255)),
        (Polarity.TRANSPARENT, (9, 9, 9, 0), (9, 9, 9, 255)),
    ],
)
async def test_what_a_mask_lets_change_is_marked(
    cards: CardRenderer, polarity: Polarity, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    """The left half may change, whatever the polarity says so in: there the print is not red any more."""
    mask = Pillow.new("RGBA", (200, 200), left)
    mask.paste(right, (100, 0, 200, 200))
    body = BytesIO()
    mask.save(body, "PNG")
    marked = edit(png(200, 200, "red"), Mask(Image(body.getvalue()), polarity))
    with_mask, without = (
        only(await cards.draw(render(marked))),
        only(await cards.draw(render(edit(png(200, 200, "red"))))),
    )
    red = without.getbbox() and [
        (x, y) for x in range(512) for y in range(0, 512, 8) if _is_red(without.getpixel((x, y)))
    ]
    assert red
    middle = (min(x for x, _ in red) + max(x for x, _ in red)) / 2
    kept = [x for x, y in red if _is_red(with_mask.getpixel((x, y)))]
    assert kept
    assert min(kept) >= middle - 2
    assert len(kept) >= len(red) * 0.45


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        (edit(png(300, 200), width=None, height=None), (300, 200)),
        (edit(png(300, 200), width=None, height=None, left=10, right=20, up=30, down=40), (330, 270)),
        (Generate(model="sandbox"), (1024, 1024)),
        (Upscale(model="sandbox", kind=UpscaleKind.FAST, picture=Image(png(100, 50))), (200, 100)),
        (Upscale(model="sandbox", kind=UpscaleKind.FAST, picture=Image(png(100, 50)), factor=4), (400, 200)),
    ],
)
async def test_the_size_where_none_is_asked_for(
    cards: CardRenderer, request_: ImageRequest, size: tuple[int, int]
) -> None:
    assert only(await cards.draw(render(request_))).size == size


@pytest.mark.parametrize(("width", "height", "code"), [(15, 64, Code.BELOW_MINIMUM), (64, 4097, Code.ABOVE_MAXIMUM)])
async def test_sizes_out_of_range_are_refused(cards: CardRenderer, width: int, height: int, code: Code) -> None:
    with pytest.raises(Failure) as caught:
        await cards.draw(render(words(width=width, height=height)))
    assert (caught.value.fault, caught.value.code, caught.value.field) == (Fault.REJECTED, code, "size")


@pytest.mark.parametrize("sent", [svg(), png(64, 64)[:60], jpeg(64, 64)[:400], png(9_000, 9_000)[:2_000]])
async def test_a_picture_that_cannot_be_decoded_is_refused(cards: CardRenderer, sent: bytes) -> None:
    with pytest.raises(Failure) as caught:
        await cards.draw(render(edit(sent)))
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "image")


async def test_a_mask_by_transparency_needs_some(cards: CardRenderer) -> None:
    with pytest.raises(Failure) as caught:
        await cards.draw(render(edit(png(20, 20), Mask(Image(png(20, 20)), Polarity.TRANSPARENT))))
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "mask")


async def test_the_queue_is_bounded() -> None:
    cards = CardRenderer(threads=1, queue_limit=4)
    drawing = [asyncio.create_task(cards.draw(render(words(n=2)))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Failure) as caught:
        await cards.draw(render(words()))
    assert caught.value.fault is Fault.THROTTLED
    assert caught.value.retry_after is not None
    await asyncio.gather(*drawing)
    assert (await cards.draw(render(words()))).images, "there is room again"
    await cards.close()


async def test_a_cancelled_request_makes_room() -> None:
    cards = CardRenderer(threads=1, queue_limit=50)
    drawing = asyncio.create_task(cards.draw(render(words(n=50, width=512, height=512))))
    await asyncio.sleep(0.02)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        assert (await cards.draw(render(words(n=40, width=16, height=16)))).images
    await cards.close()


async def test_closing_ends_the_threads() -> None:
    cards = CardRenderer()
    drawing = asyncio.create_task(cards.draw(render(words())))
    await asyncio.sleep(0)
    await cards.close()
    assert (await drawing).images, "what was begun is finished"
    assert not [each for each in threading.enumerate() if each.name.startswith("card")]
    with pytest.raises(Failure, match="shutting down"):
        await cards.draw(render(words()))


async def test_the_event_loop_goes_on(cards: CardRenderer) -> None:
    """The worst of several pauses is left out: on a busy machine, one may be somebody else's."""
    loop = asyncio.get_running_loop()
    drawing = asyncio.create_task(cards.draw(render(words(n=4, width=1024, height=1024))))
    pauses = []
    while not drawing.done():
        before = loop.time()
        await asyncio.sleep(0.001)
        pauses.append(loop.time() - before)
    await drawing
    pauses.sort()
    assert len(pauses) > 10
    assert pauses[-3] < 0.05
