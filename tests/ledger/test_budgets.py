"""Raises and what is moved between scopes."""

from __future__ import annotations

import pytest

from proxy.ledger.accounts import AccountError, Budget
from proxy.ledger.budgets import Budgets
from proxy.ledger.orders import Closed
from tests.ledger.posted import HOUR, Desk, audit, moment, rows, settle

DAY = 24 * HOUR


@pytest.fixture
def key(desk: Desk) -> str:
    return desk.team(Budget("usd", "day", 100), Budget("usd", "total", 1000))


@pytest.fixture
def budgets(desk: Desk) -> Budgets:
    return Budgets(desk.engine, desk.clock)


def test_a_raise_holds_until_it_ends_and_not_a_millisecond_longer(desk: Desk, key: str, budgets: Budgets) -> None:
    assert desk.refused(121, key=key).limit == 100
    ends = desk.clock.now + HOUR
    made = budgets.raise_limit("team:acme", "usd", "day", 20, ends=ends, why="a campaign", who="ops")
    desk.hold(110, key=key)
    desk.clock.now = ends - 1
    assert desk.refused(11, key=key).left == 10
    desk.clock.now = ends
    assert (desk.refused(1, key=key).left, desk.refused(1, key=key).limit) == (-10, 100)
    assert budgets.raises() == []
    told = rows(desk.place, "SELECT who, action, what FROM audit ORDER BY audit")[-1]
    assert told == {"who": "ops", "action": "budget.raise", "what": "team:acme"}
    assert made.why == "a campaign"


def test_a_raise_without_an_end_holds_until_it_is_withdrawn(desk: Desk, key: str, budgets: Budgets) -> None:
    made = budgets.raise_limit("team:acme", "usd", "total", 500, ends=None)
    desk.clock.now += 300 * DAY
    assert budgets.raises("team:acme") == [made]
    assert budgets.standing(["team:acme"])[1].limit == 1500
    assert budgets.withdraw(made.id) == made
    assert budgets.standing(["team:acme"])[1].limit == 1000
    with pytest.raises(AccountError, match="has ended"):
        budgets.withdraw(made.id)
    with pytest.raises(AccountError, match="no raise"):
        budgets.withdraw("r_none")


def test_a_late_bill_is_held_against_the_limit_as_it_was_when_its_window_ended(
    desk: Desk, key: str, budgets: Budgets
) -> None:
    budgets.raise_limit("team:acme", "usd", "day", 50, ends=moment("2026-11-22 00:00"))
    hold = desk.hold(10, key=key)
    desk.clock.now += DAY
    budgets.raise_limit("team:acme", "usd", "day", 5000, ends=None)  # another day's, not that one's
    assert desk.closed(settle(hold, 500)) == (150, 350)
    audit(desk.place)


def test_what_is_moved_is_taken_from_one_and_given_to_the_other_until_the_window_ends(
    desk: Desk, key: str, budgets: Budgets
) -> None:
    other = desk.team(Budget("usd", "day", 10), team="other")
    desk.hold(70, key=key)
    less, more = budgets.transfer("team:acme", "team:other", "usd", "day", 30, why="a favour")
    assert (less.amount, more.amount, less.ends, more.ends) == (-30, 30, *[moment("2026-11-22 00:00")] * 2)
    assert (desk.refused(1, key=key).limit, desk.refused(41, team="other", key=other).limit) == (70, 40)
    desk.hold(40, team="other", key=other)
    with pytest.raises(AccountError, match="move it back"):
        budgets.withdraw(more.id)
    with pytest.raises(AccountError, match="stays"):
        budgets.withdraw(less.id)
    desk.clock.now += DAY
    assert (desk.refused(101, key=key).limit, desk.refused(11, team="other", key=other).limit) == (100, 10)
    audit(desk.place)


def test_what_is_moved_of_a_total_is_moved_for_good(desk: Desk, key: str, budgets: Budgets) -> None:
    desk.accounts.set_limits("org:default", (Budget("usd", "total", 50),))
    budgets.transfer("team:acme", "org:default", "usd", "total", 1000)
    desk.clock.now += 400 * DAY
    assert desk.refused(1, key=key).limit == 0
    assert [each.amount for each in budgets.raises()] == [-1000, 1000]


def test_no_more_is_moved_than_is_left_whatever_is_held(desk: Desk, key: str, budgets: Budgets) -> None:
    desk.team(Budget("usd", "day", 10), team="other")
    hold = desk.hold(70, key=key)
    with pytest.raises(AccountError, match=r"has 0\.00003 USD left"):
        budgets.transfer("team:acme", "team:other", "usd", "day", 31)
    assert rows(desk.place, "SELECT * FROM raises") == []
    budgets.transfer("team:acme", "team:other", "usd", "day", 30)
    assert desk.closed(settle(hold, 90)) == (70, 20)
    assert desk.clerk.post([settle(hold, 1)]) == [Closed(0, 0)]
    audit(desk.place)


def test_what_was_moved_away_is_not_carried_over(desk: Desk, key: str, budgets: Budgets) -> None:
    desk.accounts.set_limits("team:acme", (Budget("usd", "day", 100, carry=100),))
    desk.team(Budget("usd", "day", 10), team="other")
    budgets.transfer("team:acme", "team:other", "usd", "day", 80)
    desk.clock.now += DAY
    assert desk.refused(200, key=key).limit == 120


@pytest.mark.parametrize(
    ("giver", "taker", "what", "window", "amount", "why"),
    [
        ("team:acme", "team:acme", "usd", "day", 1, "itself"),
        ("team:acme", "team:other", "usd", "month", 1, "no limit"),
        ("team:acme", "team:none", "usd", "day", 1, "no team"),
        ("team:acme", "team:*", "usd", "day", 1, "default"),
        ("team:acme", "team:other", "usd", "day", 0, "more than nothing"),
        ("team:acme", "team:other", "usd", "day", -5, "more than nothing"),
        ("team:acme", "team:other", "requests", "minute", 5, "nothing to raise"),
        ("team:acme", "team:other", "usd", "total", 1, "time zone"),
        ("team:acme", "team:other", "usd", "rolling-day", 1, "calendar"),
    ],
)
def test_why_nothing_is_moved(
    desk: Desk, key: str, budgets: Budgets, giver: str, taker: str, what: str, window: str, amount: int, why: str
) -> None:
    rolling = Budget("usd", "rolling-day", 10)
    desk.accounts.set_limits("team:acme", (rolling, Budget("usd", "week", 10, "Asia/Tokyo")))
    desk.team(Budget("usd", "day", 10), Budget("usd", "week", 10), rolling, team="other")
    window = "week" if window == "total" else window
    with pytest.raises(AccountError, match=why):
        budgets.transfer(giver, taker, what, window, amount)
    assert rows(desk.place, "SELECT * FROM raises") == []


def test_a_raise_that_has_ended_before_it_begins_is_refused(desk: Desk, key: str, budgets: Budgets) -> None:
    with pytest.raises(AccountError, match="ends after"):
        budgets.raise_limit("team:acme", "usd", "day", 1, ends=desk.clock.now)


def test_a_raise_of_what_a_default_gives_is_that_ones_alone(desk: Desk, key: str, budgets: Budgets) -> None:
    desk.accounts.set_limits("user:acme/*", (Budget("usd", "day", 10),))
    budgets.raise_limit("user:acme/jo", "usd", "day", 5, ends=None)
    desk.hold(15, key=key, user="jo")
    assert desk.refused(11, key=key, user="ann").limit == 10
    assert [state.limit for state in budgets.standing(["user:acme/jo", "user:acme/ann"])] == [15, 10]
