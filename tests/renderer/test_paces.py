"""What an expected wait is made of."""

from __future__ import annotations

import pytest

from proxy.renderer.paces import FIRST_GUESS_S, Paces
from proxy.renderer.wire import Measured
from tests.renderer.stub import asked


def measured(*, seconds: float = 2.0, side: int = 1000, steps: int = 10) -> Measured:
    return Measured("m", side, side, steps, guided=True, seconds=seconds)


def test_before_anything_was_measured_it_guesses() -> None:
    assert Paces().guess("m", asked(n=3)) == 3 * FIRST_GUESS_S


def test_steps_pixels_and_pictures_each_count() -> None:
    paces = Paces()
    paces.learn(measured())
    plain = paces.guess("m", asked(steps=10, width=1000, height=1000))
    assert plain == pytest.approx(2.0)
    assert paces.guess("m", asked(steps=20, width=1000, height=1000)) == pytest.approx(2 * plain)
    assert paces.guess("m", asked(steps=10, width=1000, height=500)) == pytest.approx(plain / 2)
    assert paces.guess("m", asked(steps=10, width=1000, height=1000, n=4)) == pytest.approx(4 * plain)


def test_steps_nobody_asked_for_are_those_it_usually_takes() -> None:
    paces = Paces()
    paces.learn(measured())
    assert paces.guess("m", asked(steps=None, width=1000, height=1000)) == pytest.approx(2.0)


def test_it_follows_a_device_that_becomes_slower_and_forgets_one_that_was() -> None:
    paces = Paces()
    paces.learn(measured(seconds=1))
    for _ in range(20):
        paces.learn(measured(seconds=4))
    assert paces.guess("m", asked(steps=10, width=1000, height=1000)) == pytest.approx(4.0, rel=0.01)


def test_a_model_is_judged_by_itself() -> None:
    paces = Paces()
    paces.learn(measured())
    assert paces.guess("other", asked()) == FIRST_GUESS_S
