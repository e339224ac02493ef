"""Breakers: what opens one, who may try while it is open, what closes it, and what the policy is told meanwhile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account, Fault
from proxy.events import BreakerTurned, Event
from proxy.health import CREDENTIAL_S, THROTTLED_S, Health, Thresholds
from proxy.lines import Lane, Line
from tests.properties import MANY

SECONDS = 30.0
HURTS = (Fault.UNAVAILABLE, Fault.MALFORMED, Fault.AMBIGUOUS)
LINE = Line(
    name="a", provider=providers.load("bfl"), lanes=(Lane(name="", account=Account(base="https://x")),), deadline=60
)
OWN = (Fault.REJECTED, Fault.MODERATED, Fault.QUOTA)


class Watch:
    """Health, its clock, and what it told."""

    def __init__(self, failures: int = 3, rate: float = 1.0) -> None:
        self.now = 1000.0
        self.told: list[Event] = []
        thresholds = Thresholds(failures=failures, seconds=SECONDS, rate=rate, least=10)
        self.health = Health(self.told.append, thresholds, {"a": LINE}, clock=lambda: self.now)

    def fail(self, *faults: Fault, offer: str = "a/m", retry_after: float | None = None) -> None:
        for fault in faults:
            self.health.failed(offer, fault, "boom", retry_after)

    def usable(self, offer: str = "a/m") -> bool:
        standing = self.health.standings().get(offer)
        return standing is None or standing.usable

    def state(self, offer: str = "a/m") -> str:
        return self.health.states()[offer]

    def turns(self) -> list[str]:
        return [event.state for event in self.told if isinstance(event, BreakerTurned)]


def test_an_offer_nobody_has_heard_of_is_trusted() -> None:
    watch = Watch()
    assert watch.health.admit("a/m")
    assert watch.usable()
    assert not watch.health.standings()
    assert not watch.health.states()


@pytest.mark.parametrize("fault", HURTS)
def test_failures_in_a_row_open_a_breaker(fault: Fault) -> None:
    watch = Watch()
    watch.fail(fault, fault)
    assert watch.health.admit("a/m")
    assert watch.usable()
    watch.fail(fault)
    assert not watch.health.admit("a/m")
    assert not watch.usable()
    assert watch.turns() == ["open"]


def test_a_success_between_failures_starts_the_count_anew() -> None:
    watch = Watch()
    for _ in range(5):
        watch.fail(*HURTS[:2])
        watch.health.succeeded("a/m", 1.0)
    assert watch.health.admit("a/m")
    assert watch.turns() == []


@pytest.mark.parametrize("fault", OWN)
def test_a_fault_of_the_request_says_nothing_about_the_offer(fault: Fault) -> None:
    watch = Watch()
    watch.fail(*[fault] * 10)
    assert watch.health.admit("a/m")
    watch.fail(Fault.UNAVAILABLE, Fault.UNAVAILABLE, fault, Fault.UNAVAILABLE)
    assert not watch.health.admit("a/m")  # nor does it break a row of those that do


def test_one_offers_trouble_is_not_anothers() -> None:
    watch = Watch()
    watch.fail(*HURTS)
    assert watch.health.admit("a/n")
    assert set(watch.health.standings()) == {"a/m"}
    assert watch.usable("a/n")


@pytest.mark.parametrize(
    ("fault", "retry_after", "seconds"),
    [
        (Fault.THROTTLED, 12.0, 12.0),
        (Fault.THROTTLED, None, THROTTLED_S),
        (Fault.THROTTLED, 0.0, THROTTLED_S),
        (Fault.CREDENTIAL, None, CREDENTIAL_S),
        (Fault.CREDENTIAL, 1.0, CREDENTIAL_S),
        (Fault.UNAVAILABLE, 45.0, 45.0),
    ],
)
def test_one_such_failure_is_enough_and_says_for_how_long(
    fault: Fault, retry_after: float | None, seconds: float
) -> None:
    watch = Watch()
    watch.fail(fault, retry_after=retry_after)
    standing = watch.health.standings()["a/m"]
    assert not standing.usable
    assert standing.retry_after == seconds
    watch.now += seconds - 0.01
    assert not watch.health.admit("a/m")
    watch.now += 0.01
    assert watch.usable()
    assert watch.health.admit("a/m")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.THROTTLED, Fault.THROTTLED),
        (Fault.CREDENTIAL, Fault.UNAVAILABLE),
        (Fault.UNAVAILABLE, Fault.UNAVAILABLE),
        (Fault.AMBIGUOUS, Fault.UNAVAILABLE),
    ],
)
def test_callers_are_told_to_come_back_and_never_of_our_own_key(fault: Fault, told: Fault) -> None:
    watch = Watch(failures=1)
    watch.fail(fault)
    standing = watch.health.standings()["a/m"]
    assert standing.fault is told
    assert standing.reason


def test_a_wait_is_told_as_what_is_left_of_it_and_never_as_less_than_a_second() -> None:
    watch = Watch()
    watch.fail(Fault.THROTTLED, retry_after=10)
    for passed, left in ((0, 10), (4, 6), (5.5, 1)):
        watch.now += passed
        assert watch.health.standings()["a/m"].retry_after == pytest.approx(left)


def _half_open() -> Watch:
    watch = Watch()
    watch.fail(*HURTS)
    watch.now += SECONDS
    assert watch.usable()  # due: the policy may plan with it
    assert watch.health.admit("a/m")
    return watch


def test_when_the_time_is_up_one_request_tries_and_only_one() -> None:
    watch = _half_open()
    assert [watch.health.admit("a/m") for _ in range(5)] == [False] * 5
    assert not watch.usable()
    assert watch.state() == "half_open"


def test_a_trial_that_works_closes_the_breaker_and_forgets_the_failures() -> None:
    watch = _half_open()
    watch.health.succeeded("a/m", 1.0)
    assert watch.usable()
    watch.fail(*HURTS[:2])
    assert watch.health.admit("a/m")
    assert watch.turns() == ["open", "half_open", "closed"]


@pytest.mark.parametrize("fault", HURTS)
def test_a_trial_that_fails_opens_the_breaker_for_as_long_again(fault: Fault) -> None:
    watch = _half_open()
    watch.fail(fault)
    watch.now += SECONDS - 0.01
    assert not watch.health.admit("a/m")
    watch.now += 0.01
    assert watch.health.admit("a/m")
    assert watch.turns() == ["open", "half_open", "open", "half_open"]


@pytest.mark.parametrize("how", ["forgotten", *OWN])
def test_a_trial_that_says_nothing_is_free_for_the_next(how: str) -> None:
    watch = _half_open()
    if how == "forgotten":
        watch.health.forget_trial("a/m")
    else:
        watch.fail(Fault(how))
    assert watch.usable()
    assert watch.health.admit("a/m")
    assert not watch.health.admit("a/m")
    assert watch.turns() == ["open", "half_open", "open", "half_open"]  # who listens knows no other state


def test_to_forget_a_trial_nobody_had_changes_nothing() -> None:
    watch = Watch()
    watch.health.forget_trial("a/m")
    watch.fail(*HURTS)
    watch.health.forget_trial("a/m")
    assert not watch.health.admit("a/m")


def test_a_breaker_that_stays_open_is_told_once() -> None:
    watch = Watch()
    watch.fail(*HURTS * 4)
    watch.fail(Fault.THROTTLED, Fault.CREDENTIAL)
    assert watch.turns() == ["open"]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("fail"), st.sampled_from(Fault)),
        st.tuples(st.sampled_from(["succeed", "forget", "admit"]), st.none()),
        st.tuples(st.just("wait"), st.floats(0, 200)),
    ),
    max_size=40,
)


@MANY
@given(ACTIONS)
def test_whatever_happens_trials_are_single_and_no_offer_is_lost_for_ever(actions: list[tuple[str, object]]) -> None:
    watch = Watch()
    trial = False
    for what, value in actions:
        if what == "fail":
            assert isinstance(value, Fault)
            watch.fail(value)
            trial = False
        elif what == "succeed":
            watch.health.succeeded("a/m", 1.0)
            trial = False
            assert watch.health.admit("a/m")
        elif what == "forget":
            watch.health.forget_trial("a/m")
            trial = False
        elif what == "wait":
            assert isinstance(value, float)
            watch.now += value
        else:
            before = watch.health.states().get("a/m", "closed")
            usable = watch.usable()
            admitted = watch.health.admit("a/m")
            assert admitted is usable  # what the policy was told is what it gets
            if admitted and before != "closed":
                assert not trial
                trial = True
    turns = ["closed", *watch.turns()]
    assert all(one != other for one, other in pairwise(turns))
    assert turns[-1] == watch.health.states().get("a/m", "closed")
    watch.health.forget_trial("a/m")
    watch.now += max(CREDENTIAL_S, SECONDS)
    assert watch.health.admit("a/m")
