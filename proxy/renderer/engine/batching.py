"""Which paintings share the next step. Pure: no torch, no clock, no models.

Two questions, two rules. *Which group is next?* Deficit round robin: every group with something to do may spend the
same work, so that a group of large pictures never keeps a group of small ones waiting for more than its fair share.
*Who of the group?* Those with the fewest steps left, because that ends most pictures soonest; but every fourth place
is for whoever waited longest, so that nobody waits for ever.

A step is made as for 1, 2, 4 or 8 pictures (a bucket), because what a picture gets depends on how many there are
in the call, to the last bit, but neither on who they are nor on its place among them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from msgspec import Struct

BUCKETS = (1, 2, 4, 8)
FAIR_SHARE = 4
"""One place in so many is for whoever waited longest."""
LEAST_COST = 8
"""A step costs its group at least this part of the budget, one eighth: starting it takes time whatever its size."""
LEAST_FILLED = 0.75
"""A bucket is padded only where at least this part of it is real; otherwise the next smaller one is filled."""


class Candidate(Struct, frozen=True):
    """A painting that could make a step now."""

    key: int
    """Names it, and stays the same from step to step."""
    group: Hashable
    tokens: int
    """Work of one step of it. The same in the whole group."""
    left: int
    """Steps it still needs."""
    most: int = 8
    """Pictures it may share a step with, itself counted: 1 for one that is to be drawn alone."""


class Choice(Struct, frozen=True):
    """The next step."""

    group: Hashable
    keys: tuple[int, ...]
    bucket: int
    """For how many pictures the call is made: as many as there are keys, or more."""


class Batching:
    """Chooses step after step. It remembers how much each group may spend, and when everyone was last served."""

    def __init__(self, budget: int, buckets: Sequence[int] = BUCKETS) -> None:
        """`budget` is the most work of one step, in tokens; a painting that alone is more than that makes its own."""
        if budget < 1 or not buckets or min(buckets) < 1:
            raise ValueError("there must be room for something")
        self._budget = budget
        self._buckets = sorted(set(buckets))
        self._deficits: dict[Hashable, int] = {}
        """In the order of their turns: the first is the one whose turn it is."""
        self._topped = False
        """The group whose turn it is was given its share of this turn."""
        self._served: dict[int, int] = {}
        self._clock = 0
        self._owed = 0

    def choose(self, candidates: Sequence[Candidate]) -> Choice | None:
        """The next step, None where there is nothing to do. All that can make one now are to be given."""
        if not candidates:
            self._deficits.clear()
            self._served.clear()
            return None
        groups: dict[Hashable, list[Candidate]] = {}
        for each in candidates:
            groups.setdefault(each.group, []).append(each)
        self._follow(candidates, groups)
        buckets = {group: self._bucket(members) for group, members in groups.items()}
        costs = {group: self._cost(members, buckets[group]) for group, members in groups.items()}
        group = self._turn(costs)
        return Choice(group, self._members(groups[group], buckets[group]), buckets[group])

    def _turn(self, costs: Mapping[Hashable, int]) -> Hashable:
        """The group that pays for the next step. A turn's share is one step of the dearest: none can wait for long."""
        share = max(costs.values())
        while True:
            group = next(iter(self._deficits))
            if not self._topped:
                self._deficits[group] += share
                self._topped = True
            if costs[group] <= self._deficits[group]:
                self._deficits[group] -= costs[group]
                return group
            self._deficits[group] = self._deficits.pop(group)  # to the end: the next one's turn
            self._topped = False

    def _cost(self, members: Sequence[Candidate], bucket: int) -> int:
        return max(bucket * members[0].tokens, self._budget // LEAST_COST, 1)

    def _follow(self, candidates: Sequence[Candidate], groups: dict[Hashable, list[Candidate]]) -> None:
        """Groups that have nothing to do lose what they saved; newcomers join at the end, and count as just served."""
        first = next(iter(self._deficits), None)
        self._deficits = {group: left for group, left in self._deficits.items() if group in groups}
        if first not in self._deficits:
            self._topped = False
        for group in groups:
            self._deficits.setdefault(group, 0)
        self._served = {each.key: self._served.get(each.key, self._clock) for each in candidates}

    def _bucket(self, members: Sequence[Candidate]) -> int:
        """The largest within the budget that is well filled."""
        tokens, most = members[0].tokens, min(each.most for each in members)
        allowed = [size for size in self._buckets if size * tokens <= self._budget and size <= most]
        filled = [size for size in allowed if len(members) >= LEAST_FILLED * size]
        return filled[-1] if filled else min(self._buckets[0], most)

    def _members(self, members: Sequence[Candidate], bucket: int) -> tuple[int, ...]:
        """As many as there are places: the waiting and the short."""
        rest = sorted(members, key=lambda each: (each.left, self._served[each.key], each.key))
        chosen: list[int] = []
        while rest and len(chosen) < bucket:
            self._owed += 1
            place = 0
            if self._owed >= FAIR_SHARE:
                self._owed = 0
                place = min(range(len(rest)), key=lambda at: (self._served[rest[at].key], at))
            chosen.append(rest.pop(place).key)
        self._clock += 1
        for key in chosen:
            self._served[key] = self._clock
        return tuple(chosen)
