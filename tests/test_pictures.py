"""What callers send is decoded once to be sure of it, and never larger than allowed; formats and masks are turned."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image as Pillow

from providers.contract import Code, Edit, EditKind, Failure, Fault, Format, Generate, Image, Mask, Polarity
from proxy.pictures import Studio, check_mask
from tests.pictures import gif, jpeg, png, svg, webp
from tests.properties import FEW

PIXELS = 10_000
MAKERS = {Format.PNG: png, Format.JPEG: jpeg, Format.WEBP: webp}


@pytest.fixture
def studio() -> Iterator[Studio]:
    made = Studio(PIXELS)
    yield made
    made.close()


def opened(image: Image | bytes) -> Pillow.Image:
    return Pillow.open(BytesIO(image if isinstance(image, bytes) else image.body))


async def refusal(studio: Studio, body: bytes) -> Failure:
    with pytest.raises(Failure) as caught:
        await studio.inspect(body, "image[1]")
    assert caught.value.fault is Fault.REJECTED
    assert caught.value.field == "image[1]"
    return caught.value


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(width: int, height: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def bomb(width: int, height: int, *first: bytes) -> bytes:
    """A PNG of few bytes and many pixels."""
    rows = zlib.compress(bytes((width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(first) + header(width, height) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", MAKERS)
async def test_a_picture_is_taken_as_it_is(studio: Studio, kind: Format) -> None:
    body = MAKERS[kind](40, 30)
    image = await studio.inspect(body, "image")
    assert image.body is body
    assert (image.format, image.width, image.height) == (kind, 40, 30)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"hello", b"<html></html>", b"%PDF-1.7", b"BM" + bytes(100), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"),
        *(gif(), svg(), png()[:20], png(32, 32)[:50], jpeg(64, 64)[:-200], webp(64, 64, "red")[:30]),
    ],
)
async def test_anything_else_is_refused_with_the_field_it_came_in(studio: Studio, body: bytes) -> None:
    failure = await refusal(studio, body)
    assert failure.code is Code.NOT_AN_IMAGE
    assert "'image[1]'" in failure.detail


async def test_a_picture_that_is_damaged_inside_is_refused(studio: Studio) -> None:
    """Its header says all that should be there."""
    body = bytearray(png(90, 90))
    at = body.index(b"IDAT") + 4
    body[at : at + 20] = bytes(20)
    assert "damaged" in (await refusal(studio, bytes(body))).detail


@pytest.mark.parametrize(("width", "height", "fits"), [(100, 100, True), (10_000, 1, True), (101, 100, False)])
@pytest.mark.parametrize("kind", MAKERS)
async def test_the_largest_picture_is_a_number_of_pixels(
    studio: Studio, kind: Format, width: int, height: int, fits: bool
) -> None:
    body = MAKERS[kind](width, height)
    if fits:
        assert (await studio.inspect(body, "image")).width == width
    else:
        failure = await refusal(studio, body)
        assert failure.code is Code.TOO_LARGE
        assert "101x100" in failure.detail
        assert "10000" in failure.detail


@pytest.fixture
def allocations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of the pictures memory was taken for."""
    found: list[tuple[int, int]] = []
    real = Pillow.core.new  # type: ignore[attr-defined]

    def new(mode: str, size: tuple[int, int]) -> object:
        found.append(size)
        return real(mode, size)

    monkeypatch.setattr(Pillow.core, "new", new)  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("side", [1_000, 20_000, 2**31 - 1])
async def test_a_bomb_is_refused_before_it_is_decoded(
    studio: Studio, allocations: list[tuple[int, int]], side: int
) -> None:
    body = bomb(side, side) if side < 20_000 else b"\x89PNG\r\n\x1a\n" + header(side, side) + chunk(b"IDAT", b"")
    assert (await refusal(studio, body)).code is Code.TOO_LARGE
    assert allocations == []


@pytest.mark.parametrize(
    "body",
    [
        # Before the real header, another chunk with a small size where a header would have it; or a second header.
        bomb(1_000, 1_000, chunk(b"tEXt", struct.pack(">II", 8, 8) + b"a\x00b")),
        bomb(1_000, 1_000, header(8, 8)),
        # A JPEG with a small frame header before the real one.
        jpeg(8, 8)[:2] + b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00" + jpeg(1_000, 1_000)[2:],
        # A WebP whose canvas is small.
        webp(8, 8, (1, 2, 3, 4))[:30] + webp(1_000, 1_000, (1, 2, 3, 4))[30:],
    ],
    ids=["another chunk", "two headers", "two frames", "small canvas"],
)
async def test_a_picture_that_claims_another_size_than_it_has_is_refused_before_it_is_decoded(
    studio: Studio, allocations: list[tuple[int, int]], body: bytes
) -> None:
    assert Image(body).width == 8
    await refusal(studio, body)
    assert all(width * height <= PIXELS for width, height in allocations)


SEEDS = [png(30, 20), png(20, 20, (1, 2, 3, 4)), jpeg(30, 20), jpeg(30, 20, progressive=True), webp(30, 20)]
EDITS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12)


@FEW
@given(st.sampled_from(SEEDS), EDITS, st.integers(0, 2000))
def test_a_picture_with_wrong_bytes_in_it_is_taken_or_refused_and_nothing_else(
    body: bytes, edits: list[tuple[int, int]], length: int
) -> None:
    broken = bytearray(body)
    for place, value in edits:
        broken[place % len(broken)] = value
    if length < len(broken):
        del broken[max(length, 8) :]
    studio = Studio(PIXELS)
    [said] = asyncio.run(_gathered(studio, bytes(broken)))
    studio.close()
    if isinstance(said, Image):
        assert said.width * said.height <= PIXELS
    else:
        assert isinstance(said, Failure), repr(said)
        assert said.fault is Fault.REJECTED


async def _gathered(studio: Studio, body: bytes) -> tuple[Image | BaseException]:
    return await asyncio.gather(studio.inspect(body, "image"), return_exceptions=True)


async def test_the_event_loop_goes_on_while_a_picture_is_decoded() -> None:
    studio = Studio(20_000_000)
    body = png(3000, 3000)
    task = asyncio.create_task(studio.inspect(body, "image"))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await task).width == 3000
    assert turns > 3
    studio.close()


# Formats.


@pytest.mark.parametrize("wanted", MAKERS)
@pytest.mark.parametrize(
    "source", [png(30, 20, "teal"), jpeg(30, 20, "teal"), webp(30, 20, "teal"), gif(30, 20, "teal")]
)
async def test_a_picture_is_turned_into_another_format_and_looks_the_same(
    studio: Studio, source: bytes, wanted: Format
) -> None:
    image = await studio.encode(Image(source), wanted)
    assert (image.format, image.width, image.height) == (wanted, 30, 20)
    shown = opened(image).convert("RGB").getpixel((15, 10))
    assert isinstance(shown, tuple)
    assert all(abs(is_ - was) < 8 for is_, was in zip(shown, (0, 128, 128), strict=True))


@pytest.mark.parametrize(("wanted", "shown"), [(Format.PNG, 0), (Format.WEBP, 0), (Format.JPEG, 255)])
async def test_transparency_is_kept_where_the_format_has_it_and_turns_white_where_not(
    studio: Studio, wanted: Format, shown: int
) -> None:
    """Not black: a logo on nothing is meant for paper."""
    image = await studio.encode(Image(png(20, 20, (0, 0, 0, 0))), wanted)
    pixel = opened(image).convert("RGBA").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[3] == (255 if wanted is Format.JPEG else 0)
    assert pixel[3] == 0 or min(pixel[:3]) == shown


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "RGB", "RGBA"])
@pytest.mark.parametrize("wanted", MAKERS)
async def test_a_picture_of_any_kind_can_be_turned(studio: Studio, mode: str, wanted: Format) -> None:
    body = BytesIO()
    picture = (
        Pillow.new("I;16", (16, 16), 40_000) if mode == "I;16" else Pillow.new("RGBA", (16, 16), "red").convert(mode)
    )
    picture.save(body, "PNG")
    assert (await studio.encode(Image(body.getvalue()), wanted)).width == 16


def _noise() -> Image:
    body = BytesIO()
    Pillow.effect_noise((90, 90), 80).convert("RGB").save(body, "PNG")
    return Image(body.getvalue())


@pytest.mark.parametrize("wanted", [Format.JPEG, Format.WEBP])
async def test_compression_is_the_quality_asked_for_and_nought_is_a_wish_too(studio: Studio, wanted: Format) -> None:
    noise = _noise()
    sizes = [len((await studio.encode(noise, wanted, quality)).body) for quality in (0, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2
    assert len((await studio.encode(noise, wanted)).body) > sizes[1]


@pytest.mark.parametrize(
    "body",
    [
        png(90, 90)[:-40],
        jpeg(64, 64)[:-200],
        bomb(1_000, 1_000),
        b"\x89PNG\r\n\x1a\n" + header(20_000, 20_000) + chunk(b"IDAT", b""),
    ],
    ids=["cut off", "header only", "too large", "bomb"],
)
async def test_a_vendors_picture_that_cannot_be_decoded_is_the_vendors_fault(
    studio: Studio, allocations: list[tuple[int, int]], body: bytes
) -> None:
    with pytest.raises(Failure) as caught:
        await studio.encode(Image(body), Format.WEBP)
    assert caught.value.fault is Fault.MALFORMED
    assert all(width * height <= PIXELS for width, height in allocations)


# Masks.

CHANGES = {  # a pixel that may change, and one that stays, in each polarity
    Polarity.WHITE: ((255, 255, 255, 255), (0, 0, 0, 255)),
    Polarity.BLACK: ((0, 0, 0, 255), (255, 255, 255, 255)),
    Polarity.TRANSPARENT: ((0, 0, 0, 0), (0, 0, 0, 255)),
}


def mask(polarity: Polarity, side: int = 16) -> Mask:
    """The left half may change."""
    changes, stays = CHANGES[polarity]
    picture = Pillow.new("RGBA", (side, side), stays)
    picture.paste(Pillow.new("RGBA", (side // 2, side), changes), (0, 0))
    body = BytesIO()
    picture.save(body, "PNG")
    return Mask(Image(body.getvalue()), polarity)


def edit(made: Mask | None) -> Edit:
    return Edit(model="m", prompt="A boat", kind=EditKind.INPAINT, pictures=(Image(png(16, 16)),), mask=made)


def reads(made: Mask) -> tuple[bool, bool]:
    """Whether the left half may change, and the right one, as a vendor with this polarity reads it."""
    picture = opened(made.image)
    found = []
    for place in ((3, 8), (12, 8)):
        if made.changes is Polarity.TRANSPARENT:
            pixel = picture.convert("RGBA").getpixel(place)
            assert isinstance(pixel, tuple)
            found.append(pixel[3] == 0)
        else:
            grey = picture.convert("L").getpixel(place)
            assert grey in (0, 255)
            found.append((grey == 255) is (made.changes is Polarity.WHITE))
    return found[0], found[1]


@pytest.mark.parametrize("wanted", Polarity)
@pytest.mark.parametrize("had", Polarity)
async def test_a_mask_means_the_same_in_whatever_polarity_a_model_wants_it(
    studio: Studio, had: Polarity, wanted: Polarity
) -> None:
    request = edit(mask(had))
    turned = await studio.turn_mask(request, wanted)
    assert isinstance(turned, Edit)
    assert turned.mask is not None
    assert turned.mask.changes is wanted
    assert reads(turned.mask) == (True, False)
    assert (turned is request) is (had is wanted)
    assert replace(turned, mask=None) == replace(request, mask=None)
    back = await studio.turn_mask(turned, had)
    assert isinstance(back, Edit)
    assert back.mask is not None
    assert reads(back.mask) == (True, False)


async def test_a_soft_edge_stays_soft(studio: Studio) -> None:
    body = BytesIO()
    Pillow.new("L", (8, 8), 64).save(body, "PNG")
    turned = await studio.turn_mask(edit(Mask(Image(body.getvalue()), Polarity.WHITE)), Polarity.TRANSPARENT)
    assert isinstance(turned, Edit)
    assert turned.mask is not None
    assert opened(turned.mask.image).getchannel("A").getpixel((1, 1)) == 255 - 64


async def test_without_a_mask_there_is_nothing_to_turn(studio: Studio) -> None:
    for request in (Generate(model="m", prompt="A boat"), edit(None)):
        assert await studio.turn_mask(request, Polarity.BLACK) is request


def test_a_mask_must_fit_its_picture() -> None:
    picture = Image(png(16, 16))
    for made, polarity in ((png(16, 17), Polarity.WHITE), (png(8, 8), Polarity.TRANSPARENT)):
        with pytest.raises(Failure, match="must match") as caught:
            check_mask(picture, Image(made), polarity)
        assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "mask")


def test_a_mask_marks_its_area_with_something_its_format_has() -> None:
    picture = Image(png(16, 16))
    with pytest.raises(Failure, match="transparency") as caught:
        check_mask(picture, Image(jpeg(16, 16)), Polarity.TRANSPARENT)
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "mask")
    check_mask(picture, Image(jpeg(16, 16)), Polarity.WHITE)
    check_mask(picture, Image(webp(16, 16)), Polarity.TRANSPARENT)
