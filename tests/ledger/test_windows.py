"""Labels and intervals of windows, over every time zone and any moment."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.ledger.windows import (
    CALENDAR,
    DAY_MS,
    FOREVER,
    HOUR_MS,
    MINUTE_MS,
    NAMES,
    ROLLING,
    Window,
    check,
    interval,
)
from tests.ledger.posted import moment

ZONES = sorted(zone for zone in available_timezones() if "/" in zone)
LENGTH = {"rolling-hour": HOUR_MS, "rolling-day": DAY_MS, "rolling-week": 7 * DAY_MS, "rolling-month": 30 * DAY_MS}
moments = st.integers(moment("2000-01-01 00:00"), moment("2037-12-31 00:00"))
zoned = st.builds(Window, st.sampled_from(["day", "week", "month"]), st.sampled_from(ZONES))
calendar = zoned | st.builds(Window, st.sampled_from(CALENDAR))
rolling = st.builds(Window, st.sampled_from(sorted(ROLLING)))


def at(text: str, zone: str) -> int:
    """The moment (ms) at which the clocks of a zone show that, the first time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("window", "label"),
    [
        (Window("minute"), "minute:2026-11-21T14:05"),
        (Window("hour"), "hour:2026-11-21T14"),
        (Window("day"), "2026-11-21"),
        (Window("week"), "week:2026-W47"),
        (Window("month"), "2026-11"),
        (Window("total"), "total"),
        (Window("day", "Pacific/Auckland"), "day@Pacific/Auckland:2026-11-22"),
        (Window("week", "Europe/Berlin"), "week@Europe/Berlin:2026-W47"),
        (Window("month", "Europe/Berlin"), "month@Europe/Berlin:2026-11"),
        (Window("rolling-hour"), "minute:2026-11-21T14:05"),
        (Window("rolling-day"), "hour:2026-11-21T14"),
        (Window("rolling-week"), "2026-11-21"),
        (Window("rolling-month"), "2026-11-21"),
    ],
    ids=lambda each: each if isinstance(each, str) else f"{each.name} {each.zone}",
)
def test_what_a_moment_counts_in_is_called(window: Window, label: str) -> None:
    assert window.label(moment("2026-11-21 14:05:59.999")) == label


@pytest.mark.parametrize(
    ("label", "begins", "hours"),
    [
        ("hour:2026-11-21T14", "2026-11-21 14:00", 1),
        ("2026-11-21", "2026-11-21 00:00", 24),
        ("2028-02", "2028-02-01 00:00", 29 * 24),
        ("week:2026-W53", "2026-12-28 00:00", 7 * 24),
        ("day@Europe/Berlin:2026-03-29", "2026-03-28 23:00", 23),
        ("day@Europe/Berlin:2026-10-25", "2026-10-24 22:00", 25),
        ("month@Europe/Berlin:2026-10", "2026-09-30 22:00", 31 * 24 + 1),
        ("week@America/New_York:2026-W44", "2026-10-26 04:00", 7 * 24 + 1),
        ("day@America/Sao_Paulo:2018-11-04", "2018-11-04 03:00", 23),  # its midnight is left out
        ("day@America/St_Johns:2010-11-07", "2010-11-07 02:30", 25),  # 00:01 went back to 23:01
        ("day@Pacific/Apia:2011-12-31", "2011-12-30 10:00", 24),  # there was no 30th
    ],
)
def test_an_interval_is_as_long_as_the_clocks_of_its_zone_make_it(label: str, begins: str, hours: int) -> None:
    assert interval(label) == (moment(begins), moment(begins) + hours * HOUR_MS)


def test_the_total_has_neither_beginning_nor_end() -> None:
    assert interval("total") == FOREVER


@pytest.mark.parametrize("label", ["fortnight:2026-11-21", "week:2026-11-21", "hour:x", "", "2026"])
def test_what_is_no_label_has_no_interval(label: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        interval(label)


@given(calendar, moments)
@example(Window("day", "America/St_Johns"), at("2010-11-06 23:30", "America/St_Johns") + HOUR_MS)
@example(Window("day", "Australia/Lord_Howe"), at("2026-04-05 01:30", "Australia/Lord_Howe") + HOUR_MS)
def test_the_label_of_a_moment_contains_it(window: Window, now: int) -> None:
    begins, ends = window.interval(now)
    assert interval(window.label(now)) == (begins, ends)
    assert begins <= now < ends
    assert window.spans(now, now + DAY_MS) == (window.labels(now),) == ((window.label(now),),)


@given(calendar.filter(lambda window: window.name != "total"), moments)
def test_labels_that_follow_each_other_leave_nothing_out_and_share_nothing(window: Window, now: int) -> None:
    begins, ends = window.interval(now)
    assert window.label(begins) == window.label(ends - 1) == window.label(now)
    assert window.interval(ends)[0] == ends
    assert window.interval(window.before(now))[1] == begins
    assert len({window.label(window.before(now)), window.label(now), window.label(ends)}) == 3


@given(zoned, moments)
def test_a_day_is_the_one_that_the_clocks_show(window: Window, now: int) -> None:
    shown = datetime.fromtimestamp(now / 1000, ZoneInfo(window.zone)).date()
    begins, ends = Window("day", window.zone).interval(now)
    assert 0 < ends - begins <= 49 * HOUR_MS
    middle = datetime.fromtimestamp((begins + ends) // 2000, ZoneInfo(window.zone)).date()
    assert abs((middle - shown).days) <= (1 if min(now - begins, ends - now) < 3 * HOUR_MS else 0)


@given(rolling, moments, st.lists(st.integers(0, 40 * DAY_MS), max_size=30))
def test_a_rolling_window_never_counts_less_than_was_used_since_and_not_much_more(
    window: Window, now: int, ages: list[int]
) -> None:
    counted = set(window.labels(now))
    bucket = ROLLING[window.name][1]
    for age in ages:
        counts = window.label(now - age) in counted
        assert counts or age >= LENGTH[window.name]
        assert not counts or age < LENGTH[window.name] + bucket
    assert len(counted) == LENGTH[window.name] // bucket + 1


@given(rolling | calendar.filter(lambda window: window.name != "total"), moments, st.integers(0, 40))
def test_what_is_counted_leaves_at_one_moment(window: Window, now: int, which: int) -> None:
    labels = window.labels(now)
    label = labels[which % len(labels)]
    leaves = window.leaves(label)
    assert label in window.labels(leaves - 1)
    assert label not in window.labels(leaves)


@given(rolling, moments, st.integers(0, 40 * DAY_MS))
def test_what_is_added_late_adds_to_every_time_in_which_it_still_counts(window: Window, then: int, later: int) -> None:
    spans = window.spans(then, then + later)
    assert spans[0] == window.labels(then)
    assert all(window.label(then) in span for span in spans)
    counts_yet = window.label(then) in window.labels(then + later)
    assert (window.labels(then + later) in spans) == counts_yet


@pytest.mark.parametrize("name", NAMES)
def test_every_window_is_one_in_utc(name: str) -> None:
    assert check(name) is None
    known = {"day", "month", "total", "rolling-week", "rolling-month"}
    assert Window(name).kept == (name in known)
    assert not Window("day", "Europe/Berlin").kept


@pytest.mark.parametrize(
    ("name", "zone", "why"),
    [
        ("fortnight", "UTC", "minute, hour, day"),
        ("day", "Europe/Bärlin", "Europe/Berlin"),
        ("hour", "Asia/Kolkata", "day, week and month"),
        ("rolling-day", "Europe/Berlin", "no time zone"),
        ("total", "Europe/Berlin", "no time zone"),
    ],
)
def test_why_there_is_no_such_window(name: str, zone: str, why: str) -> None:
    assert why in (check(name, zone) or "")


def test_a_minute_is_the_shortest() -> None:
    begins, ends = Window("minute").interval(int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000))
    assert ends - begins == MINUTE_MS
