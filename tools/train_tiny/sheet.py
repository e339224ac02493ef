"""The sheet of sample pictures with their captions, for the model card and the README."""

from __future__ import annotations

import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CAPTIONS = (
    "a red house on a meadow",
    "a blue boat on the sea at sunset",
    "a yellow star at night",
    "three pink flowers in a meadow, watercolor",
    "a green tree in the snow, snowfall",
    "a purple castle in the mountains at dawn",
    "an orange cat in the city at night",
    "a white lighthouse on a beach, cloudy",
    "a red balloon over the desert at sunset",
    "two brown gifts on a white background",
    "a black car in the city, rain",
    "a pink heart, pixel art",
    "a large yellow mushroom in a forest",
    "a blue rocket at night, pixel art",
    "a white snowman in the snow at night",
    "a red umbrella on a beach, rain, watercolor",
    "a green cactus in the desert",
    "a small orange tent on the left in the mountains",
    "a blue cup on a white background, line art",
    "a yellow bird on the right in a forest, fog",
    "two red fish in the sea",
    "a brown windmill on a meadow, cloudy, watercolor",
    "a green pine in the mountains, line art",
    "three purple balls on a beach at dawn",
)
"""What the sheet shows, in order; each is drawn once, with the seed of its place: nothing is chosen afterwards."""
_COLUMNS = 6
_GAP, _TEXT = 12, 44


def sheet(pictures: list[Image.Image], to: Path) -> None:
    """Write the pictures and their captions as one PNG."""
    side = pictures[0].width
    rows = -(-len(pictures) // _COLUMNS)
    paper = Image.new("RGB", (_COLUMNS * (side + _GAP) + _GAP, rows * (side + _TEXT + _GAP) + _GAP), "white")
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(11)
    for n, (picture, caption) in enumerate(zip(pictures, CAPTIONS, strict=True)):
        x, y = _GAP + n % _COLUMNS * (side + _GAP), _GAP + n // _COLUMNS * (side + _TEXT + _GAP)
        paper.paste(picture, (x, y))
        draw.multiline_text((x, y + side + 3), textwrap.fill(caption, 22), fill=(60, 60, 60), font=font, spacing=2)
    paper.save(to, optimize=True)
