"""What strangers send: whatever it is, it is a picture or it is refused, and nothing large is decoded."""

from __future__ import annotations

import tracemalloc
import zlib
from io import BytesIO
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from proxy.retouch import DamagedError, Encoding, Shape, retouch, rgb_rows
from proxy.retouch.reading import BROKEN, read
from tests.properties import MANY as TRIES
from tests.retouch.pictures import MANY, SRGB, color, exif, file, hole, made, near, noise, quarters, seen

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = ((8, 6), (72, 6), (8, 54), (72, 54))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "MPO"])
def test_every_format_is_read(kind: str) -> None:
    result = made(file(quarters(), kind))
    assert result.source == {"MPO": "jpeg"}.get(kind, kind.lower())
    assert not result.moving
    for at, wanted in zip(CORNERS, (RED, GREEN, BLUE, WHITE), strict=True):
        assert near(color(seen(result), *at), wanted, 12)


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PCX"])
def test_other_formats_are_not(kind: str) -> None:
    with pytest.raises(DamagedError, match="no picture in a format that is known"):
        made(file(quarters(), kind))


@pytest.mark.parametrize("body", [b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    for work in (lambda: made(body), lambda: rgb_rows(body, MANY)):
        with pytest.raises(DamagedError, match="no picture"):
            work()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_half_a_picture_is_refused(kind: str, share: float) -> None:
    whole = file(noise(60, 60), kind)
    with pytest.raises(DamagedError):
        made(whole[: int(len(whole) * share)])


def bomb(width: int, height: int) -> bytes:
    """A PNG of one color that is a few kilobytes long, however large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    rows = b"".join([packer.compress(row) for _ in range(height)]) + packer.flush()
    head = pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_that_is_too_large_is_never_decoded() -> None:
    body = bomb(8000, 8000)
    assert len(body) < 20_000
    tracemalloc.start()
    with pytest.raises(DamagedError, match="it has 8000x8000 pixels; at most 1000000 are taken"):
        retouch(body, Encoding(), Shape(width=10, height=10), pixels=1_000_000)
    with pytest.raises(DamagedError, match="8000x8000"):
        rgb_rows(body, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_neither_is_one_beyond_what_the_decoder_itself_warns_of(side: int) -> None:
    body = bytearray(bomb(8, 8))
    body[16:24] = pack(">II", side, side)
    body[29:33] = pack(">I", zlib.crc32(body[12:29]))
    with pytest.raises(DamagedError, match="at most 1000000"):
        retouch(bytes(body), Encoding(), pixels=1_000_000)


def test_as_many_pixels_as_are_allowed_are_taken() -> None:
    assert retouch(file(quarters(10, 10)), Encoding(), pixels=100).width == 10
    with pytest.raises(DamagedError, match="10x11"):
        retouch(file(quarters(10, 11)), Encoding(), pixels=100)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("strip", [True, False])
def test_pictures_are_put_upright(kind: str, orientation: int, strip: bool) -> None:
    turns = {
        2: Pillow.Transpose.FLIP_LEFT_RIGHT,
        3: Pillow.Transpose.ROTATE_180,
        4: Pillow.Transpose.FLIP_TOP_BOTTOM,
        5: Pillow.Transpose.TRANSPOSE,
        6: Pillow.Transpose.ROTATE_90,  # what is undone by turning the other way
        7: Pillow.Transpose.TRANSVERSE,
        8: Pillow.Transpose.ROTATE_270,
    }
    lying = quarters().transpose(turns[orientation]) if orientation in turns else quarters()
    result = made(file(lying, kind, exif=exif(orientation)), strip=strip)
    picture = seen(result)
    assert picture.size == (80, 60)
    for at, wanted in zip(CORNERS, (RED, GREEN, BLUE, WHITE), strict=True):
        assert near(color(picture, *at), wanted, 12)
    assert picture.getexif().get(0x0112) is None
    width, height, rows = rgb_rows(file(lying, kind, exif=exif(orientation)), MANY)
    assert (width, height, len(rows)) == (80, 60, 80 * 60 * 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    frames = file(quarters(), kind, save_all=True, append_images=[Pillow.new("RGB", (80, 60), "black")] * 2)
    result = made(frames)
    assert result.moving
    assert near(color(seen(result), 8, 6), RED, 12)
    assert seen(result).size == (80, 60)


def test_the_second_picture_of_a_camera_is_no_frame() -> None:
    body = file(quarters(), "MPO", save_all=True, append_images=[Pillow.new("RGB", (80, 60), "black")])
    result = made(body)
    assert (result.source, result.moving) == ("jpeg", False)


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        (Pillow.new("I;16", (4, 4), 40_000), 155),
        (Pillow.new("I", (4, 4), 200), 200),
        (Pillow.new("I", (4, 4), 40_000), 155),
        (Pillow.new("F", (4, 4), 0.5), 127),
        (Pillow.new("F", (4, 4), 200.0), 200),
        (Pillow.new("F", (4, 4), 40_000.0), 155),
        (Pillow.new("F", (4, 4), -3.0), 0),
    ],
)
def test_grey_of_more_bits_keeps_its_brightness(picture: Pillow.Image, wanted: int) -> None:
    result = made(file(picture, "TIFF"), format="jpeg")
    assert near(color(seen(result), 2, 2), (wanted,) * 3, 2)
    assert near(tuple(rgb_rows(file(picture, "TIFF"), MANY)[2][:3]), (wanted,) * 3, 2)


def test_grey_beyond_every_usual_range_is_stretched() -> None:
    picture = Pillow.new("I", (40, 20), 100_000)
    picture.paste(-100_000, (0, 0, 20, 20))
    result = seen(made(file(picture, "TIFF"), format="bmp"))
    assert (color(result, 5, 5), color(result, 35, 5)) == ((0, 0, 0), (255, 255, 255))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_stays_so_where_it_can(kind: str) -> None:
    body = file(Pillow.new("I;16", (4, 4), 40_001), kind)
    for target in ("png", "tiff"):
        picture = seen(made(body, format=target))
        assert picture.mode == "I;16"
        assert picture.getpixel((1, 1)) == 40_001
    assert seen(made(body, Shape(width=2, height=2))).mode == "L"


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize("target", ["png", "jpeg", "webp", "gif", "bmp", "tiff"])
def test_colors_for_print_become_colors_for_screens(kind: str, target: str) -> None:
    body = file(quarters().convert("CMYK"), kind)
    picture = seen(made(body, format=target))
    for at, wanted in zip(CORNERS, (RED, GREEN, BLUE, WHITE), strict=True):
        assert near(color(picture, *at), wanted, 20)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "LAB", "YCbCr"])
@pytest.mark.parametrize("target", ["png", "jpeg", "webp", "gif", "bmp", "tiff"])
def test_every_mode_can_be_written_in_every_format(mode: str, target: str) -> None:
    body = file(noise(20, 16, mode) if mode != "I;16" else Pillow.new(mode, (20, 16), 9), "TIFF")
    for shape in (None, Shape(width=9, height=9)):
        for strip in (True, False):
            assert seen(made(body, shape, format=target, strip=strip)).size == ((20, 16) if shape is None else (9, 9))


def test_rows_run_from_the_top_left_and_show_white_behind_nothing() -> None:
    assert rgb_rows(file(quarters(2, 2)), MANY) == (2, 2, bytes([*RED, *GREEN, *BLUE, *WHITE]))
    assert rgb_rows(file(Pillow.new("L", (1, 1), 7)), MANY)[2] == b"\7\7\7"
    clear = rgb_rows(file(hole()), MANY)[2]
    assert (clear[:3], clear[(20 * 40 + 20) * 3 :][:3]) == (bytes(BLUE), bytes(WHITE))


def refusing(step: str, error: type[BaseException]) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error(step)

    return fail


@pytest.mark.parametrize("error", [TypeError, AttributeError, SyntaxError])
def test_metadata_that_breaks_the_reader_is_left_out(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    body = file(quarters(), exif=exif(3))
    monkeypatch.setattr(Pillow.Image, "getexif", refusing("exif", error))
    picture, told = read(body, MANY)
    assert picture.size == (80, 60)
    assert told.exif is None


def test_frames_that_cannot_be_counted_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.GifImagePlugin import GifImageFile

    monkeypatch.setattr(GifImageFile, "is_animated", property(refusing("frames", IndexError)))
    assert not made(file(quarters(), "GIF")).moving


def test_metadata_too_long_for_any_file_is_left_out() -> None:
    body = file(quarters(), "PNG", exif=exif(camera="x" * 70_000))
    assert not made(body, strip=False).described


SEEDS = [
    file(noise(24, 18), "PNG", exif=exif(6)),
    file(hole("P"), "PNG", transparency=1),
    file(noise(24, 18), "JPEG", exif=exif(6), icc_profile=SRGB),
    file(noise(24, 18, "CMYK"), "JPEG", progressive=True),
    file(noise(24, 18, "RGBA"), "WEBP", exif=exif(6)),
    file(noise(24, 18), "GIF", save_all=True, append_images=[noise(24, 18, "L")]),
    file(noise(24, 18, "P"), "BMP"),
    file(noise(24, 18, "LAB"), "TIFF", exif=exif(6)),
    file(noise(24, 18, "LA"), "TIFF", compression="tiff_lzw"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_damage_is_more_than_a_refusal(seed: bytes) -> None:
    @TRIES
    @given(st.lists(st.tuples(st.integers(0, len(seed) - 1), st.integers(0, 255)), min_size=1, max_size=6))
    def hold(changes: list[tuple[int, int]]) -> None:
        body = bytearray(seed)
        for place, value in changes:
            body[place] = value
        for strip, shape in ((False, None), (True, Shape(width=7, height=5))):
            try:
                result = retouch(bytes(body), Encoding(strip=strip, format="jpeg"), shape, pixels=100_000)
            except DamagedError:
                pass
            else:
                assert Pillow.open(BytesIO(result.body)).size == (result.width, result.height)

    hold()


def test_what_means_damage_is_never_what_stops_a_program() -> None:
    assert not any(issubclass(each, KeyboardInterrupt | SystemExit | MemoryError) for each in BROKEN)
