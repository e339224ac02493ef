"""Which paintings share the next step: within the budget, fair, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.renderer.engine.batching import BUCKETS, FAIR_SHARE, LEAST_COST, LEAST_FILLED, Batching, Candidate, Choice

BUDGET = 4_096

TOKENS = st.integers(1, 2 * BUDGET)
SIZES = st.lists(TOKENS, min_size=1, max_size=4)


@st.composite
def crowds(draw: st.DrawFn) -> list[Candidate]:
    """Paintings of some groups."""
    sizes = draw(SIZES)
    groups = draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=20))
    lefts = draw(st.lists(st.integers(1, 30), min_size=len(groups), max_size=len(groups)))
    return [
        Candidate(key, group, sizes[group], left) for key, (group, left) in enumerate(zip(groups, lefts, strict=True))
    ]


def stepped(candidates: Sequence[Candidate], choice: Choice) -> list[Candidate]:
    """What is left after that step."""
    after = [
        Candidate(each.key, each.group, each.tokens, each.left - (each.key in choice.keys), each.most)
        for each in candidates
    ]
    return [each for each in after if each.left]


def cost(choice: Choice, candidates: Sequence[Candidate]) -> int:
    tokens = next(each.tokens for each in candidates if each.group == choice.group)
    return max(choice.bucket * tokens, BUDGET // LEAST_COST)


@given(crowds())
def test_every_step_is_within_the_budget_and_of_one_group(crowd: list[Candidate]) -> None:
    batching = Batching(BUDGET)
    while crowd:
        choice = batching.choose(crowd)
        assert choice is not None
        members = [each for each in crowd if each.key in choice.keys]
        assert {each.group for each in members} == {choice.group}
        assert len(members) == len(choice.keys) == len(set(choice.keys))
        assert choice.bucket in BUCKETS
        assert choice.bucket * LEAST_FILLED <= len(members) <= choice.bucket
        assert choice.bucket == 1 or choice.bucket * members[0].tokens <= BUDGET
        crowd = stepped(crowd, choice)
    assert batching.choose(crowd) is None


@given(crowds())
def test_everyone_is_done_in_the_steps_it_takes(crowd: list[Candidate]) -> None:
    """No step is empty, so the work is over after at most one step for each of theirs."""
    batching, steps, most = Batching(BUDGET), 0, sum(each.left for each in crowd)
    while crowd:
        choice = batching.choose(crowd)
        assert choice is not None
        crowd = stepped(crowd, choice)
        steps += 1
    assert steps <= most


@given(SIZES, st.integers(20, 60))
def test_groups_do_the_same_work(sizes: list[int], steps: int) -> None:
    """Of groups that always have something to do, none is ever ahead by more than two of the dearest steps."""
    crowd = [Candidate(2 * group + each, group, size, 10**6) for group, size in enumerate(sizes) for each in (0, 1)]
    batching = Batching(BUDGET)
    spent: Counter[object] = Counter(dict.fromkeys(range(len(sizes)), 0))
    dearest = 0
    for _ in range(steps):
        choice = batching.choose(crowd)
        assert choice is not None
        spent[choice.group] += cost(choice, crowd)
        dearest = max(max(2 * size, size, BUDGET // LEAST_COST) for size in sizes)
        assert max(spent.values()) - min(spent.values()) <= 2 * dearest


@given(st.integers(2, 20), st.integers(1, 200), st.sampled_from([1, 700, 2_000, 5_000]))
def test_nobody_waits_for_ever(many: int, left: int, tokens: int) -> None:
    """Not even the one with most steps left, while those with few never end."""
    crowd = [Candidate(0, "all", tokens, 1_000), *(Candidate(key, "all", tokens, left) for key in range(1, many))]
    batching = Batching(BUDGET)
    waited = 0
    for _ in range(3 * FAIR_SHARE * many):
        choice = batching.choose(crowd)
        assert choice is not None
        waited = 0 if 0 in choice.keys else waited + 1
        assert waited <= FAIR_SHARE * many


@given(st.integers(40, 200), st.integers(1, 8), st.integers(1, 30), TOKENS, TOKENS, st.booleans())
def test_a_short_job_ends_long_before_a_long_one(
    long: int, short: int, done: int, tokens: int, others: int, same: bool
) -> None:
    """It comes while the long one is at work. First come, first served would give it the steps after the long one's.

    Counted in work, because steps of different groups are not alike.
    """
    group, others = ("long", tokens) if same else ("short", others)
    batching = Batching(BUDGET)
    crowd = [Candidate(0, "long", tokens, long)]
    for _ in range(done):
        choice = batching.choose(crowd)
        assert choice is not None
        crowd = stepped(crowd, choice)
    a_long, a_short = (max(each, BUDGET // LEAST_COST) for each in (tokens, others))
    in_turn = crowd[0].left * a_long + short * a_short
    crowd.append(Candidate(1, group, others, short))
    spent = 0
    while any(each.key == 1 for each in crowd):
        choice = batching.choose(crowd)
        assert choice is not None
        spent += cost(choice, crowd)
        crowd = stepped(crowd, choice)
    own = short * a_short
    assert spent <= 2 * own + 3 * max(a_long, a_short), "no more than as much again, and a turn"
    if crowd and in_turn >= 20 * max(own, a_long):
        assert spent <= in_turn / 4


def test_a_short_job_of_the_same_size_takes_a_tenth_of_the_steps() -> None:
    """The case people see: eight steps asked for while fifty are under way."""
    for group in ("long", "another"):
        batching = Batching(BUDGET)
        crowd = [Candidate(0, "long", BUDGET, 50), Candidate(1, group, BUDGET, 4)]
        steps = 0
        while any(each.key == 1 for each in crowd):
            choice = batching.choose(crowd)
            assert choice is not None
            crowd = stepped(crowd, choice)
            steps += 1
        assert steps <= 9 < (50 + 4) / 4


def test_the_shortest_first() -> None:
    batching = Batching(BUDGET)
    choice = batching.choose([Candidate(key, "all", 2_048, left) for key, left in enumerate((30, 3, 20, 2))])
    assert choice == Choice("all", (3, 1), 2)


@pytest.mark.parametrize(("many", "bucket"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 4), (6, 8), (7, 8), (8, 8), (20, 8)])
def test_buckets_are_well_filled(many: int, bucket: int) -> None:
    choice = Batching(BUDGET).choose([Candidate(key, "all", 256, 5) for key in range(many)])
    assert choice is not None
    assert (choice.bucket, len(choice.keys)) == (bucket, min(many, bucket))


def test_one_that_is_to_be_alone_is() -> None:
    batching = Batching(BUDGET)
    crowd = [Candidate(key, "all", 1, 5, most=1) for key in range(8)]
    assert all(len(choice.keys) == choice.bucket == 1 for _ in range(8) if (choice := batching.choose(crowd)))


def test_fixed_buckets_are_always_padded() -> None:
    """For those who want the same bits whatever is going on, and to share steps: one bucket only."""
    choice = Batching(BUDGET, (4,)).choose([Candidate(1, "all", 1, 5)])
    assert choice == Choice("all", (1,), 4)


@pytest.mark.parametrize(("budget", "buckets"), [(0, BUCKETS), (1, ()), (1, (0, 1))])
def test_there_must_be_room(budget: int, buckets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="room"):
        Batching(budget, buckets)
