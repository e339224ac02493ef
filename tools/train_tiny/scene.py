"""What a picture shows, as a caption could say it: the words of the closed world that the tiny model learns.

Nothing is drawn here. A scene is chosen at random from a seed, and everything that its picture leaves open (where
exactly a hill stands) comes from the scene's own seed, so that a scene is one picture.
"""

from __future__ import annotations

import random
import zlib

from msgspec import Struct

SUBJECTS = (
    *("house", "castle", "lighthouse", "windmill", "tent"),
    *("tree", "pine", "cactus", "flower", "mushroom"),
    *("boat", "car", "rocket", "balloon", "umbrella"),
    *("cat", "fish", "bird", "snowman", "ball"),
    *("star", "heart", "cup", "gift"),
)
"""What stands in the picture. Each has an outline of its own."""
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (245, 130, 30),
    "yellow": (250, 210, 40),
    "green": (50, 150, 70),
    "blue": (40, 90, 210),
    "purple": (130, 60, 170),
    "pink": (245, 130, 175),
    "brown": (125, 80, 45),
    "white": (244, 244, 240),
    "black": (38, 38, 44),
}
"""RGB of the subject."""
PLACES = ("meadow", "beach", "sea", "snow", "desert", "city", "forest", "mountains", "studio")
"""Where it stands. A studio is a plain light background without sky or ground."""
TIMES = ("day", "sunset", "night", "dawn")
"""When. A studio has none: `day`."""
WEATHERS = ("clear", "cloudy", "rain", "snowfall", "fog")
"""The sky's. A studio has none: `clear`."""
STYLES = ("flat", "watercolor", "line art", "pixel art")
"""How it is drawn."""
POSITIONS = ("left", "center", "right")
SIZES = ("small", "medium", "large")
MOST = 3
"""Subjects in one picture."""


class Scene(Struct, frozen=True, kw_only=True):
    """One picture's content. `seed` decides what the words leave open."""

    subject: str
    colour: str
    count: int = 1
    """1 to `MOST`; more than one stand side by side, and have no position."""
    position: str = "center"
    size: str = "medium"
    place: str = "meadow"
    time: str = "day"
    weather: str = "clear"
    style: str = "flat"
    seed: int = 0


def random_scene(chance: random.Random) -> Scene:
    """A scene of every kind, rarer ones less often."""
    place = chance.choice(PLACES)
    studio = place == "studio"
    count = chance.choices((1, 2, 3), (70, 18, 12))[0]
    return Scene(
        subject=chance.choice(SUBJECTS),
        colour=chance.choice(tuple(COLOURS)),
        count=count,
        position=chance.choice(POSITIONS) if count == 1 else "center",
        size=chance.choices(SIZES, (20, 50, 30))[0] if count == 1 else "medium",
        place=place,
        time="day" if studio else chance.choices(TIMES, (40, 22, 22, 16))[0],
        weather="clear" if studio else chance.choices(WEATHERS, (48, 20, 12, 10, 10))[0],
        style=chance.choices(STYLES, (52, 18, 15, 15))[0],
        seed=chance.getrandbits(32),
    )


def held_out(scene: Scene) -> bool:
    """Whether a scene's subject, colour and place are never shown together in training: one combination in twelve.

    What the model makes of these was not learnt by heart.
    """
    return zlib.crc32(f"{scene.subject} {scene.colour} {scene.place}".encode()) % 12 == 0


def training_scenes(many: int, seed: int) -> list[Scene]:
    """Random scenes without the held-out combinations."""
    return _scenes(many, seed, held_out_ones=False)


def examined_scenes(many: int, seed: int) -> list[Scene]:
    """Random scenes of the held-out combinations only."""
    return _scenes(many, seed, held_out_ones=True)


def _scenes(many: int, seed: int, *, held_out_ones: bool) -> list[Scene]:
    chance = random.Random(seed)  # noqa: S311
    scenes: list[Scene] = []
    while len(scenes) < many:
        scene = random_scene(chance)
        if held_out(scene) is held_out_ones:
            scenes.append(scene)
    return scenes
