"""Who works on what: what a server has that is over is taken once, and from then on nobody else ends it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from proxy.ledger.orders import (
    Answer,
    Begun,
    Close,
    Closed,
    Failed,
    Held,
    Outcome,
    Renew,
    Renewed,
    Reserve,
    Take,
    Taken,
    Ticketed,
)
from proxy.ledger.owners import listed, orphaned
from proxy.ledger.seat import InUseError, Seat
from proxy.ledger.tables import jobs
from tests.ledger.posted import Desk, record, reserve

LEASE = 15_000


def at_work(desk: Desk, owner: str, *, lease: int = LEASE) -> Renewed:
    """Write a server down, as at work from now on."""
    now = desk.clock.now
    answer = desk.post(Renew(owner=owner, place="here", began=now, until=now + lease))
    assert isinstance(answer, Renewed)
    return answer


def hold(desk: Desk, owner: str, micros: int = 40, **about: object) -> str:
    """Money set aside by a server."""
    order = reserve(micros, job=replace(record(), owner=owner))
    if about:
        order = replace(order, orders=tuple([replace(each, **about) for each in order.orders]))
    held = desk.post(order)
    assert isinstance(held, Held), held
    return held.holds[0].hold


def end(desk: Desk, owner: str | None, which: str, micros: int = 30, *, state: str = "done") -> Closed:
    """A settlement by a server, and the end of its job."""
    outcome = Outcome(hold=which, kind="settle", micros=micros, images=1)
    answer = desk.post(
        Close(outcomes=(outcome,), job=which.partition("/")[0], state=state, owner=owner)  # type: ignore[arg-type]
    )
    assert isinstance(answer, Closed), answer
    return answer


def take(desk: Desk, owner: str, *over: str, since: int = 0) -> Taken:
    """What a server takes over."""
    answer = desk.post(Take(owner=owner, over=over, before=desk.clock.now, since=since))
    assert isinstance(answer, Taken)
    return answer


def state_of(desk: Desk, which: str) -> str:
    with desk.engine.connect().execution_options(reads=True) as connection:
        return str(connection.execute(select(jobs.c.state).where(jobs.c.job == which.partition("/")[0])).scalar_one())


def test_a_server_is_new_once_and_sees_the_others(desk: Desk) -> None:
    assert at_work(desk, "s_1") == Renewed(others=0, lapsed=True)
    assert at_work(desk, "s_2") == Renewed(others=1, lapsed=True)
    assert at_work(desk, "s_1") == Renewed(others=1, lapsed=False)
    desk.clock.now += LEASE + 1
    assert at_work(desk, "s_1") == Renewed(others=0, lapsed=False)


def test_what_a_server_has_is_taken_when_its_lease_is_over_and_not_before(desk: Desk) -> None:
    at_work(desk, "s_1")
    at_work(desk, "s_2", lease=3 * LEASE)
    mine = hold(desk, "s_1")
    assert take(desk, "s_2") == Taken((), (), ())
    desk.clock.now += LEASE + 1
    taken = take(desk, "s_2")
    assert taken.owners == ("s_1",)
    assert [(each.hold, each.owner) for each in taken.holds] == [(mine, "s_2")]
    assert taken.jobs == (mine.partition("/")[0],)
    at_work(desk, "s_3")
    assert take(desk, "s_3") == Taken((), (), ())


def test_a_server_that_is_known_to_be_over_is_taken_from_at_once(desk: Desk) -> None:
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    mine = hold(desk, "s_1")
    assert [each.hold for each in take(desk, "s_2", "s_1").holds] == [mine]


def test_what_is_nobodys_is_taken(desk: Desk) -> None:
    at_work(desk, "s_1")
    before = hold(desk, "")  # of a version that wrote no names
    late = hold(desk, "s_0")  # of one that was taken for dead, and then wrote on
    with desk.engine.connect().execution_options(reads=True) as connection:
        assert orphaned(connection, "s_1")
        assert not any(each.owner == "s_0" for each in listed(connection))
    assert [each.hold for each in take(desk, "s_1").holds] == sorted([before, late])
    with desk.engine.connect().execution_options(reads=True) as connection:
        assert not orphaned(connection, "s_1")


def test_a_server_takes_nothing_from_itself(desk: Desk) -> None:
    at_work(desk, "s_1")
    hold(desk, "s_1")
    desk.clock.now += 2 * LEASE
    assert take(desk, "s_1", "s_1") == Taken((), (), ())
    assert at_work(desk, "s_1").lapsed is False


def test_a_job_without_a_hold_is_taken_if_it_is_not_older_than_what_is_looked_for(desk: Desk) -> None:
    at_work(desk, "s_1")
    (old,) = [replace(record(), owner="s_0")]
    desk.post(Reserve(job=old, orders=()))
    assert take(desk, "s_1", since=desk.clock.now + 1).jobs == ()
    assert take(desk, "s_1", since=desk.clock.now).jobs == (old.job,)


def test_a_settlement_by_a_server_that_was_taken_from_changes_nothing(desk: Desk) -> None:
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    mine = hold(desk, "s_1")
    desk.post(Ticketed(hold=mine, ticket="t"))
    take(desk, "s_2", "s_1")
    assert end(desk, "s_1", mine, 30) == Closed(0, 0)
    assert desk.stands() == (0, 40)
    assert state_of(desk, mine) == "open"
    assert end(desk, "s_2", mine, 35) == Closed(35, 0)
    assert desk.stands() == (35, 0)
    assert state_of(desk, mine) == "done"


def test_an_end_by_a_server_that_was_taken_from_does_not_undo_that_of_the_heir(desk: Desk) -> None:
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    mine = hold(desk, "s_1")
    take(desk, "s_2", "s_1")
    end(desk, "s_2", mine, 35)
    assert end(desk, "s_1", mine, 30, state="failed") == Closed(0, 0)
    assert desk.stands() == (35, 0)
    assert state_of(desk, mine) == "done"


def test_a_job_whose_hold_a_person_ended_is_ended_by_its_server_all_the_same(desk: Desk) -> None:
    at_work(desk, "s_1")
    mine = hold(desk, "s_1")
    desk.post(Close(outcomes=(Outcome(hold=mine, kind="release"),)))
    assert end(desk, "s_1", mine) == Closed(0, 0)
    assert state_of(desk, mine) == "done"


def test_a_submission_nobody_knew_the_end_of_is_ended_by_whoever_learns_it(desk: Desk) -> None:
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    mine = hold(desk, "s_1")
    take(desk, "s_2", "s_1")
    desk.post(Close(outcomes=(Outcome(hold=mine, kind="ambiguous"),), owner="s_2"))
    assert end(desk, "s_1", mine, 30) == Closed(30, 0)
    assert end(desk, "s_2", mine, 40) == Closed(0, 0)
    assert desk.stands() == (30, 0)


def test_nothing_is_begun_or_held_anew_for_what_another_has_taken(desk: Desk) -> None:
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    waiting = hold(desk, "s_1", waits=True)
    again = replace(
        reserve(40, job=replace(record(job=waiting.partition("/")[0]), owner="s_1")), first=False, sequence=1
    )
    take(desk, "s_2", "s_1")
    refused: list[Answer] = [desk.post(Begun(hold=waiting, owner="s_1")), desk.post(again)]
    assert [type(each) for each in refused] == [Failed, Failed]
    assert desk.stands() == (0, 40)
    assert desk.post(Begun(hold=waiting, owner="s_2")) is None
    held = desk.post(replace(again, job=replace(again.job, owner="s_2")))
    assert isinstance(held, Held)
    assert desk.stands() == (0, 80)


def test_a_hold_that_is_gone_is_not_begun(desk: Desk) -> None:
    mine = hold(desk, "s_1", waits=True)
    desk.post(Close(outcomes=(Outcome(hold=mine, kind="release"),)))
    assert isinstance(desk.post(Begun(hold=mine, owner="s_1")), Failed)


def test_a_writer_that_remembers_a_hold_as_its_own_learns_that_it_was_taken(desk: Desk) -> None:
    """In one group with the take itself, where no other connection's write could have told it."""
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    mine = hold(desk, "s_1")
    outcome = Outcome(hold=mine, kind="settle", micros=30, images=1)
    taken, closed = desk.clerk.post(
        [Take(owner="s_2", over=("s_1",), before=desk.clock.now), Close(outcomes=(outcome,), owner="s_1")]
    )
    assert isinstance(taken, Taken)
    assert closed == Closed(0, 0)
    assert desk.stands() == (0, 40)


def test_a_settlement_before_the_take_of_its_own_group_stands(desk: Desk) -> None:
    """The writer has noted it, and not written it yet, when the take finds the hold."""
    at_work(desk, "s_1")
    at_work(desk, "s_2")
    mine = hold(desk, "s_1")
    outcome = Outcome(hold=mine, kind="settle", micros=30, images=1)
    closed, taken = desk.clerk.post(
        [Close(outcomes=(outcome,), owner="s_1"), Take(owner="s_2", over=("s_1",), before=desk.clock.now)]
    )
    assert closed == Closed(30, 0)
    assert isinstance(taken, Taken)
    assert taken.holds == ()
    assert desk.stands() == (30, 0)


# Seats.


def test_a_seat_is_known_to_be_free_from_the_moment_its_server_is_gone(tmp_path: Path) -> None:
    first, second = Seat(tmp_path), Seat(tmp_path)
    assert first.owner != second.owner
    assert not second.left(first.owner, first.place)
    first.close()
    assert not second.left(first.owner, first.place)  # it said so itself, in the ledger: its file is gone
    second.close()


def test_a_seat_that_was_not_given_back_is_free_all_the_same(tmp_path: Path) -> None:
    first, second = Seat(tmp_path), Seat(tmp_path)
    os.close(first.descriptor)  # what the system does for a process that is killed
    assert second.left(first.owner, first.place)
    assert not second.left(first.owner, "elsewhere:/data")  # a name of another machine says nothing here
    second.forget(first.owner)
    assert not second.left(first.owner, first.place)
    second.close()
    os.close(first._shared)


def test_a_server_of_a_version_that_wants_the_folder_for_itself_and_this_one_never_meet(tmp_path: Path) -> None:
    older = os.open(tmp_path / "server.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(older, fcntl.LOCK_EX)
    with pytest.raises(InUseError, match="older version"):
        Seat(tmp_path)
    fcntl.flock(older, fcntl.LOCK_UN)
    seat = Seat(tmp_path)
    with pytest.raises(BlockingIOError):
        fcntl.flock(older, fcntl.LOCK_EX | fcntl.LOCK_NB)
    seat.close()
    fcntl.flock(older, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(older)
