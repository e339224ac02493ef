"""The last minutes of an offer: quantiles held against the truth, what is old forgotten, in a few kilobytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.health.window import CLASSES, FACTOR, LEAST_S, SPANS, TELLING, Measured, Window
from tests.properties import MANY

WINDOW_S = 300.0


def window(*seconds: float, failed: int = 0, now: float = 1000.0) -> Window:
    made = Window(WINDOW_S)
    for each in seconds:
        made.served(now, each)
    for _ in range(failed):
        made.failed(now)
    return made


def truth(seconds: list[float], share: float) -> float:
    """The least of them that so large a share does not exceed."""
    ordered = sorted(seconds)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


@MANY
@given(st.lists(st.floats(LEAST_S, 600), min_size=TELLING, max_size=300))
def test_a_quantile_is_told_within_one_class_of_the_truth(seconds: list[float]) -> None:
    measured = window(*seconds).measured(1000.0)
    for share, told in ((0.5, measured.p50), (0.95, measured.p95), (0.99, measured.p99)):
        assert told is not None
        assert truth(seconds, share) / FACTOR * 0.999 <= told <= truth(seconds, share) * FACTOR * 1.001
    assert measured.p50 is not None
    assert measured.p95 is not None
    assert measured.p99 is not None
    assert measured.p50 <= measured.p95 <= measured.p99


def test_what_is_faster_or_slower_than_any_class_still_counts() -> None:
    measured = window(*[0.0] * 10).measured(1000.0)
    assert (measured.p50, measured.p99) == (LEAST_S, LEAST_S)
    slow = window(*[1e9] * 10).measured(1000.0)
    assert slow.p50 is not None
    assert slow.p50 >= 600


def test_failures_count_for_the_rate_and_not_for_the_pace() -> None:
    measured = window(*[1.0] * 30, failed=10).measured(1000.0)
    assert (measured.requests, measured.error_rate) == (40, 0.25)
    assert measured.p99 == pytest.approx(1.0, rel=FACTOR - 1)
    down = window(failed=10).measured(1000.0)
    assert (down.error_rate, down.p50) == (1.0, None)


@pytest.mark.parametrize("count", range(TELLING))
def test_too_few_requests_say_nothing(count: int) -> None:
    assert window(*[1.0] * count).measured(1000.0) == Measured(requests=count)
    assert window(failed=count).measured(1000.0) == Measured(requests=count)


def test_what_is_older_than_the_window_falls_out_a_span_at_a_time() -> None:
    span = WINDOW_S / SPANS
    made = Window(WINDOW_S)
    for step in range(SPANS):
        for _ in range(10):
            made.served(step * span, 1.0)
    assert [made.counts((SPANS - 1 + later) * span)[1] for later in range(SPANS + 1)] == [
        10 * (SPANS - later) for later in range(SPANS + 1)
    ]
    made.served(5 * WINDOW_S, 9.0)
    assert made.counts(5 * WINDOW_S) == (0, 1)


def test_a_slow_down_is_seen_within_the_window() -> None:
    made = window(*[0.5] * 1000, now=0.0)
    for second in range(100, 400):
        made.served(float(second), 5.0)
    measured = made.measured(400.0)
    assert measured.p50 == pytest.approx(5.0, rel=FACTOR - 1)


def test_a_pardon_forgets_the_failures_alone() -> None:
    made = window(*[1.0] * 20, failed=20)
    made.pardon(1000.0)
    measured = made.measured(1000.0)
    assert (measured.requests, measured.error_rate) == (20, 0.0)
    assert measured.p50 is not None


def test_memory_is_the_same_however_much_is_recorded() -> None:
    made = Window(WINDOW_S)
    draw = random.Random(1)
    for step in range(100_000):
        made.served(step / 100, draw.lognormvariate(1, 1))
    assert [len(span.seconds) for span in made._spans] == [CLASSES] * SPANS
    assert sum(span.seconds.itemsize * CLASSES for span in made._spans) < 4096
    assert made.counts(1000.0)[1] <= 100 * WINDOW_S


@MANY
@given(
    st.lists(st.tuples(st.floats(0, 400), st.none() | st.floats(0.01, 60)), max_size=60),
    st.floats(10, 2000),
    st.floats(10, 2000),
)
def test_another_length_keeps_what_still_lies_in_it_and_invents_nothing(
    happened: list[tuple[float, float | None]], seconds: float, other: float
) -> None:
    window, now = Window(seconds), 1000.0
    for pause, took in happened:
        now += pause
        if took is None:
            window.failed(now)
        else:
            window.served(now, took)
    known = window.counts(now)
    made = window.over(other, now)
    assert window.counts(now) == known
    failed, requests = made.counts(now)
    assert failed <= known[0]
    assert requests <= known[1]
    assert made.measured(now).requests == requests
    if other >= seconds + seconds / SPANS + other / SPANS:
        assert (failed, requests) == known
