"""How each subject of the closed world looks: one small drawing per word of `scene.SUBJECTS`.

A subject always looks the same: nothing here is random, so that the tiny model has one outline to learn per word. Most
of each one's area has the caption's colour; what else it needs (a trunk, a window, a wheel) is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .pen import Frame, Pen, Point, Tone, darker, lighter, mixed

Outline = tuple[Point, ...]

DARK: Tone = (52, 54, 74)
CREAM: Tone = (255, 240, 196)
SKY: Tone = (190, 226, 245)
WOOD: Tone = (122, 78, 48)
LEAF: Tone = (70, 150, 80)
CARROT: Tone = (245, 140, 50)
SUN: Tone = (252, 206, 60)

# Tones that go with a colour.


def _light(tone: Tone) -> float:
    return (tone[0] * 299 + tone[1] * 587 + tone[2] * 114) / 1000


def _is_black(tone: Tone) -> bool:
    return max(tone) < 70


def _is_white(tone: Tone) -> bool:
    return min(tone) > 160 and max(tone) - min(tone) < 45


def _is_yellow(tone: Tone) -> bool:
    return tone[1] > 160 and tone[2] < 120 and tone[0] > tone[1]


def _is_orange(tone: Tone) -> bool:
    return tone[0] > 200 and 85 < tone[1] <= 160 and tone[2] < 90


def _shadow(tone: Tone, part: float = 0.16) -> Tone:
    """For the side away from the light: on black a cool sheen, on yellow amber, which would be olive otherwise."""
    if _is_black(tone):
        return mixed(tone, (112, 122, 168), 1.7 * part)
    if _is_yellow(tone):
        return mixed(tone, (206, 112, 20), 1.5 * part)
    return mixed(tone, (40, 20, 60), part)


def _deep(tone: Tone) -> Tone:
    """For a door or a roof: clearly not the wall."""
    if _is_black(tone) or _is_yellow(tone):
        return _shadow(tone, 0.3)
    if _is_white(tone):
        return (150, 158, 178)
    return darker(tone, 0.34)


def _pale(tone: Tone, part: float = 0.55) -> Tone:
    """For a ribbon or a second sail: lighter; greyer where the subject is white."""
    if _is_white(tone):
        return mixed(tone, (150, 172, 208), 0.42)
    return mixed(tone, (206, 214, 238), part * 0.46) if _is_black(tone) else lighter(tone, part)


def _chalk(tone: Tone) -> Tone:
    """For stripes and dots: white; greyer on black, which stays black on the whole."""
    return (124, 132, 158) if _is_black(tone) else (252, 250, 244)


def _lamp(tone: Tone) -> Tone:
    """For lit glass, dimmer on black for the same reason."""
    return (206, 178, 92) if _is_black(tone) else (255, 226, 110)


def _contrast(tone: Tone) -> Tone:
    """For what must show on the subject however dark it is: windows, eyes."""
    return DARK if _light(tone) > 112 else CREAM


def _shine(tone: Tone) -> Tone:
    """For a glossy spot."""
    return (255, 255, 255) if _is_white(tone) else lighter(tone, 0.6)


def _wood(tone: Tone) -> Tone:
    """For a trunk: brown, and darker upon brown."""
    return darker(WOOD, 0.35) if math.dist(tone, WOOD) < 40 else WOOD


def _carrot(tone: Tone) -> Tone:
    """For a beak or a snowman's nose."""
    return (214, 74, 44) if _is_orange(tone) else CARROT


# Outlines, made once.


def _rounded(radius: float, *corners: Point) -> Outline:
    """The polygon with soft corners."""
    outline: list[Point] = []
    for index, corner in enumerate(corners):
        before, after = corners[index - 1], corners[(index + 1) % len(corners)]
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        for step in range(7):
            t = step / 6
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
            outline.append((a * start[0] + b * corner[0] + c * end[0], a * start[1] + b * corner[1] + c * end[1]))
    return tuple(outline)


def _towards(one: Point, other: Point, far: float) -> Point:
    part = min(0.5, far / max(1e-6, math.dist(one, other)))
    return one[0] + (other[0] - one[0]) * part, one[1] + (other[1] - one[1]) * part


def _arc(x: float, y: float, across: float, up: float, first: float = 0, last: float = 360) -> Outline:
    """Part of an ellipse, in degrees against the clock from the right."""
    turns = [math.radians(first + (last - first) * step / 36) for step in range(37)]
    return tuple((x + across * math.cos(turn), y + up * math.sin(turn)) for turn in turns)


def _bent(*controls: Point) -> Outline:
    """Cubic curves one after the other: a start, then two handles and an end for each."""
    outline: list[Point] = []
    for first in range(0, len(controls) - 3, 3):
        p, q, r, s = controls[first : first + 4]
        for step in range(13):
            t = step / 12
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            outline.append((a * p[0] + b * q[0] + c * r[0] + d * s[0], a * p[1] + b * q[1] + c * r[1] + d * s[1]))
    return tuple(outline)


def _mirrored(half: Sequence[Point]) -> Outline:
    """The right half and its mirror image, as one outline."""
    return (*half, *((-x, y) for x, y in reversed(half)))


def _ribbon(width: float, path: Sequence[Point]) -> Outline:
    """A band along the path with round ends."""
    left: list[Point] = []
    right: list[Point] = []
    ends: list[float] = []
    for index, (x, y) in enumerate(path):
        before, after = path[max(0, index - 1)], path[min(len(path) - 1, index + 1)]
        turn = math.atan2(after[1] - before[1], after[0] - before[0])
        ends.append(math.degrees(turn))
        aside = (-math.sin(turn) * width / 2, math.cos(turn) * width / 2)
        left.append((x + aside[0], y + aside[1]))
        right.append((x - aside[0], y - aside[1]))
    half = width / 2
    tip = _arc(*path[-1], half, half, ends[-1] + 90, ends[-1] - 90)
    root = _arc(*path[0], half, half, ends[0] - 90, ends[0] - 270)
    return (*left, *tip, *reversed(right), *root)


def _path(*points: Point, soft: float = 0.1) -> Outline:
    """An open line with soft bends."""
    middle = _rounded(soft, *points)
    return (points[0], *middle[7:-7], points[-1])


def _turned(outline: Sequence[Point], degrees: float, x: float, y: float) -> Outline:
    """The outline turned about the origin, then moved there."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple((x + px * cos - py * sin, y + px * sin + py * cos) for px, py in outline)


# Ways to draw them.


def _fill(pen: Pen, outline: Sequence[Point], tone: Tone, frame: Frame) -> None:
    """A large part. White and black get a slim rim, to be seen on snow and at night."""
    pen.shape(outline, tone, frame)
    if not pen.lines and _is_white(tone):
        pen.stroke([*outline, outline[0]], 0.012, _shadow(tone, 0.2), frame)
    elif not pen.lines and _is_black(tone):
        pen.stroke([*outline, outline[0]], 0.012, _shadow(tone, 0.36), frame)


def _shade(pen: Pen, outline: Sequence[Point], tone: Tone, frame: Frame) -> None:
    """Light or shade upon a part; a line drawing has none."""
    if not pen.lines:
        pen.shape(outline, tone, frame)


def _mark(pen: Pen, outline: Sequence[Point], fill: Tone, tone: Tone, frame: Frame) -> None:
    """A small part of another tone; in a line drawing it has the subject's."""
    pen.shape(outline, tone if pen.lines else fill, frame)


def _line(pen: Pen, path: Sequence[Point], width: float, fill: Tone, tone: Tone, frame: Frame) -> None:
    """A thin part of another tone; in a line drawing it has the subject's."""
    pen.stroke(path, width, tone if pen.lines else fill, frame)


def _ball_of(pen: Pen, x: float, y: float, radius: float, tone: Tone, frame: Frame) -> None:
    """A round body with its shade to the lower right."""
    _fill(pen, _arc(x, y, radius, radius), tone, frame)
    _shade(pen, _crescent(x, y, radius), _shadow(tone), frame)


def _crescent(x: float, y: float, radius: float) -> Outline:
    """The lower right rim of a disc."""
    r = radius * 0.99
    inner = _turned(_arc(0, 0, r, r * 0.76, 0, -180), 45, x, y)
    return (*_turned(_arc(0, 0, r, r, -180, 0), 45, x, y), *inner)


# Buildings.

_HOUSE_WALL = _rounded(0.02, (-0.42, 0), (0.42, 0), (0.42, 0.5), (0, 0.88), (-0.42, 0.5))
_HOUSE_SIDE = ((0.3, 0), (0.41, 0), (0.41, 0.5), (0.3, 0.6))
_HOUSE_ROOF = _rounded(0.03, (-0.56, 0.47), (-0.48, 0.39), (0, 0.83), (0.48, 0.39), (0.56, 0.47), (0, 0.98))
_CHIMNEY = _rounded(0.02, (0.2, 0.6), (0.34, 0.6), (0.34, 0.95), (0.2, 0.95))
_HOUSE_DOOR = (*_arc(0, 0.24, 0.1, 0.09, 0, 180), (-0.1, 0), (0.1, 0))


def _house(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _CHIMNEY, tone, frame)
    _fill(pen, _HOUSE_WALL, tone, frame)
    _shade(pen, _HOUSE_SIDE, _shadow(tone), frame)
    _mark(pen, _HOUSE_ROOF, _deep(tone), tone, frame)
    _mark(pen, _HOUSE_DOOR, _deep(tone), tone, frame)
    for x in (-0.25, 0.25):
        _mark(pen, _rounded(0.02, *_box(x - 0.068, 0.23, x + 0.068, 0.38)), _contrast(tone), tone, frame)
    _mark(pen, _arc(0, 0.57, 0.068, 0.068), _contrast(tone), tone, frame)


def _box(left: float, low: float, right: float, high: float) -> Outline:
    return ((left, low), (right, low), (right, high), (left, high))


def _battlement(left: float, low: float, right: float, high: float, teeth: int) -> Outline:
    """A wall with so many merlons on it."""
    step = (right - left) / (2 * teeth - 1)
    top: list[Point] = []
    for tooth in range(teeth):
        start = right - 2 * step * tooth
        top += [(start, high - 0.07), (start, high), (start - step, high), (start - step, high - 0.07)]
    return ((left, low), (right, low), *top)


_KEEP = _box(-0.17, 0.3, 0.17, 0.7)
_KEEP_ROOF = _rounded(0.02, (-0.23, 0.68), (0.23, 0.68), (0, 0.9))
_PENNANT = ((0.012, 0.99), (0.16, 0.945), (0.012, 0.9))
_CURTAIN_WALL = _battlement(-0.3, 0, 0.3, 0.48, 4)
_TOWERS = (_battlement(-0.55, 0, -0.25, 0.68, 3), _battlement(0.25, 0, 0.55, 0.68, 3))
_GATE = (*_arc(0, 0.2, 0.12, 0.12, 0, 180), (-0.12, 0), (0.12, 0))


def _castle(pen: Pen, tone: Tone, frame: Frame) -> None:
    _line(pen, [(0, 0.86), (0, 0.985)], 0.024, _deep(tone), tone, frame)
    _mark(pen, _PENNANT, _deep(tone), tone, frame)
    _fill(pen, _KEEP, tone, frame)
    _shade(pen, _box(0.08, 0.4, 0.165, 0.69), _shadow(tone), frame)
    _mark(pen, _KEEP_ROOF, _deep(tone), tone, frame)
    _fill(pen, _CURTAIN_WALL, tone, frame)
    for tower in _TOWERS:
        _fill(pen, tower, tone, frame)
        right = tower[1][0]
        _shade(pen, _box(right - 0.09, 0, right - 0.006, 0.6), _shadow(tone), frame)
    _mark(pen, _GATE, _deep(tone), tone, frame)
    for x, y in ((-0.42, 0.4), (0.38, 0.4), (-0.02, 0.54)):
        _mark(
            pen,
            (*_arc(x, y + 0.08, 0.035, 0.035, 0, 180), (x - 0.035, y), (x + 0.035, y)),
            _contrast(tone),
            tone,
            frame,
        )


def _half_wide(high: float) -> float:
    """The lighthouse's, at that height."""
    return 0.29 - 0.13 * high / 0.68


def _across(low: float, high: float) -> Outline:
    """A band of the lighthouse's tower."""
    wide, narrow = _half_wide(low), _half_wide(high)
    return ((-wide, low), (wide, low), (narrow, high), (-narrow, high))


_STRIPES = ((0.23, 0.31), (0.475, 0.55))
_LANTERN_ROOF = _arc(0, 0.86, 0.19, 0.13, 0, 180)


def _sunless(low: float, high: float) -> Outline:
    """The right side of such a band."""
    wide, narrow = _half_wide(low), _half_wide(high)
    return ((0.62 * wide, low), (wide - 0.006, low), (narrow - 0.006, high), (0.62 * narrow, high))


def _lighthouse(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _across(0, 0.68), tone, frame)
    _shade(pen, _sunless(0, 0.68), _shadow(tone, 0.14), frame)
    stripe = _pale(tone) if _is_white(tone) else _chalk(tone)
    for low, high in _STRIPES:
        _mark(pen, _across(low, high), stripe, tone, frame)
        _shade(pen, _sunless(low, high), _shadow(stripe, 0.1), frame)
    _mark(pen, _box(-0.12, 0.73, 0.12, 0.87), _lamp(tone), tone, frame)
    _line(pen, [(0, 0.74), (0, 0.86)], 0.024, _deep(tone), tone, frame)
    _mark(pen, _rounded(0.02, *_box(-0.22, 0.67, 0.22, 0.73)), _deep(tone), tone, frame)
    _fill(pen, _LANTERN_ROOF, tone, frame)
    _mark(pen, (*_arc(0, 0.1, 0.06, 0.06, 0, 180), (-0.06, 0), (0.06, 0)), _deep(tone), tone, frame)


_MILL = _rounded(0.02, (-0.37, 0), (0.37, 0), (0.2, 0.64), (-0.2, 0.64))
_MILL_CAP = _arc(0, 0.62, 0.23, 0.19, 0, 180)
_MILL_DOOR = (*_arc(0, 0.14, 0.08, 0.07, 0, 180), (-0.08, 0), (0.08, 0))
_SAILS = tuple(_turned(_rounded(0.02, *_box(-0.01, 0.13, 0.1, 0.47)), turn, 0, 0.6) for turn in (45, 135, 225, 315))
_BEAMS = tuple(_turned(((0, 0), (0, 0.48)), turn, 0, 0.6) for turn in (45, 135, 225, 315))


def _windmill(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _MILL, tone, frame)
    _shade(pen, ((0.2, 0), (0.355, 0), (0.193, 0.62), (0.1, 0.62)), _shadow(tone), frame)
    _fill(pen, _MILL_CAP, tone, frame)
    _shade(pen, _box(-0.23, 0.615, 0.23, 0.655), _deep(tone), frame)
    _mark(pen, _MILL_DOOR, _deep(tone), tone, frame)
    for sail, beam in zip(_SAILS, _BEAMS, strict=True):
        _mark(pen, sail, _pale(tone, 0.4 if _is_black(tone) else 0.55), tone, frame)
        _line(pen, beam, 0.03, _deep(tone), tone, frame)
    _mark(pen, _arc(0, 0.6, 0.045, 0.045), _deep(tone), tone, frame)


_TENT_FRONT = _rounded(0.02, (-0.58, 0), (-0.17, 0.74), (0.24, 0))
_TENT_SIDE = _rounded(0.02, (-0.17, 0.74), (0.3, 0.68), (0.59, 0.03), (0.24, 0))
_TENT_HEM = ((0.24, 0.005), (0.585, 0.035), (0.535, 0.15), (0.175, 0.13))
_TENT_DOOR = ((-0.34, 0), (-0.17, 0.48), (0.0, 0))
_TENT_FLAP = ((-0.17, 0.48), (0.0, 0), (0.11, 0.02), (-0.02, 0.2))


def _tent(pen: Pen, tone: Tone, frame: Frame) -> None:
    _line(pen, [(-0.12, 0.64), (-0.205, 0.82)], 0.03, _wood(tone), tone, frame)
    _line(pen, [(-0.22, 0.64), (-0.135, 0.82)], 0.03, _wood(tone), tone, frame)
    _fill(pen, _TENT_SIDE, tone, frame)
    _shade(pen, _TENT_HEM, _shadow(tone, 0.22), frame)
    _fill(pen, _TENT_FRONT, tone, frame)
    _shade(pen, _TENT_FRONT, _shadow(tone), frame)
    _mark(pen, _TENT_DOOR, _inside(tone), tone, frame)
    _fill(pen, _TENT_FLAP, tone, frame)


def _inside(tone: Tone) -> Tone:
    """For an opening to look into; a black tent is lit, since nothing is darker."""
    return (184, 158, 104) if _is_black(tone) else darker(tone, 0.6)


# Plants.


def _scalloped(x: float, y: float, radius: float, bumps: int, depth: float) -> Outline:
    """A disc with so many soft bumps round it."""
    outline: list[Point] = []
    for step in range(120):
        turn = 2 * math.pi * step / 120
        far = radius * (1 - depth + depth * abs(math.sin(turn * bumps / 2)) ** 0.7)
        outline.append((x + far * math.cos(turn), y + far * math.sin(turn)))
    return tuple(outline)


_CROWN = _scalloped(0, 0.62, 0.385, 9, 0.13)
_CROWN_SHADE = (*_scalloped(0, 0.62, 0.378, 9, 0.13)[78:120], *_arc(-0.1, 0.72, 0.37, 0.37, -12, -112))
_TRUNK = (
    *_bent((-0.13, 0), (-0.06, 0.06), (-0.055, 0.2), (-0.03, 0.54)),
    *((0.0, 0.54), (0.03, 0.42), (0.12, 0.52), (0.15, 0.5)),
    *_bent((0.045, 0.34), (0.05, 0.2), (0.06, 0.06), (0.13, 0)),
)


def _tree(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _CROWN, tone, frame)
    _shade(pen, _CROWN_SHADE, _shadow(tone), frame)
    for x, y in ((-0.17, 0.76), (0.03, 0.86), (-0.22, 0.57)):
        _shade(pen, _arc(x, y, 0.055, 0.035), _pale(tone, 0.3), frame)
    _mark(pen, _TRUNK, _wood(tone), tone, frame)


_PINE_TIERS = (
    _rounded(0.06, (-0.44, 0.14), (0, 0.06), (0.44, 0.14), (0, 0.62)),
    _rounded(0.06, (-0.36, 0.38), (0, 0.3), (0.36, 0.38), (0, 0.82)),
    _rounded(0.05, (-0.27, 0.62), (0, 0.55), (0.27, 0.62), (0, 1.0)),
)
_PINE_SIDES = (
    ((0.04, 0.1), (0.4, 0.155), (0.03, 0.52)),
    ((0.04, 0.34), (0.32, 0.395), (0.03, 0.73)),
    ((0.04, 0.585), (0.235, 0.63), (0.03, 0.91)),
)
_PINE_UNDER = (
    ((-0.27, 0.355), (0, 0.3), (0.27, 0.355), (0.24, 0.335), (0, 0.235), (-0.24, 0.335)),
    ((-0.2, 0.595), (0, 0.545), (0.2, 0.595), (0.19, 0.57), (0, 0.475), (-0.19, 0.57)),
)


def _pine(pen: Pen, tone: Tone, frame: Frame) -> None:
    _mark(pen, _box(-0.065, 0, 0.065, 0.2), _wood(tone), tone, frame)
    for tier, side in zip(_PINE_TIERS, _PINE_SIDES, strict=True):
        _fill(pen, tier, tone, frame)
        _shade(pen, side, _shadow(tone), frame)
    for under in _PINE_UNDER:
        _shade(pen, under, _shadow(tone, 0.28), frame)


_CACTUS_BODY = (*_arc(0, 0.77, 0.16, 0.16, 0, 180), (-0.16, 0.0), (0.16, 0.0))
_CACTUS_ARMS = (
    _ribbon(0.16, _path((-0.1, 0.32), (-0.4, 0.32), (-0.4, 0.62), soft=0.14)),
    _ribbon(0.16, _path((0.1, 0.42), (0.4, 0.42), (0.4, 0.74), soft=0.14)),
)
_CACTUS_ARM_RIBS = (((-0.4, 0.46), (-0.4, 0.62)), ((0.4, 0.55), (0.4, 0.74)))
_CACTUS_RIBS = (((-0.055, 0.03), (-0.055, 0.8)), ((0.055, 0.03), (0.055, 0.8)))
_CACTUS_FLOWER = tuple(_arc(x, y, 0.042, 0.042) for x, y in ((0.048, 0.934), (-0.048, 0.934), (0, 0.955)))


def _cactus(pen: Pen, tone: Tone, frame: Frame) -> None:
    for arm, rib in zip(_CACTUS_ARMS, _CACTUS_ARM_RIBS, strict=True):
        _fill(pen, arm, tone, frame)
        _line(pen, rib, 0.022, _shadow(tone, 0.28), tone, frame)
    _fill(pen, _CACTUS_BODY, tone, frame)
    _shade(pen, _box(0.105, 0.005, 0.155, 0.76), _shadow(tone), frame)
    for rib in _CACTUS_RIBS:
        _line(pen, rib, 0.022, _shadow(tone, 0.28), tone, frame)
    for petal in _CACTUS_FLOWER:
        _mark(pen, petal, _blossom(tone), tone, frame)


def _blossom(tone: Tone) -> Tone:
    """A small flower's tone: pink, or yellow upon red and pink."""
    return SUN if tone[0] > 180 and tone[1] < 180 else (240, 110, 150)


_PETALS = tuple(_turned(_arc(0, 0.2, 0.135, 0.165), 60 * turn, 0, 0.63) for turn in range(6))
_PETAL_FOLDS = tuple(_turned(((0, 0.1), (0, 0.24)), 60 * turn, 0, 0.63) for turn in range(6))
_STEM = _box(-0.027, 0, 0.027, 0.5)
_LEAF = _bent((0, 0.05), (0.1, 0.06), (0.28, 0.1), (0.3, 0.26), (0.15, 0.26), (0.02, 0.2), (0, 0.05))
_LEAVES = (_LEAF, tuple((-x, y) for x, y in _LEAF))


def _flower(pen: Pen, tone: Tone, frame: Frame) -> None:
    for leaf in _LEAVES:
        _mark(pen, leaf, LEAF, tone, frame)
    _mark(pen, _STEM, LEAF, tone, frame)
    for petal in _PETALS:
        _fill(pen, petal, tone, frame)
    for fold in _PETAL_FOLDS:
        if not pen.lines:
            pen.stroke(fold, 0.022, _shadow(tone, 0.22), frame)
    heart = (150, 88, 40) if _is_yellow(tone) or _is_orange(tone) else SUN
    _mark(pen, _arc(0, 0.63, 0.105, 0.105), heart, tone, frame)


_CAP = _bent((0.56, 0.4), (0.57, 0.74), (0.3, 0.98), (0, 0.98), (-0.3, 0.98), (-0.57, 0.74), (-0.56, 0.4)) + _bent(
    (-0.56, 0.4), (-0.55, 0.31), (-0.2, 0.33), (0, 0.33), (0.2, 0.33), (0.55, 0.31), (0.56, 0.4)
)
_CAP_SHADE = _bent((0.555, 0.4), (0.565, 0.74), (0.3, 0.97), (0.08, 0.97)) + _bent(
    (0.08, 0.97), (0.3, 0.9), (0.44, 0.68), (0.36, 0.335), (0.5, 0.335), (0.55, 0.35), (0.555, 0.4)
)
_STALK = _bent((-0.17, 0.03), (-0.1, 0.14), (-0.11, 0.28), (-0.12, 0.38)) + _bent(
    (0.12, 0.38), (0.11, 0.28), (0.1, 0.14), (0.17, 0.03), (0.11, -0.01), (-0.11, -0.01), (-0.17, 0.03)
)
_STALK_SHADE = ((0.05, 0.005), (0.15, 0.03), (0.1, 0.2), (0.115, 0.36), (0.04, 0.36))


def _mushroom(pen: Pen, tone: Tone, frame: Frame) -> None:
    _mark(pen, _STALK, mixed((238, 214, 182), tone, 0.2 if _is_black(tone) else 0), tone, frame)
    _shade(pen, _STALK_SHADE, mixed((220, 194, 160), tone, 0.2 if _is_black(tone) else 0), frame)
    _fill(pen, _CAP, tone, frame)
    _shade(pen, _CAP_SHADE, _shadow(tone), frame)
    dots = _pale(tone) if _is_white(tone) else _chalk(tone)
    for x, y, radius in ((-0.3, 0.56, 0.085), (0.0, 0.76, 0.09), (0.27, 0.55, 0.075), (-0.02, 0.48, 0.05)):
        _mark(pen, _arc(x, y, radius, radius * 0.92), dots, tone, frame)


# Things that move.

_HULL = _bent((-0.56, 0.28), (-0.5, 0.1), (-0.42, 0), (-0.3, 0)) + _bent(
    (0.28, 0), (0.42, 0), (0.52, 0.12), (0.58, 0.28)
)
_HULL_SHADE = _bent((-0.46, 0.08), (-0.42, 0.02), (-0.36, 0.005), (-0.3, 0.005)) + _bent(
    (0.28, 0.005), (0.4, 0.01), (0.44, 0.04), (0.465, 0.085)
)
_MAIN_SAIL = (*_bent((0.03, 0.97), (0.2, 0.8), (0.44, 0.55), (0.5, 0.36)), (0.03, 0.36))
_JIB = (*_bent((-0.06, 0.86), (-0.16, 0.7), (-0.34, 0.5), (-0.42, 0.36)), (-0.06, 0.36))


def _boat(pen: Pen, tone: Tone, frame: Frame) -> None:
    _line(pen, [(-0.015, 0.25), (-0.015, 0.985)], 0.035, WOOD, tone, frame)
    _fill(pen, _MAIN_SAIL, tone, frame)
    _shade(pen, ((0.04, 0.365), (0.49, 0.365), (0.455, 0.45), (0.04, 0.45)), _shadow(tone), frame)
    _mark(pen, _JIB, _pale(tone, 0.4), tone, frame)
    _fill(pen, _HULL, tone, frame)
    _shade(pen, _HULL_SHADE, _shadow(tone, 0.24), frame)
    _mark(pen, ((-0.552, 0.255), (0.572, 0.255), (0.58, 0.29), (-0.56, 0.29)), _pale(tone, 0.8), tone, frame)


_CAR = (
    *_bent((-0.58, 0.16), (-0.6, 0.34), (-0.56, 0.38), (-0.42, 0.4), (-0.34, 0.6), (-0.22, 0.66), (-0.02, 0.66)),
    *_bent((-0.02, 0.66), (0.16, 0.66), (0.24, 0.56), (0.32, 0.42), (0.52, 0.38), (0.6, 0.34), (0.58, 0.16)),
    *_bent((0.58, 0.16), (0.58, 0.11), (0.56, 0.1), (0.52, 0.1), (0.2, 0.1), (-0.2, 0.1), (-0.52, 0.1)),
    *_bent((-0.52, 0.1), (-0.56, 0.1), (-0.58, 0.11), (-0.58, 0.16)),
)
_CAR_SHADE = ((-0.575, 0.19), (0.575, 0.19), (0.57, 0.11), (-0.57, 0.11))
_CAR_WINDOWS = (
    _rounded(0.04, (-0.32, 0.42), (-0.08, 0.42), (-0.08, 0.585), (-0.235, 0.585)),
    _rounded(0.04, (-0.02, 0.42), (0.21, 0.42), (0.11, 0.585), (-0.02, 0.585)),
)


def _car(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _CAR, tone, frame)
    _shade(pen, _CAR_SHADE, _shadow(tone), frame)
    for window in _CAR_WINDOWS:
        _mark(pen, window, (150, 184, 212) if _is_white(tone) or _is_black(tone) else SKY, tone, frame)
    _mark(pen, _arc(0.53, 0.3, 0.035, 0.045), (255, 232, 140), tone, frame)
    _line(pen, [(0.0, 0.33), (0.07, 0.33)], 0.025, _deep(tone), tone, frame)
    for x in (-0.33, 0.33):
        _mark(pen, _arc(x, 0.13, 0.13, 0.13), (66, 72, 94) if _is_black(tone) else (58, 58, 70), tone, frame)
        _mark(pen, _arc(x, 0.13, 0.06, 0.06), (214, 218, 226), tone, frame)


_ROCKET = _mirrored(_bent((0.12, 0.16), (0.26, 0.36), (0.26, 0.7), (0, 1.0)))
_ROCKET_SHADE = _bent((0.12, 0.165), (0.255, 0.36), (0.255, 0.7), (0, 0.99)) + _bent(
    (0, 0.99), (0.14, 0.7), (0.15, 0.36), (0.05, 0.165)
)
_NOSE = _mirrored(_bent((0.135, 0.79), (0.1, 0.86), (0.055, 0.935), (0, 1.0)))
_FIN = _bent((0.165, 0.42), (0.3, 0.36), (0.4, 0.22), (0.36, 0.05)) + _bent(
    (0.36, 0.05), (0.3, 0.14), (0.2, 0.17), (0.12, 0.17)
)
_FINS = (_FIN, tuple((-x, y) for x, y in _FIN))
_FLAME = _mirrored(_bent((0.09, 0.16), (0.11, 0.1), (0.03, 0.05), (0, 0.0)))


def _rocket(pen: Pen, tone: Tone, frame: Frame) -> None:
    _mark(pen, _FLAME, (255, 176, 50), tone, frame)
    for fin in _FINS:
        _mark(pen, fin, _shadow(tone, 0.21), tone, frame)
    _fill(pen, _ROCKET, tone, frame)
    _shade(pen, _ROCKET_SHADE, _shadow(tone), frame)
    _mark(pen, _NOSE, _deep(tone), tone, frame)
    _mark(pen, _arc(0, 0.58, 0.1, 0.1), _deep(tone), tone, frame)
    _mark(pen, _arc(0, 0.58, 0.068, 0.068), SKY, tone, frame)


def _gore(part: float) -> Outline:
    """The right edge of the envelope, squeezed to that part of its width."""
    edge = _bent((0, 0.995), (0.26, 0.995), (0.44, 0.84), (0.44, 0.64), (0.44, 0.46), (0.2, 0.34), (0.12, 0.23))
    return tuple((x * part, y) for x, y in edge)


_ENVELOPE = _mirrored(_gore(1))
_GORE_SHADE = (*_gore(0.985), *reversed(_gore(0.7)))
_GORES = (
    _mirrored(_gore(0.16)),
    (*_gore(0.7), *reversed(_gore(0.47))),
    (*_gore(-0.7), *reversed(_gore(-0.47))),
)


def _balloon(pen: Pen, tone: Tone, frame: Frame) -> None:
    for x in (-0.1, 0.1):
        _line(pen, [(x, 0.26), (x * 0.85, 0.1)], 0.018, WOOD, tone, frame)
    _fill(pen, _ENVELOPE, tone, frame)
    _shade(pen, _GORE_SHADE, _shadow(tone), frame)
    for gore in _GORES:
        _mark(pen, gore, _pale(tone, 0.4), tone, frame)
    _mark(pen, _rounded(0.03, (-0.11, 0.14), (0.11, 0.14), (0.085, 0.0), (-0.085, 0.0)), WOOD, tone, frame)
    _shade(pen, _box(-0.115, 0.115, 0.115, 0.15), darker(WOOD, 0.3), frame)


def _canopy(scallops: int) -> Outline:
    """A dome whose lower rim hangs in bows."""
    wide = 0.57 / scallops
    rim = [point for bow in range(scallops) for point in _arc(-0.57 + wide * (2 * bow + 1), 0.44, wide, 0.075, 180, 0)]
    return (*_arc(0, 0.44, 0.57, 0.5, 0, 180), *rim)


_CANOPY = _canopy(4)
_RIBS = (
    _bent((0, 0.94), (-0.2, 0.85), (-0.28, 0.65), (-0.285, 0.44)),
    _bent((0, 0.94), (0, 0.8), (0, 0.6), (0, 0.44)),
    _bent((0, 0.94), (0.2, 0.85), (0.28, 0.65), (0.285, 0.44)),
)
_PANELS = (
    (*_RIBS[2], *_arc(0.4275, 0.44, 0.1425, 0.075, 180, 0), *_arc(0, 0.44, 0.565, 0.495, 0, 90)),
    (*_RIBS[0], *_arc(-0.1425, 0.44, 0.1425, 0.075, 180, 0), *reversed(_RIBS[1])),
)
_HOOK = _ribbon(0.05, (*((0, 0.6), (0, 0.3)), *_arc(0.1, 0.13, 0.1, 0.1, 180, 345)))


def _umbrella(pen: Pen, tone: Tone, frame: Frame) -> None:
    _line(pen, [(0, 0.9), (0, 0.99)], 0.035, WOOD, tone, frame)
    _mark(pen, _HOOK, WOOD, tone, frame)
    _fill(pen, _CANOPY, tone, frame)
    _shade(pen, _PANELS[0], _shadow(tone), frame)
    _shade(pen, _PANELS[1], _shadow(tone, 0.08) if _is_white(tone) else _pale(tone, 0.16), frame)
    for rib in _RIBS:
        _line(pen, rib, 0.014, _shadow(tone, 0.3), tone, frame)


# Animals and toys.

_CAT_BODY = _mirrored(_bent((0.02, 0.56), (0.2, 0.54), (0.36, 0.3), (0.33, 0.07), (0.32, 0.0), (0.26, 0), (0.2, 0)))
_CAT_BODY_SHADE = (
    *_bent((0.12, 0.5), (0.28, 0.42), (0.35, 0.25), (0.325, 0.07), (0.31, 0.01), (0.26, 0.005), (0.2, 0.005)),
    (0.24, 0.15),
)
_CAT_HEAD = _rounded(
    0.06,
    *((0.29, 0.98), (0.31, 0.7), (0.28, 0.56), (0.14, 0.46), (-0.14, 0.46), (-0.28, 0.56), (-0.31, 0.7)),
    *((-0.29, 0.98), (-0.12, 0.86), (0.12, 0.86)),
)
_CAT_EARS = (
    _rounded(0.02, (0.25, 0.9), (0.26, 0.78), (0.17, 0.84)),
    _rounded(0.02, (-0.25, 0.9), (-0.26, 0.78), (-0.17, 0.84)),
)
_CAT_TAIL = _ribbon(
    0.11, _bent((0.2, 0.07), (0.48, 0.02), (0.58, 0.2), (0.47, 0.3), (0.4, 0.37), (0.44, 0.44), (0.52, 0.46))
)


def _cat(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _CAT_TAIL, tone, frame)
    _fill(pen, _CAT_BODY, tone, frame)
    _shade(pen, _CAT_BODY_SHADE, _shadow(tone), frame)
    for x in (-0.09, 0.09):
        _line(pen, [(x, 0.01), (x, 0.2)], 0.02, _shadow(tone, 0.34), tone, frame)
    _shade(pen, _bent((-0.15, 0.47), (-0.06, 0.4), (0.1, 0.4), (0.2, 0.48)), _shadow(tone, 0.28), frame)
    _fill(pen, _CAT_HEAD, tone, frame)
    for ear in _CAT_EARS:
        _shade(pen, ear, mixed(tone, (255, 170, 175), 0.55), frame)
    for x in (-0.13, 0.13):
        _mark(pen, _arc(x, 0.7, 0.042, 0.055), _contrast(tone), tone, frame)
        if _contrast(tone) != DARK:
            _shade(pen, _arc(x, 0.7, 0.016, 0.045), DARK, frame)
    nose = (225, 95, 115) if abs(tone[0] - 230) > 25 or tone[2] < 20 else (150, 40, 60)
    _mark(pen, _rounded(0.01, (-0.035, 0.625), (0.035, 0.625), (0, 0.585)), nose, tone, frame)
    for side in (-1, 1):
        for rise in (0.0, 0.05):
            whisker = [(side * 0.2, 0.6 - rise * 0.5), (side * 0.38, 0.62 - rise)]
            _line(pen, whisker, 0.012, _shadow(tone, 0.45), tone, frame)


_FISH = _bent((0.56, 0.52), (0.44, 0.82), (-0.05, 0.86), (-0.3, 0.53)) + _bent(
    (-0.3, 0.53), (-0.05, 0.2), (0.44, 0.24), (0.56, 0.52)
)
_FISH_SHADE = _bent((0.5, 0.42), (0.4, 0.24), (-0.02, 0.22), (-0.28, 0.52)) + _bent(
    (-0.28, 0.52), (0, 0.34), (0.3, 0.34), (0.5, 0.42)
)
_FISH_TAIL = _rounded(0.06, (-0.22, 0.53), (-0.58, 0.8), (-0.48, 0.53), (-0.58, 0.26))
_FISH_FINS = (
    (*_bent((-0.1, 0.68), (-0.08, 0.86), (0.05, 0.94), (0.2, 0.9)), (0.26, 0.72)),
    (*_bent((0, 0.34), (-0.1, 0.24), (-0.1, 0.18), (-0.04, 0.13)), (0.16, 0.32)),
)
_FISH_FIN = _bent((0.08, 0.55), (0.02, 0.52), (-0.1, 0.54), (-0.14, 0.44)) + _bent(
    (-0.14, 0.44), (-0.04, 0.38), (0.06, 0.42), (0.08, 0.55)
)


def _fish(pen: Pen, tone: Tone, frame: Frame) -> None:
    for fin in (*_FISH_FINS, _FISH_TAIL):
        _mark(pen, fin, _shadow(tone, 0.26), tone, frame)
    _fill(pen, _FISH, tone, frame)
    _shade(pen, _FISH_SHADE, _shadow(tone), frame)
    _mark(pen, _FISH_FIN, _shadow(tone, 0.3), tone, frame)
    _line(pen, _arc(0.36, 0.54, 0.16, 0.19, 125, 235), 0.025, _shadow(tone, 0.34), tone, frame)
    _mark(pen, _arc(0.36, 0.6, 0.065, 0.065), (255, 255, 255), tone, frame)
    _mark(pen, _arc(0.375, 0.6, 0.034, 0.034), DARK, tone, frame)


_BIRD = (
    *_bent((-0.3, 0.44), (-0.22, 0.2), (0.0, 0.13), (0.14, 0.16), (0.36, 0.2), (0.42, 0.42), (0.41, 0.68)),
    *_bent((0.41, 0.68), (0.4, 0.85), (0.28, 0.93), (0.17, 0.92), (0.02, 0.9), (-0.04, 0.78), (-0.06, 0.68)),
    *((-0.58, 0.5), (-0.56, 0.41)),
)
_BIRD_BELLY = _bent(
    (-0.2, 0.3), (-0.12, 0.18), (0.02, 0.15), (0.14, 0.165), (0.34, 0.2), (0.4, 0.42), (0.4, 0.6)
) + _bent((0.4, 0.6), (0.34, 0.4), (0.1, 0.26), (-0.2, 0.3))
_WING = _bent((0.16, 0.58), (0.18, 0.36), (-0.1, 0.28), (-0.38, 0.38)) + _bent(
    (-0.38, 0.38), (-0.24, 0.5), (-0.06, 0.66), (0.16, 0.58)
)


def _bird(pen: Pen, tone: Tone, frame: Frame) -> None:
    for x in (0.02, 0.16):
        _line(pen, [(x, 0.2), (x, 0.015), (x + 0.08, 0.015)], 0.028, CARROT, tone, frame)
    _mark(pen, _rounded(0.02, (0.37, 0.78), (0.58, 0.69), (0.38, 0.63)), _carrot(tone), tone, frame)
    _fill(pen, _BIRD, tone, frame)
    _shade(pen, _BIRD_BELLY, _pale(tone, 0.4), frame)
    _mark(pen, _WING, _shadow(tone, 0.21), tone, frame)
    _mark(pen, _arc(0.25, 0.75, 0.042, 0.046), _contrast(tone), tone, frame)


_SCARF = _rounded(0.04, (-0.22, 0.535), (0.22, 0.535), (0.22, 0.465), (-0.22, 0.465))
_SCARF_END = _rounded(0.03, (0.08, 0.5), (0.17, 0.5), (0.19, 0.31), (0.1, 0.31))


def _snowman(pen: Pen, tone: Tone, frame: Frame) -> None:
    dark = (112, 118, 150) if _is_black(tone) else mixed(DARK, tone, 0.28)
    for side in (-1, 1):
        _line(pen, [(side * 0.26, 0.34), (side * 0.55, 0.52)], 0.032, WOOD, tone, frame)
        _line(pen, [(side * 0.45, 0.455), (side * 0.55, 0.43)], 0.026, WOOD, tone, frame)
    _ball_of(pen, 0, 0.31, 0.31, tone, frame)
    _ball_of(pen, 0, 0.66, 0.225, tone, frame)
    for part in (_SCARF_END, _SCARF):
        _mark(pen, part, dark, tone, frame)
    for y in (0.17, 0.3):
        _mark(pen, _arc(0, y, 0.03, 0.03), _contrast(tone), tone, frame)
    for x in (-0.085, 0.085):
        _mark(pen, _arc(x, 0.7, 0.027, 0.032), _contrast(tone), tone, frame)
    _mark(pen, ((0, 0.655), (0, 0.6), (0.2, 0.61)), _carrot(tone), tone, frame)
    _mark(pen, _rounded(0.02, *_box(-0.125, 0.84, 0.125, 0.995)), dark, tone, frame)
    _mark(pen, _rounded(0.02, *_box(-0.21, 0.815, 0.21, 0.86)), dark, tone, frame)


_BALL_STRIPE = _turned((*_arc(0, 0.05, 0.467, 0.16, 180, 360), *_arc(0, -0.06, 0.463, 0.16, 360, 180)), 20, 0, 0.47)


def _ball(pen: Pen, tone: Tone, frame: Frame) -> None:
    _ball_of(pen, 0, 0.47, 0.47, tone, frame)
    _mark(pen, _BALL_STRIPE, _pale(tone, 0.85), tone, frame)
    _shade(pen, _turned(_arc(0, 0, 0.1, 0.055), 38, -0.19, 0.73), _shine(tone), frame)


# Signs and small things.


def _star_points(far: float, near: float) -> list[Point]:
    turns = [math.radians(90 + 36 * step) for step in range(10)]
    reach = [far if step % 2 == 0 else near for step in range(10)]
    return [(r * math.cos(t), 0.46 + r * math.sin(t)) for r, t in zip(reach, turns, strict=True)]


_STAR = _rounded(0.05, *_star_points(0.55, 0.265))
_STAR_FACETS = tuple(
    ((0.0, 0.46), _star_points(0.5, 0.255)[tip], _star_points(0.5, 0.255)[(tip + 9) % 10]) for tip in (0, 2, 4, 6, 8)
)


def _star(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _STAR, tone, frame)
    for facet in _STAR_FACETS:
        _shade(pen, facet, _shadow(tone), frame)


_HEART = _mirrored(_bent((0, 0.0), (0.12, 0.14), (0.57, 0.36), (0.56, 0.66), (0.55, 0.98), (0.12, 1.02), (0, 0.74)))
_HEART_SHADE = _bent(
    (0.01, 0.02), (0.14, 0.15), (0.56, 0.36), (0.55, 0.66), (0.545, 0.76), (0.5, 0.84), (0.45, 0.87)
) + _bent((0.45, 0.87), (0.5, 0.6), (0.34, 0.34), (0.01, 0.02))


def _heart(pen: Pen, tone: Tone, frame: Frame) -> None:
    _fill(pen, _HEART, tone, frame)
    _shade(pen, _HEART_SHADE, _shadow(tone), frame)
    _shade(pen, _turned(_arc(0, 0, 0.1, 0.055), 50, -0.34, 0.74), _shine(tone), frame)


_CUP = _bent((-0.42, 0.72), (-0.42, 0.4), (-0.4, 0.02), (-0.2, 0.02)) + _bent(
    (0.12, 0.02), (0.32, 0.02), (0.34, 0.4), (0.34, 0.72)
)
_CUP_SHADE = _bent((0.06, 0.025), (0.31, 0.02), (0.335, 0.4), (0.335, 0.7)) + _bent(
    (0.22, 0.7), (0.22, 0.4), (0.2, 0.1), (0.06, 0.025)
)
_HANDLE = _ribbon(0.09, _bent((0.3, 0.58), (0.58, 0.66), (0.62, 0.28), (0.26, 0.22)))
_STEAM = tuple(_bent((x, 0.84), (x - 0.06, 0.89), (x + 0.06, 0.93), (x, 0.985)) for x in (-0.16, 0.08))


def _cup(pen: Pen, tone: Tone, frame: Frame) -> None:
    for steam in _STEAM:
        _line(pen, steam, 0.035, (206, 212, 222), tone, frame)
    _fill(pen, _HANDLE, _shadow(tone), frame)
    _fill(pen, _CUP, tone, frame)
    _shade(pen, _CUP_SHADE, _shadow(tone), frame)
    _fill(pen, _arc(-0.04, 0.72, 0.38, 0.085), _pale(tone, 0.35), frame)
    _mark(pen, _arc(-0.04, 0.71, 0.32, 0.06), (104, 62, 40), tone, frame)


_BOWS = (
    _bent((0, 0.72), (0.1, 0.92), (0.3, 1.04), (0.36, 0.9), (0.4, 0.78), (0.2, 0.7), (0, 0.72)),
    _bent((0, 0.72), (-0.1, 0.92), (-0.3, 1.04), (-0.36, 0.9), (-0.4, 0.78), (-0.2, 0.7), (0, 0.72)),
)


def _gift(pen: Pen, tone: Tone, frame: Frame) -> None:
    ribbon = _deep(tone) if _is_yellow(tone) else _pale(tone, 1.0 if _is_black(tone) else 0.65)
    for bow in _BOWS:
        _mark(pen, bow, ribbon, tone, frame)
        _shade(pen, tuple((x * 0.55, 0.76 + (y - 0.72) * 0.55) for x, y in bow), _shadow(ribbon, 0.2), frame)
    _fill(pen, _rounded(0.03, *_box(-0.42, 0, 0.42, 0.56)), tone, frame)
    _shade(pen, _box(0.28, 0.01, 0.412, 0.54), _shadow(tone), frame)
    _shade(pen, _box(-0.41, 0.46, 0.41, 0.54), _shadow(tone, 0.28), frame)
    _mark(pen, _box(-0.075, 0.005, 0.075, 0.54), ribbon, tone, frame)
    _fill(pen, _rounded(0.03, *_box(-0.48, 0.51, 0.48, 0.72)), tone, frame)
    _mark(pen, _box(-0.075, 0.51, 0.075, 0.72), ribbon, tone, frame)
    _mark(pen, _arc(0, 0.74, 0.07, 0.06), _shadow(ribbon, 0.12), tone, frame)


SUBJECT_DRAWINGS: dict[str, Callable[[Pen, Tone, Frame], None]] = {
    "house": _house,
    "castle": _castle,
    "lighthouse": _lighthouse,
    "windmill": _windmill,
    "tent": _tent,
    "tree": _tree,
    "pine": _pine,
    "cactus": _cactus,
    "flower": _flower,
    "mushroom": _mushroom,
    "boat": _boat,
    "car": _car,
    "rocket": _rocket,
    "balloon": _balloon,
    "umbrella": _umbrella,
    "cat": _cat,
    "fish": _fish,
    "bird": _bird,
    "snowman": _snowman,
    "ball": _ball,
    "star": _star,
    "heart": _heart,
    "cup": _cup,
    "gift": _gift,
}
"""The drawing of each word of `scene.SUBJECTS`."""


def draw_subject(pen: Pen, name: str, tone: Tone, frame: Frame) -> None:
    """The subject in that tone, its foot at the frame's."""
    SUBJECT_DRAWINGS[name](pen, tone, frame)
