"""Scenes are drawn the same each time, in every place, at every time, in every weather and style."""

from __future__ import annotations

import itertools
import random

import pytest
from msgspec.structs import replace
from PIL import Image, ImageStat

from tools.train_tiny.drawing import frames_of, picture_of
from tools.train_tiny.pen import SIDE
from tools.train_tiny.scene import PLACES, STYLES, TIMES, WEATHERS, Scene, random_scene

OUTDOORS = tuple(place for place in PLACES if place != "studio")


def brightness(picture: Image.Image) -> float:
    return float(ImageStat.Stat(picture.convert("L")).mean[0])


@pytest.mark.parametrize("seed", range(12))
def test_the_same_scene_is_the_same_picture(seed: int) -> None:
    scene = random_scene(random.Random(seed))
    assert picture_of(scene).tobytes() == picture_of(scene).tobytes()


@pytest.mark.parametrize(("place", "time", "style"), tuple(itertools.product(PLACES, TIMES, STYLES)))
def test_every_place_time_and_style_is_drawn(place: str, time: str, style: str) -> None:
    picture = picture_of(Scene(subject="house", colour="red", place=place, time=time, style=style, seed=3))
    assert (picture.mode, picture.size) == ("RGB", (SIDE, SIDE))
    colours = picture.resize((32, 32), Image.Resampling.NEAREST).getcolors(32 * 32)
    assert colours is not None
    assert len(colours) > 3


@pytest.mark.parametrize(("place", "style"), tuple(itertools.product(OUTDOORS, STYLES)))
def test_night_is_darker_than_day(place: str, style: str) -> None:
    day = Scene(subject="tree", colour="green", place=place, style=style, seed=8)
    assert brightness(picture_of(replace(day, time="night"))) < brightness(picture_of(day)) - 10


@pytest.mark.parametrize(("place", "style"), tuple(itertools.product(OUTDOORS, STYLES)))
def test_each_weather_changes_the_picture(place: str, style: str) -> None:
    scene = Scene(subject="cat", colour="black", place=place, style=style, seed=21)
    drawn = {picture_of(replace(scene, weather=weather)).tobytes() for weather in WEATHERS}
    assert len(drawn) == len(WEATHERS)


def test_pixel_art_is_made_of_blocks() -> None:
    picture = picture_of(Scene(subject="car", colour="blue", style="pixel art", seed=5))
    blocks = picture.resize((32, 32), Image.Resampling.NEAREST).resize(picture.size, Image.Resampling.NEAREST)
    assert blocks.tobytes() == picture.tobytes()


def test_only_what_flies_is_off_the_ground() -> None:
    balloon = frames_of(Scene(subject="balloon", colour="red"), 0.8, random.Random(1))
    cats = frames_of(Scene(subject="cat", colour="red", count=3), 0.8, random.Random(1))
    assert [frame.y for frame in balloon] == pytest.approx([0.68])
    assert [frame.y for frame in cats] == [0.8, 0.8, 0.8]


def test_position_and_size_are_seen() -> None:
    left = frames_of(Scene(subject="cup", colour="red", position="left", size="small"), 0.8, random.Random(1))[0]
    right = frames_of(Scene(subject="cup", colour="red", position="right", size="large"), 0.8, random.Random(1))[0]
    assert left.x < 0.3 < 0.7 < right.x
    assert left.scale < 0.3 < 0.5 < right.scale
