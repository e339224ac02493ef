from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.ledger.accounts import Budget
from proxy.ledger.book import end_hold
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import connect
from proxy.ledger.orders import (
    Answer,
    Close,
    Closed,
    Failed,
    Forget,
    Held,
    Keep,
    Order,
    Outcome,
    Refused,
    Repeated,
    Ticketed,
)
from proxy.ledger.posting import Posting
from proxy.ledger.recall import Memory
from proxy.ledger.statements import Statements
from proxy.ledger.writing import StaleError
from tests.ledger.posted import HOUR, Desk, audit, moment, record, release, reserve, rows, settle, windows_of


def usd(window: str, amount: int) -> Budget:
    return Budget("usd", window, amount)


def images(window: str, amount: int) -> Budget:
    return Budget("images", window, amount)


# What is held and what is refused.


@pytest.mark.parametrize("window", ["day", "month", "total"])
@pytest.mark.parametrize("whose", ["team", "key"])
def test_a_budget_takes_its_last_micro_dollar_and_not_one_more(desk: Desk, whose: str, window: str) -> None:
    limits = (usd(window, 100),)
    key = desk.team(*(limits if whose == "team" else ()), key_limits=limits if whose == "key" else ())
    desk.hold(60, key=key)
    refused = desk.refused(41, key=key)
    scope = "team:acme" if whose == "team" else f"key:{key}"
    frees = {"day": moment("2026-11-22 00:00"), "month": moment("2026-12-01 00:00"), "total": None}[window]
    assert refused == Refused(scope=scope, what="usd", window=window, limit=100, left=40, asked=41, frees=frees)
    desk.hold(40, key=key)
    assert desk.refused(1, key=key).left == 0
    audit(desk.place)


@pytest.mark.parametrize("window", ["day", "month", "total"])
@pytest.mark.parametrize("whose", ["team", "key"])
def test_pictures_are_limited_like_money(desk: Desk, whose: str, window: str) -> None:
    limits = (images(window, 5),)
    key = desk.team(*(limits if whose == "team" else ()), key_limits=limits if whose == "key" else ())
    desk.closed(settle(desk.hold(7, images=3, key=key), 7, images=3))
    refused = desk.refused(7, images=3, key=key)
    scope = "team:acme" if whose == "team" else f"key:{key}"
    assert replace(refused, frees=None) == Refused(scope=scope, what="images", window=window, limit=5, left=2, asked=3)
    desk.hold(7, images=2, key=key)


@pytest.mark.parametrize(
    ("team", "key", "refuses"),
    [
        ((usd("day", 10), usd("total", 1000)), (), ("team:acme", "usd", "day")),
        ((usd("day", 1000), usd("total", 10)), (), ("team:acme", "usd", "total")),
        ((usd("month", 10), images("day", 100)), (), ("team:acme", "usd", "month")),
        ((usd("month", 1000), images("day", 0)), (), ("team:acme", "images", "day")),
        ((usd("total", 1000),), (usd("total", 10),), ("key", "usd", "total")),
        ((usd("total", 10),), (usd("total", 1000),), ("team:acme", "usd", "total")),
        ((usd("total", 10),), (usd("day", 10),), ("key", "usd", "day")),
    ],
    ids=lambda limits: "+".join(f"{each.what}/{each.window}" for each in limits if isinstance(each, Budget)),
)
def test_a_refusal_names_the_budget_that_cannot_take_it_the_keys_own_first(
    desk: Desk, team: tuple[Budget, ...], key: tuple[Budget, ...], refuses: tuple[str, str, str]
) -> None:
    made = desk.team(*team, key_limits=key)
    refused = desk.refused(11, key=made)
    scope = f"key:{made}" if refuses[0] == "key" else refuses[0]
    assert (refused.scope, refused.what, refused.window) == (scope, *refuses[1:])


def test_a_refused_job_leaves_nothing_behind(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    desk.refused(101, key=key, idempotency="again")
    assert [rows(desk.place, f"SELECT * FROM {table}") for table in ("jobs", "holds", "entries")] == [[], [], []]
    desk.hold(100, key=key, idempotency="again")


def test_all_submissions_of_a_job_are_held_or_none(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    assert isinstance(desk.post(reserve(40, 40, 21, key=key)), Refused)
    assert desk.stands() == (0, 0)
    answer = desk.post(reserve(40, 40, 20, key=key))
    assert isinstance(answer, Held)
    assert [hold.micros for hold in answer.holds] == [40, 40, 20]
    assert len({hold.hold for hold in answer.holds}) == 3
    assert desk.stands() == (0, 100)


def test_a_later_offer_of_the_same_job_is_held_anew_under_another_name(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    first = reserve(60, key=key)
    held = desk.post(first)
    assert isinstance(held, Held)
    desk.closed(release(held.holds[0].hold))
    second = desk.post(replace(reserve(90, job=first.job), first=False, sequence=1))
    assert isinstance(second, Held)
    assert second.holds[0].hold != held.holds[0].hold
    assert second.holds[0].job == held.holds[0].job
    assert len(rows(desk.place, "SELECT * FROM jobs")) == 1
    audit(desk.place)


def test_budgets_of_other_teams_and_keys_have_nothing_to_do_with_it(desk: Desk) -> None:
    poor = desk.team(usd("total", 0), team="poor")
    rich = desk.team(usd("total", 100), key_limits=(usd("total", 60),), team="rich")
    other = desk.accounts.create_key("rich")[0].key
    desk.refused(1, team="poor", key=poor)
    desk.hold(60, team="rich", key=rich)
    assert desk.refused(1, team="rich", key=rich).scope == f"key:{rich}"
    desk.hold(40, team="rich", key=other)
    assert desk.refused(1, team="rich", key=other).scope == "team:rich"


def test_without_a_budget_everything_is_held_and_counted(desk: Desk) -> None:
    key = desk.team()
    desk.hold(10**15, key=key)
    assert desk.stands() == (0, 10**15)


def test_what_costs_nothing_is_never_refused_for_money(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    desk.closed(settle(desk.hold(100, key=key), 100))
    assert desk.closed(settle(desk.hold(0, key=key), 0)) == (0, 0)
    desk.accounts.set_limits("team:acme", (usd("total", 10),))
    assert desk.closed(settle(desk.hold(0, key=key), 0)) == (0, 0)
    assert desk.stands() == (100, 0)


def test_a_limit_that_is_changed_holds_from_the_next_order_on(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    desk.hold(60, key=key)
    desk.accounts.set_limits("team:acme", (usd("total", 59),))
    assert desk.refused(1, key=key).left == -1
    desk.accounts.set_limits("team:acme", (usd("total", 61),))
    desk.hold(1, key=key)
    desk.accounts.set_limits("team:acme", (), replace=True)
    desk.hold(10_000, key=key)


# Windows.


@pytest.mark.parametrize(
    ("window", "last", "first"),
    [
        ("day", "2026-11-21 23:59:59.999", "2026-11-22 00:00"),
        ("month", "2026-11-30 23:59:59.999", "2026-12-01 00:00"),
        ("month", "2027-12-31 23:59:59.999", "2028-01-01 00:00"),
        ("month", "2028-02-29 23:59:59.999", "2028-03-01 00:00"),
    ],
)
def test_a_window_begins_anew_at_midnight_utc_and_not_a_millisecond_before(
    desk: Desk, window: str, last: str, first: str
) -> None:
    key = desk.team(usd(window, 100), images(window, 1))
    desk.clock.now = moment(last[:7] + "-01 00:00") if window == "month" else moment(last[:10])
    desk.hold(100, key=key)
    desk.clock.now = moment(last)
    assert desk.refused(1, key=key).window == window
    desk.clock.now = moment(first)
    desk.hold(100, key=key)
    audit(desk.place)


def test_a_new_day_does_not_refill_a_month_nor_a_new_month_the_total(desk: Desk) -> None:
    key = desk.team(usd("day", 10), usd("month", 15), usd("total", 20))
    desk.clock.now = moment("2026-11-29 12:00")
    desk.hold(10, key=key)
    desk.clock.now = moment("2026-11-30 12:00")
    assert desk.refused(6, key=key).window == "month"
    desk.hold(5, key=key)
    desk.clock.now = moment("2026-12-01 12:00")
    assert desk.refused(6, key=key).window == "total"
    desk.hold(5, key=key)


def test_a_hold_that_ends_tomorrow_is_paid_from_the_day_it_was_given(desk: Desk) -> None:
    key = desk.team(usd("day", 100))
    desk.clock.now = moment("2026-11-30 23:00")
    hold = desk.hold(80, key=key)
    desk.clock.now += 2 * HOUR
    assert desk.closed(settle(hold, 80)) == (80, 0)
    assert desk.stands(window="2026-11-30") == (80, 0)
    assert desk.stands(window="2026-11") == (80, 0)
    assert desk.stands(window="2026-12-01") == (0, 0)
    desk.hold(100, key=key)
    audit(desk.place)


# How holds end.


@pytest.mark.parametrize("kind", ["settle", "release"])
def test_a_hold_ends_once_whoever_comes_second(desk: Desk, kind: str) -> None:
    key = desk.team(usd("total", 100))
    hold = desk.hold(60, key=key)
    first = settle(hold, 60) if kind == "settle" else release(hold)
    charged = desk.closed(first)
    for again in (settle(hold, 60), release(hold), release(hold, "ambiguous")):
        assert desk.closed(again) == (0, 0)
    assert desk.stands() == (charged[0], 0)
    audit(desk.place)


def test_a_hold_ends_once_within_one_group_and_within_one_order(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    one, other = desk.hold(30, key=key), desk.hold(30, key=key)
    assert desk.clerk.post([settle(one, 20), settle(one, 20)]) == [Closed(20, 0), Closed(0, 0)]
    outcome = Outcome(hold=other, kind="settle", micros=20, images=1)
    assert desk.closed(Close(outcomes=(outcome, outcome))) == (20, 0)
    assert desk.stands() == (40, 0)
    audit(desk.place)


def test_a_hold_that_never_was_costs_nothing(desk: Desk) -> None:
    desk.team()
    assert desk.closed(settle("job-x/0", 50)) == (0, 0)
    assert rows(desk.place, "SELECT * FROM entries") == []


def test_what_is_not_spent_of_a_hold_can_be_spent_again(desk: Desk) -> None:
    key = desk.team(usd("total", 100), images("total", 4))
    assert desk.closed(settle(desk.hold(100, images=4, key=key), 30, images=1)) == (30, 0)
    assert desk.stands() == (30, 0)
    desk.closed(release(desk.hold(70, images=3, key=key)))
    desk.hold(70, images=3, key=key)
    assert desk.refused(1, images=0, key=key).what == "usd"


def test_a_hold_without_an_answer_keeps_its_money_until_it_ends(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    hold = desk.hold(100, key=key)
    assert desk.closed(release(hold, "ambiguous")) == (0, 0)
    assert [row["state"] for row in rows(desk.place, "SELECT state FROM holds")] == ["ambiguous"]
    desk.refused(1, key=key)
    assert desk.closed(settle(hold, 100, images=0)) == (100, 0)
    assert desk.stands() == (100, 0)
    audit(desk.place)


@pytest.mark.parametrize(
    ("limits", "key_limits", "others", "cost", "charged"),
    [
        ((), (), 0, 1000, 1000),
        ((usd("total", 100),), (), 0, 60, 60),
        ((usd("total", 100),), (), 0, 100, 100),
        ((usd("total", 100),), (), 0, 101, 100),
        ((usd("total", 100),), (), 40, 60, 60),
        ((usd("total", 100),), (), 40, 61, 60),
        ((usd("total", 100),), (), 50, 1000, 50),
        ((usd("total", 100),), (usd("day", 55),), 0, 70, 55),
        ((usd("total", 70), usd("month", 60)), (usd("day", 65),), 0, 90, 60),
        ((images("day", 1000),), (), 0, 90, 90),
    ],
)
def test_a_bill_over_its_hold_takes_what_the_narrowest_budget_has_and_the_rest_is_on_the_house(
    desk: Desk, limits: tuple[Budget, ...], key_limits: tuple[Budget, ...], others: int, cost: int, charged: int
) -> None:
    key = desk.team(*limits, key_limits=key_limits)
    if others:
        desk.hold(others, key=key)
    hold = desk.hold(50, key=key)
    assert desk.closed(settle(hold, cost)) == (charged, cost - charged)
    assert desk.stands() == (charged, others)
    ends = rows(desk.place, "SELECT kind, micros, images FROM entries WHERE kind != 'hold'")
    house = [{"kind": "overrun", "micros": cost - charged, "images": 0}] if cost > charged else []
    assert ends == [{"kind": "settle", "micros": charged, "images": 1}, *house]
    audit(desk.place)


def test_a_hold_is_charged_in_full_even_where_the_limit_was_lowered_below_it(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    hold = desk.hold(50, key=key)
    desk.accounts.set_limits("team:acme", (usd("total", 10),))
    assert desk.closed(settle(hold, 80)) == (50, 30)


def test_an_overrun_is_measured_against_the_window_of_its_hold(desk: Desk) -> None:
    key = desk.team(usd("day", 100))
    desk.hold(40, key=key)
    hold = desk.hold(50, key=key)
    desk.clock.now += 24 * HOUR
    assert desk.closed(settle(hold, 75)) == (60, 15)
    desk.hold(100, key=key)


def test_two_overruns_of_one_group_do_not_both_take_the_same_rest(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    one, other = desk.hold(40, key=key), desk.hold(40, key=key)
    assert desk.clerk.post([settle(one, 55), settle(other, 55)]) == [Closed(55, 0), Closed(45, 10)]
    assert desk.stands() == (100, 0)


# Jobs and what repeats them.


def state(desk: Desk, job: str) -> dict[str, object]:
    (row,) = rows(desk.place, f"SELECT state, idempotency, finished, answer FROM jobs WHERE job = '{job}'")
    return row


def test_a_job_is_open_until_it_is_done_and_its_answer_may_come_later(desk: Desk) -> None:
    key = desk.team()
    hold = desk.hold(5, job=record(key=key, job="one"))
    assert state(desk, "one") == {"state": "open", "idempotency": None, "finished": None, "answer": None}
    desk.clock.now += 1
    desk.closed(replace(settle(hold, 5), job="one", state="done", answer='{"a":1}'))
    assert state(desk, "one") == {
        "state": "done", "idempotency": None, "finished": desk.clock.now, "answer": '{"a":1}'
    }  # fmt: skip
    assert desk.post(Keep(job="one", answer="elsewhere")) is None
    assert state(desk, "one")["answer"] == "elsewhere"


def test_a_used_idempotency_key_is_answered_with_the_job_it_stands_for_and_holds_nothing(desk: Desk) -> None:
    key, other = desk.team(), desk.team(team="other")
    first = record(key=key, idempotency="i")
    desk.hold(5, job=first)
    again = desk.post(reserve(5, key=key, idempotency="i"))
    assert again == Repeated(first.job, first.print, "open")
    assert desk.stands() == (0, 5)
    desk.hold(5, team="other", key=other, idempotency="i")  # another key's is another
    desk.post(Close(outcomes=(), job=first.job, state="done"))
    assert desk.post(reserve(5, key=key, idempotency="i")) == Repeated(first.job, first.print, "done")


def test_an_idempotency_key_is_used_once_within_one_group(desk: Desk) -> None:
    key = desk.team()
    first, second = record(key=key, idempotency="i"), record(key=key, idempotency="i")
    answers = desk.clerk.post([reserve(5, job=first), reserve(5, job=second)])
    assert isinstance(answers[0], Held)
    assert answers[1] == Repeated(first.job, first.print, "open")
    assert desk.stands() == (0, 5)


def test_a_job_that_failed_frees_its_idempotency_key(desk: Desk) -> None:
    key = desk.team()
    first = record(key=key, idempotency="i")
    hold = desk.hold(5, job=first)
    desk.closed(replace(release(hold), job=first.job, state="failed"))
    assert state(desk, first.job)["state"] == "failed"
    desk.hold(5, key=key, idempotency="i")


def test_idempotency_keys_are_forgotten_by_age_except_those_of_open_jobs(desk: Desk) -> None:
    key = desk.team()
    done, still_open, young = (record(key=key, job=name, idempotency=name) for name in ("done", "open", "young"))
    desk.closed(replace(settle(desk.hold(5, job=done), 5), job="done", state="done"))
    desk.hold(5, job=still_open)
    desk.clock.now += HOUR
    desk.closed(replace(settle(desk.hold(5, job=young), 5), job="young", state="done"))
    assert desk.post(Forget(before=desk.clock.now)) is None
    assert [state(desk, job)["idempotency"] for job in ("done", "open", "young")] == [None, "open", "young"]
    desk.hold(5, key=key, idempotency="done")


def test_a_ticket_is_kept_with_its_hold(desk: Desk) -> None:
    hold = desk.hold(5, key=desk.team())
    assert desk.post(Ticketed(hold=hold, ticket="polling-url")) is None
    assert rows(desk.place, "SELECT ticket FROM holds") == [{"ticket": "polling-url"}]
    assert desk.post(Ticketed(hold="gone/0", ticket="x")) is None


# Groups.


@pytest.mark.parametrize("size", [1, 2, 63, 127, 256])
def test_a_group_of_any_size_is_posted_whole(desk: Desk, size: int) -> None:
    answers = desk.clerk.post([reserve(3, 4, team=f"team-{i}", key=f"k-{i}") for i in range(size)])
    holds = [hold for answer in answers if isinstance(answer, Held) for hold in answer.holds]
    assert len(holds) == 2 * size
    ends: list[Order] = [settle(hold.hold, 2) if i % 3 else release(hold.hold) for i, hold in enumerate(holds)]
    answers = desk.clerk.post(ends)
    assert answers == [Closed(2, 0) if i % 3 else Closed(0, 0) for i in range(2 * size)]
    assert audit(desk.place).open == {}


def test_within_a_group_what_one_order_holds_the_next_cannot(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    answers = desk.clerk.post([reserve(30, key=key) for _ in range(5)])
    assert [type(answer) for answer in answers] == [Held, Held, Held, Refused, Refused]
    assert desk.stands() == (0, 90)


def test_within_a_group_what_one_order_gives_back_the_next_can_have(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    first = record(key=key)
    orders: list[Order] = [
        reserve(100, job=first),
        Ticketed(hold=f"{first.job}/0", ticket="t"),
        release(f"{first.job}/0", "ambiguous"),
        release(f"{first.job}/0"),
        reserve(100, key=key),
    ]
    answers = desk.clerk.post(orders)
    assert [type(answer) for answer in answers] == [Held, type(None), Closed, Closed, Held]
    assert len(audit(desk.place).open) == 1


@pytest.mark.parametrize(
    "bad",
    [
        reserve(5, job=record(key="k", job="taken")),
        reserve(2**63, key="k"),
        reserve(2**62, 2**62, key="k"),
        settle("taken/0", 2**64 - 1),
    ],
    ids=["a job's id is taken", "more than a row can hold", "a sum of more than that", "a cost of more than that"],
)
def test_a_bad_order_fails_alone_and_writes_nothing(desk: Desk, bad: Order) -> None:
    desk.team()
    desk.hold(7, job=record(key="k", job="taken"))
    answers: list[Answer] = desk.clerk.post([reserve(5, key="k"), bad, reserve(6, key="k")])
    assert [type(answer) for answer in answers] == [Held, Failed, Held]
    assert desk.stands() == (0, 18)
    assert len(audit(desk.place).open) == 3
    desk.hold(1, key="k")


# Others at the same file.


def test_what_another_process_did_meanwhile_is_not_overlooked(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    hold = desk.hold(60, key=key)
    other = Clerk(desk.place, desk.clock)
    (answer,) = other.post([reserve(40, key=key)])
    assert isinstance(answer, Held)
    desk.refused(1, key=key)
    assert other.post([settle(hold, 10)]) == [Closed(10, 0)]
    assert desk.closed(settle(hold, 60)) == (0, 0)
    desk.hold(50, key=key)
    other.close()
    assert desk.stands() == (10, 90)
    audit(desk.place)


def test_a_memory_that_another_made_false_writes_nothing(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    engine, memory = connect(desk.place), Memory()
    statements = Statements(engine.dialect)
    with engine.begin() as connection:
        (held,) = Posting(connection, statements, memory, desk.clock.now).post([reserve(60, key=key)])
    assert isinstance(held, Held)
    hold = held.holds[0].hold
    assert desk.closed(release(hold)) == (0, 0)
    with pytest.raises(StaleError), engine.begin() as connection:
        Posting(connection, statements, memory, desk.clock.now).post([settle(hold, 60)])
    assert desk.stands() == (0, 0)
    audit(desk.place)
    engine.dispose()


def test_a_clerk_whose_memory_is_false_looks_again(desk: Desk) -> None:
    key = desk.team(usd("total", 100))
    hold = desk.hold(60, key=key)
    desk.clerk._transactions.connection.exec_driver_sql("DELETE FROM holds")  # nobody else can, without its noticing
    assert desk.closed(settle(hold, 60)) == (0, 0)
    assert [row["kind"] for row in rows(desk.place, "SELECT kind FROM entries")] == ["hold"]


# By hand.


@pytest.mark.parametrize(
    ("amount", "closed", "entry"),
    [
        (None, Closed(0, 0), ("release", 0, 0)),
        (0, Closed(0, 0), ("settle", 0, 0)),
        (20, Closed(20, 0), ("settle", 20, 2)),
        (90, Closed(80, 10), ("settle", 80, 2)),
    ],
)
def test_a_hold_is_ended_by_hand_by_the_same_rules(
    desk: Desk, amount: int | None, closed: Closed, entry: tuple[str, int, int]
) -> None:
    key = desk.team(usd("total", 80))
    hold = desk.hold(50, images=2, key=key)
    assert end_hold(desk.engine, hold, amount, desk.clock.now) == closed
    (end,) = rows(desk.place, "SELECT * FROM entries WHERE kind IN ('settle', 'release')")
    assert (end["kind"], end["micros"], end["images"]) == entry
    assert end["detail"] == "ended by hand"
    assert end_hold(desk.engine, hold, amount, desk.clock.now) is None
    assert desk.closed(settle(hold, 50)) == (0, 0)
    assert desk.stands() == (closed.charged, 0)
    desk.hold(80 - closed.charged, key=key)
    audit(desk.place)


def test_a_hold_that_is_not_there_cannot_be_ended_by_hand(desk: Desk) -> None:
    assert end_hold(desk.engine, "job-x/0", 5, desk.clock.now) is None


def test_windows_are_called_as_their_days_are(desk: Desk) -> None:
    desk.clock.now = moment("2028-02-29 01:00")
    desk.hold(5, key=desk.team())
    assert set(windows_of(desk.clock.now).values()) == {"total", "2028-02", "2028-02-29"}
    assert desk.stands(window="2028-02-29") == (0, 5)
