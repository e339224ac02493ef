"""Requests a minute and requests in flight: counted in, counted out, and refused ones not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Code, Failure, Fault
from proxy.ledger.accounts import Budget, Key
from proxy.limits import Limits
from tests.properties import FEW


def key(name: str = "k1", team: str = "acme", **limits: int) -> Key:
    """A key with limits: `requests`, `in_flight` its own, `team_requests`, `team_in_flight` its team's."""
    found = []
    for what, amount in limits.items():
        scope = f"team:{team}" if what.startswith("team_") else f"key:{name}"
        kind = what.removeprefix("team_")
        found.append((scope, Budget(kind, "minute" if kind == "requests" else "now", amount)))  # type: ignore[arg-type]
    return Key(key=name, team=team, name=name, prefix="dk", test=False, created=0, limits=tuple(found))


async def refused(limits: Limits, asked: Key) -> Failure:
    with pytest.raises(Failure) as caught:
        await limits.enter(asked)
    assert caught.value.fault is Fault.QUOTA
    return caught.value


@pytest_asyncio.fixture
async def limits() -> AsyncIterator[Limits]:
    yield Limits()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed more than really did."""
    real, passed = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + passed[0])
    return passed


async def test_a_key_without_limits_has_none(limits: Limits) -> None:
    asked = key()
    for _ in range(100):
        assert await limits.enter(asked) is None
    limits.leave(asked)


async def test_so_many_requests_in_a_minute_and_no_more(limits: Limits) -> None:
    asked = key(requests=3)
    left = []
    for _ in range(3):
        remaining = await limits.enter(asked)
        assert remaining is not None
        assert remaining.limit == 3
        assert 0 <= remaining.reset_s <= 60
        left.append(remaining.left)
        limits.leave(asked)
    assert left == [2, 1, 0]
    failure = await refused(limits, asked)
    assert failure.code is Code.RATE
    assert "this key" in failure.detail
    assert failure.retry_after is not None
    assert 50 < failure.retry_after <= 60


async def test_the_window_moves_and_does_not_jump(limits: Limits, clock: list[float]) -> None:
    """Twice the limit around the turn of a minute is what a fixed window lets through."""
    asked = key(requests=2)
    for passed, admitted in ((0, True), (40, True), (59, False), (61, True), (99, False), (101, True), (102, False)):
        clock[0] = passed
        if admitted:
            await limits.enter(asked)
        else:
            failure = await refused(limits, asked)
            assert failure.retry_after is not None
            assert 1 <= failure.retry_after <= 60


async def test_who_waits_as_long_as_told_is_admitted(limits: Limits, clock: list[float]) -> None:
    asked = key(requests=1)
    await limits.enter(asked)
    clock[0] = 17.3
    failure = await refused(limits, asked)
    assert failure.retry_after is not None
    clock[0] += failure.retry_after + 0.01
    await limits.enter(asked)


async def test_requests_refused_do_not_use_up_the_window(limits: Limits, clock: list[float]) -> None:
    asked = key(requests=1)
    await limits.enter(asked)
    for passed in range(1, 60, 5):
        clock[0] = passed
        await refused(limits, asked)
    clock[0] = 60.1
    await limits.enter(asked)


async def test_so_many_requests_in_flight_until_one_lands(limits: Limits) -> None:
    asked = key(in_flight=2)
    await limits.enter(asked)
    await limits.enter(asked)
    failure = await refused(limits, asked)
    assert failure.code is Code.BUSY
    assert failure.retry_after is not None
    assert failure.retry_after > 0
    limits.leave(asked)
    await limits.enter(asked)
    await refused(limits, asked)


async def test_keys_of_a_team_share_its_limits_and_not_their_own(limits: Limits) -> None:
    one, two = (key(name, in_flight=2, team_in_flight=3) for name in ("k1", "k2"))
    other = key("k3", team="other", in_flight=2, team_in_flight=3)
    await limits.enter(one)
    await limits.enter(one)
    await limits.enter(two)
    assert "team acme" in (await refused(limits, two)).detail
    await limits.enter(other)
    limits.leave(one)
    await limits.enter(two)


async def test_the_narrowest_window_is_what_is_told(limits: Limits) -> None:
    one, two = (key(name, requests=3, team_requests=4) for name in ("k1", "k2"))
    told = [await limits.enter(asked) for asked in (one, one, two)]
    assert [(remaining.limit, remaining.left) for remaining in told if remaining] == [(3, 2), (3, 1), (4, 1)]


@pytest.mark.parametrize(
    "limit",
    [{"requests": 5, "team_requests": 1}, {"requests": 5, "team_in_flight": 1}, {"requests": 5, "in_flight": 1}],
)
async def test_nothing_is_counted_for_a_request_that_is_refused(limits: Limits, limit: dict[str, int]) -> None:
    """Neither in a window that still had room, nor in flight."""
    asked = key("k1", "acme", **limit)
    await limits.enter(asked)
    for _ in range(10):
        await refused(limits, asked)
    remaining = await limits.enter(key(requests=5))
    assert remaining is not None
    assert remaining.left == 3


async def test_a_request_refused_for_its_rate_is_not_left_in_flight(limits: Limits) -> None:
    await limits.enter(key(requests=1))
    await refused(limits, key(requests=1, in_flight=1))
    await limits.enter(key(in_flight=1))


async def test_to_leave_without_having_entered_lends_nobody_a_place(limits: Limits) -> None:
    asked = key(in_flight=1)
    limits.leave(asked)
    limits.leave(asked)
    await limits.enter(asked)
    await refused(limits, asked)


@pytest.mark.parametrize(
    "limit", [{"in_flight": 7}, {"requests": 7}, {"team_in_flight": 7}, {"requests": 7, "in_flight": 9}]
)
async def test_many_that_enter_at_once_are_not_more_than_allowed(limits: Limits, limit: dict[str, int]) -> None:
    said = await asyncio.gather(*(limits.enter(key("k1", "acme", **limit)) for _ in range(50)), return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in said) == 7
    assert sum(isinstance(each, Failure) for each in said) == 43


@FEW
@given(
    st.lists(st.tuples(st.sampled_from(["k1", "k2"]), st.booleans()), max_size=60), st.integers(1, 3), st.integers(1, 4)
)
async def test_in_flight_is_exactly_who_entered_and_has_not_left(
    steps: list[tuple[str, bool]], own: int, teams: int
) -> None:
    limits = Limits()
    flying = {"k1": 0, "k2": 0}
    for name, enters in steps:
        asked = key(name, in_flight=own, team_in_flight=teams)
        if enters:
            room = flying[name] < own and sum(flying.values()) < teams
            if room:
                await limits.enter(asked)
                flying[name] += 1
            else:
                await refused(limits, asked)
        elif flying[name]:
            limits.leave(asked)
            flying[name] -= 1
