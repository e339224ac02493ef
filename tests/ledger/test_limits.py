"""Limits of every scope and window, as they are held against what is posted."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ledger.accounts import AccountError, Budget, parse_budget, parse_count
from proxy.ledger.clerk import Clerk
from proxy.ledger.orders import Closed, Held, Reached, Refused
from tests.ledger.posted import HOUR, Desk, audit, moment, record, release, reserve, rolled_up, rows, settle

DAY = 24 * HOUR


def usd(window: str, amount: int, zone: str = "UTC", **more: Any) -> Budget:
    return Budget("usd", window, amount, zone, **more)


@pytest.fixture
def key(desk: Desk) -> str:
    return desk.team()


# Whose.


@pytest.mark.parametrize("window", ["minute", "hour", "day", "week", "month", "total"])
@pytest.mark.parametrize(
    ("scope", "about"),
    [("org:default", {}), ("team:acme", {}), ("user:acme/jo", {"user": "jo"})],
    ids=["org", "team", "user"],
)
def test_a_budget_of_any_scope_and_window_takes_its_last_micro_dollar_and_not_one_more(
    desk: Desk, key: str, scope: str, about: dict[str, Any], window: str
) -> None:
    desk.accounts.set_limits(scope, (usd(window, 100),))
    desk.closed(settle(desk.hold(60, key=key, **about), 50))
    refused = desk.refused(51, key=key, **about)
    assert (refused.scope, refused.window, refused.limit, refused.left, refused.asked) == (scope, window, 100, 50, 51)
    desk.hold(50, key=key, **about)
    assert desk.refused(1, key=key, **about).left == 0
    audit(desk.place)


def test_every_team_of_an_organisation_spends_from_its_budget(desk: Desk, key: str) -> None:
    other = desk.team(team="other")
    desk.accounts.set_limits("org:default", (usd("hour", 100),))
    desk.hold(60, key=key)
    assert desk.refused(41, team="other", key=other).scope == "org:default"
    desk.hold(41, team="other", key=other, org="elsewhere")
    desk.hold(40, team="other", key=other)
    audit(desk.place)


def test_end_users_have_a_limit_each_and_who_names_none_has_none(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("user:acme/*", (usd("day", 100),))
    desk.hold(100, key=key, user="jo")
    assert desk.refused(1, key=key, user="jo").scope == "user:acme/jo"
    desk.hold(100, key=key, user="ann")
    desk.hold(1000, key=key)
    desk.team(team="other")
    desk.hold(1000, team="other", key=key, user="jo")
    audit(desk.place)


@pytest.mark.parametrize(
    ("defaults", "own", "limit"),
    [
        ({"team:*": 10}, {}, 10),
        ({"team:*": 10}, {"team:acme": 20}, 20),
        ({"team:*": 20}, {"team:acme": 10}, 10),
        ({"key:*": 10, "team:*": 20}, {}, 10),
        ({"user:*": 10}, {}, 10),
        ({"user:*": 10, "user:acme/*": 20}, {}, 20),
        ({"user:*": 10, "user:acme/*": 20}, {"user:acme/jo": 30}, 30),
        ({"user:other/*": 10}, {"user:acme/jo": 30}, 30),
    ],
)
def test_a_default_holds_for_whoever_has_no_own_limit_of_that_kind_and_window(
    desk: Desk, key: str, defaults: dict[str, int], own: dict[str, int], limit: int
) -> None:
    desk.team(team="other")
    for scope, amount in {**defaults, **own}.items():
        desk.accounts.set_limits(scope, (usd("day", amount), usd("total", 1000)))
    assert desk.refused(limit + 1, key=key, user="jo").limit == limit
    desk.hold(limit, key=key, user="jo")
    audit(desk.place)


def test_pixels_are_limited_like_money(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (parse_budget("2.5mp/hour"),))
    desk.closed(settle(desk.hold(9, key=key, images=2, pixels=2_000_000), 9, images=1))
    refused = desk.refused(9, key=key, pixels=1_500_001)
    assert (refused.what, refused.window, refused.limit, refused.left) == ("pixels", "hour", 2_500_000, 1_500_000)
    desk.hold(9, key=key, pixels=1_500_000)
    desk.hold(9, key=key, pixels=0)
    audit(desk.place)


# When.


def test_a_day_begins_where_its_zone_says(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (usd("day", 100, "Europe/Berlin"),))
    desk.clock.now = moment("2026-10-24 22:00")  # the day on which Berlin has 25 hours
    desk.hold(100, key=key)
    desk.clock.now = moment("2026-10-25 22:59:59.999")
    refused = desk.refused(1, key=key)
    assert (refused.zone, refused.frees) == ("Europe/Berlin", moment("2026-10-25 23:00"))
    desk.clock.now += 1
    desk.hold(100, key=key)
    audit(desk.place)


@pytest.mark.parametrize(
    ("window", "bucket", "length"),
    [("rolling-hour", HOUR // 60, HOUR), ("rolling-day", HOUR, DAY), ("rolling-week", DAY, 7 * DAY),
     ("rolling-month", DAY, 30 * DAY)],
)  # fmt: skip
def test_a_rolling_window_frees_what_was_used_when_its_bucket_is_as_old_as_it_is_long(
    desk: Desk, key: str, window: str, bucket: int, length: int
) -> None:
    desk.accounts.set_limits("team:acme", (usd(window, 100),))
    began = desk.clock.now = moment("2026-11-02 00:00") + bucket // 2
    desk.hold(40, key=key)
    desk.clock.now += length // 2
    desk.hold(60, key=key)
    desk.clock.now = began + length
    refused = desk.refused(1, key=key)
    frees = moment("2026-11-02 00:00") + bucket + length
    assert (refused.left, refused.frees) == (0, frees)
    desk.clock.now = frees - 1
    desk.refused(1, key=key)
    desk.clock.now = frees
    assert desk.refused(41, key=key).left == 40
    desk.hold(40, key=key)
    audit(desk.place)


def test_a_server_whose_clock_is_ahead_has_not_held_in_vain(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (usd("rolling-hour", 100),))
    desk.clock.now += 30_000
    desk.hold(60, key=key)
    desk.clock.now -= 45_000
    assert desk.refused(41, key=key).left == 40


@pytest.mark.parametrize("window", ["rolling-hour", "rolling-day"])
def test_a_late_bill_over_its_hold_passes_no_window_in_which_it_counts(desk: Desk, key: str, window: str) -> None:
    desk.accounts.set_limits("team:acme", (usd(window, 100),))
    desk.clock.now = moment("2026-11-02 12:00")
    early = desk.hold(10, key=key)
    desk.clock.now += HOUR // 2
    late = desk.hold(60, key=key)
    desk.closed(settle(late, 60))
    desk.clock.now += 40 * DAY  # nothing of it counts any more; when it did, 30 were left
    assert desk.closed(settle(early, 500)) == (40, 460)
    audit(desk.place)


# Rows that nobody kept until a limit needed them.


@pytest.mark.parametrize("scope", ["org:default", "team:acme", "user:acme/jo"])
@pytest.mark.parametrize("window", ["hour", "week", "total", "rolling-day", "rolling-month"])
def test_what_was_used_before_the_limit_was_set_counts_against_it(
    desk: Desk, key: str, scope: str, window: str
) -> None:
    kept = desk.hold(10, key=key, user="jo")
    desk.closed(settle(desk.hold(30, key=key, user="jo"), 20))
    desk.closed(release(desk.hold(1000, key=key, user="jo")))
    desk.accounts.set_limits(scope, (usd(window, 100),))
    assert desk.refused(71, key=key, user="jo").left == 70
    desk.closed(settle(kept, 5))
    assert desk.refused(76, key=key, user="jo").left == 75
    audit(desk.place)


@pytest.mark.parametrize("scope", ["team:acme", "team:*"])
def test_rows_of_a_limit_that_is_gone_are_made_anew_when_it_comes_back(desk: Desk, key: str, scope: str) -> None:
    desk.accounts.set_limits(scope, (usd("hour", 100),))
    hold = desk.hold(60, key=key)
    desk.accounts.set_limits(scope, (), replace=True)
    assert not [label for _, label in rolled_up(desk.place) if label.startswith("hour:")]
    desk.closed(settle(hold, 20))
    desk.hold(30, key=key)
    desk.accounts.set_limits(scope, (usd("hour", 100),))
    assert desk.refused(51, key=key).left == 50
    audit(desk.place)


def test_a_settlement_returns_to_the_labels_of_its_hold_even_where_limits_came_and_went(desk: Desk, key: str) -> None:
    hold = desk.hold(60, key=key)
    other = Clerk(desk.place, desk.clock)
    desk.accounts.set_limits("org:default", (usd("week", 100), usd("day", 100, "Asia/Tokyo")))
    desk.clock.now += 3 * DAY
    assert other.post([settle(hold, 90)]) == [Closed(90, 0)]
    other.close()
    labels = {label for scope, label in rolled_up(desk.place) if scope == "org:default"}
    assert {"week:2026-W47", "day@Asia/Tokyo:2026-11-21"} <= labels
    audit(desk.place)


def test_a_group_that_settles_and_holds_sees_its_own_new_rows(desk: Desk, key: str) -> None:
    hold = desk.hold(60, key=key)
    desk.accounts.set_limits("team:acme", (usd("rolling-hour", 100),))
    answers = desk.clerk.post([reserve(41, key=key), settle(hold, 20), reserve(80, key=key), reserve(1, key=key)])
    assert [type(answer) for answer in answers] == [Refused, Closed, Held, Refused]
    audit(desk.place)


# What is left of the window before.


def test_what_was_left_is_carried_over_up_to_a_point_and_not_on_and_on(desk: Desk, key: str) -> None:
    desk.clock.now = moment("2026-10-31 12:00")
    desk.accounts.set_limits("team:acme", (usd("day", 100, carry=30),))
    assert desk.refused(101, key=key).limit == 100  # the team was made on 21 November: it had no day before
    desk.clock.now = moment("2026-11-21 13:00")
    desk.hold(90, key=key)
    desk.clock.now += DAY
    assert desk.refused(200, key=key).limit == 110
    desk.clock.now += DAY
    assert desk.refused(200, key=key).limit == 130
    desk.hold(130, key=key)
    desk.clock.now += DAY
    assert desk.refused(200, key=key).limit == 100
    audit(desk.place)


def test_what_was_carried_over_and_spent_is_not_spent_again_by_a_late_bill(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (usd("day", 100, carry=50),))
    hold = desk.hold(60, key=key)
    desk.clock.now += DAY
    desk.hold(125, key=key)  # 40 were left, of which 25 are used
    assert desk.closed(settle(hold, 100)) == (75, 25)
    assert desk.refused(1, key=key).limit == 125
    audit(desk.place)


# What is told.


def reached(answers: list[Any]) -> list[tuple[str, str, str, int, int, int]]:
    return [
        (each.scope, each.what, each.window, each.share, each.limit, each.used)
        for answer in answers
        if isinstance(answer, Held | Closed)
        for each in answer.reached
    ]


def test_a_soft_limit_is_told_once_in_each_of_its_windows_whoever_posts(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (usd("day", 100, soft=(50, 80, 100)),))
    other = Clerk(desk.place, desk.clock)
    assert reached(desk.clerk.post([reserve(49, key=key)])) == []
    assert reached(desk.clerk.post([reserve(1, key=key)])) == [("team:acme", "usd", "day", 50, 100, 50)]
    assert reached(other.post([reserve(10, key=key)])) == []
    assert [share for *_, share, _, _ in reached(other.post([reserve(30, key=key), reserve(10, key=key)]))] == [80, 100]
    assert reached(desk.clerk.post([reserve(1, key=key)])) == []
    desk.clock.now += DAY
    assert [share for *_, share, _, _ in reached(desk.clerk.post([reserve(60, key=key)]))] == [50]
    assert reached(other.post([reserve(1, key=key)])) == []
    other.close()
    assert rows(desk.place, "SELECT told FROM balances WHERE told != '' ORDER BY told") == [
        {"told": "usd/day/50"},
        {"told": "usd/day/50,usd/day/80,usd/day/100"},
    ]


def test_a_soft_limit_of_a_rolling_window_is_told_again_when_it_was_told_long_enough_ago(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("org:default", (usd("rolling-hour", 100, soft=(50,)),))
    assert len(reached(desk.clerk.post([reserve(60, key=key)]))) == 1
    desk.clock.now += HOUR // 2
    assert reached(desk.clerk.post([reserve(5, key=key)])) == []
    desk.clock.now += HOUR
    assert len(reached(desk.clerk.post([reserve(50, key=key)]))) == 1


def test_a_bill_over_its_hold_tells_as_well(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (usd("total", 100, soft=(80,)),))
    hold = desk.hold(50, key=key)
    (closed,) = desk.clerk.post([settle(hold, 85)])
    assert closed == Closed(85, 0, (Reached("team:acme", "usd", "total", 80, 100, 85),))


def test_limits_of_pictures_and_money_in_one_window_are_told_each(desk: Desk, key: str) -> None:
    desk.accounts.set_limits("team:acme", (usd("day", 100, soft=(50,)), Budget("images", "day", 2, soft=(50,))))
    assert [what for _, what, *_ in reached(desk.clerk.post([reserve(50, key=key)]))] == ["images", "usd"]
    assert reached(desk.clerk.post([reserve(1, key=key, job=record(key=key))])) == []


# What cannot be set.


@pytest.mark.parametrize(
    ("scope", "limit", "why"),
    [
        ("team:nobody", usd("day", 1), "no team"),
        ("user:nobody/jo", usd("day", 1), "no team"),
        ("user:acme", usd("day", 1), "no scope"),
        ("org:nobody", usd("day", 1), "no org"),
        ("org:*", usd("day", 1), "no org"),
        ("user:acme/" + "x" * 200, usd("day", 1), "no scope"),
        ("team:acme", usd("day", 1, "Europe/Bonn"), "no time zone"),
        ("team:acme", usd("hour", 1, "Europe/Berlin"), "has no time zone"),
        ("team:acme", usd("rolling-day", 1, carry=1), "nothing is carried over"),
        ("team:acme", usd("total", 1, carry=1), "nothing is carried over"),
        ("team:acme", usd("day", 1, soft=(101,)), "per cents"),
        ("team:acme", Budget("requests", "minute", 5, soft=(50,)), "requests"),
    ],
)
def test_what_nobody_could_count_is_no_limit(desk: Desk, key: str, scope: str, limit: Budget, why: str) -> None:
    with pytest.raises(AccountError, match=why):
        desk.accounts.set_limits(scope, (limit,))


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("100/month@Europe/Berlin", usd("month", 100_000_000, "Europe/Berlin")),
        ("5/rolling-day", usd("rolling-day", 5_000_000)),
        ("20mp/hour", Budget("pixels", "hour", 20_000_000)),
        ("0.5mp/rolling-hour", Budget("pixels", "rolling-hour", 500_000)),
    ],
)
def test_a_budget_is_written_with_its_window_and_zone(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


def test_a_count_of_pictures_has_a_zone_as_well() -> None:
    assert parse_count("images", "500/day@Asia/Tokyo") == Budget("images", "day", 500, "Asia/Tokyo")
