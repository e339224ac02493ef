"""The ledger as a server has it: orders from many tasks, written by the real process at the other end of the pipe."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import pytest_asyncio
from msgspec.structs import replace

from providers.contract import Failure, Fault
from proxy.events import LedgerPosted
from proxy.ledger.accounts import Accounts, Budget
from proxy.ledger.book import Ledger, list_holds
from proxy.ledger.clerk import LENGTH, Clerk
from proxy.ledger.engine import FILE, connect, open_ledger
from proxy.ledger.orders import Close, Held, Refused, Repeated
from proxy.ledger.scribe import Scribe
from proxy.ledger.standing import budget_states
from tests.ledger.posted import HOUR, Clock, Desk, audit, moment, record, release, reserve, rows, settle

pytestmark = pytest.mark.asyncio(loop_scope="module")
_teams = count(1)


class Office:
    """A ledger with its process, and the file it writes."""

    def __init__(self, ledger: Ledger, file: Path, events: list[object]) -> None:
        self.ledger = ledger
        self.file = file
        self.events = events
        self.accounts = Accounts(connect(file))

    def team(self, *limits: Budget) -> dict[str, Any]:
        """A team of this test alone, with a key."""
        team = self.accounts.create_team(f"team-{next(_teams)}", limits).team
        return {"team": team, "key": self.accounts.create_key(team)[0].key}

    def clerk(self) -> psutil.Process:
        """The process that writes."""
        alive = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
        (found,) = [each for each in alive if str(self.file) in each.cmdline()]
        return found

    async def hold(self, micros: int, **about: Any) -> str:
        """A hold that must be given."""
        answer = await self.ledger.reserve(reserve(micros, **about))
        assert isinstance(answer, Held), answer
        return answer.holds[0].hold


async def opened(folder: Path) -> Office:
    """An office in a folder of its own."""
    events: list[object] = []
    engine = open_ledger(folder)
    return Office(Ledger(engine, await Scribe.start(folder / FILE), events.append), folder / FILE, events)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    made = await opened(tmp_path_factory.mktemp("office"))
    yield made
    await made.ledger.shut()


def copied(file: Path, to: Path) -> Path:
    """What would be left of the file if the machine stopped now."""
    to.mkdir()
    for part in file.parent.glob(f"{file.name}*"):
        if not part.name.endswith("-shm"):  # that is memory
            (to / part.name).write_bytes(part.read_bytes())
    return to / file.name


def commits(file: Path) -> int:
    """Transactions in the log: frames that say how large the database is after them."""
    log = file.with_name(f"{file.name}-wal").read_bytes()
    step = 24 + int.from_bytes(log[8:12], "big")
    return sum(1 for at in range(32, len(log), step) if int.from_bytes(log[at + 4 : at + 8], "big"))


# Durable before it is acknowledged, many at a time.


async def test_what_is_acknowledged_is_on_the_disk_already(office: Office, tmp_path: Path) -> None:
    team = office.team(Budget("usd", "total", 100))
    hold = await office.hold(60, **team)
    then = copied(office.file, tmp_path / "held")
    assert hold in audit(then).open
    await office.ledger.ticket(hold, "polling-url")
    then = copied(office.file, tmp_path / "ticketed")
    assert rows(then, f"SELECT ticket FROM holds WHERE hold = '{hold}'") == [{"ticket": "polling-url"}]
    assert (await office.ledger.close(settle(hold, 50))).charged == 50
    then = copied(office.file, tmp_path / "settled")
    made = audit(then)
    assert hold in made.ended
    assert made.sums[f"team:{team['team']}", "total"].settled == 50


async def test_many_orders_at_once_share_few_transactions_and_each_gets_its_own_answer(office: Office) -> None:
    team = office.team(Budget("usd", "total", 45_000))
    before, told = commits(office.file), len(office.events)
    orders = [reserve(i, **team) for i in range(1, 301)]  # 300 holds of 45,150 in all: the last does not fit
    answers = await asyncio.gather(*[office.ledger.reserve(order) for order in orders])
    assert 1 <= commits(office.file) - before <= 4
    for order, answer in zip(orders[:-1], answers, strict=False):
        assert isinstance(answer, Held)
        assert [(hold.job, hold.micros) for hold in answer.holds] == [(order.job.job, order.orders[0].micros)]
    assert isinstance(answers[-1], Refused)
    posted = [event for event in office.events[told:] if isinstance(event, LedgerPosted)]
    assert sum(event.orders for event in posted) == 300
    assert len(posted) == commits(office.file) - before
    audit(office.file)


async def test_tasks_at_once_get_exactly_what_the_budget_has(office: Office) -> None:
    team = office.team(Budget("usd", "total", 100))

    async def buy(cost: int) -> int:
        answer = await office.ledger.reserve(reserve(7, **team))
        if not isinstance(answer, Held):
            return 0
        await asyncio.sleep(0)
        return (await office.ledger.close(settle(answer.holds[0].hold, cost))).charged

    charged = await asyncio.gather(*[buy(7 if i % 2 else 9) for i in range(60)])
    made = audit(office.file)
    account = (f"team:{team['team']}", "total")
    assert made.highest[account] <= 100
    assert made.sums[account].held == 0
    assert sum(charged) == made.sums[account].settled > 100 - 7


async def test_a_bad_order_fails_alone_among_those_posted_with_it(office: Office) -> None:
    team = office.team()
    taken = record(**team)
    await office.ledger.reserve(reserve(1, job=taken))
    orders = [reserve(2, **team), reserve(3, job=taken), reserve(4, **team)]
    answers = await asyncio.gather(*[office.ledger.reserve(order) for order in orders], return_exceptions=True)
    assert isinstance(answers[0], Held)
    assert isinstance(answers[2], Held)
    failed = answers[1]
    assert isinstance(failed, Failure)
    assert failed.fault is Fault.UNAVAILABLE
    assert "the ledger cannot be written" in failed.detail
    assert not office.ledger.lost.is_set()


async def test_a_caller_that_goes_away_takes_nothing_with_it(office: Office) -> None:
    team = office.team(Budget("usd", "total", 100))
    leaving = reserve(60, **team)
    gone = asyncio.create_task(office.ledger.reserve(leaving))
    stays = asyncio.create_task(office.ledger.reserve(reserve(40, **team)))
    await asyncio.sleep(0)
    gone.cancel()
    assert isinstance(await stays, Held)
    assert f"{leaving.job.job}/0" in audit(office.file).open


async def test_a_signal_meant_for_the_server_does_not_stop_its_writer(office: Office) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        office.clerk().send_signal(number)
        await office.hold(5, **office.team())


# What can be asked.


async def test_a_job_is_found_by_its_id_and_by_what_repeats_it(office: Office) -> None:
    ledger, team = office.ledger, office.team()
    older, latest, failed = (replace(record(**team), print=b"same" * 8) for _ in range(3))
    for job in (older, latest, failed):
        await ledger.reserve(reserve(5, job=job))
        await asyncio.sleep(0.002)  # each in a millisecond of its own
    assert {older.job, latest.job, failed.job} <= set(await ledger.unfinished())
    await ledger.close(Close(outcomes=(), job=failed.job, state="failed"))
    await ledger.close(Close(outcomes=(), job=latest.job, state="done", answer="{}"))
    await ledger.keep(latest.job, "elsewhere")
    found = await ledger.job(latest.job)
    assert found is not None
    assert (found.team, found.key, found.state, found.answer) == (team["team"], team["key"], "done", "elsewhere")
    assert found.finished is not None
    assert await ledger.repeated(b"same" * 8, found.created) == found
    assert await ledger.repeated(b"same" * 8, found.created + 1) is None
    assert await ledger.repeated(b"else" * 8, 0) is None
    assert await ledger.job("job-none") is None
    unfinished = await ledger.unfinished()
    assert older.job in unfinished
    assert not {latest.job, failed.job} & set(unfinished)


async def test_an_idempotency_key_is_known_until_it_is_forgotten(office: Office) -> None:
    ledger, team = office.ledger, office.team()
    job = record(**team, idempotency="i")
    await ledger.reserve(reserve(5, job=job))
    await ledger.close(Close(outcomes=(), job=job.job, state="done"))
    again = await ledger.reserve(reserve(5, **team, idempotency="i"))
    assert again == Repeated(job.job, job.print, "done")
    await ledger.forget_keys(ledger.now() + 1)
    await office.hold(5, **team, idempotency="i")


async def test_a_budget_is_told_with_what_is_left_the_teams_before_the_keys(office: Office) -> None:
    team = office.team(Budget("usd", "total", 100), Budget("images", "day", 9), Budget("requests", "minute", 3))
    office.accounts.set_limits(f"key:{team['key']}", (Budget("usd", "month", 50),))
    untouched = await office.ledger.budget(**team)
    assert [state.left for state in untouched] == [9, 100, 50]
    await office.hold(20, **team)
    await office.ledger.close(settle(await office.hold(30, **team), 10))
    told = [(state.scope, state.what, state.window, state.limit, state.settled, state.held, state.left)
            for state in await office.ledger.budget(**team)]  # fmt: skip
    scope = f"team:{team['team']}"
    assert told == [
        (scope, "images", "day", 9, 1, 1, 7),
        (scope, "usd", "total", 100, 10, 20, 70),
        (f"key:{team['key']}", "usd", "month", 50, 10, 20, 20),
    ]


async def test_open_holds_are_listed_oldest_first_with_all_that_takes_them_up_again(office: Office) -> None:
    team = office.team()
    names = []
    for micros in (3, 1, 2):
        names.append(await office.hold(micros, **team))
        await asyncio.sleep(0.002)
    await office.ledger.ticket(names[0], "polling-url")
    await office.ledger.close(release(names[1], "ambiguous"))
    await office.ledger.close(release(names[2]))
    left = [hold for hold in await office.ledger.open_holds() if hold.team == team["team"]]
    assert [(hold.hold, hold.micros, hold.state, hold.ticket) for hold in left] == [
        (names[0], 3, "open", "polling-url"),
        (names[1], 1, "ambiguous", None),
    ]


# Ends.


async def test_a_ledger_that_is_shut_writes_what_waits_and_takes_no_more(tmp_path: Path) -> None:
    office = await opened(tmp_path)
    team, clerk = office.team(), office.clerk()
    waiting = [asyncio.create_task(office.ledger.reserve(reserve(5, **team))) for _ in range(300)]
    await asyncio.sleep(0)
    await office.ledger.shut()
    assert not psutil.pid_exists(clerk.pid)
    assert all(isinstance(task.result(), Held) for task in waiting)
    assert len(audit(office.file).open) == 300
    with pytest.raises(Failure) as late:
        await office.ledger.reserve(reserve(5, **team))
    assert late.value.fault is Fault.UNAVAILABLE
    assert len(audit(office.file).open) == 300


async def test_a_writer_that_is_killed_is_said_to_be_lost_and_no_money_is_invented_or_forgotten(tmp_path: Path) -> None:
    office = await opened(tmp_path)
    team, clerk = office.team(Budget("usd", "total", 10_000)), office.clerk()
    told: dict[str, list[str]] = defaultdict(list)
    charged: list[int] = []

    async def buy() -> None:
        while True:
            order = reserve(5, **team)
            hold = f"{order.job.job}/0"
            told["asked"].append(hold)
            assert isinstance(await office.ledger.reserve(order), Held)
            told["held"].append(hold)
            charged.append((await office.ledger.close(settle(hold, 4))).charged)
            told["settled"].append(hold)

    buyers = [asyncio.create_task(buy()) for _ in range(20)]
    while len(told["settled"]) < 100:
        await asyncio.sleep(0)
    clerk.kill()
    failures = await asyncio.wait_for(asyncio.gather(*buyers, return_exceptions=True), 10)
    for failure in failures:
        assert isinstance(failure, Failure)
        assert failure.fault is Fault.UNAVAILABLE
        assert "the process that writes the ledger has ended" in failure.detail
    assert office.ledger.lost.is_set()
    with pytest.raises(Failure, match="has ended"):
        await asyncio.wait_for(office.ledger.reserve(reserve(5, **team)), 10)
    made = audit(office.file)
    assert set(told["settled"]) <= made.ended
    assert set(told["held"]) <= made.ended | set(made.open)
    assert made.ended | set(made.open) <= set(told["asked"])
    unsaid = 4 * len(made.ended.difference(told["settled"]))  # written, and the writer died before it could say so
    assert made.sums[f"team:{team['team']}", "total"].settled == sum(charged) + unsaid
    await office.ledger.shut()
    desk = Desk(office.file, Clock(moment("2026-11-21 12:00")))  # the next one to open it goes on from there
    for hold in made.open:
        assert desk.closed(settle(hold, 4)) == (4, 0)
    desk.close()
    assert audit(office.file).sums[f"team:{team['team']}", "total"].held == 0


async def test_a_writer_stopped_before_it_wrote_leaves_nothing(tmp_path: Path) -> None:
    office = await opened(tmp_path)
    team, clerk = office.team(), office.clerk()
    await office.hold(5, **team)
    clerk.suspend()
    waiting = asyncio.create_task(office.ledger.reserve(reserve(7, **team)))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done  # nothing is acknowledged that is not written
    clerk.kill()
    with pytest.raises(Failure, match="has ended"):
        await asyncio.wait_for(waiting, 10)
    assert audit(office.file).sums[f"team:{team['team']}", "total"].held == 5
    await office.ledger.shut()


async def test_a_writer_outlives_its_server_until_it_has_written_and_keeps_its_lock_so_long(
    file: Path, tmp_path: Path
) -> None:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    scribe = await Scribe.start(file, hold=lock)
    (answer,) = await scribe.post([reserve(5)])
    assert isinstance(answer, Held)
    os.close(lock)
    again = os.open(tmp_path / "lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    await scribe.close()
    fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(again)
    with pytest.raises(Failure, match="has ended"):
        await scribe.post([reserve(5)])


async def test_what_a_server_sent_before_it_died_is_written(file: Path) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "proxy.ledger.clerk", str(file), str(theirs.fileno())]
    clerk = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE)
    theirs.close()
    for micros in (5, 7):
        body = msgspec.msgpack.encode([reserve(micros)])
        ours.sendall(LENGTH.pack(len(body)) + body)
    body = msgspec.msgpack.encode([reserve(9)])
    ours.sendall(LENGTH.pack(len(body)) + body[:-3])  # it died in the middle of this one
    ours.shutdown(socket.SHUT_WR)
    await asyncio.to_thread(clerk.communicate, timeout=20)
    ours.close()
    assert audit(file).sums["team:acme", "total"].held == 12


# Reports, from a ledger whose time is set.


async def test_budgets_stand_as_of_the_moment_asked_about(desk: Desk) -> None:
    key = desk.team(Budget("usd", "day", 100), Budget("usd", "month", 150))
    hold = desk.hold(90, key=key)
    with desk.engine.connect().execution_options(reads=True) as connection:
        at = desk.clock.now
        assert [state.left for state in budget_states(connection, "acme", key, at)] == [10, 60]
        assert [state.left for state in budget_states(connection, "acme", None, at + 24 * HOUR)] == [100, 60]
        assert [state.left for state in budget_states(connection, "acme", None, at + 24 * 31 * HOUR)] == [100, 150]
        assert budget_states(connection, "nobody", None, at) == []
        assert [each.hold for each in list_holds(connection)] == [hold]


async def test_a_reader_sees_whole_transactions_only(file: Path) -> None:
    clerk = Clerk(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM holds").fetchone() == (0,)
        clerk.post([reserve(5)])
        assert reader.execute("SELECT count(*) FROM entries").fetchone() == (0,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    clerk.close()
