"""What was measured of pictures becomes an expectation, and a bound that holds."""

from __future__ import annotations

from decimal import Decimal
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import Drawing, Pace
from pricing.pace import APART, KEPT, LEAST, MARGIN, Sample, bucket_of, edge, paced, timed
from tests.properties import MANY

SQUARE = 1024 * 1024


def drew(*steps: int, pixels: int = SQUARE, fixed: float = 0.5, step: float = 0.1) -> list[Sample]:
    return [Sample(pixels, each, fixed + step * each) for each in steps]


def learnt(*samples: Sample, guided: bool = False) -> Pace:
    return paced([(guided, samples)])


def asked(steps: int | None = 20, pixels: int = SQUARE, guided: bool | None = False) -> Drawing:
    return Drawing(pixels=pixels, steps=steps, guided=guided)


def test_what_a_picture_takes_is_told_apart_from_what_its_steps_take() -> None:
    found = timed(False, drew(4, 8, 12, 20, 30))
    assert [found.fixed, found.step, found.spread] == pytest.approx([0.5, 0.1, 1.0])
    assert (found.fewest, found.most, found.samples) == (4, 30, 5)
    assert learnt(*drew(4, 8, 12, 20, 30)).expected(asked(10)) == pytest.approx(1.5)


def test_where_all_took_the_same_steps_more_of_them_are_quoted_in_proportion_and_fewer_as_those() -> None:
    pace = learnt(*drew(20, 20, 20, 20, 20))
    assert pace.bound(asked(20)) == pytest.approx(Decimal("2.5") * Decimal(str(MARGIN)), rel=Decimal("0.01"))
    assert pace.bound(asked(40)) == pytest.approx(Decimal(5) * Decimal(str(MARGIN)), rel=Decimal("0.01"))
    assert pace.bound(asked(5)) == pace.bound(asked(20))
    assert pace.expected(asked(5)) == pytest.approx(2.5 / 4)


def test_steps_that_nobody_states_are_the_most_that_were_seen() -> None:
    pace = learnt(*drew(4, 8, 12, 20, 30))
    assert pace.bound(asked(None)) == pace.bound(asked(30))
    assert pace.expected(asked(None)) == pace.expected(asked(30))


def test_a_few_odd_ones_do_not_move_the_line_and_are_covered_by_the_bound() -> None:
    odd = [Sample(SQUARE, 20, 25.0), Sample(SQUARE, 8, 40.0)]
    found = timed(False, [*drew(*range(4, 28)), *odd])
    assert found.step == pytest.approx(0.1, rel=0.05)
    assert found.fixed == pytest.approx(0.5, abs=0.15)
    assert found.spread >= 10


def test_the_latest_pictures_count_and_no_others() -> None:
    slow = drew(*[10] * KEPT, fixed=50.0)
    assert timed(False, [*slow, *drew(*[10] * KEPT)]) == timed(False, [*drew(*[11] * KEPT), *drew(*[10] * KEPT)])


def test_too_few_say_nothing() -> None:
    samples = drew(*[10] * (LEAST - 1))
    assert learnt(*samples).bound(asked(10)) is None
    assert learnt(*samples).expected(asked(10)) is None
    assert learnt(*samples, *drew(10)).bound(asked(10)) is not None
    assert paced([(True, [])]) == Pace()


def test_a_smaller_picture_is_quoted_as_a_larger_one_and_a_larger_one_not_at_all() -> None:
    pace = learnt(*drew(*[20] * 5))
    assert pace.bound(asked(20, 512 * 512)) == pace.bound(asked(20))
    assert pace.bound(asked(20, 2048 * 2048)) is None


def test_a_guided_picture_is_two_unguided_ones_until_it_was_measured() -> None:
    plain, guided = drew(*[20] * 5), drew(*[20] * 5, step=0.15)
    unguided = learnt(*plain)
    once, twice = unguided.expected(asked(guided=False)), unguided.expected(asked(guided=True))
    assert once is not None
    assert twice == pytest.approx(2 * once)
    assert unguided.expected(asked(guided=None)) == once
    both = paced([(False, plain), (True, guided)])
    assert both.expected(asked(guided=True)) == both.expected(asked(guided=None)) == pytest.approx(3.5)
    assert both.expected(asked(guided=False)) == once
    assert paced([(True, guided)]).expected(asked(guided=False)) == pytest.approx(3.5)  # no less than it takes


def test_seconds_are_told_in_three_figures_rounded_up() -> None:
    pace = learnt(*[Sample(SQUARE, 20, 1.23456)] * 5)
    assert pace.bound(asked()) == Decimal("1.55")  # 1.25 times as much is 1.5432


def test_sizes_of_a_bucket_are_near_one_another_and_every_size_is_in_one() -> None:
    assert bucket_of(SQUARE) == 80
    assert edge(80) == SQUARE
    for pixels in range(64, 5_000_000, 977):
        bucket = bucket_of(pixels)
        assert edge(bucket - 1) < pixels * 1.000001
        assert pixels <= edge(bucket) * 1.000001
        assert bucket - 1 < 4 * log2(pixels) <= bucket + 1e-6


truths = st.tuples(st.floats(0.001, 5), st.floats(0.0001, 2), st.floats(0, 2))
"""Fixed seconds, seconds a step, and how the two grow with the area: not at all, or up to its square."""


def truth(of: tuple[float, float, float], pixels: int, steps: int) -> float:
    return float((of[0] + of[1] * steps) * (pixels / SQUARE) ** of[2])


pixels_of = st.integers(64 * 64, 2048 * 2048)
steps_of = st.integers(1, 100)


@MANY
@given(truths, st.lists(steps_of, min_size=LEAST, max_size=KEPT), pixels_of, steps_of)
def test_a_bound_covers_every_number_of_steps_at_a_size_that_was_measured(
    of: tuple[float, float, float], seen: list[int], pixels: int, steps: int
) -> None:
    pace = learnt(*[Sample(pixels, each, truth(of, pixels, each)) for each in seen])
    found = pace.bound(asked(steps, pixels))
    assert found is not None
    assert float(found) >= truth(of, pixels, steps)


@MANY
@given(truths, st.lists(pixels_of, min_size=LEAST, max_size=60), st.integers(4, 50), pixels_of)
def test_a_bound_covers_every_size_up_to_the_largest_that_was_measured(
    of: tuple[float, float, float], seen: list[int], steps: int, pixels: int
) -> None:
    buckets: dict[int, list[Sample]] = {}
    for each in seen:
        buckets.setdefault(bucket_of(each), []).append(Sample(each, steps, truth(of, each, steps)))
    found = paced((False, samples) for samples in buckets.values()).bound(asked(steps, pixels))
    if found is not None:
        assert float(found) >= truth(of, pixels, steps)


@MANY
@given(
    truths,
    st.lists(st.tuples(steps_of, st.floats(0.8, 1.25)), min_size=LEAST, max_size=KEPT),
    st.integers(0, 10**6),
)
def test_a_bound_covers_what_was_measured_but_for_one_in_twenty(
    of: tuple[float, float, float], seen: list[tuple[int, float]], which: int
) -> None:
    samples = [Sample(SQUARE, steps, truth(of, SQUARE, steps) * luck) for steps, luck in seen]
    pace = learnt(*samples)
    above = [each for each in samples if float(pace.bound(asked(each.steps)) or 0) < each.seconds]
    assert len(above) <= len(samples) / 20


@MANY
@given(truths, st.lists(steps_of, min_size=LEAST, max_size=KEPT), steps_of, steps_of)
def test_more_steps_never_cost_less(of: tuple[float, float, float], seen: list[int], one: int, other: int) -> None:
    pace = learnt(*[Sample(SQUARE, each, truth(of, SQUARE, each)) for each in seen])
    less, more = (pace.bound(asked(each)) for each in sorted((one, other)))
    assert less is not None
    assert more is not None
    assert less <= more
    expected = pace.expected(asked(max(one, other)))
    assert expected is not None
    assert max(seen) < APART * min(seen) or expected <= float(more)
