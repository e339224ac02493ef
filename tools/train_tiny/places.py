"""Where and when a scene is: the sky, the land and the weather behind, under and over its subjects.

Every word of a caption (place, time, weather) has one clear look; what the words leave open is little: which side the
sun is on, which way round the land lies. Tones are kept softer than a subject's, so that the subject stands out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from PIL import Image, ImageDraw

from .pen import BLOCKS, Frame, Pen, Point, Tone, darker, lighter, mixed
from .scene import Scene


class _Light(Struct, frozen=True):
    """What a time of day does to the picture."""

    sky: tuple[Tone, Tone, Tone]
    """From the top to the horizon."""
    grey: Tone
    """What a covered sky is mixed with."""
    wash: Tone
    """What the land is mixed with, ..."""
    part: float
    """... and how much."""
    disc: Tone
    """The sun, or the moon."""
    paper: Tone
    """Line art's ground."""
    ink: Tone
    """Line art's line for the sun or moon."""


_LIGHTS = {
    "day": _Light(
        sky=((112, 182, 230), (160, 210, 238), (212, 234, 242)),
        grey=(164, 178, 194),
        wash=(255, 244, 210),
        part=0.04,
        disc=(252, 214, 92),
        paper=(252, 252, 252),
        ink=(232, 176, 40),
    ),
    "sunset": _Light(
        sky=((186, 100, 142), (238, 138, 122), (252, 196, 132)),
        grey=(158, 122, 128),
        wash=(214, 96, 84),
        part=0.27,
        disc=(254, 226, 140),
        paper=(252, 242, 230),
        ink=(226, 110, 50),
    ),
    "night": _Light(
        sky=((30, 40, 92), (48, 64, 122), (82, 100, 156)),
        grey=(62, 68, 92),
        wash=(34, 46, 104),
        part=0.62,
        disc=(246, 238, 204),
        paper=(206, 214, 234),
        ink=(84, 98, 150),
    ),
    "dawn": _Light(
        sky=((190, 184, 224), (240, 206, 218), (250, 226, 204)),
        grey=(190, 186, 196),
        wash=(242, 214, 228),
        part=0.46,
        disc=(252, 240, 206),
        paper=(252, 246, 250),
        ink=(226, 150, 170),
    ),
}
_COVER = {"clear": 0.0, "cloudy": 0.35, "rain": 0.68, "snowfall": 0.42, "fog": 0.42}
"""How much of the sky is grey."""
_STUDIOS: tuple[Tone, ...] = ((222, 216, 204), (216, 204, 184), (216, 213, 210))
_GROUNDS: dict[str, Tone] = {
    "meadow": (148, 192, 116),
    "beach": (236, 214, 166),
    "sea": (92, 156, 190),
    "snow": (222, 232, 243),
    "desert": (228, 184, 116),
    "city": (152, 156, 164),
    "forest": (112, 152, 104),
    "mountains": (138, 178, 116),
    "studio": (206, 200, 190),
}
"""What the subject stands on, by day."""
_FEET = {"sea": 0.78, "studio": 0.82, "city": 0.83}
_TALL = frozenset({"city", "forest", "mountains"})
"""Places that would hide a low sun: there it stands just above them."""
_STARS: tuple[Point, ...] = (
    *((0.08, 0.10), (0.22, 0.24), (0.36, 0.08), (0.50, 0.19), (0.60, 0.06), (0.12, 0.40)),
    *((0.66, 0.30), (0.92, 0.34), (0.38, 0.36), (0.94, 0.08)),
)
_HOUSES = ((0.16, 0.30), (0.13, 0.44), (0.15, 0.24), (0.14, 0.38), (0.12, 0.28), (0.16, 0.46), (0.14, 0.32))
"""Width and height of the skyline's buildings."""
_FLOWERS = ((0.07, 0.90), (0.20, 0.95), (0.33, 0.91), (0.50, 0.955), (0.66, 0.905), (0.79, 0.95), (0.93, 0.90))
_GREY_LINE: Tone = (164, 168, 176)


def _cloud_outline() -> list[Point]:
    """A flat foot and three bumps, from -1 to 1 wide, y upwards."""
    bumps = ((-0.56, 0.10, 0.42), (0.02, 0.26, 0.52), (0.58, 0.08, 0.40))
    xs = [-0.98 + 1.96 * step / 44 for step in range(45)]
    tops = [
        max(high + math.sqrt(max(0.0, r * r - (x - at) ** 2)) for at, high, r in bumps if abs(x - at) <= r) for x in xs
    ]
    return [(-0.9, -0.08), (-1.0, 0.04), *zip(xs, tops, strict=True), (1.0, 0.04), (0.9, -0.08)]


def _pine_outline() -> list[Point]:
    """Three tiers, 1 high, y upwards."""
    right = [(0.0, 1.0), (0.17, 0.68), (0.09, 0.68), (0.24, 0.36), (0.13, 0.36), (0.31, 0.0)]
    return right + [(-x, y) for x, y in reversed(right[1:])]


_CLOUD = _cloud_outline()
_PINE = _pine_outline()


class _Backdrop:
    """Draws the parts of one scene's backdrop."""

    def __init__(self, pen: Pen, scene: Scene, chance: random.Random) -> None:
        self.pen = pen
        self.scene = scene
        self.light = _LIGHTS[scene.time]
        self.cover = _COVER[scene.weather]
        self.sunside = chance.random() < 0.5
        self.turned = chance.random() < 0.5
        self._draw = ImageDraw.Draw(pen.canvas)
        self._side = pen.canvas.width

    def shape(self, points: Sequence[Point], tone: Tone, ink: Tone = _GREY_LINE) -> None:
        """A filled shape; in line art, a thin outline filled with the paper."""
        corners = [(x * self._side, y * self._side) for x, y in points]
        if self.pen.lines:
            self._draw.polygon(corners, fill=self.light.paper)
            self._draw.line([*corners, corners[0]], fill=self._ink(ink), width=3)
        else:
            self._draw.polygon(corners, fill=tone)

    def disc(self, x: float, y: float, radius: float, tone: Tone, ink: Tone = _GREY_LINE) -> None:
        """A filled circle."""
        box = [
            (x - radius) * self._side,
            (y - radius) * self._side,
            (x + radius) * self._side,
            (y + radius) * self._side,
        ]
        if self.pen.lines:
            self._draw.ellipse(box, fill=self.light.paper, outline=self._ink(ink), width=3)
        else:
            self._draw.ellipse(box, fill=tone)

    def line(self, points: Sequence[Point], width: float, tone: Tone, ink: Tone = _GREY_LINE) -> None:
        """A stroke."""
        corners = [(x * self._side, y * self._side) for x, y in points]
        if self.pen.lines:
            self._draw.line(corners, fill=self._ink(ink), width=3)
        else:
            self._draw.line(corners, fill=tone, width=max(2, round(width * self._side)))

    def mirrored(self, x: float, turned: bool) -> float:
        """The place on the other side, if turned."""
        return 1 - x if turned else x

    def hill(self, base: float, rise: float, turn: float, tone: Tone, waves: float = 1.0) -> None:
        """A rolling ridge, filled down to the lower edge."""
        flip = math.pi if self.turned else 0.0
        ridge = [(-0.05 + 1.1 * step / 28) for step in range(29)]
        top = [(x, base - rise * math.sin(2 * math.pi * waves * x + turn + flip)) for x in ridge]
        self.shape([*top, (1.05, 1.05), (-0.05, 1.05)], self.lit(tone))

    def lit(self, tone: Tone) -> Tone:
        """A tone of the land in the scene's light and weather."""
        return _lit(self.scene, tone)

    def sky_tone(self, high: float) -> Tone:
        """The sky's tone there: 0 at the top, 1 at the horizon."""
        upper, middle, lower = self.sky_stops()
        return mixed(upper, middle, high * 2) if high < 0.5 else mixed(middle, lower, high * 2 - 1)

    def sky_stops(self) -> tuple[Tone, Tone, Tone]:
        """The sky's three tones, greyed by the weather."""
        grey = darker(self.light.grey, 0.16) if self.scene.weather == "rain" else self.light.grey
        upper, middle, lower = self.light.sky
        cover = self.cover
        return (
            mixed(upper, grey, cover),
            mixed(middle, grey, cover * 0.85),
            mixed(lower, lighter(grey, 0.12), cover * 0.7),
        )

    def _ink(self, ink: Tone) -> Tone:
        return darker(ink, 0.25) if self.scene.time == "night" and ink == _GREY_LINE else ink


def draw_backdrop(pen: Pen, scene: Scene, chance: random.Random) -> float:
    """Draws sky, sun or moon, clouds and land; the height (in the picture's units) on which subjects stand."""
    backdrop = _Backdrop(pen, scene, chance)
    if scene.place == "studio":
        _studio(backdrop, chance)
    else:
        _sky(backdrop)
        _sun_or_moon(backdrop)
        _clouds(backdrop)
        _LANDS[scene.place](backdrop)
    return _FEET.get(scene.place, 0.81)


def draw_shadow(pen: Pen, scene: Scene, frame: Frame, ground: float) -> None:
    """The shadow at a subject's foot, which ties it to the ground; soft in a studio, none in line art or on water."""
    if pen.lines or scene.place == "sea":
        return
    high = frame.y < ground - 0.01
    across = (0.26 if high else 0.46) * frame.scale
    side = pen.canvas.width
    steps = ((1.25, 0.05), (1.0, 0.10), (0.75, 0.16)) if scene.place == "studio" else ((1.0, 0.15),)
    draw = ImageDraw.Draw(pen.canvas)
    for size, dark in steps:
        half, thick = across * size, 0.14 * across * size + 0.004
        tone = darker(_lit(scene, _GROUNDS[scene.place]), dark)
        box = ((frame.x - half) * side, (ground - thick) * side, (frame.x + half) * side, (ground + thick) * side)
        draw.ellipse(box, fill=tone)


def draw_waterline(pen: Pen, scene: Scene, y: float, chance: random.Random) -> None:
    """The wave in front of subjects that stand in the sea, from `y` down: it covers their foot."""
    backdrop = _Backdrop(pen, scene, chance)
    _wave(backdrop, y, _GROUNDS["sea"], 0.25)
    _wave(backdrop, max(y + 0.09, 0.90), darker(_GROUNDS["sea"], 0.10), 0.75)


def draw_weather(pen: Pen, scene: Scene, chance: random.Random) -> None:
    """Draws what falls or lies in front of the subjects: rain, snow or fog."""
    turned = chance.random() < 0.5
    if scene.weather == "rain":
        _rain(pen, scene, turned)
    elif scene.weather == "snowfall":
        _snowfall(pen, scene, turned)
    elif scene.weather == "fog":
        _fog(pen, scene, turned)


def _lit(scene: Scene, tone: Tone) -> Tone:
    if scene.place == "studio":
        return tone
    light = _LIGHTS[scene.time]
    # Blue water under a red sky would turn grey: it takes violet instead.
    wash, part = (
        ((156, 84, 156), 0.46) if scene.time == "sunset" and tone[2] > tone[0] + 40 else (light.wash, light.part)
    )
    return mixed(mixed(tone, wash, part), light.grey, _COVER[scene.weather] * 0.30)


def _fill(pen: Pen, stops: Sequence[Tone], ends: Sequence[float]) -> None:
    """Fills the canvas with a gradient from the top to the bottom."""
    side = pen.canvas.width
    rows = np.linspace(0.0, 1.0, side // 4)
    column = np.stack([np.interp(rows, ends, [stop[band] for stop in stops]) for band in range(3)], axis=-1)
    image = Image.fromarray(column.round().astype(np.uint8)[:, None, :])
    pen.canvas.paste(image.resize((side, side), Image.Resampling.NEAREST))


def _studio(backdrop: _Backdrop, chance: random.Random) -> None:
    tone = chance.choice(_STUDIOS)
    if backdrop.pen.lines:
        backdrop.pen.canvas.paste(backdrop.light.paper, (0, 0, *backdrop.pen.canvas.size))
        return
    _fill(backdrop.pen, (lighter(tone, 0.22), tone, _GROUNDS["studio"], tone), (0.0, 0.66, 0.82, 1.0))


def _sky(backdrop: _Backdrop) -> None:
    if backdrop.pen.lines:
        backdrop.pen.canvas.paste(backdrop.light.paper, (0, 0, *backdrop.pen.canvas.size))
    else:
        _fill(backdrop.pen, backdrop.sky_stops(), (0.0, 0.36, 0.70))


def _sun_or_moon(backdrop: _Backdrop) -> None:
    time, light = backdrop.scene.time, backdrop.light
    tone = mixed(light.disc, backdrop.sky_tone(0.5), backdrop.cover * 0.8)
    if time == "night":
        _moon(backdrop, tone)
        return
    if time == "day" and backdrop.scene.weather in ("rain", "snowfall"):
        return
    x, y, radius = {"day": (0.81, 0.17, 0.085), "sunset": (0.76, 0.50, 0.15), "dawn": (0.76, 0.63, 0.13)}[time]
    if time != "day" and backdrop.scene.place in _TALL:
        y, radius = 0.33, 0.13
    x = backdrop.mirrored(x, backdrop.sunside)
    if not backdrop.pen.lines:
        high = min(1.0, y / 0.7)
        backdrop.disc(x, y, radius * 1.45, mixed(backdrop.sky_tone(high), tone, 0.35))
    backdrop.disc(x, y, radius, tone, light.ink)


def _moon(backdrop: _Backdrop, tone: Tone) -> None:
    """A crescent and a few stars."""
    x = backdrop.mirrored(0.80, backdrop.sunside)
    bite = -0.042 if backdrop.sunside else 0.042
    ring = [2 * math.pi * step / 40 for step in range(40)]
    outer = [(x + 0.088 * math.cos(t), 0.18 + 0.088 * math.sin(t)) for t in ring]
    # The bite's rim mirrors the moon's own rim into it, so that a crescent is one shape: it also works as an outline.
    crescent = [(max(px, x + bite) if bite < 0 else min(px, x + bite), py) for px, py in outer]
    inner = [(px - abs(_bulge(py)) * (1 if bite > 0 else -1) if px == x + bite else px, py) for px, py in crescent]
    backdrop.shape(inner, tone, backdrop.light.ink)
    star = mixed(tone, backdrop.sky_tone(0.3), 0.12)
    for sx, sy in _STARS:
        _star(backdrop, backdrop.mirrored(sx, backdrop.sunside), sy, star)


def _bulge(y: float) -> float:
    """How deep the moon's bite is at that height."""
    return 0.062 * math.sqrt(max(0.0, 1 - ((y - 0.18) / 0.078) ** 2))


def _star(backdrop: _Backdrop, x: float, y: float, tone: Tone) -> None:
    far, near = 0.016, 0.005
    points = [(x, y - far), (x + near, y - near), (x + far, y), (x + near, y + near)]
    points += [(x, y + far), (x - near, y + near), (x - far, y), (x - near, y - near)]
    backdrop.shape(points, tone, backdrop.light.ink)


def _clouds(backdrop: _Backdrop) -> None:
    weather, time = backdrop.scene.weather, backdrop.scene.time
    if weather not in ("cloudy", "rain", "snowfall"):
        return
    if weather == "cloudy":
        places = ((0.20, 0.20, 0.17), (0.60, 0.13, 0.15), (0.88, 0.32, 0.15), (0.40, 0.40, 0.12))
        pale = {"day": (240, 244, 247), "sunset": (248, 206, 186), "night": (126, 138, 176), "dawn": (250, 238, 240)}[
            time
        ]
    else:
        # A covered sky hangs from the upper edge, its bumps downwards.
        places = ((0.06, 0.0, -0.24), (0.94, 0.0, -0.24), (0.36, 0.0, -0.22), (0.66, 0.0, -0.23))
        pale = darker(backdrop.sky_tone(0.1), 0.22) if weather == "rain" else lighter(backdrop.sky_tone(0.1), 0.30)
    for x, y, half in places:
        middle = backdrop.mirrored(x, backdrop.sunside)
        backdrop.shape([(middle + px * half, y - py * half) for px, py in _CLOUD], pale)


def _meadow(backdrop: _Backdrop) -> None:
    backdrop.hill(0.64, 0.05, 0.4, (166, 200, 146))
    backdrop.hill(0.69, 0.035, 2.6, (132, 178, 112))
    backdrop.hill(0.76, 0.018, 4.4, _GROUNDS["meadow"])
    petals: tuple[Tone, ...] = ((246, 236, 214), (240, 208, 120), (232, 170, 180))
    for index, (x, y) in enumerate(_FLOWERS):
        tone = backdrop.lit(petals[index % 3])
        backdrop.disc(backdrop.mirrored(x, backdrop.turned), y, 0.012, tone)


def _water(backdrop: _Backdrop, top: float, low: float, tone: Tone) -> None:
    """Water from its horizon down, with the low sun's track on it."""
    backdrop.shape([(-0.05, top), (1.05, top), (1.05, low), (-0.05, low)], backdrop.lit(tone))
    if backdrop.scene.time in ("sunset", "dawn") and not backdrop.pen.lines:
        x = backdrop.mirrored(0.76, backdrop.sunside)
        glow = mixed(backdrop.lit(tone), backdrop.light.disc, 0.6 * (1 - backdrop.cover))
        for step, half in enumerate((0.13, 0.09, 0.11)):
            y = top + 0.02 + step * 0.03
            backdrop.line([(x - half, y), (x + half, y)], 0.010, glow)


def _beach(backdrop: _Backdrop) -> None:
    _water(backdrop, 0.58, 0.80, (104, 168, 196))
    backdrop.hill(0.695, 0.014, 1.0, (240, 240, 232))
    backdrop.hill(0.712, 0.014, 1.0, (216, 190, 142))
    backdrop.hill(0.740, 0.014, 1.0, _GROUNDS["beach"])


def _sea(backdrop: _Backdrop) -> None:
    _water(backdrop, 0.58, 1.05, (140, 190, 212))
    _wave(backdrop, 0.68, (116, 174, 202), 0.0)


def _wave(backdrop: _Backdrop, y: float, tone: Tone, shift: float) -> None:
    """A layer of water whose top is a row of scallops."""
    width, deep = 0.14, 0.024
    points: list[Point] = []
    for step in range(-1, 9):
        left = (step + shift) * width
        points += [(left + width * part / 6, y + deep * math.sin(math.pi * part / 6)) for part in range(6)]
    full = backdrop.lit(tone)
    backdrop.shape([*points, (1.1, 1.05), (-0.2, 1.05)], full, (120, 150, 186))
    backdrop.line(points, 0.009, lighter(full, 0.38), (120, 150, 186))


def _snow(backdrop: _Backdrop) -> None:
    backdrop.hill(0.62, 0.055, 0.6, (186, 206, 228))
    backdrop.hill(0.69, 0.035, 2.8, (204, 219, 236))
    backdrop.hill(0.75, 0.018, 4.6, _GROUNDS["snow"])


def _desert(backdrop: _Backdrop) -> None:
    _dune(backdrop, 0.30, 0.50, 0.46, (240, 206, 150), (222, 178, 118))
    _dune(backdrop, 0.80, 0.56, 0.50, (236, 198, 138), (214, 166, 106))
    backdrop.hill(0.735, 0.018, 4.2, _GROUNDS["desert"])


def _dune(backdrop: _Backdrop, x: float, top: float, half: float, bright: Tone, shade: Tone) -> None:
    """A dune with its sharp crest: one side in the light, one in the shade."""
    sign = -1.0 if backdrop.turned else 1.0
    x = backdrop.mirrored(x, backdrop.turned)
    low = 0.80
    rise = [(x - sign * half * (1 - t), low - (low - top) * t * t * (3 - 2 * t)) for t in (k / 10 for k in range(11))]
    fall = [(x + sign * half * t, top + (low - top) * math.sin(t * math.pi / 2)) for t in (k / 10 for k in range(11))]
    backdrop.shape([*rise, *fall], backdrop.lit(bright))
    edge = [
        (x + sign * 0.10 * math.sin(t * math.pi), top + (low - top) * t) for t in (k / 10 for k in range(10, -1, -1))
    ]
    backdrop.shape([*fall, *edge], backdrop.lit(shade))


def _city(backdrop: _Backdrop) -> None:
    left = 0.0
    foot = 0.74
    for index, (width, height) in enumerate(_HOUSES):
        x = 1 - left - width if backdrop.turned else left
        tone: Tone = ((158, 172, 192), (142, 158, 182))[index % 2]
        backdrop.shape(
            [(x, foot), (x, foot - height), (x + width, foot - height), (x + width, foot)], backdrop.lit(tone)
        )
        _windows(backdrop, x, foot - height, width, height, tone)
        left += width
    backdrop.shape([(-0.05, foot), (1.05, foot), (1.05, 1.05), (-0.05, 1.05)], backdrop.lit((190, 192, 194)))
    backdrop.shape([(-0.05, 0.765), (1.05, 0.765), (1.05, 1.05), (-0.05, 1.05)], backdrop.lit(_GROUNDS["city"]))
    for step in range(4):
        x = 0.05 + step * 0.25
        backdrop.shape([(x, 0.925), (x + 0.14, 0.925), (x + 0.14, 0.942), (x, 0.942)], backdrop.lit((214, 212, 200)))


def _windows(backdrop: _Backdrop, x: float, top: float, width: float, height: float, wall: Tone) -> None:
    """Rows of windows: pale by day, yellow once it is dark."""
    lit: dict[str, Tone] = {"night": (250, 214, 110), "sunset": (250, 214, 140)}
    tone = lit.get(backdrop.scene.time) or backdrop.lit(lighter(wall, 0.40))
    across, gap = 0.026, (width - 2 * 0.026) / 3
    for row in range(int((height - 0.04) / 0.068)):
        y = top + 0.035 + row * 0.068
        for column in range(2):
            at = x + gap + column * (across + gap)
            backdrop.shape(
                [(at, y), (at + across, y), (at + across, y + 0.034), (at, y + 0.034)], tone, (196, 200, 208)
            )


def _forest(backdrop: _Backdrop) -> None:
    backdrop.hill(0.66, 0.01, 0.0, (126, 160, 134))
    for step in range(8):
        _pine(backdrop, -0.02 + step * 0.15, 0.68, 0.34 + 0.05 * (step % 2), (126, 158, 136))
    for step in range(7):
        _pine(backdrop, 0.02 + step * 0.16, 0.745, 0.36 + 0.06 * (step % 2), (82, 124, 102))
    backdrop.hill(0.735, 0.012, 4.2, _GROUNDS["forest"])


def _pine(backdrop: _Backdrop, x: float, foot: float, height: float, tone: Tone) -> None:
    middle = backdrop.mirrored(x, backdrop.turned)
    backdrop.shape([(middle + px * height, foot - py * height) for px, py in _PINE], backdrop.lit(tone))


def _mountains(backdrop: _Backdrop) -> None:
    for x, top, half in ((0.50, 0.40, 0.36), (0.16, 0.30, 0.36), (0.84, 0.26, 0.40)):
        _peak(backdrop, backdrop.mirrored(x, backdrop.turned), top, half)
    backdrop.hill(0.70, 0.022, 2.4, (118, 156, 114))
    backdrop.hill(0.755, 0.016, 4.4, _GROUNDS["mountains"])


def _peak(backdrop: _Backdrop, x: float, top: float, half: float) -> None:
    """A grey peak, shaded on one side, with a snow cap."""
    low = 0.74
    backdrop.shape([(x - half, low), (x, top), (x + half, low)], backdrop.lit((160, 168, 184)))
    if not backdrop.pen.lines:
        backdrop.shape([(x, top), (x + half, low), (x + half * 0.12, low)], backdrop.lit((138, 147, 166)))
    deep, part = (low - top) * 0.30, 0.30 * half
    jags = [(x + part, 0.0), (x + part * 0.5, -0.045), (x, 0.02), (x - part * 0.5, -0.045), (x - part, 0.0)]
    backdrop.shape([(x, top), *((px, top + deep + py) for px, py in jags)], backdrop.lit((234, 239, 245)))


_LANDS = {
    "meadow": _meadow,
    "beach": _beach,
    "sea": _sea,
    "snow": _snow,
    "desert": _desert,
    "city": _city,
    "forest": _forest,
    "mountains": _mountains,
}


def _grid(columns: int, rows: int) -> list[Point]:
    """Places evenly spread over the picture, every other row moved by half a step."""
    return [((c + 0.25 + 0.5 * (r % 2)) / columns, (r + 0.5) / rows) for r in range(rows) for c in range(columns)]


def _rain(pen: Pen, scene: Scene, turned: bool) -> None:
    side = pen.canvas.width
    draw = ImageDraw.Draw(pen.canvas)
    tone: Tone = (112, 156, 214) if pen.lines else (168, 190, 226) if scene.time == "night" else (216, 230, 246)
    for x, y in _grid(7, 7):
        if scene.style == "pixel art":
            # Whole blocks, so that a drop is not washed out when the picture gets its blocks.
            block, left, top = side // BLOCKS, int(x * BLOCKS), int(y * BLOCKS)
            draw.rectangle((left * block, top * block, (left + 1) * block - 1, (top + 2) * block - 1), fill=tone)
            continue
        x = x - 0.04 if turned else x
        draw.line(
            (x * side + 0.022 * side, (y - 0.035) * side, x * side, (y + 0.035) * side),
            fill=tone,
            width=6 if scene.style == "watercolor" else 4,
        )


def _snowfall(pen: Pen, scene: Scene, turned: bool) -> None:
    side = pen.canvas.width
    draw = ImageDraw.Draw(pen.canvas)
    tone: Tone = (214, 220, 240) if scene.time == "night" else (250, 251, 253)
    for index, (x, y) in enumerate(_grid(6, 7)):
        if scene.style == "pixel art":
            block, left, top = side // BLOCKS, int(x * BLOCKS), int(y * BLOCKS)
            draw.rectangle((left * block, top * block, (left + 1) * block - 1, (top + 1) * block - 1), fill=tone)
            continue
        radius = (0.0115, 0.016)[(index + turned) % 2] * side
        box = (x * side - radius, y * side - radius, x * side + radius, y * side + radius)
        draw.ellipse(box, fill=tone, outline=(140, 166, 206) if pen.lines else None, width=2)


@lru_cache(maxsize=4)
def _veil(side: int, turned: bool) -> Image.Image:
    """How much fog covers each pixel: more in the middle and below, in long rounded banks."""
    rows = np.linspace(0.0, 1.0, side)
    column = np.interp(rows, (0.10, 0.45, 0.70, 1.0), (0.0, 50.0, 66.0, 62.0)).astype(np.uint8)
    veil = Image.fromarray(np.repeat(column[:, None], side, axis=1))
    draw = ImageDraw.Draw(veil)
    for x, y, wide in ((-0.10, 0.36, 0.62), (0.46, 0.50, 0.70), (-0.14, 0.64, 0.72), (0.34, 0.86, 0.80)):
        left = 1 - x - wide if turned else x
        box = (left * side, (y - 0.030) * side, (left + wide) * side, (y + 0.030) * side)
        draw.rounded_rectangle(box, radius=0.030 * side, fill=108)
    return veil


def _fog(pen: Pen, scene: Scene, turned: bool) -> None:
    pale: dict[str, Tone] = {
        "day": (226, 231, 236),
        "sunset": (246, 212, 198),
        "night": (140, 150, 184),
        "dawn": (240, 230, 238),
    }
    tone = (206, 212, 220) if pen.lines else pale[scene.time]
    pen.canvas.paste(tone, (0, 0, *pen.canvas.size), _veil(pen.canvas.width, turned))
