"""Text on a card: any Unicode, wrapped, scaled to fit, cut with an ellipsis.

Pillow's own font is used, so that a card looks the same on every machine. It knows little more than ASCII: accents are
dropped, and any other character becomes a small coloured tile, always the same for the same character.
"""

from __future__ import annotations

import colorsys
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from itertools import groupby

from msgspec import Struct
from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

ELLIPSIS = "…"
_FONT_HAS = frozenset(map(chr, range(32, 127))) | frozenset("©«°±·»“”…™")
_LIKE = str.maketrans(
    {
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{BULLET}": "·",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
    }
)
"""Characters that Unicode does not take apart, and what they look like most."""
_SILENT = frozenset({"Mn", "Me", "Cf", "Cc", "Cs", "Co"})
"""Unicode categories that take no room: accents once split off, joiners, controls, broken surrogates, private use."""


def readable(text: str) -> str:
    """The text as it will be drawn: accents and invisible characters gone, white space collapsed."""
    spaced = "".join(" " if each.isspace() else each for each in text)
    split = unicodedata.normalize("NFKD", spaced.translate(_LIKE))
    seen = (each for each in split if unicodedata.category(each) not in _SILENT)
    return " ".join("".join(seen).split())


class Block(Struct, frozen=True):
    """Text laid out: what `Lettering.fit` found to fit, and `Lettering.draw` draws."""

    lines: tuple[str, ...]
    size: int
    """Pixels of the font; each line is `leading` high."""

    @property
    def leading(self) -> int:
        """Pixels from one line to the next."""
        return round(self.size * 1.32)

    @property
    def height(self) -> int:
        """Pixels of all lines."""
        return self.leading * len(self.lines)


class Lettering:
    """Measures, lays out and draws text; keeps the font in the sizes it has used. For one thread."""

    def __init__(self) -> None:
        self._fonts: dict[int, ImageFont.FreeTypeFont] = {}

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The font in that size, in pixels."""
        if size not in self._fonts:
            font = ImageFont.load_default(size)
            assert isinstance(font, ImageFont.FreeTypeFont)  # a size always gives the outline font
            self._fonts[size] = font
        return self._fonts[size]

    def width(self, text: str, size: int) -> float:
        """Pixels the text takes in one line."""
        font = self.font(size)
        known = "".join(each for each in text if each in _FONT_HAS)
        return font.getlength(known) + (len(text) - len(known)) * size

    def wrap(self, text: str, size: int, width: int) -> list[str]:
        """The text in lines no wider than that; a word that is wider by itself is broken."""
        lines: list[str] = []
        line = ""
        for word in text.split(" "):
            joined = f"{line} {word}" if line else word
            if self.width(joined, size) <= width:
                line = joined
                continue
            if _has_tiles(word) or self.width(word, size) > width:
                *full, line = self._broken(joined, size, width)
                lines.extend(full)
                continue
            if line:
                lines.append(line)
            line = word
        return [*lines, line] if line else lines

    def fit(self, text: str, sizes: Sequence[int], width: int, height: int) -> Block:
        """The text in the first of those sizes, largest first, in which it fits; else in the last, cut short."""
        area = width * height
        text = readable(text)[: area // (sizes[-1] ** 2 // 5)]  # no more could fit, so no more is measured
        block = Block((), sizes[-1])
        for size in sizes:
            if size != sizes[-1] and len(text) * size**2 > 3 * area:  # a letter takes half its size squared
                continue
            block = Block(tuple(self.wrap(text, size, width)), size)
            if block.height <= height:
                return block
        *full, last = block.lines[: max(1, height // block.leading)]
        return Block((*full, self.cut(last + ELLIPSIS, block.size, width)), block.size)

    def cut(self, line: str, size: int, width: int) -> str:
        """The line, shortened to that width with an ellipsis where it is wider."""
        if self.width(line, size) <= width:
            return line
        while line and self.width(line + ELLIPSIS, size) > width:
            line = line[:-1]
        return line.rstrip(f" {ELLIPSIS}") + ELLIPSIS

    def draw(self, canvas: ImageDraw.ImageDraw, at: tuple[int, int], block: Block, colour: Colour) -> None:
        """Draw the lines with their top left corner at that point."""
        font, (left, top) = self.font(block.size), at
        for line in block.lines:
            x = float(left)
            for known, run in groupby(line, _FONT_HAS.__contains__):
                text = "".join(run)
                if known:
                    canvas.text((round(x), top), text, font=font, fill=colour)
                    x += font.getlength(text)
                else:
                    for each in text:
                        _tile(canvas, round(x), top, block.size, each)
                        x += block.size
            top += block.leading

    def _broken(self, text: str, size: int, width: int) -> list[str]:
        """The text in pieces as wide as fit, broken between any two characters."""
        pieces = [""]
        for each in text:
            if pieces[-1] and self.width(pieces[-1] + each, size) > width:
                pieces.append("")
            pieces[-1] += each
        return [piece.strip() for piece in pieces]


def _has_tiles(word: str) -> bool:
    return any(each not in _FONT_HAS for each in word)


def _tile(canvas: ImageDraw.ImageDraw, left: int, top: int, size: int, character: str) -> None:
    """A mark for a character the font lacks: its colour and its dents are taken from the character."""
    mark = blake2b(character.encode(errors="surrogatepass"), digest_size=4).digest()
    red, green, blue = colorsys.hls_to_rgb(mark[0] / 256, 0.72, 0.75)
    colour = round(red * 255), round(green * 255), round(blue * 255)
    side = max(2, round(size * 0.8))
    left += (size - side) // 2
    top += round(size * 0.22)
    cell = max(1, side // 4)
    canvas.rounded_rectangle((left, top, left + side, top + side), radius=side // 4, fill=colour)
    if side < 8:
        return
    dark = colour[0] // 3, colour[1] // 3, colour[2] // 3
    for number in range(4):  # up to four dots in the middle tell neighbours of one colour apart
        if mark[1] >> number & 1:
            x, y = left + side // 2 + (number % 2 - 1) * cell, top + side // 2 + (number // 2 - 1) * cell
            canvas.rectangle((x, y, x + cell - 1, y + cell - 1), fill=dark)
