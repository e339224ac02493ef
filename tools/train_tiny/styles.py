"""What a style does to a finished picture: watercolour's soft wobbling pigment, pixel art's big blocks.

Flat pictures and line art are done when the pen is; they pass unchanged.
"""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from .pen import BLOCKS
from .scene import Scene

_PAPERS = 6
"""Different sheets of watercolour paper: few, so that a small model can learn them."""
_PAPER = (253, 252, 249)
_LIGHTS, _HUES = 20, 8
"""Steps of brightness and of hue in pixel art: the hue's are around its middle, so that grey stays grey."""
_STEPS = [min(255, round(value / _LIGHTS) * _LIGHTS) for value in range(256)]
_STEPS += [min(255, max(0, 128 + round((value - 128) / _HUES) * _HUES)) for value in range(256)] * 2


class _Sheet(Struct, frozen=True):
    """One sheet of watercolour paper, as large as the picture."""

    moved: NDArray[np.intp]
    """From which pixel (of the flattened picture) each pixel comes: the wobble."""
    pigment: Image.Image
    """How strongly each pixel is painted: 0 is bare paper, 255 no paper at all."""


def finish(picture: Image.Image, scene: Scene, chance: random.Random) -> Image.Image:
    """The picture in the scene's style."""
    if scene.style == "watercolor":
        return _watercolour(picture, chance)
    if scene.style == "pixel art":
        return _pixels(picture)
    return picture


def _pixels(picture: Image.Image) -> Image.Image:
    small = picture.reduce(picture.width // BLOCKS).convert("YCbCr").point(_STEPS).convert("RGB")
    return small.resize(picture.size, Image.Resampling.NEAREST)


def _watercolour(picture: Image.Image, chance: random.Random) -> Image.Image:
    sheet = _sheet(picture.width, chance.randrange(_PAPERS))
    # One 32-bit number a pixel: gathered several times faster than three bytes.
    whole = np.asarray(picture.convert("RGBX")).view(np.uint32).ravel().take(sheet.moved)
    bands = whole.view(np.uint8).reshape(picture.height, picture.width, 4)
    wobbled = Image.fromarray(np.ascontiguousarray(bands[:, :, :3]))
    wide = wobbled.filter(ImageFilter.BoxBlur(2))
    # Where two areas meet, pigment gathers: the difference to the blurred picture darkens the rim.
    rim = ImageChops.difference(wobbled, wide)
    inked = ImageChops.subtract(Image.blend(wobbled, wide, 0.6), rim)
    return Image.composite(inked, Image.new("RGB", picture.size, _PAPER), sheet.pigment)


@lru_cache(maxsize=16)
def _sheet(side: int, number: int) -> _Sheet:
    dice = np.random.default_rng(1000 + number)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    down = rows + 2.2 * _waves(dice, side, 15)
    across = columns + 2.2 * _waves(dice, side, 15)
    moved = np.clip(down.round(), 0, side - 1) * side + np.clip(across.round(), 0, side - 1)
    strength = 0.80 + 0.13 * _waves(dice, side, 7) + 0.03 * _waves(dice, side, 48)
    edge = np.minimum(np.minimum(rows, side - 1 - rows), np.minimum(columns, side - 1 - columns)) / side
    painted = np.clip((edge - 0.030 + 0.022 * _waves(dice, side, 12)) / 0.025, 0, 1)
    pigment = np.clip(strength, 0.5, 1.0) * painted * 255
    return _Sheet(moved=moved.astype(np.intp).ravel(), pigment=Image.fromarray(pigment.astype(np.uint8)))


def _waves(dice: np.random.Generator, side: int, cells: int) -> NDArray[np.float32]:
    """Smooth chance from -1 to 1, with about that many bumps across."""
    coarse = Image.fromarray(dice.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
