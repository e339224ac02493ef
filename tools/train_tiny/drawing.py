"""From a scene to its picture: backdrop, subjects, weather, style.

The same scene is always the same picture, to the byte.
"""

from __future__ import annotations

import random

from PIL import Image

from .pen import Frame, Pen, mixed
from .places import draw_backdrop, draw_shadow, draw_waterline, draw_weather
from .scene import COLOURS, Scene
from .styles import finish
from .subjects import draw_subject

_ACROSS = {"left": 0.28, "center": 0.5, "right": 0.72}
_SCALES = {"small": 0.26, "medium": 0.40, "large": 0.52}
_ROWS: dict[int, tuple[tuple[float, ...], float]] = {2: ((0.3, 0.7), 0.32), 3: ((0.2, 0.5, 0.8), 0.26)}
"""Where several subjects stand, and how high they are."""
_HOVERING = frozenset({"balloon", "bird", "rocket"})
_HOVER = 0.12
_WET = 0.06
"""How much of a subject in the sea is under water."""


def picture_of(scene: Scene) -> Image.Image:
    """The scene's picture."""
    chance = random.Random(scene.seed)  # noqa: S311 (a picture, not a secret)
    pen = Pen(scene.style)
    ground = draw_backdrop(pen, scene, chance)
    # At night a subject is a little darker too; its colour must still be plain.
    tone = COLOURS[scene.colour]
    tone = mixed(tone, (40, 52, 110), 0.12) if scene.time == "night" and not pen.lines else tone
    frames = frames_of(scene, ground, chance)
    for frame in frames:
        draw_shadow(pen, scene, frame, ground)
        draw_subject(pen, scene.subject, tone, frame)
    if scene.place == "sea":
        draw_waterline(pen, scene, ground - _WET * frames[0].scale, chance)
    draw_weather(pen, scene, chance)
    return finish(pen.finished(), scene, chance)


def frames_of(scene: Scene, ground: float, chance: random.Random) -> list[Frame]:
    """Where the scene's subjects stand, from the left."""
    if scene.count == 1:
        across: tuple[float, ...] = (_ACROSS[scene.position] + chance.uniform(-0.02, 0.02),)
        scale = _SCALES[scene.size] * chance.uniform(0.97, 1.03)
    else:
        across, scale = _ROWS[scene.count]
    foot = ground - _HOVER if scene.subject in _HOVERING else ground
    return [Frame(x=x, y=foot, scale=scale) for x in across]
