"""Says how a long lesson gets on."""

from __future__ import annotations

import time

import click


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self, lesson: str) -> None:
        self._lesson = lesson
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._begun

    def say(self, what: str) -> None:
        """One line, with the time."""
        click.echo(f"{self.seconds:6.0f} s  {self._lesson}: {what}")
