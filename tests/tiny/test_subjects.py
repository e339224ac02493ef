"""The tiny model's subjects: each is drawn within its frame, alike each time, and in the colour its caption says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.train_tiny.pen import SIDE, Frame, Pen, Tone, inked
from tools.train_tiny.scene import COLOURS, SUBJECTS
from tools.train_tiny.subjects import SUBJECT_DRAWINGS, draw_subject

FRAME = Frame(0.5, 0.9, 0.7)
GROUND: Tone = (0, 255, 255)
"""A tone that no subject has."""
SLACK = 3 / SIDE
"""Half a line's width and the rounding to pixels."""


def _drawn(name: str, colour: str, style: str = "flat") -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The canvas, and which of its pixels the subject changed."""
    ground = GROUND if style == "flat" else (255, 255, 255)
    pen = Pen(style, ground)
    draw_subject(pen, name, COLOURS[colour], FRAME)
    canvas = np.asarray(pen.canvas)
    return canvas, (canvas != np.array(ground, np.uint8)).any(axis=2)


def _nearest(mean: NDArray[np.float64], tones: dict[str, Tone]) -> str:
    return min(tones, key=lambda name: float(np.linalg.norm(mean - np.array(tones[name]))))


def test_every_subject_has_a_drawing() -> None:
    assert set(SUBJECT_DRAWINGS) == set(SUBJECTS)


@pytest.mark.parametrize("style", ["flat", "line art"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_fills_its_frame_and_no_more(name: str, style: str) -> None:
    canvas, changed = _drawn(name, "red", style)
    rows, columns = np.nonzero(changed)
    side = canvas.shape[0]
    assert columns.min() / side >= FRAME.x - 0.6 * FRAME.scale - SLACK
    assert columns.max() / side <= FRAME.x + 0.6 * FRAME.scale + SLACK
    assert rows.min() / side >= FRAME.y - FRAME.scale - SLACK
    assert rows.max() / side <= FRAME.y + SLACK
    assert np.ptp(rows) / side > 0.6 * FRAME.scale
    if style == "flat":
        assert changed.mean() > 0.25 * FRAME.scale**2


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_has_its_colour(name: str, colour: str) -> None:
    canvas, changed = _drawn(name, colour)
    assert _nearest(canvas[changed].mean(axis=0), COLOURS) == colour
    near = np.linalg.norm(canvas[changed].astype(float) - np.array(COLOURS[colour]), axis=1) < 60
    assert near.mean() >= 0.55


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_line_drawing_has_its_colour(name: str, colour: str) -> None:
    canvas, changed = _drawn(name, colour, "line art")
    inks = {name: inked(tone) for name, tone in COLOURS.items()}
    assert _nearest(canvas[changed].mean(axis=0), inks) == colour


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_looks_the_same_each_time(name: str) -> None:
    assert (_drawn(name, "blue")[0] == _drawn(name, "blue")[0]).all()


def test_outlines_differ() -> None:
    """No two subjects cover nearly the same area."""
    areas = {name: _drawn(name, "red")[1] for name in SUBJECTS}
    for one in SUBJECTS:
        for other in SUBJECTS:
            if one < other:
                shared = (areas[one] & areas[other]).sum() / (areas[one] | areas[other]).sum()
                assert shared < 0.85, f"{one} and {other}"
