"""Whose turn it is: those that wait stand in a line for every team, and teams take turns by their weights.

Deficit round robin where everything costs one: in its turn a team may be served as often as its weight says, then it
stands behind the others. A burst of one team's makes its own line longer and nobody else's; whoever comes alone waits
for one round at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from operator import itemgetter
from typing import Generic, TypeVar

from msgspec import Struct

One = TypeVar("One")


class Share(Struct, frozen=True):
    """Whose a request is that waits."""

    team: str = ""
    weight: int = 1
    """What it may have in one round, beside the others'."""


class _Line(Generic[One]):
    """Of one team."""

    __slots__ = ("left", "ones", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.left = weight
        """Of its turn."""
        self.ones: dict[One, int] = {}
        """In the order of their numbers."""


class Turns(Generic[One]):
    """All who wait."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line[One]] = {}
        """By team; the first one has its turn. Those in which nobody stands are not there."""
        self._teams: dict[One, str] = {}
        """In the order they came, whose each is."""
        self._numbers = count()

    def number(self) -> int:
        """A number for one that comes now: with it, it may stand in line again, and before all who came later."""
        return next(self._numbers)

    def __len__(self) -> int:
        return len(self._teams)

    def __iter__(self) -> Iterator[One]:
        """In the order they came."""
        return iter(self._teams)

    def add(self, one: One, share: Share, number: int | None = None) -> None:
        """One waits from now on: at the end of its team's line, and its team, if it had none, behind all others.

        `number`: of one that stood there before, or could have; its place in the line is by that.
        """
        line = self._lines.get(share.team)
        if line is None:
            line = self._lines[share.team] = _Line(share.weight)
        line.weight = share.weight
        last = next(reversed(line.ones.values()), -1)
        line.ones[one] = own = self.number() if number is None else number
        if own < last:
            line.ones = dict(sorted(line.ones.items(), key=itemgetter(1)))
        self._teams[one] = share.team

    def drop(self, one: One) -> None:
        """One does not wait any more."""
        team = self._teams.pop(one, None)
        if team is not None:
            line = self._lines[team]
            del line.ones[one]
            if not line.ones:
                del self._lines[team]

    def serve(self, serves: Callable[[One], bool]) -> bool:
        """Serve the first, in turn, that can be: `serves` says whether it was. False where nobody could be.

        A team of which nobody can be served now keeps its turn, and does not keep others from theirs.
        """
        for team, line in self._lines.items():
            for one in line.ones:
                if serves(one):
                    self.drop(one)
                    self._took(team, line)
                    return True
        return False

    def _took(self, team: str, line: _Line[One]) -> None:
        line.left -= 1
        if team in self._lines and line.left <= 0:
            line.left = line.weight
            self._lines[team] = self._lines.pop(team)  # behind the others
