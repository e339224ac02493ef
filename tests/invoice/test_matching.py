"""Every cent of both sides is in one place: agreeing, differing, theirs alone or ours alone."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.invoice import Line, Reconciliation, Report
from proxy.ledger.charges import Charge
from tests.ledger.posted import HOUR, moment
from tests.properties import FEW

NOON = moment("2026-11-21 12:00")
MINUTE = 60_000
WINDOW = 15 * MINUTE
MICRO = 1000


def charge(
    number: int, micros: int = 40_000, *, known: str | None = None, model: str = "flux", at: int = NOON
) -> Charge:
    return Charge(f"job/{number}", known, model, at, micros)


def line(
    number: int, micros: int = 40_000, *, known: str | None = None, model: str | None = "flux", at: int | None = NOON
) -> Line:
    return Line(number, known, model, at, at, micros * MICRO)


def reconciled(ours: Iterable[Charge], theirs: Iterable[Line], show: int = 10, **period: Any) -> Report:
    with Reconciliation(window=WINDOW, **period) as made:
        made.add_lines(theirs)
        made.add_charges(ours)
        return made.report(show)


def counts(found: Report) -> tuple[int, int, int, int]:
    """How many agree, differ, are theirs alone, are ours alone."""
    return found.agreeing.count, found.differing.count, found.only_theirs.count, found.only_ours.count


# By id.


def test_an_id_is_matched_whatever_else_the_line_says() -> None:
    found = reconciled([charge(1, known="a", at=NOON + HOUR)], [line(2, known="a", model="FLUX [dev]")])
    assert counts(found) == (1, 0, 0, 0)
    assert (found.by_id, found.unexplained) == (1, 0)


def test_another_amount_under_an_id_differs_by_what_it_differs() -> None:
    found = reconciled([charge(1, 40_000, known="a")], [line(2, 50_000, known="a")])
    assert counts(found) == (0, 1, 0, 0)
    assert found.unexplained == 10_000 * MICRO
    (pair,) = found.differing.first
    assert (pair.line, pair.hold, pair.id, pair.ours, pair.theirs) == (2, "job/1", "a", 40_000_000, 50_000_000)


def test_lines_of_one_id_are_added_up_and_so_are_settlement_and_overrun() -> None:
    ours = [
        charge(1, 40_000, known="a"),
        charge(1, 10_000, known="a"),
        charge(2, 5, known="b"),
        charge(3, 5, known="b"),
    ]
    theirs = [
        line(2, 45_000, known="a"),
        line(3, 15_000, known="a"),
        line(4, -10_000, known="a"),
        line(5, 10, known="b"),
    ]
    assert counts(reconciled(ours, theirs)) == (2, 0, 0, 0)


def test_what_is_less_than_a_micro_dollar_a_submission_is_rounding() -> None:
    ours = [charge(1, 13, known="a"), charge(2, 13, known="a"), charge(3, 13, known="b")]
    theirs = [Line(2, "a", None, None, None, 24_100), Line(3, "b", None, None, None, 12_000)]
    found = reconciled(ours, theirs)
    assert counts(found) == (1, 1, 0, 0)
    assert found.unexplained == 1000


def test_what_was_given_up_and_is_billed_all_the_same_differs_and_is_else_no_charge() -> None:
    found = reconciled([charge(1, 0, known="a"), charge(2, 0, known="b")], [line(2, known="a")])
    assert counts(found) == (0, 1, 0, 0)
    assert found.unexplained == 40_000 * MICRO


# By model, time and amount.


@pytest.mark.parametrize("away", [-WINDOW, 0, WINDOW])
def test_without_an_id_model_amount_and_time_within_the_window_are_the_same_submission(away: int) -> None:
    assert counts(reconciled([charge(1, at=NOON + away)], [line(2)])) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        line(2, model="dall"),
        line(2, 40_001),
        line(2, at=NOON + WINDOW + 1),
        line(2, at=NOON - WINDOW - 1),
        line(2, -40_000),
    ],
)
def test_another_model_amount_or_time_is_another_submission(other: Line) -> None:
    period = {"since": NOON - HOUR, "until": NOON + HOUR}
    found = reconciled([charge(1)], [other], **period)
    assert counts(found) == (0, 0, 1, 1)
    assert found.unexplained == abs(other.nanos)


def test_a_line_without_a_model_or_a_time_may_be_any() -> None:
    assert counts(reconciled([charge(1)], [line(2, model=None)])) == (1, 0, 0, 0)
    assert counts(reconciled([charge(1)], [line(2, at=None)])) == (1, 0, 0, 0)


def test_a_line_that_tells_only_its_day_may_be_of_all_of_it() -> None:
    day = Line(2, None, "flux", NOON - 12 * HOUR, NOON + 12 * HOUR - 1, 40_000_000)
    ours = [charge(1, at=NOON - 11 * HOUR), charge(2, at=NOON + 11 * HOUR), charge(3, at=NOON + 30 * HOUR)]
    assert counts(reconciled(ours, [day, day])) == (2, 0, 0, 0)


def test_each_submission_is_one_line_and_the_earliest_goes_first() -> None:
    ours = [charge(n, at=NOON + n * 10 * MINUTE) for n in range(4)]
    theirs = [line(n, at=NOON + n * 10 * MINUTE + 12 * MINUTE) for n in range(4)]
    assert counts(reconciled(ours, theirs)) == (4, 0, 0, 0)
    assert counts(reconciled(ours[:1], theirs[:1] * 3)) == (1, 0, 2, 0)


def test_where_ids_are_the_same_on_both_sides_two_different_ones_are_two_charges() -> None:
    ours, theirs = [charge(1, known="a"), charge(2, known="b")], [line(2, known="a"), line(3, known="x")]
    assert counts(reconciled(ours, theirs)) == (1, 0, 1, 1)


def test_where_the_invoice_has_ids_of_its_own_they_are_no_hindrance() -> None:
    ours, theirs = [charge(1, known="a"), charge(2, known="b")], [line(2, known="inv-1"), line(3, known="inv-2")]
    found = reconciled(ours, theirs)
    assert counts(found) == (2, 0, 0, 0)
    assert found.by_id == 0


def test_a_submission_without_an_id_may_be_a_line_with_one() -> None:
    assert counts(reconciled([charge(1, known="a"), charge(2)], [line(2, known="a"), line(3, known="x")])) == (
        2,
        0,
        0,
        0,
    )


# The period.


def test_the_invoices_own_time_is_compared_unless_another_is_told() -> None:
    ours = [charge(1), charge(2, 50_000), charge(3, at=NOON + 2 * HOUR)]
    assert counts(reconciled(ours, [line(2)])) == (1, 0, 0, 1)
    found = reconciled(ours, [line(2)], since=NOON, until=NOON + 3 * HOUR)
    assert counts(found) == (1, 0, 0, 2)
    assert (found.later.count, found.later.nanos) == (1, 40_000_000)


def test_lines_of_another_time_are_left_out_and_told() -> None:
    theirs = [line(2), line(3, at=NOON - 1), line(4, at=NOON + HOUR), line(5, at=NOON + HOUR - 1)]
    found = reconciled([charge(1), charge(2, at=NOON + HOUR)], theirs, since=NOON, until=NOON + HOUR)
    assert (found.outside.count, found.outside.nanos) == (2, 80_000_000)
    assert counts(found) == (2, 0, 0, 0)


def test_an_invoice_without_times_is_held_against_everything() -> None:
    assert counts(reconciled([charge(1, known="a"), charge(2)], [line(2, known="a", at=None)])) == (1, 0, 0, 1)


def test_nothing_against_nothing_is_nothing() -> None:
    found = reconciled([], [])
    assert counts(found) == (0, 0, 0, 0)
    assert (found.ours.nanos, found.theirs.nanos, found.unexplained) == (0, 0, 0)


def test_the_largest_are_shown_first_and_no_more_than_asked_for() -> None:
    found = reconciled([], [line(n, micros) for n, micros in enumerate((5, 70, 6, -80))], show=2)
    assert [pair.theirs for pair in found.only_theirs.first] == [-80_000, 70_000]
    assert found.only_theirs.count == 4


# Sums.

IDS = st.none() | st.sampled_from("abcdef")
TIMES = st.integers(0, 6).map(lambda n: NOON + n * 10 * MINUTE)
CHARGES = st.lists(
    st.builds(
        Charge,
        hold=st.integers(0, 30).map(lambda n: f"job/{n}"),
        vendor_id=IDS,
        model=st.sampled_from(["flux", "dall"]),
        at=TIMES,
        micros=st.integers(0, 3).map(lambda n: n * 10_000),
    ),
    max_size=25,
    unique_by=lambda each: each.hold,
)
LINES = st.lists(
    st.builds(
        lambda known, model, at, long, nanos: Line(0, known, model, at, at if at is None else at + long, nanos),
        known=IDS,
        model=st.none() | st.sampled_from(["flux", "dall"]),
        at=st.none() | TIMES,
        long=st.sampled_from([0, HOUR]),
        nanos=st.integers(-2, 3).map(lambda n: n * 10_000_000) | st.integers(-(10**9), 10**9),
    ),
    max_size=25,
).map(lambda rows: [Line(n, *(row.id, row.model, row.begins, row.ends, row.nanos)) for n, row in enumerate(rows, 2)])


@given(CHARGES, LINES)
@FEW
def test_the_kinds_add_up_to_both_sides_to_the_last_nano(ours: list[Charge], theirs: list[Line]) -> None:
    everything = {"since": NOON - HOUR, "until": NOON + 4 * HOUR}
    found = reconciled(ours, theirs, 100, **everything)
    kinds = (found.agreeing, found.differing, found.only_theirs, found.only_ours)
    assert sum(kind.theirs for kind in kinds) == found.theirs.nanos == sum(each.nanos for each in theirs)
    assert sum(kind.ours for kind in kinds) == found.ours.nanos == sum(each.micros for each in ours) * MICRO
    assert sum(kind.count for kind in kinds[:3]) == found.theirs.count
    assert found.agreeing.count + found.differing.count + found.only_ours.count == found.ours.count
    assert found.only_theirs.ours == found.only_ours.theirs == 0
    alone = [abs(pair.theirs or 0) for pair in found.only_theirs.first]
    apart = [abs((pair.theirs or 0) - (pair.ours or 0)) for pair in found.differing.first]
    assert found.unexplained == sum(alone) + sum(apart)
    assert all(pair.ours != pair.theirs for pair in found.differing.first)


@given(CHARGES, st.randoms(use_true_random=False), st.booleans())
@FEW
def test_an_invoice_of_just_what_the_ledger_has_leaves_nothing_unexplained(
    ours: list[Charge], chance: random.Random, with_ids: bool
) -> None:
    ours = [each for each in ours if each.micros]
    theirs = [
        Line(n, each.vendor_id if with_ids else None, each.model, each.at, each.at, each.micros * MICRO)
        for n, each in enumerate(ours, 2)
    ]
    chance.shuffle(theirs)
    together: dict[str | None, int] = {}
    for each in ours:
        together[each.vendor_id] = together.get(each.vendor_id, 0) + 1
    if not with_ids:  # several submissions under one id are one sum, which no single line is
        ours = [each for each in ours if each.vendor_id is None or together[each.vendor_id] == 1]
        kept = {each.hold for each in ours}
        theirs = [
            Line(n, None, each.model, each.at, each.at, each.micros * MICRO)
            for n, each in enumerate([each for each in ours if each.hold in kept], 2)
        ]
    found = reconciled(ours, theirs)
    assert counts(found)[1:] == (0, 0, 0)
    assert found.unexplained == 0
    assert found.ours.nanos == found.theirs.nanos


@given(CHARGES, LINES, st.integers(1, 10**9))
@FEW
def test_one_more_charge_that_nobody_knows_is_unexplained_to_the_nano(
    ours: list[Charge], theirs: list[Line], nanos: int
) -> None:
    period = {"since": NOON - HOUR, "until": NOON + 4 * HOUR}
    before = reconciled(ours, theirs, **period).unexplained
    unknown = Line(99, "unheard-of", "no-such-model", NOON, NOON, nanos)
    assert reconciled(ours, [*theirs, unknown], **period).unexplained == before + nanos
