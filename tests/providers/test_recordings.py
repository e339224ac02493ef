"""Plays every recorded conversation to its end: the very steps, and what they come to."""

from __future__ import annotations

import pytest

import providers
from tests.providers.recording import Recording, hold, recordings, told

ALL = [recording for name in sorted(providers.NAMES) for recording in recordings(name)]


@pytest.mark.parametrize("recording", ALL, ids=[f"{each.vendor}: {each.title}" for each in ALL])
def test_a_conversation_goes_as_it_was_recorded(recording: Recording) -> None:
    outcome = hold(recording, recording.begin(), recording.steps)
    assert told(outcome) == told(recording.expected())
