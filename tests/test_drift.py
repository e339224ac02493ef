"""Price drift: told when it is there for good, once, until it is gone; one odd bill is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.drift import Drift
from proxy.events import Event, PriceDrifted, PriceMeasured, Settled
from tests.happenings import SETTLED, TURNED
from tests.properties import MANY

LISTED = 40_000


class Told(list[Event]):
    """What a tracker told."""

    @property
    def states(self) -> list[str]:
        return [event.state for event in self if isinstance(event, PriceDrifted)]

    @property
    def ratios(self) -> list[float]:
        return [event.ratio for event in self if isinstance(event, PriceMeasured)]


def tracking(threshold: str = "0.1", samples: int = 5) -> tuple[Drift, Told]:
    told = Told()
    return Drift(told.append, threshold=Decimal(threshold), samples=samples), told


def paid(cost: int, listed: int | None = LISTED, model: str = "photo") -> Settled:
    return replace(SETTLED, model=model, expected=listed, cost=cost, quoted=1)


def test_a_price_that_rose_is_told_of_once_there_are_enough_submissions() -> None:
    drift, told = tracking()
    for _ in range(4):
        drift.hear([paid(50_000)])
    assert told == []
    drift.hear([paid(50_000)])
    assert told == [
        PriceDrifted(
            provider="stub", model="photo", state="drifted", ratio=1.25, expected=200_000, cost=250_000, samples=5
        ),
        PriceMeasured(provider="stub", model="photo", ratio=1.25),
    ]
    drift.hear([paid(50_000)] * 20)
    assert len(told) == 2  # nothing new


@pytest.mark.parametrize("cost", [44_000, 36_000, LISTED])
def test_a_price_within_the_threshold_is_measured_and_no_drift(cost: int) -> None:
    drift, told = tracking()
    drift.hear([paid(cost)] * 30)
    assert told.states == []
    assert told.ratios == [cost / LISTED]


@pytest.mark.parametrize("cost", [44_100, 35_900])
def test_a_price_may_leave_the_list_in_either_direction(cost: int) -> None:
    drift, told = tracking()
    drift.hear([paid(cost)] * 30)
    assert told.states == ["drifted"]


def test_it_is_told_again_only_after_it_has_recovered_within_half_the_threshold() -> None:
    drift, told = tracking(samples=4)
    drift.hear([paid(50_000)] * 4)
    drift.hear([paid(43_000)] * 8)  # 7.5 % is within the threshold, and not yet back
    assert told.states == ["drifted"]
    drift.hear([paid(41_000)] * 8)
    assert told.states == ["drifted", "recovered"]
    drift.hear([paid(43_000)] * 8)
    assert told.states == ["drifted", "recovered"]
    drift.hear([paid(50_000)] * 4)
    assert told.states == ["drifted", "recovered", "drifted"]


@pytest.mark.parametrize("cost", [0, 400_000])
def test_one_odd_bill_is_no_drift_and_two_are(cost: int) -> None:
    drift, told = tracking(samples=10)
    drift.hear([paid(LISTED)] * 9)
    drift.hear([paid(cost)])
    assert told.states == []
    drift.hear([paid(LISTED)] * 4 + [paid(cost)])
    assert told.states == ["drifted"]


def test_with_one_sample_every_submission_is_judged_by_itself() -> None:
    drift, told = tracking(samples=1)
    drift.hear([paid(LISTED), paid(50_000), paid(LISTED)])
    assert told.states == ["drifted", "recovered"]


def test_offers_are_judged_apart_and_what_has_no_listed_price_is_not_judged() -> None:
    drift, told = tracking()
    for _ in range(5):
        drift.hear([paid(50_000, model="dear"), paid(LISTED, model="right"), paid(900_000, None), TURNED])
    assert [(event.model, event.state) for event in told if isinstance(event, PriceDrifted)] == [("dear", "drifted")]
    assert {event.model for event in told if isinstance(event, PriceMeasured)} == {"dear", "right"}


def test_a_charge_for_what_is_listed_as_free_is_a_drift_with_a_ratio_that_is_a_number() -> None:
    drift, told = tracking()
    drift.hear([paid(0, 0)] * 5)
    assert (told.states, told.ratios) == ([], [1.0])
    drift.hear([paid(100, 0)] * 5)
    assert told.states == ["drifted"]
    assert told.ratios == [1.0, 500.0]


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)), max_size=40), st.integers(1, 8))
@MANY
def test_the_ratio_is_of_the_latest_submissions_and_states_take_turns(samples: list[tuple[int, int]], n: int) -> None:
    drift, told = tracking(samples=n)
    for listed, cost in samples:
        drift.hear([paid(cost, listed)])
    assert told.states == ["drifted", "recovered"] * (len(told.states) // 2) + ["drifted"] * (len(told.states) % 2)
    for event in told:
        if isinstance(event, PriceDrifted):
            assert event.samples == n
    if len(samples) >= n:
        listed, cost = (sum(each) for each in zip(*samples[-n:], strict=True))
        assert told.ratios[-1] == (round(cost / listed, 4) if listed else float(cost or 1))
    else:
        assert told == []


@given(st.integers(1, 10**9), st.integers(2, 30), st.sampled_from(["up", "down"]))
@MANY
def test_a_steady_drift_beyond_the_threshold_is_always_told_and_one_within_it_never(
    listed: int, n: int, way: str
) -> None:
    away = listed // 10
    within = listed + away if way == "up" else listed - away
    beyond = listed + away + 1 if way == "up" else listed - away - 1
    calm, nothing = tracking(samples=n)
    calm.hear([paid(within, listed)] * n * 2)
    assert nothing.states == []
    loud, told = tracking(samples=n)
    loud.hear([paid(beyond, listed)] * n)
    assert told.states == ["drifted"]
