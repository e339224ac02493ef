"""Somebody who looks into a ledger again and again while others write it, as another process would."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, Select

EVERY_S = 0.01


class Looking(threading.Thread):
    """Asks one question, and keeps every row of every answer."""

    def __init__(self, engine: Engine, question: Select[Any], *, forgives: Sequence[type[Exception]] = ()) -> None:
        """`forgives`: what a look may fail with, where the ledger is away for a while."""
        super().__init__(daemon=True)
        self._engine = engine
        self._question = question
        self._forgives = forgives
        self._over = threading.Event()
        self.seen: list[tuple[Any, ...]] = []

    def run(self) -> None:
        while not self._over.wait(EVERY_S):
            with suppress(*self._forgives), self._engine.connect().execution_options(reads=True) as connection:
                self.seen += [tuple(row) for row in connection.execute(self._question)]

    def __enter__(self) -> Looking:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(10)
        self._engine.dispose()
