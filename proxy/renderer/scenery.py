"""The picture on a card: a sky, a sun or moon, and ridges in mist, all from one digest. No text, no clock, no chance.

The same digest and size give the same pixels.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator
from functools import reduce
from hashlib import blake2b
from itertools import count

from PIL import Image as Pillow
from PIL import ImageChops, ImageDraw, ImageOps

from proxy.renderer.lettering import Colour

_SMOOTH_BELOW = 2_048
"""Pixels of the long side up to which edges are smoothed; in larger pictures nobody sees the steps."""


class Dice:
    """Numbers drawn from a digest, the same for the same text on every machine."""

    def __init__(self, *facts: object) -> None:
        text = "\0".join(map(str, facts))
        self._digest = blake2b(text.encode(errors="surrogatepass"), digest_size=32).digest()
        self._drawn = self._numbers()

    def _numbers(self) -> Iterator[float]:
        for turn in count():
            block = blake2b(self._digest, salt=turn.to_bytes(8, "big")).digest()
            for at in range(0, 64, 4):
                yield int.from_bytes(block[at : at + 4], "big") / 2**32

    def between(self, low: float, high: float) -> float:
        """The next number, evenly from that range."""
        return low + (high - low) * next(self._drawn)


class Scene:
    """One composition: its colours and shapes, in parts of the picture's sides, so that it scales to any size."""

    def __init__(self, dice: Dice) -> None:
        self.night = dice.between(0, 1) < 0.3
        hue = dice.between(0, 1)
        lean = dice.between(0.07, 0.17) * (1 if dice.between(0, 1) < 0.5 else -1)
        self.zenith = _hls(hue, 0.14 if self.night else 0.40, 0.55)
        self.middle = _hls(hue + lean / 2, 0.26 if self.night else 0.60, 0.55)
        self.horizon = _hls(hue + lean, 0.46 if self.night else 0.82, 0.72)
        self.light = _hls(hue + lean * 1.4, 0.90 if self.night else 0.94, 0.95)
        self.near = _hls(hue - lean * 1.5, 0.10, 0.55)
        self.sun = dice.between(0.18, 0.82), dice.between(0.16, 0.42), dice.between(0.06, 0.13)
        self.stars = [(dice.between(0, 1), dice.between(0, 0.5), dice.between(0.6, 1.6)) for _ in range(70)]
        ridges = 4 + int(dice.between(0, 2.99))
        self.ridges = [_Ridge(dice, number / (ridges - 1)) for number in range(ridges)]

    @property
    def accent(self) -> Colour:
        """A light colour of this scene, for what is written over it."""
        return self.light

    def paint(self, size: tuple[int, int], *, sky: bool) -> Pillow.Image:
        """The scene as RGB; as RGBA with the sky left out where `sky` is false."""
        canvas = _fall(self.zenith, self.middle, self.horizon, size)
        if self.night:
            canvas.paste(self.light, mask=self._stars(size))
        self._glow(canvas)
        disc = self._disc(size)
        canvas.paste(self.light, mask=disc)
        shapes = [disc]
        for number, ridge in enumerate(self.ridges):
            part = number / (len(self.ridges) - 1)
            crest = mix(mix(self.horizon, self.middle, 0.6), self.near, part**0.8)
            mist = mix(crest, self.horizon, 0.45 * (1 - part))
            shape = ridge.shape(size)
            canvas.paste(_fall(crest, crest, mist, size), mask=shape)
            shapes.append(shape)
        if not sky:
            canvas.putalpha(reduce(ImageChops.lighter, shapes))
        return canvas

    def _stars(self, size: tuple[int, int]) -> Pillow.Image:
        mask, scale = _blank(size)
        pen = ImageDraw.Draw(mask)
        for x, y, weight in self.stars:
            radius = weight * max(0.35, min(size) / 700) * scale
            _circle(pen, x * mask.width, y * mask.height, radius, fill=round(70 + 100 * weight))
        return mask.reduce(scale)

    def _disc(self, size: tuple[int, int]) -> Pillow.Image:
        mask, scale = _blank(size)
        radius = max(1.5, self.sun[2] * min(size)) * scale
        _circle(ImageDraw.Draw(mask), self.sun[0] * mask.width, self.sun[1] * mask.height, radius, fill=255)
        return mask.reduce(scale)

    def _glow(self, canvas: Pillow.Image) -> None:
        x, y = round(self.sun[0] * canvas.width), round(self.sun[1] * canvas.height)
        reach = round(self.sun[2] * min(canvas.size) * 5) + 1
        level = Pillow.radial_gradient("L").point(_fade).resize((reach * 2, reach * 2), Pillow.Resampling.BICUBIC)
        canvas.paste(self.light, (x - reach, y - reach), level)


class _Ridge:
    """A line of hills: a level and four waves."""

    def __init__(self, dice: Dice, part: float) -> None:
        self._level = 0.48 + 0.40 * part + dice.between(-0.02, 0.02)
        self._waves = [
            (swell * dice.between(0.6, 1.1) * (1 - 0.4 * part), pitch * dice.between(0.7, 1.4), dice.between(0, 6.28))
            for swell, pitch in ((0.055, 1.1), (0.030, 2.7), (0.012, 6.5), (0.005, 15.0))
        ]

    def shape(self, size: tuple[int, int]) -> Pillow.Image:
        """Everything under the line, as a mask."""
        mask, scale = _blank(size)
        width, height = mask.size
        step = max(1, width // 600)
        stretch = min(2.0, max(0.5, width / height))  # hills keep their shape in a wide picture
        line = [(x, self._height(x / width * stretch) * height) for x in range(0, width + step, step)]
        ImageDraw.Draw(mask).polygon([*line, (width + step, height), (0, height)], fill=255)
        return mask.reduce(scale)

    def _height(self, x: float) -> float:
        return self._level + sum(swell * math.sin(pitch * x * 6.28 + start) for swell, pitch, start in self._waves)


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """The colour that far from one to the other, 0 to 1."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _blank(size: tuple[int, int]) -> tuple[Pillow.Image, int]:
    """An empty mask to draw on, larger than the picture for smooth edges, and how many times larger."""
    scale = 4 if max(size) <= 512 else 2 if max(size) <= _SMOOTH_BELOW else 1
    return Pillow.new("L", (size[0] * scale, size[1] * scale), 0), scale


def _circle(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, *, fill: int) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _fall(top: Colour, middle: Colour, bottom: Colour, size: tuple[int, int]) -> Pillow.Image:
    """A picture that runs from colour to colour downwards."""
    column = ImageOps.colorize(Pillow.linear_gradient("L").resize((1, size[1])), top, bottom, middle)
    return column.resize(size, Pillow.Resampling.NEAREST)


def _hls(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _fade(distance: float) -> float:
    """How strong the glow is at that distance from its centre, 0 to 255: none from the middle of an edge (180) on."""
    return 170 * math.pow(max(0.0, 1 - distance / 178), 2.2)
