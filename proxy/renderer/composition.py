"""A card, composed: the scene, the picture sent along, the caption, and how far it is developed. Synchronous and pure.

What is drawn depends on the arguments alone. No encoding, no clock.
"""

from __future__ import annotations

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from providers.contract import Background, Edit, Format, ImageRequest
from proxy.renderer.lettering import Block, Colour, Lettering
from proxy.renderer.pictures import changing, decode
from proxy.renderer.scenery import Dice, Scene, mix

_WHITE: Colour = (255, 255, 255)
_INK: Colour = (12, 13, 18)
_PAPER: Colour = (236, 232, 224)
_TEXT_FROM = 120
"""Pixels of the shorter side from which a card carries text."""
_TINY_PRINT_FROM = 48
"""Pixels of the shorter side from which a picture sent along is shown."""


def compose(request: ImageRequest, size: tuple[int, int], seed: int, done: float = 1.0) -> Pillow.Image:
    """The card of that size: RGB, or RGBA where a transparent background is asked for and the format can carry it.

    Raises REJECTED where a picture sent along cannot be decoded.
    """
    clear = request.background is Background.TRANSPARENT and request.format is not Format.JPEG
    scene = Scene(Dice(seed, request.prompt))
    canvas = scene.paint(size, sky=not clear)
    if done < 1:
        canvas = _developing(canvas, done)
    card = _Card(canvas, scene.accent)
    room = card.caption(request, size, seed) if card.has_text else size[1]
    if card.short >= _TINY_PRINT_FROM:
        card.print_of(request, room)
    if done < 1:
        card.stamp(done)
    return card.canvas


class _Card:
    """What lies over the scene. Lengths follow the shorter side, so that a card looks alike at any size."""

    def __init__(self, canvas: Pillow.Image, accent: Colour) -> None:
        self.canvas = canvas
        self.accent = accent
        self.short = min(canvas.size)
        self.has_text = self.short >= _TEXT_FROM
        self.margin = max(4, round(self.short * 0.04))
        self.small = max(10, round(self.short * 0.023))
        self.lettering = Lettering()

    def caption(self, request: ImageRequest, size: tuple[int, int], seed: int) -> int:
        """The panel with the model, the prompt and the facts; returns the height left above it."""
        pad = max(6, round(self.short * 0.03))
        width = self.canvas.width - 2 * (self.margin + pad)
        facts = f"{size[0]} x {size[1]}   ·   seed {seed}   ·   {request.operation}"
        head = self.lettering.fit(request.model, [self.small], width, self.small * 2)
        foot = self._facts(facts, width)
        gap = round(self.small * 0.7)
        frame = head.height + foot.height + 2 * (pad + gap)
        most = round(self.canvas.height * (0.42 if request.images else 0.62)) - frame
        sizes = [round(self.small * step) for step in (3.0, 2.5, 2.1, 1.75, 1.45, 1.2, 1.0)]
        words = self.lettering.fit(request.prompt or "(no prompt)", sizes, width, max(most, self.small))
        height = frame + words.height
        top = self.canvas.height - self.margin - height
        self._glass((self.margin, top, self.canvas.width - self.margin, top + height), radius=pad)
        pen, left = ImageDraw.Draw(self.canvas), self.margin + pad
        top += pad
        for block, colour in ((head, self.accent), (words, _WHITE), (foot, mix(self.accent, _INK, 0.25))):
            self.lettering.draw(pen, (left, top), block, colour)
            top += block.height + gap
        return self.canvas.height - self.margin - height

    def _facts(self, facts: str, width: int) -> Block:
        """In one line where it fits; else one fact a line."""
        if self.lettering.width(facts, self.small) <= width:
            return Block((facts,), self.small)
        lines = [self.lettering.cut(fact.strip(), self.small, width) for fact in facts.split("·")]
        return Block(tuple(lines), self.small)

    def _glass(self, box: tuple[int, int, int, int], radius: int) -> None:
        """Dark frosted glass over that part of the card, so that text reads on any scene."""
        behind = self.canvas.crop(box).convert("RGB")
        blurred = behind.filter(ImageFilter.BoxBlur(radius / 2))
        glass = Pillow.blend(blurred, Pillow.new("RGB", blurred.size, _INK), 0.68)
        self.canvas.paste(glass, box, _rounded(glass.size, radius))

    def print_of(self, request: ImageRequest, room: int) -> None:
        """The first picture sent along, as a print with a white border; what a mask lets change is striped."""
        if not request.images:
            return
        most = max(16, round(self.canvas.width * 0.46)), max(16, room - 2 * self.margin)
        picture = decode(request.images[0], near=most)
        mask = request.mask if isinstance(request, Edit) else None
        picture.thumbnail(most)
        shown = Pillow.new("RGB", picture.size, _PAPER)
        shown.paste(picture, mask=picture if picture.mode == "RGBA" else None)
        if mask is not None:
            stripes = _stripes(picture.size, max(2, self.short // 90), self.accent)
            shown.paste(stripes, mask=changing(mask, picture.size).point(lambda level: level * 0.8))
        border = max(2, self.short // 90)
        at = self.canvas.width - self.margin - shown.width - 2 * border, self.margin
        ImageDraw.Draw(self.canvas).rectangle(
            (*at, at[0] + shown.width + 2 * border - 1, at[1] + shown.height + 2 * border - 1), fill=_WHITE
        )
        self.canvas.paste(shown, (at[0] + border, at[1] + border))

    def stamp(self, done: float) -> None:
        """How far the card is developed: a bar, and the percentage where there is room for text."""
        if self.has_text:
            text = Block((f"developing {done:.0%}",), max(11, round(self.small * 1.3)))
            pad = round(text.size * 0.6)
            width = round(self.lettering.width(text.lines[0], text.size))
            box = self.margin, self.margin, self.margin + width + 2 * pad, self.margin + text.leading + pad
            self._glass(box, radius=pad)
            self.lettering.draw(ImageDraw.Draw(self.canvas), (box[0] + pad, box[1] + pad // 2), text, _WHITE)
        thick = max(1, self.short // 128)
        line = (0, self.canvas.height - thick, round(self.canvas.width * done), self.canvas.height)
        ImageDraw.Draw(self.canvas).rectangle(line, fill=self.accent)


def _developing(canvas: Pillow.Image, done: float) -> Pillow.Image:
    """The scene as a print in its bath: clear from the top down to where it is done, coarse and pale below."""
    width, height = canvas.size
    line = round(height * done)
    if line >= height:
        return canvas
    grain = max(2, round(min(width, height) * (0.02 + 0.05 * (1 - done))))
    below = canvas.crop((0, line, width, height))
    coarse = below.resize((max(1, width // grain), max(1, below.height // grain)), Pillow.Resampling.BOX)
    paper = Pillow.new(coarse.mode, coarse.size, _PAPER)
    coarse = Pillow.blend(coarse, paper, 0.3 + 0.55 * (1 - done))
    canvas.paste(coarse.resize(below.size, Pillow.Resampling.NEAREST), (0, line))
    return canvas


def _rounded(size: tuple[int, int], radius: int) -> Pillow.Image:
    """A mask with round, smooth corners."""
    mask = Pillow.new("L", (size[0] * 2, size[1] * 2), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius=radius * 2, fill=255)
    return mask.reduce(2)


def _stripes(size: tuple[int, int], width: int, colour: Colour) -> Pillow.Image:
    """Diagonal stripes of that colour and a dark one."""
    stripes = Pillow.new("RGB", size, mix(colour, _INK, 0.75))
    pen = ImageDraw.Draw(stripes)
    for x in range(-size[1], size[0], width * 4):
        pen.line((x, size[1], x + size[1], 0), fill=colour, width=width * 2)
    return stripes
