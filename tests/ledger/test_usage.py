"""What was spent, added up by whatever is asked for; and a month of a million entries, while somebody waits for it."""

from __future__ import annotations

import sqlite3
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine

from proxy.ledger.accounts import Budget
from proxy.ledger.engine import FILE, connect, open_ledger
from proxy.ledger.orders import Close, Held, Outcome
from proxy.ledger.usage import Group, Span, Spent, usage
from tests.ledger.posted import HOUR, Desk, moment, release, reserve, settle

STUB: dict[str, Any] = {"provider": "stub", "model": "photo"}


def reported(engine: Engine, *by: Group, **span: object) -> list[Spent]:
    with engine.connect().execution_options(reads=True) as connection:
        return list(usage(connection, by, Span(**span)))  # type: ignore[arg-type]


@pytest.fixture
def spent(desk: Desk) -> tuple[str, str]:
    """Two teams that have spent, on two days; their keys."""
    key, other = desk.team(Budget("usd", "total", 1000)), desk.team(team="other")
    desk.closed(settle(desk.hold(40, key=key), 30))
    two = desk.post(reserve(40, 40, key=key))
    assert isinstance(two, Held)
    ends = tuple(Outcome(hold=hold.hold, kind="settle", micros=20, images=2) for hold in two.holds)
    desk.closed(Close(outcomes=ends))
    desk.closed(release(desk.hold(500, key=key)))
    desk.hold(100, key=key)
    desk.closed(settle(desk.hold(100, team="other", key=other), 80))
    desk.clock.now += 24 * HOUR
    late = desk.hold(100, key=key)
    desk.closed(settle(late, 10_000))  # of which the budget has 830, and the rest is on the house
    return key, other


def row(requests: int, images: int, micros: int, beyond: int = 0, **groups: Any) -> Spent:
    return Spent(requests=requests, images=images, pixels=0, micros=micros, beyond=beyond, **groups)


def test_it_is_told_apart_by_whatever_is_asked_for(desk: Desk, spent: tuple[str, str]) -> None:
    key, other = spent
    assert reported(desk.engine) == [row(4, 7, 980, 9170)]
    assert reported(desk.engine, "team") == [row(3, 6, 900, 9170, team="acme"), row(1, 1, 80, team="other")]
    assert reported(desk.engine, "key") == [row(3, 6, 900, 9170, key=key), row(1, 1, 80, key=other)]
    assert reported(desk.engine, "provider", "model") == [row(4, 7, 980, 9170, **STUB)]
    assert reported(desk.engine, "org", "user") == [row(4, 7, 980, 9170, org="default", user="")]
    assert reported(desk.engine, "dialect") == [row(4, 7, 980, 9170, dialect="openai")]
    assert reported(desk.engine, "model", "day", "team", "key", "provider") == [
        row(1, 1, 80, team="other", key=other, day="2026-11-21", **STUB),
        row(2, 5, 70, team="acme", key=key, day="2026-11-21", **STUB),
        row(1, 1, 830, 9170, team="acme", key=key, day="2026-11-22", **STUB),
    ]


def test_days_come_in_order_and_the_dearest_first_in_each(desk: Desk, spent: tuple[str, str]) -> None:
    told = [(each.day, each.team, each.micros) for each in reported(desk.engine, "team", "day")]
    assert told == [("2026-11-21", "other", 80), ("2026-11-21", "acme", 70), ("2026-11-22", "acme", 830)]


def test_only_what_is_asked_for_is_added_up(desk: Desk, spent: tuple[str, str]) -> None:
    key, other = spent
    now = desk.clock.now
    assert reported(desk.engine, since=now) == [row(1, 1, 830, 9170)]
    assert reported(desk.engine, until=now) == [row(3, 6, 150)]
    assert reported(desk.engine, only={"team": "other"}) == [row(1, 1, 80)]
    assert reported(desk.engine, only={"key": key, "day": "2026-11-21"}) == [row(2, 5, 70)]
    assert reported(desk.engine, "team", only={"dialect": "openai", "key": other}) == [row(1, 1, 80, team="other")]
    for nothing in ({"team": "nobody"}, {"dialect": "leonardo"}, {"user": "jo"}, {"day": "2026-11-20"}):
        assert reported(desk.engine, only=nothing) == []
        assert reported(desk.engine, "team", only=nothing) == []


# A month.

REQUESTS = 500_000
"""Each has a hold and a settlement."""
BEGINS = moment("2026-11-01 00:00")
TEAMS, KEYS, USERS = 40, 400, 5000
OFFERS = (("openai", "gpt-image-2"), ("bfl", "flux-pro-1.1"), ("fal", "flux-dev"), ("local", "sdxl"))
_LINES = """
INSERT INTO entries (at, kind, job, hold, team, "key", provider, model, micros, images, detail, vendor_id, org, "user",
                     pixels)
WITH RECURSIVE request(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM request WHERE n + 1 < {requests}),
offer(o, provider, model) AS (VALUES {offers})
SELECT {begins} + n * 5184 + ended * 4000, CASE ended WHEN 0 THEN 'hold' ELSE 'settle' END,
       printf('req_%014x%016x', n * 5184, (n * 7919) % 1000003),
       printf('req_%014x%016x/0', n * 5184, (n * 7919) % 1000003),
       'team-' || (n * 31 % {teams}), 'k_' || (n * 31 % {keys}), provider, model, 40000 + n % 977 - ended * 10, 1,
       CASE ended WHEN 0 THEN NULL ELSE '{{"images":1,"text_in":22,"image_out":1756}}' END,
       CASE ended WHEN 0 THEN NULL ELSE 'vendor-' || n END, 'default', 'user-' || (n * 17 % {users}), 1048576
FROM request JOIN offer ON o = n % {many} JOIN (SELECT 0 AS ended UNION ALL SELECT 1)
ORDER BY n, ended
"""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A ledger of a million entries, made by SQLite itself."""
    folder = tmp_path_factory.mktemp("month")
    open_ledger(folder).dispose()
    offers = ", ".join(f"({place}, '{provider}', '{model}')" for place, (provider, model) in enumerate(OFFERS))
    query = _LINES.format(
        requests=REQUESTS, offers=offers, begins=BEGINS, teams=TEAMS, keys=KEYS, users=USERS, many=len(OFFERS)
    )
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(query)
        connection.commit()
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (2 * REQUESTS,)
    engine = connect(folder / FILE)
    yield engine
    engine.dispose()


@pytest.mark.slow
def test_a_month_of_a_million_entries_is_added_up_in_two_seconds(month: Engine) -> None:
    span = {"since": BEGINS, "until": moment("2026-12-01 00:00")}
    took, worked = [], []
    for _ in range(3):
        began, busy = time.perf_counter(), time.thread_time()
        found = reported(month, "team", "model", **span)
        worked.append(time.thread_time() - busy)
        took.append(time.perf_counter() - began)
    print(f"a month by team and model: {min(took):.2f} s at best, {max(took):.2f} s at worst, work {min(worked):.2f} s")
    assert min(worked) < 2.0  # its own work, for the machine has other tests to run
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for n in range(REQUESTS):
        sums = expected[f"team-{n * 31 % TEAMS}", OFFERS[n % len(OFFERS)][1]]
        sums[0] += 1
        sums[1] += 40_000 + n % 977 - 10
    assert [(each.team, each.model) for each in found] == sorted(
        expected, key=lambda group: (-expected[group][1], group)
    )
    assert {(each.team, each.model): [each.requests, each.micros] for each in found} == expected


@pytest.mark.slow
def test_however_many_rows_a_report_has_memory_holds_few(month: Engine) -> None:
    tracemalloc.start()
    try:
        with month.connect().execution_options(reads=True) as connection:
            told = sum(1 for _ in usage(connection, ("day", "key"), Span(since=BEGINS)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told == 30 * KEYS
    assert most < 2_000_000  # all of them together take five times as much
