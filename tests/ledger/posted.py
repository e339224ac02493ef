"""Orders in few words, and the ledger as somebody else reads it: with plain SQL, adding up the entries alone."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal

import psycopg
import pytest
from psycopg.rows import dict_row

from proxy.ledger.accounts import Accounts, Budget
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import Place, connect
from proxy.ledger.orders import Answer, Close, Closed, Held, HoldOrder, JobRecord, Order, Outcome, Refused, Reserve
from proxy.ledger.windows import interval

HOUR = 3_600_000
ON_FILE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
"""For a test that looks into the file itself."""
_jobs = count(1)


def moment(text: str) -> int:
    """Milliseconds since 1970 of a moment in UTC, `2026-11-30 23:59`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Clock:
    """Shows the time it is told."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def record(
    team: str = "acme", key: str = "k", *, job: str | None = None, idempotency: str | None = None, **about: Any
) -> JobRecord:
    """A job, each with an id of its own."""
    return JobRecord(
        job=job or f"job-{next(_jobs)}",
        team=team,
        key=key,
        dialect="openai",
        model="photo",
        facts="{}",
        print=b"p" * 32,
        idempotency=idempotency,
        **about,
    )


def reserve(
    micros: int, *more: int, images: int = 1, pixels: int = 0, job: JobRecord | None = None, **about: Any
) -> Reserve:
    """An order to set aside so much for each submission of a new job."""
    orders = tuple(
        HoldOrder(provider="stub", model="photo", micros=each, images=images, facts="{}", pixels=pixels)
        for each in (micros, *more)
    )
    return Reserve(job=job or record(**about), orders=orders)


def settle(hold: str, micros: int, images: int = 1) -> Close:
    """An order to settle one hold."""
    return Close(outcomes=(Outcome(hold=hold, kind="settle", micros=micros, images=images),))


def release(hold: str, kind: Literal["release", "ambiguous"] = "release") -> Close:
    """An order to give one hold back, or to leave it without an answer."""
    return Close(outcomes=(Outcome(hold=hold, kind=kind),))


class Desk:
    """A clerk on a ledger, the accounts beside it, and a clock: driven one order at a time."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self.engine = connect(place)
        self.accounts = Accounts(self.engine, clock)
        self.clerk = Clerk(place, clock)

    def close(self) -> None:
        """Let go of the ledger."""
        self.clerk.close()
        self.engine.dispose()

    def team(self, *limits: Budget, key_limits: tuple[Budget, ...] = (), team: str = "acme") -> str:
        """A new team with a key; returns the key's id."""
        self.accounts.create_team(team, limits)
        return self.accounts.create_key(team, limits=key_limits)[0].key

    def post(self, order: Order) -> Answer:
        """The answer to one order, posted alone."""
        (answer,) = self.clerk.post([order])
        return answer

    def hold(self, micros: int, **about: Any) -> str:
        """A hold that must be given."""
        answer = self.post(reserve(micros, **about))
        assert isinstance(answer, Held), answer
        return answer.holds[0].hold

    def refused(self, micros: int, **about: Any) -> Refused:
        """A hold that must not be given."""
        answer = self.post(reserve(micros, **about))
        assert isinstance(answer, Refused), answer
        return answer

    def closed(self, order: Close) -> tuple[int, int]:
        """What was charged and what was overrun."""
        answer = self.post(order)
        assert isinstance(answer, Closed), answer
        return answer.charged, answer.overrun

    def stands(self, scope: str = "team:acme", window: str = "total") -> tuple[int, int]:
        """What is settled and held in micro-USD."""
        balance = rolled_up(self.place).get((scope, window), Sum())
        return balance.settled, balance.held


@dataclass
class Sum:
    """What a scope has settled and held in a window."""

    settled: int = 0
    held: int = 0
    images_settled: int = 0
    images_held: int = 0
    pixels_settled: int = 0
    pixels_held: int = 0

    def used(self, what: str) -> int:
        """What a limit of dollars or pictures is held against."""
        name = "" if what == "usd" else f"{what}_"
        return int(getattr(self, f"{name}settled") + getattr(self, f"{name}held"))


@dataclass
class Trail:
    """The entries, added up one after the other."""

    sums: dict[tuple[str, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    open: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    overrun: int = 0
    submissions: list[tuple[dict[str, Any], dict[str, Any] | None]] = field(default_factory=list)
    """Every hold with its settlement, if it has one, or its release."""
    highest: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """The most that was ever settled and held together, in micro-USD."""


def windows_of(at: int) -> dict[str, str]:
    """What the windows of a moment are called."""
    day = datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
    return {"total": "total", "month": day[:7], "day": day}


def rows(place: Place, query: str) -> list[dict[str, Any]]:
    """What another connection finds in the ledger."""
    if isinstance(place, str):
        with psycopg.connect(place, row_factory=dict_row) as server:
            return server.execute(query.encode()).fetchall()
    with closing(sqlite3.connect(place)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def rolled_up(place: Place) -> dict[tuple[str, str], Sum]:
    """The balances as they are kept."""
    amounts = ", ".join(Sum.__dataclass_fields__)
    found = rows(place, f'SELECT scope, "window", {amounts} FROM balances')
    return {(row.pop("scope"), row.pop("window")): Sum(**row) for row in found}


def trail(place: Place) -> Trail:
    """The balances as the entries alone say they must be. Fails where a hold ends twice or was never given."""
    made = Trail()
    for entry in rows(place, "SELECT * FROM entries ORDER BY entry"):
        hold = entry["hold"]
        if entry["kind"] == "overrun":
            assert hold in made.ended
            made.overrun += entry["micros"]
        elif entry["kind"] == "hold":
            assert hold not in made.open
            assert hold not in made.ended
            made.open[hold] = entry
            for total in _touched(made, entry):
                total.held += entry["micros"]
                total.images_held += entry["images"]
                total.pixels_held += entry["pixels"]
        else:
            assert entry["kind"] in {"settle", "release"}
            given = made.open.pop(hold)
            made.ended.add(hold)
            made.submissions.append((given, entry))
            for total in _touched(made, given):
                total.held -= given["micros"]
                total.images_held -= given["images"]
                total.pixels_held -= given["pixels"]
                total.settled += entry["micros"]
                total.images_settled += entry["images"]
                total.pixels_settled += entry["pixels"]
        for account, total in made.sums.items():
            made.highest[account] = max(made.highest[account], total.used("usd"))
    made.submissions += [(given, None) for given in made.open.values()]
    return made


def added_up(made: Trail, scope: str, label: str) -> Sum:
    """What a balance has to be: the sum over the submissions whose hold was made in its time."""
    begins, ends = interval(label)
    total = Sum()
    for given, end in made.submissions:
        scopes = {f"{kind}:{given[kind]}" for kind in ("key", "team", "org")} | {
            f"user:{given['team']}/{given['user']}"
        }
        if scope not in scopes or not begins <= given["at"] < ends:
            continue
        names = (
            ("held", "images_held", "pixels_held") if end is None else ("settled", "images_settled", "pixels_settled")
        )
        for name, amount in zip(names, ("micros", "images", "pixels"), strict=True):
            setattr(total, name, getattr(total, name) + (end or given)[amount])
    return total


def _touched(made: Trail, hold: dict[str, Any]) -> Iterator[Sum]:
    for scope in (f"key:{hold['key']}", f"team:{hold['team']}"):
        for window in windows_of(hold["at"]).values():
            yield made.sums[scope, window]


def audit(place: Place) -> Trail:
    """Hold the balances and the open holds against the entries; returns what these add up to."""
    made = trail(place)
    kept = rolled_up(place)
    for scope, label in kept:
        assert kept[scope, label] == added_up(made, scope, label), (scope, label)
    assert {account: each for account, each in kept.items() if account in made.sums} == dict(made.sums)
    assert {row["hold"] for row in rows(place, "SELECT hold FROM holds")} == set(made.open)
    for total in made.sums.values():
        assert min(vars(total).values()) >= 0
    return made
