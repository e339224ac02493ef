"""Another configuration while serving: what stays known, what is forgotten, and where those go that wait."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account, Failure, Fault, Secret
from proxy.events import AccountMeasured, AccountTurned, BreakerTurned, Event, Forgotten
from proxy.health import Asking, Health, Thresholds
from proxy.lines import Lane, Line
from tests.properties import MANY

BFL, FAL = providers.load("bfl"), providers.load("fal")
OPENS = Thresholds(failures=3, seconds=30, least=10)
LONG_S = 5.0


def lane(name: str, most: int | None = None, *, key: str = "k", region: str | None = None) -> Lane:
    return Lane(name=name, account=Account(base="https://x", key=Secret(key)), concurrency=most, region=region)


def line(*lanes: Lane, models: dict[str, int | None] | None = None, speaks: str = "bfl") -> Line:
    return Line(name="v", provider=providers.load(speaks), lanes=lanes, deadline=60, models=models or {})


class House:
    """Health of one provider, as it is configured now; every offer of it is `v/…`."""

    def __init__(self, *lanes: Lane, models: dict[str, int | None] | None = None) -> None:
        self.now = 1000.0
        self.told: list[Event] = []
        self.line = line(*lanes, models=models)
        self.health = Health(self.told.append, OPENS, {"v": self.line}, clock=lambda: self.now)

    def adopt(
        self, *lanes: Lane, models: dict[str, int | None] | None = None, speaks: str = "bfl", opens: Thresholds = OPENS
    ) -> None:
        self.told.clear()
        self.line = line(*lanes, models=models, speaks=speaks)
        self.health.adopt(opens, {"v": self.line})

    async def enter(
        self, key: str = "k", *, offer: str = "v/m", seconds: float = LONG_S, regions: frozenset[str] | None = None
    ) -> Lane:
        return await self.health.enter(Asking(offer=offer, key=key, speaks=BFL, regions=regions), seconds)

    def fail(self, at: Lane, *faults: Fault, offer: str = "v/m") -> None:
        for fault in faults:
            self.health.failed(offer, fault, "no", None, at)

    def room(self, offer: str = "v/m") -> tuple[int, int | None]:
        self.health.succeeded(offer, 1.0)
        self.now += 1
        standing = self.health.standings()[offer]
        return standing.in_flight, standing.room

    def flying(self) -> Counter[str]:
        return self.health._accounts._queues["v"].in_flight


async def waiting(*asking: asyncio.Task[Lane]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asking)


# What stays known, and what does not.


def test_what_is_known_of_an_offer_that_is_still_there_stays_known() -> None:
    house = House(lane(""))
    for _ in range(10):
        house.health.succeeded("v/m", 2.0)
    house.fail(house.line.lanes[0], *[Fault.UNAVAILABLE] * 3)
    known = house.health.standings()["v/m"]
    house.adopt(lane("", 4))
    standing = house.health.standings()["v/m"]
    assert (standing.usable, standing.reason, standing.p95) == (False, known.reason, known.p95)
    assert standing.room == 4
    assert house.told == []
    house.now += 30
    assert house.health.admit("v/m")


def test_new_thresholds_hold_from_the_next_failure_on() -> None:
    house = House(lane(""))
    (at,) = house.line.lanes
    house.fail(at, Fault.UNAVAILABLE)
    house.adopt(at, opens=Thresholds(failures=2, seconds=7))
    house.fail(at, Fault.UNAVAILABLE)
    assert not house.health.admit("v/m")
    house.now += 7
    assert house.health.admit("v/m")


@pytest.mark.parametrize("window_s", [30.0, 300.0, 1000.0])
def test_what_was_seen_is_still_seen_through_a_window_of_another_length(window_s: float) -> None:
    house = House(lane(""))
    for _ in range(20):
        house.health.succeeded("v/m", 2.0)
    house.now += 90
    for _ in range(10):
        house.health.succeeded("v/m", 8.0)
    house.adopt(lane(""), opens=Thresholds(failures=3, seconds=30, window_s=window_s))
    p50 = house.health.standings()["v/m"].p50
    assert p50 == pytest.approx(8.0 if window_s < 90 else 2.0, rel=0.19)


def test_an_account_with_another_key_begins_with_trust_and_its_offers_with_it() -> None:
    house = House(lane("a"), lane("b"))
    for at in house.line.lanes:
        house.fail(at, Fault.CREDENTIAL)
    assert not house.health.admit("v/m")
    house.adopt(lane("a"), lane("b", key="mended"))
    assert house.health.admit("v/m")
    assert [event.account for event in house.told if isinstance(event, AccountTurned)] == ["b"]
    assert [event.state for event in house.told if isinstance(event, BreakerTurned)] == ["closed"]


async def test_the_other_account_is_still_out() -> None:
    house = House(lane("a"), lane("b"))
    house.fail(house.line.lanes[0], Fault.CREDENTIAL)
    house.adopt(lane("a"), lane("b", key="mended"))
    assert {(await house.enter(str(number))).name for number in range(20)} == {"b"}


def test_the_only_accounts_new_key_is_tried_at_once_but_says_nothing_of_a_vendor_that_is_down() -> None:
    house = House(lane(""))
    house.fail(house.line.lanes[0], Fault.CREDENTIAL)
    house.fail(house.line.lanes[0], *[Fault.UNAVAILABLE] * 3, offer="v/n")
    house.adopt(lane("", key="mended"))
    assert house.health.admit("v/m")
    assert not house.health.admit("v/n")


@pytest.mark.parametrize("name", ["", "a"])
def test_what_is_said_to_the_old_key_is_not_held_against_the_new_one(name: str) -> None:
    house = House(lane(name))
    (old,) = house.line.lanes
    house.adopt(lane(name, key="mended"))
    house.fail(old, Fault.CREDENTIAL)
    house.health.forget_trial("v/m", old)
    house.health.succeeded("v/m", 1.0, old)
    assert house.health.admit("v/m")
    assert house.told == []


def test_an_offer_is_out_once_the_accounts_it_has_left_are() -> None:
    house = House(lane("a"), lane("b"))
    house.fail(house.line.lanes[0], Fault.CREDENTIAL)
    assert house.health.admit("v/m")
    house.adopt(lane("a"))
    assert not house.health.admit("v/m")
    assert house.told[0] == Forgotten(provider="v", account="b")
    house.adopt(lane("a"), lane("c"))
    assert house.health.admit("v/m")


def test_what_is_gone_is_forgotten_and_comes_back_with_trust() -> None:
    models: dict[str, int | None] = {"m": None, "n": None}
    house = House(lane("a"), lane("b"), models=models)
    gone, kept = house.line.lanes
    house.fail(gone, Fault.CREDENTIAL)
    house.fail(kept, *[Fault.UNAVAILABLE] * 3, offer="v/n")
    house.adopt(kept, models={"m": None})
    assert house.told == [Forgotten(provider="v", account="a"), Forgotten(provider="v", model="n")]
    house.fail(gone, Fault.CREDENTIAL)  # its last words
    house.fail(kept, *[Fault.UNAVAILABLE] * 3, offer="v/n")
    house.health.succeeded("v/n", 1.0, kept)
    assert house.health.standings().keys() == {"v/m"}
    assert house.health.states() == {}
    house.health.adopt(OPENS, {})
    assert house.told[-1] == Forgotten(provider="v")
    assert house.health.standings() == {}
    house.adopt(gone, kept, models=models)
    assert house.told == []
    assert house.health.admit("v/m")
    assert house.health.admit("v/n")
    assert house.health._accounts._breakers.states() == {}


# Who is under way, and who waits.


async def test_more_room_is_given_away_at_once_and_less_is_waited_for() -> None:
    house = House(lane("", 1))
    first = await house.enter()
    asking = [asyncio.create_task(house.enter()) for _ in range(3)]
    await waiting(*asking)
    house.adopt(lane("", 3))
    held = [await asking[0], await asking[1]]
    await waiting(asking[2])
    house.adopt(lane("", 1))
    for each in (first, held[0]):
        house.health.leave("v/m", each)
        await waiting(asking[2])
    house.health.leave("v/m", held[1])
    house.health.leave("v/m", await asking[2])
    assert house.flying().total() == 0


async def test_who_waits_goes_to_the_accounts_there_are_now() -> None:
    house = House(lane("a", 1))
    old = await house.enter()
    asking = asyncio.create_task(house.enter())
    await waiting(asking)
    house.adopt(lane("b", 1))
    assert (await asking).name == "b"
    house.health.leave("v/m", old)
    assert house.flying() == Counter(b=1)


async def test_an_account_that_comes_back_has_what_is_still_under_way_there() -> None:
    house = House(lane("a", 1))
    old = await house.enter()
    house.adopt(lane("b"))
    house.adopt(lane("a", 1))
    with pytest.raises(Failure, match="no room in time"):
        await house.enter(seconds=0)
    house.health.leave("v/m", old)
    assert (await house.enter(seconds=0)).name == "a"


@pytest.mark.parametrize("now", ["gone", "other model", "other protocol"])
async def test_who_waits_for_what_is_gone_is_sent_away_and_so_is_who_comes_later(now: str) -> None:
    house = House(lane("", 1), models={"m": None})
    old = await house.enter()
    asking = asyncio.create_task(house.enter())
    await waiting(asking)
    if now == "gone":
        house.health.adopt(OPENS, {})
    else:
        models: dict[str, int | None] = {"n" if now == "other model" else "m": None}
        house.adopt(lane("", 1), models=models, speaks="fal" if now == "other protocol" else "bfl")
    for asks in (asking, house.enter()):
        with pytest.raises(Failure, match=r"configured no more|no account") as caught:
            await asks
        assert caught.value.fault is Fault.UNAVAILABLE
    house.health.leave("v/m", old)
    if now == "gone":
        assert house.health._accounts._queues == {}


async def test_a_report_tells_of_the_accounts_there_are() -> None:
    house = House(lane("a", 1))
    old = await house.enter()
    house.health.report()
    house.adopt(lane("a", 1), lane("b", 1))
    await house.enter()
    house.health.report()
    assert house.told == [AccountMeasured(provider="v", account="b", in_flight=1, waiting=0)]
    house.adopt(lane("b", 1))
    house.health.leave("v/m", old)
    house.health.report()
    assert house.told == [Forgotten(provider="v", account="a")]


@MANY
@given(st.integers(0, 2**32))
def test_whatever_is_adopted_nobody_is_forgotten_and_no_room_is_passed_by_who_comes_after(seed: int) -> None:
    async def run() -> None:
        draw = random.Random(seed)
        house = House(lane("a", 1), models={"m": None, "n": 1})
        broken: list[str] = []
        queue = house.health._accounts._queues["v"]
        occupy = queue.occupy

        def watched(lane: Lane, offer: str) -> None:
            """What is given has to be there, and to have room, as it is configured now."""
            most = house.line.models[offer.partition("/")[2]]
            if lane not in house.line.lanes or (most is not None and queue._of_offers[lane.name, offer] >= most):
                broken.append(f"{offer} at {lane.name}")
            if lane.concurrency is not None and queue.in_flight[lane.name] >= lane.concurrency:
                broken.append(lane.name)
            occupy(lane, offer)

        queue.occupy = watched  # type: ignore[method-assign]

        async def ask(number: int) -> None:
            offer = draw.choice(["v/m", "v/n"])
            try:
                at = await house.enter(str(number), offer=offer, seconds=draw.choice([0.0, 0.001, LONG_S]))
            except Failure:
                return
            try:
                for _ in range(draw.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                house.health.leave(offer, at)
                if min(queue.in_flight.values(), default=0) < 0:
                    broken.append("fewer than none")

        tasks = []
        for number in range(30):
            tasks.append(asyncio.create_task(ask(number)))
            if draw.random() < 0.3:
                await asyncio.sleep(0)
            if draw.random() < 0.2:
                lanes = [lane(name, draw.choice([None, 1, 2, 3])) for name in draw.sample("abc", draw.randrange(1, 4))]
                house.adopt(*lanes, models={"m": None, "n": draw.choice([None, 1, 2])})
            if draw.random() < 0.1:
                draw.choice(tasks).cancel()
        house.adopt(lane("a", 1), models={"m": None, "n": None})
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends), ends
        assert broken == []
        assert (queue.in_flight, queue._of_offers, queue.waiting) == (Counter(), Counter(), 0)

    asyncio.run(run())


# Limits of models.


async def test_a_model_has_its_own_limit_at_every_account_and_the_others_go_past_it() -> None:
    house = House(lane("a", 3), lane("b", 3), models={"m": 1, "n": None})
    held = [await house.enter(str(number)) for number in range(2)]
    assert {at.name for at in held} == {"a", "b"}
    slow = asyncio.create_task(house.enter())
    await waiting(slow)
    assert [await house.enter(offer="v/n") for _ in range(4)]
    with pytest.raises(Failure, match="no room in time"):
        await house.enter(offer="v/n", seconds=0)
    house.health.leave("v/m", held[0])
    assert await slow is held[0]


async def test_who_waits_for_a_model_does_not_hold_up_who_waits_for_another() -> None:
    house = House(lane("", 2), models={"m": 1, "n": None})
    first, other = await house.enter(), await house.enter(offer="v/n")
    same = asyncio.create_task(house.enter())
    next_ = asyncio.create_task(house.enter(offer="v/n"))
    await waiting(same, next_)
    house.health.leave("v/n", other)
    assert await next_ is other
    await waiting(same)
    house.health.leave("v/m", first)
    assert await same is first


async def test_the_smaller_room_is_told_and_what_is_left_of_both() -> None:
    house = House(lane("", 4), models={"m": 2, "n": None})
    assert (house.room(), house.room("v/n")) == ((0, 2), (0, 4))
    held = [await house.enter(offer="v/n") for _ in range(3)]
    assert (house.room(), house.room("v/n")) == ((1, 2), (3, 4))  # the account takes one more of any
    for at in held:
        house.health.leave("v/n", at)
    await house.enter()
    assert (house.room(), house.room("v/n")) == ((1, 2), (1, 4))
    house.adopt(lane(""), models={"m": 2, "n": None})
    assert (house.room(), house.room("v/n")) == ((1, 2), (1, None))


@MANY
@given(
    rooms=st.lists(st.none() | st.integers(1, 5), min_size=1, max_size=3),
    limit=st.none() | st.integers(1, 4),
    others=st.integers(0, 8),
    own=st.integers(0, 8),
)
def test_as_many_as_the_standing_says_are_let_in(
    rooms: list[int | None], limit: int | None, others: int, own: int
) -> None:
    async def run() -> None:
        lanes = [lane("abc"[place], most) for place, most in enumerate(rooms)]
        house = House(*lanes, models={"m": limit, "n": None})

        async def fill(offer: str, most: int) -> int:
            for count in range(most):
                try:
                    await house.enter(offer=offer, seconds=0)
                except Failure:
                    return count
            return most

        await fill("v/n", others)
        await fill("v/m", own)
        taken, room = house.room()
        left = await fill("v/m", 50)
        if room is None:
            assert left == 50
        elif len(rooms) == 1:
            assert left == room - taken
        else:
            assert left <= room - taken <= room  # what is left of one account cannot be used at another

    asyncio.run(run())


# Regions of accounts.


async def test_who_wants_a_region_is_served_and_waits_at_the_accounts_there_only() -> None:
    house = House(lane("a", 1, region="eu-west"), lane("b", region="us"), lane("c"))
    eu = frozenset({"eu"})
    first = await house.enter(regions=eu)
    assert first.name == "a"
    asking = asyncio.create_task(house.enter(regions=eu))
    await waiting(asking)
    house.health.leave("v/m", first)
    assert await asking is first
    with pytest.raises(Failure, match="no account that may be used"):
        await house.enter(regions=frozenset({"asia"}))
    house.adopt(lane("a", 1, region="us"), lane("d", region="eu"))
    assert (await house.enter(regions=eu)).name == "d"


# Jobs of an earlier process.


async def test_a_job_that_is_taken_up_counts_whether_or_not_there_is_room_for_it() -> None:
    house = House(lane("", 1))
    (at,) = house.line.lanes
    for _ in range(2):
        house.health.occupy("v/m", at)
    asking = asyncio.create_task(house.enter())
    for _ in range(2):
        await waiting(asking)
        house.health.leave("v/m", at)
    assert await asking is at
    house.health.occupy("gone/m", at)
    house.health.leave("gone/m", at)
    assert house.health._accounts._queues.keys() == {"v"}


@MANY
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("mn"), st.none() | st.sampled_from(Fault)), max_size=30)
)
def test_the_same_configuration_again_changes_nothing(happened: list[tuple[str, str, Fault | None]]) -> None:
    models: dict[str, int | None] = {"m": 2, "n": None}
    house = House(lane("a", 1), lane("b"), models=models)
    for name, model, fault in happened:
        at = house.line.lanes["ab".index(name)]
        if fault is None:
            house.health.succeeded(f"v/{model}", 1.0, at)
        else:
            house.fail(at, fault, offer=f"v/{model}")
        house.now += 1
    known, states = house.health.standings(), house.health.states()
    house.adopt(lane("a", 1), lane("b"), models=dict(models))
    assert house.told == []
    assert (house.health.standings(), house.health.states()) == (known, states)
