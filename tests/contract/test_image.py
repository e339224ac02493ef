from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Format, Image, measure, sniff
from tests.pictures import Color, gif, jpeg, png, svg, webp
from tests.properties import FEW, MANY

CLEAR = (255, 0, 0, 128)
PROFILE = bytes(300_000)
"""A color profile that Pillow spreads over several blocks of a JPEG, all of them before its size."""

MAKERS: dict[str, tuple[Format, Callable[[int, int], bytes]]] = {
    "png": (Format.PNG, png),
    "png with transparency": (Format.PNG, lambda width, height: png(width, height, CLEAR)),
    "jpeg": (Format.JPEG, jpeg),
    "progressive jpeg": (Format.JPEG, lambda width, height: jpeg(width, height, progressive=True)),
    "jpeg with exif and a comment": (
        Format.JPEG,
        lambda width, height: jpeg(width, height, exif=b"Exif\0\0" + bytes(65_000), comment=b"c" * 65_000),
    ),
    "jpeg with a large profile": (Format.JPEG, lambda width, height: jpeg(width, height, icc_profile=PROFILE)),
    "lossy webp": (Format.WEBP, webp),
    "lossless webp": (Format.WEBP, lambda width, height: webp(width, height, lossless=True)),
    "webp with transparency": (Format.WEBP, lambda width, height: webp(width, height, CLEAR)),
    "lossless webp with transparency": (
        Format.WEBP,
        lambda width, height: webp(width, height, CLEAR, lossless=True),
    ),
    "gif": (Format.GIF, gif),
}
SMALL = {name: made for name, made in MAKERS.items() if "exif" not in name and "profile" not in name}
every_kind = pytest.mark.parametrize("name", MAKERS)
every_small_kind = pytest.mark.parametrize("name", SMALL)


def opened(make: Callable[[bytes], Image], given: bytes) -> Image | None:
    """The picture, or None where it is refused as it should be."""
    try:
        return make(given)
    except ValueError:
        return None


def opened_both(body: bytes) -> list[Image | None]:
    """The picture from its bytes and from their base64."""
    return [opened(Image, body), opened(Image.from_base64, b64encode(body))]


def seen(image: Image) -> tuple[Format, int, int]:
    return image.format, image.width, image.height


@every_kind
@FEW
@given(width=st.integers(1, 300), height=st.integers(1, 300))
def test_the_size_of_a_real_file_is_read_from_its_header(name: str, width: int, height: int) -> None:
    kind, make = MAKERS[name]
    body = make(width, height)
    assert sniff(body) is kind
    assert measure(body) == (width, height)
    assert seen(Image(body)) == seen(Image.from_base64(b64encode(body))) == (kind, width, height)


@pytest.mark.parametrize(
    ("make", "side"),
    [(png, 70_000), (gif, 65_535), (jpeg, 65_500), (webp, 16_383)],
)
def test_the_longest_sides_are_read_whole(make: Callable[[int, int], bytes], side: int) -> None:
    assert measure(make(side, 1)) == (side, 1)
    assert measure(make(1, side)) == (1, side)


@pytest.mark.parametrize("color", [(1, 2, 3), (1, 2, 3, 4)])
def test_the_longest_sides_of_a_lossless_webp_are_read_whole(color: Color) -> None:
    assert measure(webp(16_383, 2, color, lossless=True)) == (16_383, 2)
    assert measure(webp(2, 16_383, color, lossless=True)) == (2, 16_383)


@every_small_kind
def test_a_file_cut_off_anywhere_is_refused_or_has_its_true_size(name: str) -> None:
    _, make = MAKERS[name]
    body = make(37, 21)
    refused = 0
    for length in range(len(body)):
        head = body[:length]
        assert measure(head) in (None, (37, 21))
        for image in opened_both(head):
            if image is None:
                refused += 1
            else:
                assert (image.width, image.height) == (37, 21)
    assert refused >= 2 * 10


@every_small_kind
@MANY
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_and_nothing_else_happens(name: str, data: st.DataObject) -> None:
    _, make = MAKERS[name]
    body = bytearray(make(37, 21))
    for at in data.draw(st.lists(st.integers(0, min(len(body), 64) - 1), min_size=1, max_size=8)):
        body[at] = data.draw(st.integers(0, 255))
    image = opened(Image, bytes(body))
    assert image is None or image.format is Format.SVG or (image.width > 0 and image.height > 0)


@MANY
@given(
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8L", b"<!--"]
    ),
    st.binary(max_size=100),
)
def test_noise_is_refused_or_read_and_nothing_else_happens(magic: bytes, noise: bytes) -> None:
    measure(magic + noise)
    from_bytes, from_text = opened_both(magic + noise)
    assert (from_bytes is None) == (from_text is None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"%PDF-1.7",
        b"<html><svg></svg></html>",
        b"<svgx>",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"GIF88a\x01\0\x01\0",
        b"\x89PNG\r\n",
        b"\xff\xd8",
        b"BM" + bytes(100),
    ],
)
def test_what_is_no_picture_is_refused_in_either_form(body: bytes) -> None:
    assert sniff(body) is None
    assert measure(body) is None
    with pytest.raises(ValueError, match="not a PNG, JPEG, WebP, GIF or SVG picture"):
        Image(body)
    with pytest.raises(ValueError, match="not a PNG, JPEG, WebP, GIF or SVG picture"):
        Image.from_base64(b64encode(body))


def test_what_is_no_picture_is_refused_by_its_head_alone() -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        Image.from_base64(b64encode(b"%PDF" * 10_000) + b"*" * 400_000)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0)])
def test_a_picture_without_an_area_is_refused(width: int, height: int) -> None:
    body = b"GIF89a" + struct.pack("<HH", width, height)
    with pytest.raises(ValueError, match="the gif header is damaged"):
        Image(body)
    with pytest.raises(ValueError, match="the gif header is damaged"):
        Image.from_base64(b64encode(body))


def test_an_unknown_kind_of_webp_is_refused() -> None:
    with pytest.raises(ValueError, match="the webp header is damaged"):
        Image(b"RIFF\0\0\0\0WEBPVP9 " + bytes(40))


def frame(marker: int, width: int, height: int) -> bytes:
    """The header of a JPEG's frame."""
    return bytes((0xFF, marker, 0, 11, 8)) + struct.pack(">HH", height, width) + bytes((1, 1, 0x11, 0))


@pytest.mark.parametrize("marker", [*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)])
def test_every_kind_of_jpeg_frame_tells_its_size(marker: int) -> None:
    assert measure(b"\xff\xd8" + frame(marker, 640, 480)) == (640, 480)


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC, 0xDB, 0xE0, 0xFE])
def test_other_blocks_of_a_jpeg_are_stepped_over(marker: int) -> None:
    assert measure(b"\xff\xd8" + frame(marker, 1, 1) + frame(0xC0, 640, 480)) == (640, 480)


def test_padding_before_a_block_of_a_jpeg_is_stepped_over() -> None:
    assert measure(b"\xff\xd8\xff\xff\xff" + frame(0xC0, 640, 480)) == (640, 480)


def test_a_jpeg_that_goes_astray_is_refused() -> None:
    assert measure(b"\xff\xd8\xff\xe0\x00\x04ab" + b"astray" + frame(0xC0, 640, 480)) is None


def test_a_jpeg_of_endless_blocks_is_given_up() -> None:
    block = b"\xff\xe0\x00\x02"
    assert measure(b"\xff\xd8" + block * 9_000 + frame(0xC0, 640, 480)) == (640, 480)
    assert measure(b"\xff\xd8" + block * 11_000 + frame(0xC0, 640, 480)) is None


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\n  \t",
        b"\xef\xbb\xbf",
        b'<?xml version="1.0" encoding="UTF-8"?>\n',
        b"<!-- drawn -- by <hand> -->\n<!---->",
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n',
        b'\xef\xbb\xbf <?xml version="1.0"?> <!-- one --> <!DOCTYPE svg> <!-- two -->',
        b"<!--" + b" a long licence" * 1000 + b"-->",
    ],
)
def test_a_drawing_is_known_by_its_root_whatever_stands_before_it(before: bytes) -> None:
    body = before + svg()
    assert sniff(body) is Format.SVG
    assert measure(body) is None
    assert seen(Image(body)) == seen(Image.from_base64(b64encode(body))) == (Format.SVG, 0, 0)


@pytest.mark.parametrize("before", [b"text", b"<!-- never closed ", b"<?xml ", b"<!DOCTYPE svg "])
def test_a_drawing_behind_anything_else_is_none(before: bytes) -> None:
    assert sniff(before + b"<svg>".replace(b">", b" ")) is None


@pytest.mark.parametrize("repeated", [b"<!---->", b"<!-- -->\n", b"<?xml?>", b"<!DOCTYPE>", b"<!--", b" "])
def test_a_hostile_prologue_is_refused_in_no_time(repeated: bytes) -> None:
    before = process_time()
    assert sniff(repeated * 23) is None
    assert process_time() - before < 0.1
    assert sniff(repeated * 20_000) is None
    assert process_time() - before < 0.3


def test_a_picture_from_bytes_is_made_into_base64_when_asked_for() -> None:
    body = png(20, 10)
    image = Image(body)
    assert image.body is body
    assert image.base64 == b64encode(body)
    assert image.base64 is image.base64


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_a_picture_from_base64_keeps_the_text_and_is_made_into_bytes_when_asked_for(
    form: Callable[[bytes], bytes | bytearray | memoryview],
) -> None:
    body = png(20, 10)
    text = form(b64encode(body))
    image = Image.from_base64(text)
    assert image.base64 is text
    assert image.body == body
    assert image.body is image.body


@FEW
@given(st.sampled_from(sorted(MAKERS)), st.integers(1, 64), st.integers(1, 64))
def test_both_forms_of_a_picture_are_the_same_picture(name: str, width: int, height: int) -> None:
    body = MAKERS[name][1](width, height)
    text = b64encode(body)
    from_bytes, from_text = Image(body), Image.from_base64(text)
    assert seen(from_bytes) == seen(from_text)
    assert from_bytes.body == from_text.body == body
    assert bytes(from_bytes.base64) == bytes(from_text.base64) == text


@pytest.mark.parametrize("size", [0, 100_000, 300_000, 1_500_000])
def test_a_jpeg_is_read_however_much_stands_before_its_size(size: int) -> None:
    body = jpeg(33, 44, icc_profile=bytes(size)) if size else jpeg(33, 44)
    assert seen(Image(body)) == seen(Image.from_base64(b64encode(body))) == (Format.JPEG, 33, 44)


@every_small_kind
def test_the_size_is_found_without_decoding_the_whole_text(name: str) -> None:
    _, make = MAKERS[name]
    head = make(37, 21) + bytes(6_000)
    text = b64encode(head)[:8_000] + b"*" * 8_000
    image = Image.from_base64(text)
    assert (image.width, image.height) == (37, 21)
    with pytest.raises(ValueError, match=r"(?i)base64|non-alphabet"):
        _ = image.body


def test_a_jpeg_with_a_long_comment_is_read_without_decoding_the_whole_text() -> None:
    head = jpeg(37, 21, comment=b"c" * 65_000) + bytes(200_000)
    image = Image.from_base64(b64encode(head)[:264_000] + b"*" * 8_000)
    assert (image.width, image.height) == (37, 21)


@pytest.mark.parametrize(
    "text",
    [b"*" * 80, b64encode(png()) + b"*", b64encode(png())[:-1], b64encode(png())[:40] + b"\n\n", b"\xff\xfe" * 40],
)
def test_text_that_is_not_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the library's own words
        Image.from_base64(text)


def test_a_picture_does_not_print_its_content() -> None:
    assert repr(Image(png(20, 10))) == "<Image png 20x10>"
    assert str(Image.from_base64(b64encode(jpeg(20, 10)))) == "<Image jpeg 20x10>"
    assert repr(Image(svg())) == "<Image svg 0x0>"


def test_a_picture_weighs_as_much_as_the_forms_it_holds() -> None:
    body = png(20, 10)
    text = b64encode(body)
    image = Image(body)
    assert image.weight == len(body)
    _ = image.base64
    assert image.weight == len(body) + len(text)
    image = Image.from_base64(memoryview(text))
    assert image.weight == len(text)
    _ = image.body
    assert image.weight == len(body) + len(text)


def test_a_picture_takes_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Image(png()).title = "sunset"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "mime", "suffix"),
    [
        (Format.PNG, "image/png", "png"),
        (Format.JPEG, "image/jpeg", "jpg"),
        (Format.WEBP, "image/webp", "webp"),
        (Format.GIF, "image/gif", "gif"),
        (Format.SVG, "image/svg+xml", "svg"),
    ],
)
def test_every_format_has_its_media_type_and_ending(kind: Format, mime: str, suffix: str) -> None:
    assert (kind.mime, kind.suffix) == (mime, suffix)
