"""Requests a minute and requests in flight: counted in, counted out, and refused ones not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault
from proxy.ledger.accounts import Budget, Key
from proxy.limits import GONE_RETRY_S, Entry, Limits, Remaining
from proxy.shared import Gate, GoneError, Left, MemoryGates, Shut
from tests.properties import FEW


def key(name: str = "k1", team: str = "acme", **limits: int) -> Key:
    """A key with limits: `requests`, `in_flight` its own, `team_requests`, `team_in_flight` its team's."""
    found = []
    for what, amount in limits.items():
        scope = f"team:{team}" if what.startswith("team_") else f"key:{name}"
        kind = what.removeprefix("team_")
        found.append((scope, Budget(kind, "minute" if kind == "requests" else "now", amount)))  # type: ignore[arg-type]
    return Key(key=name, team=team, name=name, prefix="dk", test=False, created=0, limits=tuple(found))


async def refused(limits: Limits, asked: Key, size: int | None = 0) -> Failure:
    with pytest.raises(Failure) as caught:
        await limits.enter(asked, size)
    assert caught.value.fault is Fault.QUOTA
    return caught.value


async def remaining(limits: Limits, asked: Key) -> Remaining | None:
    """What is left to a request that came and went."""
    entry = await limits.enter(asked)
    limits.leave(entry)
    return entry.remaining if entry is not None else None


@pytest.fixture
def clock() -> list[float]:
    """Seconds that have passed."""
    return [0.0]


@pytest.fixture
def limits(clock: list[float]) -> Limits:
    return Limits(here=MemoryGates(lambda: clock[0]))


async def test_a_key_without_limits_has_none(limits: Limits) -> None:
    asked = key()
    for _ in range(100):
        assert await limits.enter(asked) is None
    limits.leave(None)


async def test_so_many_requests_in_a_minute_and_no_more(limits: Limits) -> None:
    asked = key(requests=3)
    left = []
    for _ in range(3):
        told = await remaining(limits, asked)
        assert told is not None
        assert told.limit == 3
        assert 0 <= told.reset_s <= 60
        left.append(told.left)
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
    one = await limits.enter(asked)
    await limits.enter(asked)
    failure = await refused(limits, asked)
    assert failure.code is Code.BUSY
    assert failure.retry_after is not None
    assert failure.retry_after > 0
    limits.leave(one)
    await limits.enter(asked)
    await refused(limits, asked)


async def test_keys_of_a_team_share_its_limits_and_not_their_own(limits: Limits) -> None:
    one, two = (key(name, in_flight=2, team_in_flight=3) for name in ("k1", "k2"))
    other = key("k3", team="other", in_flight=2, team_in_flight=3)
    first = await limits.enter(one)
    await limits.enter(one)
    await limits.enter(two)
    assert "team acme" in (await refused(limits, two)).detail
    await limits.enter(other)
    limits.leave(first)
    await limits.enter(two)


async def test_the_narrowest_window_is_what_is_told(limits: Limits) -> None:
    one, two = (key(name, requests=3, team_requests=4) for name in ("k1", "k2"))
    told = [await remaining(limits, asked) for asked in (one, one, two)]
    assert [(each.limit, each.left) for each in told if each] == [(3, 2), (3, 1), (4, 1)]


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
    told = await remaining(limits, key(requests=5))
    assert told is not None
    assert told.left == 3


async def test_a_request_refused_for_its_rate_is_not_left_in_flight(limits: Limits) -> None:
    await limits.enter(key(requests=1))
    await refused(limits, key(requests=1, in_flight=1))
    await limits.enter(key(in_flight=1))


async def test_who_leaves_twice_lends_nobody_a_place(limits: Limits) -> None:
    asked = key(in_flight=1)
    entry = await limits.enter(asked)
    for _ in range(3):
        limits.leave(entry)
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
    flying: dict[str, list[Entry | None]] = {"k1": [], "k2": []}
    for name, enters in steps:
        asked = key(name, in_flight=own, team_in_flight=teams)
        if enters:
            if len(flying[name]) < own and sum(map(len, flying.values())) < teams:
                flying[name].append(await limits.enter(asked))
            else:
                await refused(limits, asked)
        elif flying[name]:
            limits.leave(flying[name].pop())


# Bytes in flight.


async def test_bytes_in_flight_are_limited_and_given_back_to_the_byte(limits: Limits) -> None:
    asked = key(team_bytes=100)
    entry = await limits.enter(asked, 60)
    await limits.enter(asked, 40)
    assert "100 bytes" in (await refused(limits, asked, 1)).detail
    assert await limits.enter(asked, 0) is None
    limits.leave(entry)
    await refused(limits, asked, 61)
    await limits.enter(asked, 60)


async def test_a_request_larger_than_all_that_may_be_in_flight_never_fits_and_is_told_so(limits: Limits) -> None:
    with pytest.raises(Failure, match="100") as caught:
        await limits.enter(key(bytes=100), 101)
    assert (caught.value.fault, caught.value.code) == (Fault.REJECTED, Code.BODY_TOO_LARGE)


async def test_a_request_that_does_not_say_how_large_it_is_counts_as_large_as_may_be(limits: Limits) -> None:
    asked = key(bytes=100)
    entry = await limits.enter(asked)
    await refused(limits, asked, 1)
    limits.leave(entry)
    await limits.enter(asked, 100)


# End users.

JO = {"jo": (Budget("in_flight", "now", 2),), "*": (Budget("in_flight", "now", 1), Budget("requests", "minute", 3))}


async def test_every_end_user_has_its_own_limits_or_those_of_all(limits: Limits) -> None:
    asked = replace(key(in_flight=10), users=JO)

    async def enters(user: str | None) -> Entry | None:
        entry = await limits.enter(asked, 0, unnamed=True)
        try:
            await limits.name(entry, asked, user)
        except Failure:
            limits.leave(entry)
            raise
        return entry

    for user in ("jo", "jo", "al", None, None):
        await enters(user)
    for user in ("jo", "al"):
        with pytest.raises(Failure, match=f"user {user}") as caught:
            await enters(user)
        assert (caught.value.fault, caught.value.code) == (Fault.QUOTA, Code.BUSY)
    entries = []
    for _ in range(3):  # one of jo's three requests a minute is left: whoever is refused is not counted
        entries.append(await enters(None))
    with pytest.raises(Failure, match="user jo"):
        await enters("jo")
    assert len(entries) == 3


# Several servers.


class Counted(MemoryGates):
    """Gates that count how often they are asked, and can be gone."""

    asked = 0
    gone = False

    async def enter(self, visit: str, gates: Sequence[Gate]) -> tuple[Left, ...] | Shut:
        self.asked += 1
        if self.gone:
            raise GoneError
        return await super().enter(visit, gates)


async def test_servers_that_share_keep_to_a_limit_together() -> None:
    shared = Counted()
    one, two = Limits(shared), Limits(shared)
    asked = key(in_flight=2, requests=3)
    first = await one.enter(asked)
    await two.enter(asked)
    await refused(one, asked)
    await refused(two, asked)
    one.leave(first)
    entry = await two.enter(asked)
    assert entry is not None
    assert entry.remaining is not None
    assert (entry.remaining.limit, entry.remaining.left) == (3, 0)  # of both servers'
    two.leave(entry)
    assert (await refused(one, asked)).code is Code.RATE


async def test_nobody_is_asked_for_a_key_without_such_limits_and_once_for_any_other() -> None:
    shared = Counted()
    limits = Limits(shared)
    spends = Key(
        key="k", team="t", name="", prefix="", test=False, created=0, limits=(("key:k", Budget("usd", "day", 5)),)
    )
    await limits.enter(key())
    await limits.enter(spends)
    assert shared.asked == 0
    many = replace(key(in_flight=5, requests=5, bytes=9, team_in_flight=5, team_requests=5), users=JO)
    await limits.name(await limits.enter(many, 3, unnamed=True), many, "jo")
    assert shared.asked == 1
    await limits.enter(many, 3)
    assert shared.asked == 2


async def test_a_request_refused_by_what_is_shared_is_not_counted_here_either() -> None:
    shared = Counted()
    one, two = Limits(shared), Limits(shared)
    asked = key(in_flight=3, requests=4)
    held = [await two.enter(asked) for _ in range(3)]
    for _ in range(5):
        await refused(one, asked)
    two.leave(held[0])
    await one.enter(asked)


async def test_with_what_is_shared_gone_open_goes_by_its_own_counts() -> None:
    shared = Counted()
    one, two = Limits(shared), Limits(shared)
    asked = key(in_flight=2)
    shared.gone = True
    entries = [await limits.enter(asked) for limits in (one, one, two, two)]
    await refused(one, asked)
    one.leave(entries[0])
    await one.enter(asked)


async def test_with_what_is_shared_gone_closed_lets_nobody_in_whom_a_limit_stands_on() -> None:
    shared = Counted()
    limits = Limits(shared, "closed")
    asked = key(in_flight=1, requests=2)
    shared.gone = True
    for _ in range(5):
        with pytest.raises(Failure) as caught:
            await limits.enter(asked)
        assert caught.value.fault is Fault.UNAVAILABLE
        assert caught.value.retry_after == GONE_RETRY_S
    await limits.enter(key())
    shared.gone = False
    await limits.enter(asked)  # nothing was counted
