"""The pen that scenes are drawn with: shapes in the picture's own units, in the style asked for.

Units: a picture is 1 wide and 1 high, (0, 0) is its upper left corner, y grows downwards. Drawing is done at four times
the size and made smaller at the end, which smooths the edges. A subject is drawn inside a `Frame`, in units of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct
from PIL import Image, ImageDraw

Tone = tuple[int, int, int]
Point = tuple[float, float]

SIDE = 128
"""Pixels of a finished picture's side."""
BLOCKS = 32
"""Of a picture's side in pixel art."""
_OVER = 4
_LINE = 7
"""Width of a line in line art, in pixels of the larger picture."""


class Frame(Struct, frozen=True):
    """Where a subject stands: its foot at (x, y), `scale` high; in its own units it is 1 high, 0 is the middle of its
    foot, y grows *upwards* and x to the right. A subject is at most 1.2 wide (-0.6 to 0.6).
    """

    x: float
    y: float
    scale: float

    def at(self, point: Point) -> Point:
        """A point of the subject in the picture's units."""
        return self.x + point[0] * self.scale, self.y - point[1] * self.scale


class Pen:
    """Draws filled shapes; in line art, outlines in the shape's tone on white instead."""

    def __init__(self, style: str, ground: Tone = (255, 255, 255)) -> None:
        self.lines = style == "line art"
        """Whether only outlines are drawn."""
        self._side = SIDE * _OVER
        self.canvas = Image.new("RGB", (self._side, self._side), ground)
        """What was drawn so far, at four times the size."""
        self._draw = ImageDraw.Draw(self.canvas)

    def shape(self, points: Sequence[Point], tone: Tone, frame: Frame | None = None) -> None:
        """A filled polygon."""
        corners = self._scaled(points, frame)
        if self.lines:
            self._draw.polygon(corners, fill=(255, 255, 255))
            self._draw.line([*corners, corners[0]], fill=inked(tone), width=_LINE, joint="curve")
        else:
            self._draw.polygon(corners, fill=tone)

    def oval(self, middle: Point, across: float, down: float, tone: Tone, frame: Frame | None = None) -> None:
        """A filled ellipse of those radii."""
        turns = [2 * math.pi * step / 40 for step in range(40)]
        self.shape([(middle[0] + across * math.cos(t), middle[1] + down * math.sin(t)) for t in turns], tone, frame)

    def box(self, left: float, low: float, right: float, high: float, tone: Tone, frame: Frame | None = None) -> None:
        """A filled rectangle."""
        self.shape([(left, low), (right, low), (right, high), (left, high)], tone, frame)

    def stroke(self, points: Sequence[Point], width: float, tone: Tone, frame: Frame | None = None) -> None:
        """A line of that width (in the frame's units) through the points."""
        scale = frame.scale if frame else 1.0
        pixels = max(2, round(width * scale * self._side))
        ink = inked(tone) if self.lines else tone
        self._draw.line(
            self._scaled(points, frame), fill=ink, width=min(pixels, 5) if self.lines else pixels, joint="curve"
        )

    def finished(self) -> Image.Image:
        """The picture at its own size."""
        return self.canvas.reduce(_OVER)

    def _scaled(self, points: Iterable[Point], frame: Frame | None) -> list[Point]:
        placed = points if frame is None else (frame.at(point) for point in points)
        return [(x * self._side, y * self._side) for x, y in placed]


def inked(tone: Tone) -> Tone:
    """A tone dark enough for a line on white paper; a coloured one keeps its colour."""
    if min(tone) > 225:
        return (150, 150, 150)
    light = (tone[0] * 299 + tone[1] * 587 + tone[2] * 114) / 1000
    part = min(1.0, 170 / max(light, 1))
    return (int(tone[0] * part), int(tone[1] * part), int(tone[2] * part))


def mixed(one: Tone, other: Tone, part: float) -> Tone:
    """`one` with that part (0 to 1) of `other`."""
    r, g, b = (round(a + (c - a) * part) for a, c in zip(one, other, strict=True))
    return (r, g, b)


def darker(tone: Tone, part: float = 0.35) -> Tone:
    """That much towards black."""
    return mixed(tone, (0, 0, 0), part)


def lighter(tone: Tone, part: float = 0.35) -> Tone:
    """That much towards white."""
    return mixed(tone, (255, 255, 255), part)
