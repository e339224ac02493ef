"""Health of two servers: the room at accounts is one, and what turns a breaker here turns it there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

import providers
from providers.contract import Account, Failure, Fault
from proxy.events import AccountTurned, BreakerTurned, Event
from proxy.health import CREDENTIAL_S, Asking, Health, Thresholds
from proxy.health.elsewhere import TRIAL_S
from proxy.health.rooms import PAUSE_S
from proxy.lines import Lane, Line
from proxy.shared import Gate, GoneError, Left, MemoryBoard, MemoryGates, Shared, Shut, Wakes

BFL = providers.load("bfl")
SECONDS = 30.0


class Late(MemoryBoard):
    """A board on which news takes its time."""

    def tell(self, topic: str, words: str) -> None:
        asyncio.get_running_loop().call_later(0.005, super().tell, topic, words)


class Gone(MemoryGates):
    """Gates that can be out of reach, and that count who asks."""

    gone = False
    asked = 0

    async def enter(self, visit: str, gates: Sequence[Gate]) -> tuple[Left, ...] | Shut:
        self.asked += 1
        await asyncio.sleep(0)
        if self.gone:
            raise GoneError
        said = await super().enter(visit, gates)
        await asyncio.sleep(0)
        return said


class Servers:
    """Several, with the same accounts, which share a board and gates."""

    def __init__(
        self,
        count: int,
        *lanes: tuple[str, int | None],
        models: dict[str, int | None] | None = None,
        key: str = "",
        board: type[MemoryBoard] = MemoryBoard,
    ) -> None:
        self.now = 1000.0
        self.board, self.gates = board(), Gone()
        self.lanes = [
            Lane(name=name, account=Account(base="https://x", key=providers.contract.Secret(key)), concurrency=most)
            for name, most in lanes
        ]
        self.line = Line(name="v", provider=BFL, lanes=tuple(self.lanes), deadline=60, models=models or {})
        self.told: list[list[Event]] = []
        self.health = [self.start() for _ in range(count)]

    def start(self, line: Line | None = None) -> Health:
        """One server more."""
        told: list[Event] = []
        self.told.append(told)
        return Health(
            told.append,
            Thresholds(failures=3, seconds=SECONDS),
            {"v": line or self.line},
            shared=Shared(board=self.board, wakes=Wakes(self.board), gates=self.gates),
            clock=lambda: self.now,
            later=lambda seconds, call: None,  # what is measured is never told
        )

    async def enter(self, server: int, offer: str = "v/m", seconds: float = 5.0) -> Lane:
        return await self.health[server].enter(Asking(offer=offer, key="k", speaks=BFL), seconds)

    def leave(self, server: int, lane: Lane, offer: str = "v/m") -> None:
        self.health[server].leave(offer, lane)

    def turns(self, server: int, kind: type[BreakerTurned | AccountTurned] = BreakerTurned) -> list[str]:
        return [event.state for event in self.told[server] if isinstance(event, kind)]


# Room.


async def test_servers_together_keep_to_what_an_account_takes() -> None:
    servers, inside, most = Servers(3, ("", 4)), 0, 0
    served: Counter[int] = Counter()

    async def ask(server: int) -> None:
        nonlocal inside, most
        lane = await servers.enter(server)
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.005)
        inside -= 1
        served[server] += 1
        servers.leave(server, lane)

    await asyncio.gather(*[ask(number % 3) for number in range(60)])
    assert most == 4
    assert served == {0: 20, 1: 20, 2: 20}
    assert servers.gates._taken == {}


async def test_servers_together_keep_to_what_an_account_takes_of_a_model_and_others_go_past_it() -> None:
    servers = Servers(2, ("", 4), models={"max": 1, "m": None})
    held = await servers.enter(0, "v/max")
    waits = asyncio.create_task(servers.enter(1, "v/max"))
    await asyncio.sleep(0.01)
    for _ in range(3):  # of the account's four
        await servers.enter(1, "v/m", seconds=0.01)
    with pytest.raises(Failure):
        await servers.enter(0, "v/m", seconds=0.01)
    assert not waits.done()
    servers.leave(0, held, "v/max")
    await asyncio.wait_for(waits, 5)


async def test_who_finds_no_room_in_time_is_told_so_and_holds_nothing() -> None:
    servers = Servers(2, ("", 1))
    lane = await servers.enter(0)
    with pytest.raises(Failure, match="no room in time") as caught:
        await servers.enter(1, seconds=0.02)
    assert caught.value.fault is Fault.THROTTLED
    with pytest.raises(Failure, match="no room in time"):
        await servers.enter(1, seconds=0)
    servers.leave(0, lane)
    assert servers.gates._taken == {}
    assert await servers.enter(1, seconds=1) is lane


async def test_an_account_that_others_fill_is_passed_over_for_one_with_room() -> None:
    servers = Servers(2, ("a", 1), ("b", 1))
    first, second = await servers.enter(0), await servers.enter(1, seconds=0)
    assert {first.name, second.name} == {"a", "b"}
    with pytest.raises(Failure):
        await servers.enter(0, seconds=0.01)


async def test_who_waits_is_served_in_the_order_they_came_however_often_it_was_sent_back() -> None:
    servers, served = Servers(2, ("", 3)), list[int]()
    held = [await servers.enter(0) for _ in range(3)]

    async def ask(number: int) -> None:
        lane = await servers.enter(1)
        served.append(number)
        await asyncio.sleep(0.002)
        servers.leave(1, lane)

    asking = []
    for number in range(12):
        asking.append(asyncio.create_task(ask(number)))
        await asyncio.sleep(0)
    await asyncio.sleep(PAUSE_S * 2.5)  # each time one tries, and comes back
    assert served == []
    for lane in held:
        servers.leave(0, lane)
    await asyncio.gather(*asking)
    assert served == sorted(served)


async def test_while_it_is_full_one_tries_now_and_then_and_not_all() -> None:
    servers = Servers(2, ("", 8))
    held = [await servers.enter(0) for _ in range(8)]
    waiting = [asyncio.create_task(servers.enter(1)) for _ in range(8)]
    await asyncio.sleep(0.02)
    before = servers.gates.asked
    await asyncio.sleep(PAUSE_S * 4)
    assert 2 <= servers.gates.asked - before <= 6
    for lane in held:
        servers.leave(0, lane)
    await asyncio.gather(*waiting)


async def test_a_server_that_is_always_busy_lets_another_in() -> None:
    servers, busy = Servers(2, ("", 2), board=Late), True

    async def keeps_busy() -> None:
        while busy:
            lane = await servers.enter(0)
            await asyncio.sleep(0.01)
            servers.leave(0, lane)

    load = [asyncio.create_task(keeps_busy()) for _ in range(12)]
    await asyncio.sleep(0.05)
    for _ in range(3):
        lane = await servers.enter(1, seconds=PAUSE_S * 0.8)  # told of room, and not by its own looking
        servers.leave(1, lane)
    busy = False
    await asyncio.gather(*load)


async def test_room_that_one_leaves_is_taken_by_who_waits_at_that_server_at_once() -> None:
    servers = Servers(2, ("", 2))
    lane = await servers.enter(0)
    await servers.enter(1)
    waits = asyncio.create_task(servers.enter(0))
    await asyncio.sleep(0.01)
    servers.leave(0, lane)
    await asyncio.wait_for(waits, PAUSE_S * 0.8)


async def test_without_the_gates_each_server_keeps_to_the_limit_alone_and_they_learn_who_is_inside() -> None:
    servers = Servers(2, ("", 2))
    servers.gates.gone = True
    for server in (0, 0, 1, 1):
        await servers.enter(server, seconds=0)
    with pytest.raises(Failure):
        await servers.enter(0, seconds=0.01)


async def test_where_no_limit_is_known_nobody_is_asked() -> None:
    servers = Servers(2, ("", None))
    servers.leave(0, await servers.enter(0))
    assert servers.gates.asked == 0


async def test_who_is_broken_off_while_it_asks_or_waits_leaves_nothing_behind() -> None:
    servers = Servers(2, ("", 1))
    for ticks in range(4):
        asking = asyncio.create_task(servers.enter(0))
        for _ in range(ticks):
            await asyncio.sleep(0)
        asking.cancel()
        outcome = (await asyncio.gather(asking, return_exceptions=True))[0]
        if isinstance(outcome, Lane):
            servers.leave(0, outcome)
    lane = await servers.enter(1, seconds=0)
    waits = asyncio.create_task(servers.enter(0))
    await asyncio.sleep(PAUSE_S * 1.2)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    servers.leave(1, lane)
    assert servers.gates._taken == {}
    assert servers.health[0].accounts()[0].in_flight == 0
    assert await servers.enter(0, seconds=1) is lane


async def test_a_job_that_is_taken_up_counts_for_all_servers_whether_or_not_there_is_room() -> None:
    servers = Servers(2, ("", 2))
    lane = await servers.enter(0)
    for _ in range(2):
        servers.health[1].occupy("v/m", lane)
    servers.leave(1, lane)
    with pytest.raises(Failure):
        await servers.enter(0, seconds=0)
    servers.leave(1, lane)
    await servers.enter(0, seconds=1)


# Breakers.


def test_an_offer_that_is_out_at_one_server_is_out_at_all_for_as_long_and_for_the_same_reason() -> None:
    servers = Servers(2, ("", None))
    servers.health[0].failed("v/m", Fault.THROTTLED, "no", 42.0)
    here, there = [health.standings()["v/m"] for health in servers.health]
    assert (here.usable, here.fault, here.reason, here.retry_after) == (
        *(there.usable, there.fault, there.reason),
        there.retry_after,
    )
    assert (there.usable, there.fault, there.retry_after) == (False, Fault.THROTTLED, 42.0)
    assert not servers.health[1].admit("v/m")
    assert servers.turns(1) == ["open"]
    turned = servers.told[1][0]
    assert isinstance(turned, BreakerTurned)
    assert "another server" in turned.why


def test_what_is_open_for_longer_here_stays_so() -> None:
    servers = Servers(2, ("", None))
    servers.health[1].failed("v/m", Fault.THROTTLED, "no", 100.0)
    servers.start().failed("v/m", Fault.THROTTLED, "no", 10.0)
    assert servers.health[1].standings()["v/m"].retry_after == 100.0


def test_one_server_tries_for_all_and_what_it_finds_holds_for_all() -> None:
    servers = Servers(3, ("", None))
    one, two, three = servers.health
    one.failed("v/m", Fault.UNAVAILABLE, "no", 20.0)
    servers.now += 20
    assert two.admit("v/m")
    assert not one.admit("v/m")
    assert not three.standings()["v/m"].usable
    two.failed("v/m", Fault.UNAVAILABLE, "no", 25.0)
    servers.now += 24
    assert not one.admit("v/m")
    servers.now += 1
    assert three.admit("v/m")
    three.succeeded("v/m", 1.0)
    assert [health.states()["v/m"] for health in servers.health] == ["closed"] * 3
    assert one.admit("v/m")
    assert one.admit("v/m")


def test_a_trial_that_says_nothing_is_anybodys_again() -> None:
    servers = Servers(2, ("", None))
    one, two = servers.health
    one.failed("v/m", Fault.UNAVAILABLE, "no", 20.0)
    servers.now += 20
    assert two.admit("v/m")
    two.forget_trial("v/m")
    assert one.admit("v/m")


def test_a_server_that_ends_with_the_trial_keeps_the_others_from_it_for_a_while_only() -> None:
    servers = Servers(2, ("", None))
    one, two = servers.health
    one.failed("v/m", Fault.UNAVAILABLE, "no", 20.0)
    servers.now += 20
    assert two.admit("v/m")
    servers.now += TRIAL_S - 0.1
    assert not one.admit("v/m")
    servers.now += 0.1
    assert one.admit("v/m")


async def test_an_account_that_is_refused_is_asked_by_no_server_and_the_offer_is_out_with_the_last() -> None:
    servers = Servers(2, ("a", None), ("b", None), key="one")
    one, two = servers.health
    a, b = servers.lanes
    one.failed("v/m", Fault.CREDENTIAL, "no", None, a)
    assert servers.turns(1, AccountTurned) == ["open"]
    for _ in range(4):
        assert await servers.enter(1) is b
    assert two.admit("v/m")
    two.failed("v/m", Fault.CREDENTIAL, "no", None, b)
    assert servers.turns(0) == servers.turns(1) == ["open"]
    servers.now += CREDENTIAL_S
    assert one.admit("v/m")
    lane = await servers.enter(0)
    one.succeeded("v/m", 1.0, lane)
    assert servers.turns(0) == ["open", "half_open", "closed"]
    assert servers.turns(1) == ["open", "closed"]
    assert servers.turns(1, AccountTurned)[-1] == "closed"


async def test_two_servers_that_lose_an_account_each_at_the_same_time_have_none_left() -> None:
    servers = Servers(2, ("a", None), ("b", None), board=Late)
    for health, lane in zip(servers.health, servers.lanes, strict=True):
        health.failed("v/m", Fault.CREDENTIAL, "no", None, lane)
    assert [health.admit("v/m") for health in servers.health] == [True, True]
    await asyncio.sleep(0.03)
    assert [health.admit("v/m") for health in servers.health] == [False, False]


def test_what_is_said_to_another_key_holds_for_nobody_here() -> None:
    servers = Servers(1, ("", None), key="old")
    other = Lane(name="", account=Account(base="https://x", key=providers.contract.Secret("new")))
    new = servers.start(Line(name="v", provider=BFL, lanes=(other,), deadline=60))
    servers.health[0].failed("v/m", Fault.CREDENTIAL, "no", None, servers.lanes[0])
    assert new.admit("v/m")
    servers.health[0].failed("v/n", Fault.UNAVAILABLE, "no", 20.0)  # which says nothing of a key
    assert not new.admit("v/n")


def test_what_is_not_configured_here_is_not_heard_of() -> None:
    servers = Servers(1, ("", None), models={"m": None, "n": None})
    fewer = servers.start(Line(name="v", provider=BFL, lanes=tuple(servers.lanes), deadline=60, models={"m": None}))
    servers.health[0].failed("v/n", Fault.THROTTLED, "no", 20.0)
    assert fewer.states() == {}


def test_a_burst_of_the_same_failure_is_told_once() -> None:
    servers, heard = Servers(2, ("", None)), list[str]()
    servers.board.listen("breakers", heard.append)
    for _ in range(50):
        servers.health[0].failed("v/m", Fault.THROTTLED, "no", 20.0)
    assert len(heard) == 1
    servers.now += 5
    servers.health[0].failed("v/m", Fault.THROTTLED, "no", 20.0)
    assert servers.health[1].standings()["v/m"].retry_after == 20.0
