"""What is written: formats, transparency, metadata, and a size in bytes that is met."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageStat
from PIL.PngImagePlugin import PngInfo

from proxy.retouch import DamagedError, Shape
from tests.retouch.pictures import SRGB, color, exif, file, hole, made, near, noise, quarters, seen

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
FORMATS = ("png", "jpeg", "webp", "gif", "bmp", "tiff")
SEE_THROUGH = ("png", "webp", "gif", "tiff")


def clear_ones() -> dict[str, bytes]:
    """The same hole, in each of the ways that pictures are transparent."""
    keyed = Pillow.new("RGB", (40, 40), BLUE)
    keyed.paste((255, 0, 0), (10, 10, 30, 30))
    return {
        "RGBA": file(hole()),
        "P": file(hole("P"), transparency=1),
        "P, by shares": file(hole("P"), transparency=b"\xff\x00"),
        "RGB, by a color": file(keyed, transparency=(255, 0, 0)),
        "GIF": file(hole("P"), "GIF", transparency=1),
        "WEBP": file(hole(), "WEBP", lossless=True),
        "TIFF": file(hole(), "TIFF"),
    }


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("kind", clear_ones())
@pytest.mark.parametrize("opaque", [False, True])
def test_what_is_transparent_stays_so_or_stands_on_white(kind: str, target: str, opaque: bool) -> None:
    result = made(clear_ones()[kind], format=target, quality=100, opaque=opaque)
    stays = target in SEE_THROUGH and not opaque
    assert (result.was_clear, result.clear) == (True, stays)
    picture = seen(result).convert("RGBA")
    inside, outside = picture.getpixel((20, 20)), picture.getpixel((4, 4))
    assert isinstance(inside, tuple)
    assert isinstance(outside, tuple)
    assert near(outside[:3], BLUE, 12)
    assert outside[3] == 255
    if stays:
        assert inside[3] == 0
    else:
        assert near(inside[:3], WHITE)


@pytest.mark.parametrize("kind", clear_ones())
def test_what_is_transparent_stays_so_in_another_size(kind: str) -> None:
    picture = seen(made(clear_ones()[kind], Shape(width=20, height=20)))
    assert picture.mode == "RGBA"
    assert picture.getpixel((10, 10))[3] == 0  # type: ignore[index]
    assert picture.getpixel((2, 2)) == (*BLUE, 255)
    low, _ = picture.convert("RGB").getchannel("R").getextrema()
    assert low == 0


@pytest.mark.parametrize("target", FORMATS)
def test_grey_with_transparency_too(target: str) -> None:
    layer = Pillow.new("LA", (40, 40), (90, 255))
    layer.paste((10, 0), (10, 10, 30, 30))
    result = made(file(layer), format=target, quality=100)
    assert result.clear is (target in SEE_THROUGH)
    assert near(color(seen(result), 4, 4), (90, 90, 90), 3)


def test_a_gif_has_holes_where_more_than_half_is_seen_through() -> None:
    layer = Pillow.new("RGBA", (60, 20), (255, 0, 0, 255))
    layer.paste((255, 0, 0, 200), (20, 0, 40, 20))
    layer.paste((255, 0, 0, 60), (40, 0, 60, 20))
    picture = seen(made(file(layer), format="gif")).convert("RGBA")
    assert [picture.getpixel((x, 10))[3] for x in (5, 30, 50)] == [255, 255, 0]  # type: ignore[index]
    assert near(color(picture, 5, 10), RED)
    assert near(color(picture, 30, 10), (255, 55, 55))


def test_transparency_that_nothing_uses_is_not_written() -> None:
    for mode, left in (("RGBA", "RGB"), ("LA", "L")):
        result = made(file(noise(20, 20).convert(mode)))
        assert not result.was_clear
        assert not result.clear
        assert seen(result).mode == left


@pytest.mark.parametrize("target", ["png", "gif", "bmp", "tiff"])
def test_a_palette_is_kept_where_it_can_be(target: str) -> None:
    result = made(file(quarters().quantize(4)), format=target)
    assert seen(result).mode == "P"
    assert color(seen(result), 8, 6) == color(quarters().quantize(4), 8, 6)


def test_black_and_white_becomes_grey_where_it_must() -> None:
    body = file(noise(20, 20, "1"))
    modes = {each: seen(made(body, format=each)).mode for each in FORMATS}
    assert modes == {"png": "1", "jpeg": "L", "webp": "RGB", "gif": "P", "bmp": "1", "tiff": "1"}


# Sizes.


def test_quality_is_lowered_until_it_fits_and_no_further() -> None:
    body = file(noise(120, 120))
    fine = made(body, format="jpeg", quality=90)
    for target in ("jpeg", "webp"):
        most = len(made(body, format=target, quality=60).body)
        result = made(body, format=target, quality=90, bytes_most=most)
        assert len(result.body) <= most
        assert result.quality is not None
        assert 55 <= result.quality < 90
        next_best = made(body, format=target, quality=result.quality + 1)
        assert len(next_best.body) > most or result.quality == 60
        seen(result)
    assert made(body, format="jpeg", quality=90, bytes_most=len(fine.body)).quality == 90


def test_what_cannot_fit_is_as_small_as_it_can_be() -> None:
    body = file(noise(60, 60))
    result = made(body, format="jpeg", quality=80, bytes_most=50)
    assert result.quality == 5
    assert result.body == made(body, format="jpeg", quality=5).body
    assert made(body, format="jpeg", quality=3, bytes_most=50).quality == 3


@pytest.mark.parametrize("target", ["png", "gif", "bmp", "tiff"])
def test_formats_without_loss_have_no_quality_and_no_size_to_meet(target: str) -> None:
    result = made(file(noise(40, 40)), format=target, quality=10, bytes_most=50)
    assert result.quality is None
    assert len(result.body) > 50


def test_webp_without_loss_is_the_very_picture() -> None:
    picture = noise(30, 30)
    result = made(file(picture), format="webp", lossless=True, bytes_most=50)
    assert result.quality is None
    assert seen(result).tobytes() == picture.tobytes()


@pytest.mark.parametrize("quality", [1, 50, 95, 96, 100])
@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("optimize", [True, False])
def test_noise_at_any_quality_can_be_written(quality: int, progressive: bool, optimize: bool) -> None:
    """The encoder's buffer is sized by guesswork: what is incompressible is what overflows it."""
    body = file(noise(300, 300), "BMP")
    result = made(body, format="jpeg", quality=quality, progressive=progressive, optimize=optimize)
    assert bool(seen(result).info.get("progressive")) is progressive


def test_optimizing_makes_it_no_larger() -> None:
    body = file(quarters(400, 300).rotate(3))
    for target in ("png", "jpeg"):
        assert len(made(body, format=target, optimize=True).body) <= len(
            made(body, format=target, optimize=False, progressive=False).body
        )


@pytest.mark.parametrize(("target", "most"), [("webp", 16_383), ("jpeg", 65_500), ("gif", 65_535)])
def test_a_side_too_long_for_a_format_is_refused(target: str, most: int) -> None:
    assert made(file(Pillow.new("L", (most, 1))), format=target).width == most
    with pytest.raises(DamagedError, match=f"a {target} has at most {most} pixels a side"):
        made(file(Pillow.new("L", (1, most + 1))), format=target)
    assert made(file(Pillow.new("L", (most + 1, 1))), format="png").width == most + 1


# Metadata.


def talkative() -> dict[str, bytes]:
    """Files that tell of their picture in every way their format has."""
    info = PngInfo()
    info.add_text("Comment", "secret words")
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>secret words</x:xmpmeta>")
    more: dict[str, Any] = {"exif": exif(camera="secret words"), "icc_profile": swapped()}
    picture = quarters()
    return {
        "PNG": file(picture, "PNG", pnginfo=info, dpi=(99, 99), **more),
        "JPEG": file(picture, "JPEG", comment=b"secret words", xmp=b"secret words", **more),
        "WEBP": file(picture, "WEBP", xmp=b"secret words", **more),
        "GIF": file(picture, "GIF", comment=b"secret words"),
        "TIFF": file(picture, "TIFF", description="secret words", artist="secret words", **more),
    }


def swapped() -> bytes:
    """sRGB with red and blue the other way round, under another name: it can be told whether it was looked at."""
    body = bytearray(SRGB)
    for at in range(132, 132 + 12 * int.from_bytes(body[128:132], "big"), 12):
        name = bytes(body[at : at + 4])
        place, size = (int.from_bytes(body[at + skip : at + skip + 4], "big") for skip in (4, 8))
        if name in (b"rXYZ", b"bXYZ"):
            body[at : at + 4] = b"bXYZ" if name == b"rXYZ" else b"rXYZ"
        elif name == b"desc":
            body[place : place + size] = body[place : place + size].replace("sRGB".encode("utf-16-be"), bytes(8))
    return bytes(body)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("kind", talkative())
def test_nothing_is_told_where_metadata_is_stripped(kind: str, target: str) -> None:
    result = made(talkative()[kind], format=target)
    assert not result.described
    assert result.was_described is (kind != "GIF")
    for secret in (b"secret", b"acsp", b"Exif", b"xmp"):
        assert secret not in result.body
    picture = seen(result)
    assert not dict(picture.getexif()) or target == "tiff"
    assert "icc_profile" not in picture.info


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_metadata_is_kept_where_it_can_be(kind: str, target: str) -> None:
    result = made(talkative()[kind], format=target, strip=False)
    assert result.described is (target not in ("gif", "bmp"))
    picture = seen(result)
    if result.described:
        tags = picture.getexif()
        assert tags[0x010F] == "secret words"
        assert tags.get_ifd(0x8769)[0x9003] == "2024:05:01 10:00:00"
        assert tags.get_ifd(0x8825)[1] == "N"
        assert picture.info["icc_profile"] == swapped()
    assert picture.mode in ("RGB", "P")


def test_a_profile_is_kept_with_its_colors_or_both_are_changed() -> None:
    body = file(Pillow.new("RGB", (20, 20), RED), icc_profile=swapped())
    kept = made(body, strip=False)
    assert color(seen(kept), 5, 5) == RED
    assert kept.described
    for changed in (made(body), made(body, strip=False, srgb=True)):
        assert near(color(seen(changed), 5, 5), BLUE, 12)
        assert not changed.described
        assert "icc_profile" not in seen(changed).info


def test_a_profile_is_obeyed_behind_transparency_and_in_palettes() -> None:
    layer = Pillow.new("RGBA", (20, 20), (*RED, 0))
    layer.paste((*RED, 255), (0, 0, 10, 20))
    picture = seen(made(file(layer, icc_profile=swapped())))
    assert near(color(picture, 5, 5), BLUE, 12)
    assert picture.getchannel("A").getpixel((15, 5)) == 0
    flat = file(Pillow.new("RGB", (20, 20), RED).quantize(2), icc_profile=swapped())
    assert near(color(seen(made(flat)), 5, 5), BLUE, 12)


def test_the_usual_profile_changes_nothing() -> None:
    body = file(quarters(), icc_profile=SRGB)
    assert seen(made(body)).tobytes() == quarters().tobytes()


@pytest.mark.parametrize("profile", [b"junk", SRGB[:200], SRGB[:16] + b"XXXX" + SRGB[20:], bytes(3000)])
@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_profile_that_is_broken_or_of_another_picture_is_left_out(mode: str, profile: bytes) -> None:
    result = made(file(quarters().convert(mode), "JPEG", icc_profile=profile), format="png")
    assert not result.described
    wanted = RED if mode != "L" else (76, 76, 76)
    assert near(color(seen(result), 8, 6), wanted, 20)


def test_a_profile_for_print_never_goes_with_colors_for_screens() -> None:
    result = made(file(quarters().convert("CMYK"), "JPEG", icc_profile=SRGB), format="jpeg", strip=False)
    assert "icc_profile" not in seen(result).info


def test_a_grey_profile_is_obeyed() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    picture = Pillow.open(BytesIO(file(quarters())))
    greyed = made(file(picture.convert("L"), icc_profile=grey_profile()))
    assert seen(greyed).mode == "L"
    assert ImageStat.Stat(seen(greyed)).mean != ImageStat.Stat(picture.convert("L")).mean
    assert seen(made(file(picture.convert("L"), icc_profile=lab))).mode == "L"


def grey_profile() -> bytes:
    """Grey whose brightness is in proportion to the light: gamma 1."""
    white = b"XYZ \0\0\0\0" + (0xF6D6).to_bytes(4, "big") + (0x10000).to_bytes(4, "big") + (0xD32D).to_bytes(4, "big")
    curve = b"curv\0\0\0\0" + (0).to_bytes(4, "big")
    text = b"desc\0\0\0\0" + (5).to_bytes(4, "big") + b"grey\0" + bytes(78)
    tags, body, place = b"", b"", 128 + 4 + 3 * 12
    for name, value in ((b"wtpt", white), (b"kTRC", curve), (b"desc", text)):
        value += bytes(-len(value) % 4)
        tags += name + (place + len(body)).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        body += value
    head = bytearray(128)
    head[:4] = (place + len(body)).to_bytes(4, "big")
    head[8:12] = b"\x02\x40\0\0"
    head[12:24] = b"mntrGRAYXYZ "
    head[36:40] = b"acsp"
    head[68:80] = white[8:]
    return bytes(head) + (3).to_bytes(4, "big") + tags + body
