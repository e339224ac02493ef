"""Who buys a picture, and who waits for it: one at a time, and the next in line where the first comes to nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from proxy.job import Answer

Turn = asyncio.Future[Answer | None]


class _Line:
    """Who waits for one picture. Heirs want this very one and may buy it; others it would merely do for."""

    def __init__(self) -> None:
        self.heirs: deque[Turn] = deque()
        self.others: list[Turn] = []


class Turns:
    """Pictures being bought, by fingerprint. Nothing here awaits between a look and a step, so nobody steps between."""

    def __init__(self) -> None:
        self._lines: dict[bytes, _Line] = {}

    def running(self, prints: Sequence[bytes]) -> bytes | None:
        """The first of some pictures that is being bought."""
        return next((each for each in prints if each in self._lines), None)

    def awaited(self, print_: bytes) -> bool:
        """Whether anybody waits for a picture that is being bought."""
        line = self._lines[print_]
        return any(not turn.done() for turn in (*line.heirs, *line.others))

    def begin(self, print_: bytes) -> None:
        """Whoever says so buys this picture; `end` has to follow, whatever happens."""
        assert print_ not in self._lines
        self._lines[print_] = _Line()

    async def wait(self, print_: bytes, *, heir: bool) -> Answer | None:
        """The answer with a picture that is being bought; None where that came to nothing.

        To an heir, None says that it is its turn to buy, as if it had begun. Anybody else looks again.
        """
        line = self._lines[print_]
        turn: Turn = asyncio.get_running_loop().create_future()
        (line.heirs if heir else line.others).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if heir and turn.done() and not turn.cancelled() and turn.result() is None:
                self.end(print_, None)  # its turn came in the moment it was broken off
            raise

    def end(self, print_: bytes, answer: Answer | None) -> None:
        """The picture is there for everybody who waits; without an answer, the next in line buys it."""
        line = self._lines[print_]
        others, line.others = line.others, []
        heir = None
        while answer is None and line.heirs and heir is None:
            first = line.heirs.popleft()
            heir = None if first.done() else first
        if heir is None:
            del self._lines[print_]
        for turn in (*([] if answer is None else line.heirs), *others, *([] if heir is None else [heir])):
            if not turn.done():
                turn.set_result(answer)
