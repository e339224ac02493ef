"""What only a shared server does to its clerks: other clerks at the same rows, restarts, a COMMIT without an answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg
import pytest

from proxy.events import LedgerAway, LedgerBack
from proxy.ledger.accounts import Accounts, Budget
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import connect
from proxy.ledger.orders import Away, Back, Close, Closed, Held, Note, Outcome, Refused, Repeated
from proxy.ledger.scribe import Scribe
from proxy.ledger.transactions import UnreachableError
from proxy.ledger.transactions import server as transactions
from proxy.ledger.transactions.server import OnServer
from tests.ledger.posted import audit, record, reserve, rows, settle
from tests.servers import Postgres


@pytest.fixture
def place(postgres_url: str) -> str:
    """A ledger on a server, whose team `acme` has ten thousand micro-dollars."""
    engine = connect(postgres_url)
    Accounts(engine).create_team("acme", (Budget("usd", "total", 10_000),))
    engine.dispose()
    return postgres_url


@pytest.fixture
def notes() -> list[Note]:
    return []


@pytest.fixture
def clerk(place: str, notes: list[Note]) -> Iterator[Clerk]:
    made = Clerk(place, tell=notes.append)
    yield made
    made.close()


def on_server(clerk: Clerk) -> OnServer:
    made = clerk._transactions
    assert isinstance(made, OnServer)
    return made


def cut(place: str) -> None:
    """End every connection to a database but this one, as a server does that goes away."""
    with psycopg.connect(place, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )


class Commit:
    """Stands in for the driver: something happens right before a COMMIT is sent, or right after it was answered."""

    def __init__(self, driver: object, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._driver = driver
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> object:
        return getattr(self._driver, name)

    def execute(self, statement: str) -> None:
        if statement == "COMMIT":
            self._before()
        self._driver.execute(statement)  # type: ignore[attr-defined]
        if statement == "COMMIT":
            self._after()


def once(clerk: Clerk, monkeypatch: pytest.MonkeyPatch, *, before: bool, happens: Callable[[], None]) -> None:
    """Have something happen around the next COMMIT, whose answer then does not arrive."""
    driver = on_server(clerk)._driver
    done: list[bool] = []

    def now() -> None:
        if not done:
            done.append(True)
            happens()

    def after() -> None:
        if not before and not done:
            now()
            driver.close()
            raise psycopg.OperationalError("the answer was lost")

    plain = OnServer._driver

    def driver_of(self: OnServer) -> object:
        found = plain.fget(self)  # type: ignore[attr-defined]
        return Commit(found, now if before else lambda: None, after) if found is driver else found

    monkeypatch.setattr(OnServer, "_driver", property(driver_of))


# Commits in doubt.


@pytest.mark.parametrize("before", [True, False], ids=["not committed", "committed"])
def test_a_commit_without_an_answer_is_looked_up_and_nothing_is_posted_twice_or_lost(
    before: bool, clerk: Clerk, place: str, notes: list[Note], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = clerk.post([reserve(100)])
    assert isinstance(first, Held)
    order = reserve(30)
    once(clerk, monkeypatch, before=before, happens=lambda: cut(place) if before else None)
    held, closed = clerk.post([order, settle(first.holds[0].hold, 60)])
    assert isinstance(held, Held)
    assert closed == Closed(60, 0)  # what it came to, and not that it had ended before
    made = audit(place)
    assert (made.sums["team:acme", "total"].settled, made.sums["team:acme", "total"].held) == (60, 30)
    assert len(rows(place, "SELECT * FROM entries")) == 3
    assert [type(note) for note in notes] == [Away, Back]


def test_a_transaction_that_is_still_being_committed_is_waited_for(clerk: Clerk, place: str) -> None:
    """The clerk looks its mark up while the server has not finished with the transaction in doubt."""
    clerk.post([reserve(1)])
    made = on_server(clerk)
    with psycopg.connect(place) as other:
        other.execute("UPDATE versions SET version = version + 5 WHERE what = %s", (made._mark,))
        before = made._turn
        with ThreadPoolExecutor(1) as pool:
            looked = pool.submit(made._reach, made._marked)
            time.sleep(0.3)
            assert not looked.done()
            other.commit()
            assert looked.result(10) == before + 5


# A server that goes away.


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # SQLAlchemy drops, unclosed, a
# connection that is lost while it is being opened
def test_orders_wait_for_a_server_that_is_started_again(
    postgres: Postgres, clerk: Clerk, place: str, notes: list[Note]
) -> None:
    charged = 0
    away = threading.Thread(target=postgres.restart, args=(0.3,))
    for number in range(60):
        if number == 10:
            away.start()
        (held,) = clerk.post([reserve(50)])
        assert isinstance(held, Held), held
        (closed,) = clerk.post([settle(held.holds[0].hold, 40)])
        assert isinstance(closed, Closed)
        charged += closed.charged
        if number == 10:
            away.join()
    assert charged == 60 * 40
    made = audit(place)
    assert (made.sums["team:acme", "total"].settled, made.sums["team:acme", "total"].held) == (charged, 0)
    assert [type(note) for note in notes[:2]] == [Away, Back]
    assert isinstance(notes[1], Back)
    assert notes[1].tries >= 1


def test_a_server_that_stays_away_is_given_up_in_the_end(
    place: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "PATIENCE_S", 0.3)
    made = Clerk(place)
    postgres.stop()
    try:
        with pytest.raises(UnreachableError, match="did not answer for"):
            made.post([reserve(1)])
    finally:
        postgres.start()
    made.close()
    assert rows(place, "SELECT * FROM entries") == []


# Others at the same rows.


def test_clerks_that_hold_at_once_get_what_the_budget_has_and_not_more(place: str) -> None:
    def spend(which: int) -> int:
        clerk, held = Clerk(place), 0
        for _ in range(30):
            answers = clerk.post([reserve(70, key=f"k{which}") for _ in range(3)])
            assert all(isinstance(answer, Held | Refused) for answer in answers), answers
            held += sum(isinstance(answer, Held) for answer in answers)
        clerk.close()
        return held

    with ThreadPoolExecutor(4) as pool:
        held = sum(pool.map(spend, range(4)))
    assert held == 10_000 // 70
    made = audit(place)
    assert made.highest["team:acme", "total"] == held * 70
    assert rows(place, "SELECT what FROM versions WHERE what LIKE 'clerk:%'") == []


def test_one_idempotency_key_used_at_once_makes_one_job(place: str) -> None:
    clerks = [Clerk(place) for _ in range(4)]
    for number in range(15):
        start = threading.Barrier(4)

        def post(clerk: Clerk, name: str = f"i{number}", start: threading.Barrier = start) -> object:
            start.wait()
            return clerk.post([reserve(1, idempotency=name)])[0]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(post, clerks))
        assert sorted(type(answer).__name__ for answer in answers) == ["Held", *["Repeated"] * 3], answers
        assert len({answer.job for answer in answers if isinstance(answer, Repeated)}) == 1
    for clerk in clerks:
        clerk.close()
    audit(place)


def test_limits_that_another_server_changed_hold_for_the_next_order(clerk: Clerk, place: str) -> None:
    assert isinstance(clerk.post([reserve(9_000)])[0], Held)
    engine = connect(place)
    Accounts(engine).set_limits("team:acme", (Budget("usd", "total", 9_500),))
    engine.dispose()
    (refused,) = clerk.post([reserve(501)])
    assert isinstance(refused, Refused)
    assert (refused.limit, refused.left) == (9_500, 500)


def test_a_clerk_that_hangs_in_a_transaction_does_not_keep_others_waiting_for_good(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "LOCKS_S", 1)
    hangs, works = Clerk(place), Clerk(place)
    made = on_server(hangs)
    made.begin()
    made.statements.recall(made.connection, {("team:acme", "total")})
    began = time.monotonic()
    assert isinstance(works.post([reserve(5)])[0], Held)
    assert time.monotonic() - began < 8
    assert isinstance(hangs.post([reserve(5)])[0], Held)  # it was thrown out, and begins anew
    for clerk in (hangs, works):
        clerk.close()
    assert audit(place).sums["team:acme", "total"].held == 10


def test_what_no_text_may_hold_is_left_out_and_the_settlement_is_not_lost(clerk: Clerk, place: str) -> None:
    (held,) = clerk.post([reserve(5)])
    assert isinstance(held, Held)
    paid = Outcome(hold=held.holds[0].hold, kind="settle", micros=4, images=1, detail="a\x00b", vendor_id="v\x00")
    assert clerk.post([Close(outcomes=(paid,))]) == [Closed(4, 0)]
    (entry,) = rows(place, "SELECT detail, vendor_id FROM entries WHERE kind = 'settle'")
    assert entry == {"detail": "ab", "vendor_id": "v"}


def test_a_mark_that_somebody_removed_is_made_anew(clerk: Clerk, place: str) -> None:
    with psycopg.connect(place, autocommit=True) as other:
        other.execute("DELETE FROM versions WHERE what LIKE 'clerk:%'")
    job = record()
    assert isinstance(clerk.post([reserve(5, job=job)])[0], Held)
    assert len(rows(place, "SELECT what FROM versions WHERE what LIKE 'clerk:%'")) == 1


async def test_the_process_of_a_server_is_told_no_password_in_its_arguments_and_tells_of_losses(place: str) -> None:
    events: list[object] = []
    scribe = await Scribe.start(place, tell=events.append)
    try:
        (held,) = await scribe.post([reserve(5)])
        assert isinstance(held, Held)
        assert not any("secret" in word for word in psutil.Process(scribe._process.pid).cmdline())
        await asyncio.to_thread(cut, place)
        assert await scribe.post([settle(held.holds[0].hold, 4)]) == [Closed(4, 0)]
    finally:
        await scribe.close()
    assert [type(event) for event in events] == [LedgerAway, LedgerBack]
    audit(place)
