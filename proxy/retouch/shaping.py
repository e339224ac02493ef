"""Bringing a picture to a size: what is cut off, what is padded, and where the subject is."""

from __future__ import annotations

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageOps

from proxy.retouch.colors import on_ground, plain
from proxy.retouch.words import Shape, Zone

SCORED = 400
"""Longest side, in pixels, that the subject is looked for at."""
SEEN = 16
"""Shortest side of a window, at that size, that anything is found in."""
GREY = (128, 128, 128)


def shaped(picture: Pillow.Image, shape: Shape) -> Pillow.Image:
    """A picture at exactly the size asked for."""
    picture = plain(picture)
    size = (shape.width, shape.height)
    if shape.how == "contain":
        made = _padded(picture, size)
    else:
        made = picture.resize(size, Pillow.Resampling.LANCZOS, box=_window(picture, size, shape))
    return made if shape.zone is None else _framed(made, shape.zone)


def _window(picture: Pillow.Image, size: tuple[int, int], shape: Shape) -> tuple[float, float, float, float]:
    """The part of a picture, in its shape, that is kept."""
    scale = min(picture.width / size[0], picture.height / size[1])
    width, height = min(size[0] * scale, picture.width), min(size[1] * scale, picture.height)
    if shape.focal is not None:
        x, y = shape.focal[0] * picture.width, shape.focal[1] * picture.height
    elif shape.how == "smart":
        x, y = _subject(picture, size)
    else:
        x, y = picture.width / 2, picture.height / 2
    left = min(max(0.0, x - width / 2), picture.width - width)
    top = min(max(0.0, y - height / 2), picture.height - height)
    return left, top, min(left + width, picture.width), min(top + height, picture.height)


def _subject(picture: Pillow.Image, size: tuple[int, int]) -> tuple[float, float]:
    """The middle of what is worth keeping; of the picture, where nothing stands out."""
    shrunk = min(1.0, SCORED / max(picture.size))
    small = max(1, round(picture.width * shrunk)), max(1, round(picture.height * shrunk))
    scale = min(small[0] / size[0], small[1] / size[1])
    window = int(size[0] * scale), int(size[1] * scale)
    middle = picture.width / 2, picture.height / 2
    if min(window) < SEEN or (small[0] - window[0] <= 1 and small[1] - window[1] <= 1):
        return middle
    from proxy.retouch.finding import found

    looked_at = on_ground(picture.resize(small, Pillow.Resampling.BILINEAR, reducing_gap=2.0), GREY).convert("RGB")
    place = found(looked_at, window)
    if place is None:
        return middle
    return place[0] / small[0] * picture.width, place[1] / small[1] * picture.height


def _padded(picture: Pillow.Image, size: tuple[int, int]) -> Pillow.Image:
    """All of a picture, in front of itself, filled and blurred; on nothing, where it is transparent."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    inside = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    whole = picture.resize(inside, Pillow.Resampling.LANCZOS)
    place = (size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2
    if picture.mode == "RGBA":
        ground = Pillow.new("RGBA", size, (0, 0, 0, 0))
    else:
        ground = ImageOps.fit(picture, size, Pillow.Resampling.BILINEAR)
        ground = ground.filter(ImageFilter.GaussianBlur(max(size) / 40))
    ground.paste(whole, place)
    return ground


def _framed(picture: Pillow.Image, zone: Zone) -> Pillow.Image:
    """The zone's frame drawn over a picture, what lies outside of it darkened."""
    base = picture.convert("RGBA")
    width, height = base.size
    left, top = zone.left * width, zone.top * height
    box = (left, top, max(left, (1 - zone.right) * width - 1), max(top, (1 - zone.bottom) * height - 1))
    veil = Pillow.new("RGBA", base.size, (0, 0, 0, 90))
    draw = ImageDraw.Draw(veil)
    draw.rectangle(box, fill=(0, 0, 0, 0), outline=(255, 255, 255, 220), width=max(1, min(base.size) // 200))
    return Pillow.alpha_composite(base, veil).convert(picture.mode)
