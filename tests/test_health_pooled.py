"""What servers measure, put together: a window is that of all their requests, each counted once at every server."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account, Fault
from proxy.events import BreakerTurned, Event, OfferMeasured
from proxy.health import Health, Thresholds
from proxy.health.pooled import EVERY_S, TOPIC, Observed
from proxy.health.window import CLASSES, FACTOR, Counts, class_of
from proxy.lines import Lane, Line
from proxy.shared import MemoryBoard, MemoryGates, Shared, Wakes
from tests.properties import MANY

BFL = providers.load("bfl")
SECONDS = 30.0
WINDOW_S = 300.0
OPENS = Thresholds(failures=1000, seconds=SECONDS, rate=0.5, least=20, window_s=WINDOW_S)
EITHER = st.integers(0, 1)


class Cut(MemoryBoard):
    """A board that can be out of reach, and what was told on it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Observed] = []
        self.gone = False

    def tell(self, topic: str, words: str) -> None:
        if topic == TOPIC:
            self.told.append(msgspec.json.decode(words, type=Observed))
        if not self.gone:
            super().tell(topic, words)


class Servers:
    """Several on one board, with one clock."""

    def __init__(self, count: int = 2, *, opens: Thresholds = OPENS, alone: bool = False) -> None:
        self.now = 1000.0
        self.board = Cut()
        self._opens = opens
        self._gates = None if alone else MemoryGates()
        self._due: list[tuple[float, Callable[[], None]]] = []
        self.events: list[list[Event]] = []
        self.health = [self.start() for _ in range(count)]

    def start(self, *models: str) -> Health:
        """One server more, which has these models; any where none is named."""
        lane = Lane(name="", account=Account(base="https://x"))
        line = Line(name="v", provider=BFL, lanes=(lane,), deadline=60, models=dict.fromkeys(models))
        self.events.append([])
        return Health(
            self.events[-1].append,
            self._opens,
            {"v": line},
            shared=Shared(board=self.board, wakes=Wakes(self.board), gates=self._gates),
            clock=lambda: self.now,
            later=lambda seconds, call: self._due.append((self.now + seconds, call)),
        )

    def wait(self, seconds: float = EVERY_S) -> None:
        """Time goes by, and what is due by then is done."""
        self.now += seconds
        due = [call for at, call in self._due if at <= self.now]
        self._due = [(at, call) for at, call in self._due if at > self.now]
        for call in due:
            call()

    def serve(self, server: int, seconds: float = 1.0, count: int = 1, offer: str = "v/m") -> None:
        for _ in range(count):
            self.health[server].succeeded(offer, seconds)

    def fail(self, server: int, count: int = 1, fault: Fault = Fault.UNAVAILABLE) -> None:
        for _ in range(count):
            self.health[server].failed("v/m", fault, "boom", None)

    def counts(self, server: int, offer: str = "v/m") -> tuple[int, int]:
        """Failed, of how many."""
        return self.health[server]._paces.window(offer).counts(self.now)


def test_the_pace_of_one_follows_what_the_other_served() -> None:
    servers = Servers()
    servers.serve(0, seconds=1.0, count=20)
    servers.wait()
    assert servers.health[1].p95("v/m") == pytest.approx(1.0, rel=FACTOR - 1)
    servers.serve(1, seconds=40.0, count=20)
    servers.wait()
    for health in servers.health:
        assert health.p95("v/m") == pytest.approx(40.0, rel=FACTOR - 1)
        assert health.standings()["v/m"].p50 == pytest.approx(1.0, rel=FACTOR - 1)


def test_the_share_that_failed_is_that_of_all_requests() -> None:
    servers = Servers(3)
    servers.serve(0, count=12)
    servers.fail(1, 4)
    servers.wait()
    assert [health.standings()["v/m"].error_rate for health in servers.health] == [0.25] * 3


def test_a_fault_of_the_requests_own_counts_nowhere() -> None:
    servers = Servers()
    servers.fail(0, 10, Fault.REJECTED)
    servers.wait()
    assert servers.counts(1) == (0, 0)
    assert servers.board.told == []


def test_nothing_is_counted_twice_or_passed_on() -> None:
    servers = Servers(3)
    servers.serve(0, count=3)
    servers.fail(1, 2)
    for _ in range(5):
        servers.wait()
    assert [servers.counts(server) for server in range(3)] == [(2, 5)] * 3
    assert len(servers.board.told) == 2


def test_it_is_told_once_a_second_at_most_and_only_of_offers_that_had_requests_since() -> None:
    servers = Servers(1)
    for offer in ("v/m", "v/n", "v/n"):
        servers.serve(0, offer=offer)
    for _ in range(9):
        servers.wait(EVERY_S / 10)
        servers.serve(0)
        assert servers.board.told == []
    servers.wait(EVERY_S / 10)
    assert [set(told.offers) for told in servers.board.told] == [{"v/m", "v/n"}]
    assert servers.board.told[0].offers["v/n"] == Counts(seconds={class_of(1.0): 2})
    servers.serve(0)
    servers.wait(EVERY_S * 0.9)
    assert len(servers.board.told) == 1
    servers.wait(EVERY_S * 0.1)
    assert [set(told.offers) for told in servers.board.told[1:]] == [{"v/m"}]
    servers.wait(EVERY_S * 10)
    assert len(servers.board.told) == 2


def test_what_is_heard_counts_as_of_when_it_is_heard_and_is_forgotten_like_the_rest() -> None:
    servers = Servers()
    servers.serve(0, count=10)
    servers.wait()
    servers.wait(WINDOW_S * 0.85)
    assert servers.counts(1) == (0, 10)
    servers.wait(WINDOW_S * 0.2)
    assert servers.counts(1) == (0, 0)


def test_an_offer_is_out_for_failures_that_none_had_enough_of_alone() -> None:
    servers = Servers()
    servers.fail(0, 10)
    servers.fail(1, 10)
    assert [health.admit("v/m") for health in servers.health] == [True, True]
    servers.wait()
    assert [health.admit("v/m") for health in servers.health] == [False, False]
    for told in servers.events:
        turns = [event for event in told if isinstance(event, BreakerTurned)]
        assert [event.state for event in turns] == ["open"]
        assert "failed 20 of its last 20 requests" in turns[0].why


def test_it_is_out_with_a_failure_here_on_top_of_what_others_had() -> None:
    servers = Servers()
    servers.fail(0, 19)
    servers.wait()
    assert servers.health[1].admit("v/m")
    servers.fail(1)
    assert not servers.health[1].admit("v/m")


def test_what_another_served_keeps_an_offer_in() -> None:
    servers = Servers()
    servers.serve(0, count=100)
    servers.wait()
    servers.fail(1, 40)
    servers.wait()
    assert [health.admit("v/m") for health in servers.health] == [True, True]


def test_failures_in_a_row_are_each_servers_own() -> None:
    servers = Servers(opens=Thresholds(failures=3, seconds=SECONDS))
    servers.fail(0, 2)
    servers.wait()
    servers.fail(1, 2)
    servers.wait()
    assert [health.admit("v/m") for health in servers.health] == [True, True]
    servers.fail(1)
    assert [health.admit("v/m") for health in servers.health] == [False, False]


def test_what_was_forgiven_everywhere_is_not_told_after_it() -> None:
    servers = Servers(3)
    servers.health[0].failed("v/m", Fault.UNAVAILABLE, "boom", 0.1)
    servers.fail(1)
    servers.now += 0.1
    assert servers.health[0].admit("v/m")
    servers.serve(0)
    servers.wait()
    assert [servers.counts(server) for server in range(3)] == [(0, 1)] * 3


def test_a_server_that_is_new_knows_nothing_and_learns_from_there_on() -> None:
    servers = Servers()
    servers.serve(0, count=10)
    servers.wait()
    new = servers.start()
    assert new.p95("v/m") is None
    servers.serve(0, seconds=2.0, count=5)
    servers.wait()
    assert new.p95("v/m") == pytest.approx(2.0, rel=FACTOR - 1)


def test_what_cannot_be_told_is_lost_to_the_others_and_nobody_waits() -> None:
    servers = Servers()
    servers.board.gone = True
    servers.serve(0, count=10)
    servers.fail(1, 10)
    servers.wait()
    assert [servers.counts(server) for server in range(2)] == [(0, 10), (10, 10)]
    servers.board.gone = False
    servers.serve(0)
    servers.wait()
    assert [servers.counts(server) for server in range(2)] == [(0, 11), (10, 11)]


def test_what_is_not_configured_here_is_not_heard_of() -> None:
    servers = Servers(1)
    fewer = servers.start("n")
    servers.serve(0, count=10)
    servers.wait()
    assert fewer.standings() == {}


def test_a_server_alone_tells_nobody() -> None:
    servers = Servers(1, alone=True)
    servers.serve(0, count=10)
    servers.wait()
    assert servers.board.told == []


@pytest.mark.parametrize(
    "counts",
    [{"failed": -1}, {"failed": 2**40}, {"seconds": {str(CLASSES): 1}}, {"seconds": {"-1": 1}}, {"seconds": {"3": -1}}],
)
def test_what_no_server_can_have_counted_is_not_taken(counts: dict[str, object]) -> None:
    servers = Servers(1)
    words = {"server": "x", "offers": {"v/m": {"failed": 1}, "v/n": counts}}
    MemoryBoard.tell(servers.board, TOPIC, msgspec.json.encode(words).decode())
    assert servers.health[0].standings() == {}


def test_each_reports_what_it_knows_of_all() -> None:
    servers = Servers()
    servers.serve(0, count=10)
    servers.wait()
    for health, told in zip(servers.health, servers.events, strict=True):
        health.report()
        assert [(event.model, event.error_rate) for event in told if isinstance(event, OfferMeasured)] == [("m", 0.0)]


@MANY
@given(st.lists(st.tuples(EITHER, EITHER, st.none() | st.floats(0.001, 900), st.floats(0, 1.5)), max_size=80))
def test_all_have_the_sum_of_what_each_had(asked: list[tuple[int, int, float | None, float]]) -> None:
    never = Thresholds(failures=1000, seconds=SECONDS, least=1000, window_s=WINDOW_S)
    servers, alone = Servers(2, opens=never), Servers(1, opens=never, alone=True)
    for server, model, seconds, wait in asked:
        for each, place in ((servers, server), (alone, 0)):
            if seconds is None:
                each.health[place].failed(f"v/{model}", Fault.MALFORMED, "boom", None)
            else:
                each.serve(place, seconds, offer=f"v/{model}")
        servers.wait(wait)
    servers.wait()
    for model in (0, 1):
        offer = f"v/{model}"
        whole = alone.health[0]._paces.window(offer).measured(alone.now)
        for health in servers.health:
            assert health._paces.window(offer).measured(servers.now) == whole
