"""Teams take turns: by weight over any long run, and a burst of one never holds another up for more than a round."""

from __future__ import annotations

import asyncio
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account, Failure, Fault
from proxy.health import Asking, Health, Share, Thresholds
from proxy.health.turns import Turns
from proxy.lines import Lane, Line
from tests.properties import MANY

TEAMS = ("a", "b", "c", "d")
WEIGHTS = st.fixed_dictionaries({team: st.integers(1, 5) for team in TEAMS})


class Waiting:
    """Who waits, by team; and who was served, in order."""

    def __init__(self, weights: dict[str, int]) -> None:
        self.turns: Turns[tuple[str, int]] = Turns()
        self.weights = weights
        self.came = 0
        self.served: list[tuple[str, int]] = []

    def add(self, team: str, ones: int = 1) -> None:
        for _ in range(ones):
            self.came += 1
            self.turns.add((team, self.came), Share(team, self.weights[team]))

    def serve(self, among: frozenset[str] = frozenset(TEAMS)) -> bool:
        def serves(one: tuple[str, int]) -> bool:
            if one[0] not in among:
                return False
            self.served.append(one)
            return True

        return self.turns.serve(serves)

    def count(self, team: str) -> int:
        return sum(one[0] == team for one in self.turns)


@MANY
@given(WEIGHTS, st.sampled_from(TEAMS), st.lists(st.tuples(st.sampled_from(TEAMS), st.integers(0, 8)), min_size=150))
def test_a_team_that_waits_all_the_time_gets_its_share_whatever_the_others_do(
    weights: dict[str, int], one: str, arrivals: list[tuple[str, int]]
) -> None:
    waiting = Waiting(weights)
    for team, ones in arrivals:
        waiting.add(team, ones)
        waiting.add(one, max(0, 6 - waiting.count(one)))
        waiting.serve()
    got = [team == one for team, _ in waiting.served]
    together = sum(weights.values())
    for begins in range(0, len(got), 7):
        rounds = (len(got) - begins) // together
        assert sum(got[begins:]) >= weights[one] * (rounds - 1)


@MANY
@given(WEIGHTS, st.dictionaries(st.sampled_from(TEAMS[1:]), st.integers(1, 300)), st.integers(0, 20))
def test_a_burst_delays_another_teams_single_request_by_a_round_at_most(
    weights: dict[str, int], bursts: dict[str, int], before: int
) -> None:
    waiting = Waiting(weights)
    for team, ones in bursts.items():
        waiting.add(team, ones)
    for _ in range(min(before, sum(bursts.values()))):
        waiting.serve()
    passed = len(waiting.served)
    waiting.add("a")
    while waiting.served[-1:] == [] or waiting.served[-1][0] != "a":
        assert waiting.serve()
    assert len(waiting.served) - passed - 1 <= sum(weights[team] for team in bursts)


@MANY
@given(WEIGHTS, st.lists(st.tuples(st.sampled_from(TEAMS), st.frozensets(st.sampled_from(TEAMS)), st.booleans())))
def test_nobody_is_served_twice_forgotten_or_before_those_of_its_team_who_came_earlier(
    weights: dict[str, int], steps: list[tuple[str, frozenset[str], bool]]
) -> None:
    waiting = Waiting(weights)
    known: dict[str, deque[int]] = {team: deque() for team in TEAMS}
    for team, among, comes in steps:
        if comes:
            waiting.add(team)
            known[team].append(waiting.came)
        else:
            assert waiting.serve(among) == any(known[each] for each in among)
            for served, number in waiting.served:
                assert known[served].popleft() == number
            waiting.served.clear()
    assert sorted(waiting.turns) == sorted((team, number) for team in TEAMS for number in known[team])
    for one in list(waiting.turns):
        waiting.turns.drop(one)
        waiting.turns.drop(one)
    assert not waiting.turns
    assert not waiting.serve()


def test_shares_are_exact_while_everybody_waits() -> None:
    waiting = Waiting({"a": 1, "b": 2, "c": 5, "d": 1})
    for team in ("a", "b", "c"):
        waiting.add(team, 100)
    for _ in range(80):
        waiting.serve()
    assert Counter(team for team, _ in waiting.served) == {"a": 10, "b": 20, "c": 50}


def test_a_team_nobody_of_which_can_be_served_keeps_its_turn_and_holds_nobody_up() -> None:
    waiting = Waiting({"a": 2, "b": 1, "c": 1, "d": 1})
    for team in ("a", "b", "c"):
        waiting.add(team, 4)
    for _ in range(4):
        assert waiting.serve(frozenset("bc"))
    assert [team for team, _ in waiting.served] == ["b", "c", "b", "c"]
    waiting.served.clear()
    for _ in range(4):
        assert waiting.serve()
    assert [team for team, _ in waiting.served] == ["a", "a", "b", "c"]


# The same at an account with room for one.


@pytest.fixture
def health() -> Health:
    lane = Lane(name="", account=Account(base="https://x"), concurrency=1)
    line = Line(name="v", provider=providers.load("bfl"), lanes=(lane,), deadline=60)
    return Health(lambda _: None, Thresholds(failures=3, seconds=30), {"v": line})


def asking(team: str, weight: int = 1) -> Asking:
    return Asking(offer="v/m", key=team, speaks=providers.load("bfl"), share=Share(team, weight))


async def test_who_waits_for_a_limited_offer_does_not_wait_for_another_teams_burst(health: Health) -> None:
    served: list[str] = []

    async def ask(team: str, weight: int) -> None:
        lane = await health.enter(asking(team, weight), 10)
        served.append(team)
        await asyncio.sleep(0)
        health.leave("v/m", lane)

    holds = await health.enter(asking("before"), 10)
    tasks = []
    for team, weight, ones in (("burst", 1, 50), ("heavy", 3, 6), ("single", 1, 1)):
        tasks += [asyncio.create_task(ask(team, weight)) for _ in range(ones)]
        await asyncio.sleep(0)
    health.leave("v/m", holds)
    await asyncio.gather(*tasks)
    assert served[:9] == ["burst", "heavy", "heavy", "heavy", "single", "burst", "heavy", "heavy", "heavy"]
    assert len(served) == 57


async def test_a_wait_is_bounded_and_says_when_there_may_be_room(health: Health) -> None:
    await health.enter(asking("a"), 1)
    for _ in range(5):
        health.succeeded("v/m", 8.0)
    others = [asyncio.create_task(health.enter(asking("a"), 30)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Failure) as caught:
        await health.enter(asking("b"), 0.02)
    assert caught.value.fault is Fault.THROTTLED
    assert caught.value.retry_after == pytest.approx(4 * 8.0, rel=0.2)  # one is served, three wait
    for other in others:
        other.cancel()
