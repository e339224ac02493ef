"""Several accounts and their room: who waits and for how long, and what one account's trouble means for the others."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account, Failure, Fault
from proxy.events import AccountMeasured, AccountTurned, BreakerTurned, Event, OfferMeasured
from proxy.health import CREDENTIAL_S, Asking, Health, Thresholds
from proxy.health.queue import Queue
from proxy.lines import Lane, Line
from tests.properties import MANY

NONE: frozenset[str] = frozenset()
LONG_S = 5.0


class House:
    """Health of one provider with the accounts a test wants; every offer of it is `v/…`."""

    def __init__(self, *lanes: tuple[str, int | None], rate: float = 0.5, least: int = 10) -> None:
        self.now = 1000.0
        self.told: list[Event] = []
        made = tuple([Lane(name=name, account=Account(base="https://x"), concurrency=most) for name, most in lanes])
        self.line = Line(name="v", provider=providers.load("bfl"), lanes=made, deadline=60)
        self.lanes = {lane.name: lane for lane in made}
        thresholds = Thresholds(failures=3, seconds=30, rate=rate, least=least)
        self.health = Health(self.told.append, thresholds, {"v": self.line}, clock=lambda: self.now)

    async def enter(
        self, key: str = "k", *, offer: str = "v/m", without: frozenset[str] = NONE, seconds: float = LONG_S
    ) -> Lane:
        asking = Asking(offer=offer, key=key, speaks=self.line.provider, without=without)
        return await self.health.enter(asking, seconds)

    def refused(self, name: str, fault: Fault = Fault.CREDENTIAL, *, offer: str = "v/m", after: float = 0) -> None:
        self.health.failed(offer, fault, "no", after or None, self.lanes[name])

    def key_of(self, name: str) -> str:
        """A key whose first account is the one of that name."""
        return next(key for key in map(str, range(1000)) if self.line.order(key)[0].name == name)

    @property
    def queue(self) -> Queue:
        return self.health._accounts._queues["v"]

    def states(self, kind: type[AccountTurned | BreakerTurned]) -> list[str]:
        return [event.state for event in self.told if isinstance(event, kind)]


# Room.


async def test_an_account_takes_as_many_as_it_may_and_the_others_wait_in_the_order_they_came() -> None:
    house = House(("", 2))
    held = [await house.enter(), await house.enter()]
    served: list[int] = []

    async def ask(number: int) -> None:
        lane = await house.enter()
        served.append(number)
        await asyncio.sleep(0)
        house.health.leave("v/m", lane)

    waiting = []
    for number in range(20):
        waiting.append(asyncio.create_task(ask(number)))
        await asyncio.sleep(0)
    assert served == []
    for lane in held:
        house.health.leave("v/m", lane)
    await asyncio.gather(*waiting)
    assert served == list(range(20))
    assert house.queue.in_flight.total() == 0


async def test_whoever_comes_later_does_not_overtake_who_waits() -> None:
    house = House(("", 1))
    lane = await house.enter()
    waits = asyncio.create_task(house.enter())
    await asyncio.sleep(0)
    house.health.leave("v/m", lane)
    with pytest.raises(Failure):
        await house.enter(seconds=0)
    assert await waits is lane


async def test_a_wait_ends_with_its_time_and_says_that_it_was_the_room() -> None:
    house = House(("", 1))
    await house.enter()
    with pytest.raises(Failure, match="no room in time") as caught:
        await house.enter(seconds=0.02)
    assert caught.value.fault is Fault.THROTTLED
    assert house.queue.waiting == 0
    assert house.health.admit("v/m")  # its vendor did nothing wrong


async def test_who_stops_waiting_leaves_the_room_to_the_next() -> None:
    house = House(("", 1))
    lane = await house.enter()
    gone, stays = asyncio.create_task(house.enter()), asyncio.create_task(house.enter())
    await asyncio.sleep(0)
    house.health.leave("v/m", lane)  # given to the first, which does not know yet
    gone.cancel()
    assert await stays is lane
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert house.queue.in_flight == Counter({"": 1})


@MANY
@given(st.integers(0, 2**32))
def test_whatever_happens_no_account_has_more_than_it_may_and_nobody_is_forgotten(seed: int) -> None:
    async def run() -> None:
        draw = random.Random(seed)
        house = House(("a", 2), ("b", 1))
        most: Counter[str] = Counter()
        ended = 0

        async def ask(number: int) -> None:
            nonlocal ended
            try:
                lane = await house.enter(str(number), seconds=draw.choice([0.0, 0.001, LONG_S]))
            except Failure:
                ended += 1
                return
            flying = house.queue.in_flight
            for name, count in flying.items():
                most[name] = max(most[name], count)
            try:
                for _ in range(draw.randrange(3)):
                    await asyncio.sleep(0)
            finally:
                house.health.leave("v/m", lane)
            ended += 1

        tasks = [asyncio.create_task(ask(number)) for number in range(30)]
        await asyncio.sleep(0)
        for task in draw.sample(tasks, 5):
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        broken_off = [end for end in ends if end is not None]
        assert all(isinstance(end, asyncio.CancelledError) for end in broken_off)
        assert ended + len(broken_off) == 30
        assert most["a"] <= 2
        assert most["b"] <= 1
        assert (house.queue.in_flight, house.queue.waiting) == (Counter(), 0)

    asyncio.run(run())


async def test_a_busy_account_leaves_its_work_to_an_idle_one() -> None:
    house = House(("a", 1), ("b", 1))
    key = house.key_of("a")
    assert [(await house.enter(key)).name for _ in range(2)] == ["a", "b"]


async def test_the_policy_is_told_how_busy_an_offer_is() -> None:
    house = House(("a", 3), ("b", 2))
    lanes = [await house.enter(str(number)) for number in range(4)]
    house.health.succeeded("v/m", 1.0, lanes[0])
    standing = house.health.standings()["v/m"]
    assert (standing.in_flight, standing.room) == (4, 5)
    house.refused("b")
    house.now += 1
    assert house.health.standings()["v/m"].room == 3
    house.health.succeeded("v/n", 1.0)
    house.now += 1
    assert house.health.standings()["v/n"].in_flight == 4  # the same accounts serve it


# Trouble of one account.


@pytest.mark.parametrize("fault", [Fault.CREDENTIAL, Fault.THROTTLED])
async def test_a_refused_account_is_out_and_the_offer_goes_on_with_the_others(fault: Fault) -> None:
    house = House(("a", None), ("b", None))
    house.refused("a", fault)
    assert house.health.admit("v/m")
    assert house.health.standings()["v/m"].usable
    assert {(await house.enter(str(number))).name for number in range(50)} == {"b"}
    assert house.states(BreakerTurned) == []
    assert house.states(AccountTurned) == ["open"]


async def test_an_offer_is_out_when_all_its_accounts_are_and_back_with_the_first_of_them() -> None:
    house = House(("a", None), ("b", None))
    house.refused("a")
    house.refused("b", Fault.THROTTLED, after=20)
    assert not house.health.admit("v/m")
    standing = house.health.standings()["v/m"]
    assert (standing.usable, standing.fault, standing.retry_after) == (False, Fault.THROTTLED, 20)
    assert house.health.admit("v/other")
    house.now += 20
    assert house.health.admit("v/m")
    lane = await house.enter(house.key_of("a"))
    assert lane.name == "b"
    house.health.succeeded("v/m", 1.0, lane)
    assert house.states(BreakerTurned) == ["open", "half_open", "closed"]
    assert house.health.admit("v/m")
    assert (await house.enter(house.key_of("a"))).name == "b"  # the other one is out still


async def test_one_request_tries_an_account_that_is_due_and_the_others_stay_where_it_works() -> None:
    house = House(("a", None), ("b", None))
    house.refused("a")
    house.now += CREDENTIAL_S
    key = house.key_of("a")
    assert [(await house.enter(key)).name for _ in range(3)] == ["a", "b", "b"]
    house.refused("a")
    assert (await house.enter(key)).name == "b"
    house.now += CREDENTIAL_S
    trial = await house.enter(key)
    house.health.forget_trial("v/m", trial)
    assert (await house.enter(key)).name == "a"  # the trial said nothing, and is free again


async def test_other_troubles_are_the_offers_whoever_met_them() -> None:
    house = House(("a", None), ("b", None))
    for name in ("a", "b", "a"):
        house.refused(name, Fault.UNAVAILABLE)
    assert not house.health.admit("v/m")
    assert house.states(AccountTurned) == []


async def test_who_waits_goes_on_when_the_only_account_with_anything_to_wait_for_is_out() -> None:
    house = House(("a", 1), ("b", 1))
    first, second = await house.enter("1"), await house.enter("2")
    waits = asyncio.create_task(house.enter("3", without=frozenset({first.name})))
    await asyncio.sleep(0)
    house.refused(second.name)
    with pytest.raises(Failure) as caught:
        await waits
    assert caught.value.fault is Fault.UNAVAILABLE


async def test_who_waits_is_sent_on_when_the_offer_is_out() -> None:
    house = House(("", 1))
    await house.enter()
    waits = asyncio.create_task(house.enter())
    other = asyncio.create_task(house.enter(offer="v/other"))
    await asyncio.sleep(0)
    for _ in range(3):
        house.health.failed("v/m", Fault.UNAVAILABLE, "boom", None, house.lanes[""])
    with pytest.raises(Failure, match="keeps failing") as caught:
        await waits
    assert caught.value.retry_after == 30
    assert not other.done()
    house.health.leave("v/m", house.lanes[""])
    assert (await other).name == ""


async def test_an_account_that_works_again_takes_in_who_waits() -> None:
    house = House(("a", 1), ("b", 1))
    house.refused("a")
    await house.enter()
    waits = asyncio.create_task(house.enter())
    await asyncio.sleep(0)
    assert not waits.done()
    house.health.succeeded("v/m", 1.0, house.lanes["a"])
    assert (await waits).name == "a"


# The rate of errors.


def test_a_rate_of_errors_opens_a_breaker_that_no_row_of_failures_would() -> None:
    house = House(("", None))
    for _ in range(4):
        house.health.succeeded("v/m", 1.0)
        house.refused("", Fault.UNAVAILABLE)
    assert house.health.admit("v/m")  # too few to say
    house.health.succeeded("v/m", 1.0)
    house.refused("", Fault.UNAVAILABLE)
    assert not house.health.admit("v/m")
    (turned,) = [event for event in house.told if isinstance(event, BreakerTurned)]
    assert turned.why == "failed 5 of its last 10 requests: no"


def test_after_a_trial_that_worked_old_failures_do_not_open_it_again() -> None:
    house = House(("", None))
    for _ in range(5):
        house.health.succeeded("v/m", 1.0)
        house.refused("", Fault.UNAVAILABLE)
    house.now += 30
    assert house.health.admit("v/m")
    house.health.succeeded("v/m", 1.0)
    house.refused("", Fault.UNAVAILABLE)
    assert house.health.admit("v/m")


def test_failures_that_are_older_than_the_window_do_not_count() -> None:
    house = House(("", None))
    for _ in range(9):
        house.health.succeeded("v/m", 1.0)
        house.refused("", Fault.UNAVAILABLE)
        house.now += 60
    assert house.health.admit("v/m")


# What is told.


def test_the_pace_of_an_offer_is_known_to_policy_and_hedges() -> None:
    house = House(("", None))
    assert house.health.p95("v/m") is None
    for _ in range(20):
        house.health.succeeded("v/m", 2.0)
    standing = house.health.standings()["v/m"]
    assert standing.error_rate == 0
    assert standing.p50 == pytest.approx(2.0, rel=0.19)
    assert house.health.p95("v/m") == standing.p95
    for _ in range(200):
        house.health.succeeded("v/m", 8.0)
    assert house.health.p95("v/m") == standing.p95  # looked at anew no more often than is useful
    house.now += 1
    assert house.health.p95("v/m") == pytest.approx(8.0, rel=0.19)
    assert house.health.standings()["v/m"].p50 == pytest.approx(8.0, rel=0.19)


async def test_a_report_tells_what_has_changed_and_nothing_twice() -> None:
    house = House(("a", 1), ("b", None))
    house.health.report()
    assert house.told == []
    lane = await house.enter(house.key_of("a"))
    for _ in range(10):
        house.health.succeeded("v/m", 1.0, lane)
    house.health.report()
    measured = [event for event in house.told if isinstance(event, OfferMeasured)]
    assert [(event.provider, event.model, event.error_rate) for event in measured] == [("v", "m", 0.0)]
    assert [event for event in house.told if isinstance(event, AccountMeasured)] == [
        AccountMeasured(provider="v", account="a", in_flight=1, waiting=0)
    ]
    house.told.clear()
    house.health.report()
    assert house.told == []
    house.health.leave("v/m", lane)
    house.health.report()
    assert house.told == [AccountMeasured(provider="v", account="a", in_flight=0, waiting=0)]
    house.now += 1000
    house.health.report()
    assert house.told[1:] == [OfferMeasured(provider="v", model="m")]
