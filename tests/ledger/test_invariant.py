"""Settled and held together never pass a limit: over random orders, by several writers, at every step."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct
from sqlalchemy import insert

from proxy.ledger.accounts import Accounts, Budget
from proxy.ledger.book import end_hold
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import Place, connect
from proxy.ledger.orders import Answer, Close, Closed, Held, Order, Outcome, Refused, Reserve
from proxy.ledger.standing import budget_states
from proxy.ledger.tables import keys, teams
from tests.ledger.posted import HOUR, Clock, Sum, Trail, audit, moment, record, reserve, rows, windows_of
from tests.servers import TEMPLATE, Postgres

KEYS = (("acme", "k1"), ("acme", "k2"), ("solo", "k3"))
SCOPES = ("team:acme", "team:solo", "key:k1", "key:k2", "key:k3")
LIMITS = [
    (scope, what, window) for scope in SCOPES for what in ("usd", "images") for window in ("day", "month", "total")
]

amounts = st.integers(0, 100)
budgets = st.dictionaries(st.sampled_from(LIMITS), st.integers(0, 250), max_size=6)
submissions = st.lists(amounts, min_size=1, max_size=3)
kinds = st.sampled_from(["settle", "settle", "release", "ambiguous", "expire"])


class Wanted(Struct, frozen=True):
    """A hold a model of the ledger knows to be open."""

    team: str
    key: str
    at: int
    micros: int
    images: int


class LedgerMachine(RuleBasedStateMachine):
    """Orders in random groups, to two clerks, while time passes, operators intervene and clerks are replaced.

    Beside them a plain model: sums by scope and window, and the holds that are open.
    """

    new: Callable[[], tuple[Place, Callable[[], None]]]
    """Makes an empty ledger; it is removed by calling what comes with it."""

    def __init__(self) -> None:
        super().__init__()
        self.place, self.remove = self.new()
        self.clock = Clock(moment("2026-12-30 20:00"))
        self.engine = connect(self.place)
        self.accounts = Accounts(self.engine, self.clock)
        self.clerks = [Clerk(self.place, self.clock) for _ in range(2)]
        self.limits: dict[tuple[str, str, str], int] = {}
        self.sums: dict[tuple[str, str], Sum] = {}
        self.open: dict[str, Wanted] = {}
        self.names: list[str] = ["never/0"]
        self.house = 0
        self.before: dict[tuple[str, str, str], int] = {}

    def teardown(self) -> None:
        for clerk in self.clerks:
            clerk.close()
        self.engine.dispose()
        self.remove()

    @initialize(limits=budgets)
    def begin(self, limits: dict[tuple[str, str, str], int]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(teams), [{"team": team, "created": 0} for team in ("acme", "solo")])
            made = {"prefix": "", "created": 0}
            connection.execute(
                insert(keys), [{"key": key, "team": team, "hash": key.encode(), **made} for team, key in KEYS]
            )
        for limit, amount in limits.items():
            self._set(limit, amount)

    # What happens.

    @rule(which=st.integers(0, 1), data=st.data(), size=st.integers(1, 5))
    def post(self, which: int, data: st.DataObject, size: int) -> None:
        orders = [data.draw(st.sampled_from([self._reserve, self._close]))(data) for _ in range(size)]
        self._remember()
        answers = self.clerks[which].post(orders)
        for order, answer in zip(orders, answers, strict=True):
            self._check(order, answer)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), micros=st.none() | amounts)
    def end_by_hand(self, data: st.DataObject, micros: int | None) -> None:
        hold = data.draw(st.sampled_from(list(self.open)))  # in order of their making: ids differ from run to run
        images = self.open[hold].images if micros else 0
        self._remember()
        closed = end_hold(self.engine, hold, micros, self.clock())
        assert closed is not None
        self._ended(Outcome(hold=hold, kind="settle", micros=micros or 0, images=images), closed)

    @rule(hours=st.sampled_from([0.001, 5, 24, 24 * 31]))
    def time_passes(self, hours: float) -> None:
        self.clock.now += int(hours * HOUR)

    @rule(limit=st.sampled_from(LIMITS), amount=st.integers(0, 250))
    def a_limit_changes(self, limit: tuple[str, str, str], amount: int) -> None:
        self._set(limit, amount)

    @rule(which=st.integers(0, 1))
    def a_clerk_is_replaced(self, which: int) -> None:
        self.clerks[which].close()
        self.clerks[which] = Clerk(self.place, self.clock)

    # What must be so, after each of them.

    @invariant()
    def the_file_says_what_the_entries_say_and_what_the_model_says(self) -> None:
        made = audit(self.place)
        assert {account: each for account, each in made.sums.items() if each != Sum()} == {
            account: each for account, each in self.sums.items() if each != Sum()
        }
        assert set(made.open) == set(self.open)
        assert made.overrun == self.house

    @invariant()
    def no_limit_is_passed(self) -> None:
        for limit, before in self.before.items():
            assert self._used(limit) <= max(before, self.limits[limit]), limit

    @invariant()
    def budgets_are_told_as_they_stand(self) -> None:
        with self.engine.connect().execution_options(reads=True) as connection:
            told = [state for pair in KEYS for state in budget_states(connection, *pair, self.clock())]
        for state in told:
            limit = (state.scope, state.what, state.window)
            assert (state.limit, state.left) == (self.limits[limit], self.limits[limit] - self._used(limit))
        assert {(state.scope, state.what, state.window) for state in told} == set(self.limits)

    # How.

    def _set(self, limit: tuple[str, str, str], amount: int) -> None:
        scope, what, window = limit
        self.accounts.set_limits(scope, (Budget(what, window, amount),))  # type: ignore[arg-type]
        self.limits[limit] = amount
        self._remember()

    def _remember(self) -> None:
        self.before = {limit: self._used(limit) for limit in self.limits}

    def _used(self, limit: tuple[str, str, str]) -> int:
        scope, what, window = limit
        return self._sum(scope, windows_of(self.clock())[window]).used(what)

    def _sum(self, scope: str, window: str) -> Sum:
        return self.sums.setdefault((scope, window), Sum())

    def _reserve(self, data: st.DataObject) -> Order:
        team, key = data.draw(st.sampled_from(KEYS))
        order = reserve(*data.draw(submissions), images=data.draw(st.integers(0, 3)), team=team, key=key)
        self.names += [f"{order.job.job}/{place}" for place in range(len(order.orders))]
        return order

    def _close(self, data: st.DataObject) -> Order:
        outcomes = []
        for hold in data.draw(st.lists(st.sampled_from(self.names[-12:]), min_size=1, max_size=2)):
            outcomes.append(self._outcome(hold, data))
        return Close(outcomes=tuple(outcomes))

    def _outcome(self, hold: str, data: st.DataObject) -> Outcome:
        kind: Any = data.draw(kinds)
        wanted = self.open.get(hold)
        if kind == "expire":
            return Outcome(hold=hold, kind="settle", micros=wanted.micros if wanted else 0)
        if kind != "settle":
            return Outcome(hold=hold, kind=kind)
        images = data.draw(st.integers(0, wanted.images if wanted else 0))
        return Outcome(hold=hold, kind="settle", micros=data.draw(amounts), images=images)

    def _check(self, order: Order, answer: Answer) -> None:
        if isinstance(order, Close):
            assert isinstance(answer, Closed)
            self._closed(order, answer)
            return
        assert isinstance(order, Reserve)
        asked = {
            "usd": sum(each.micros for each in order.orders),
            "images": sum(each.images for each in order.orders),
        }
        scopes = (f"key:{order.job.key}", f"team:{order.job.team}")
        full = {
            limit: amount - self._used(limit)
            for limit, amount in self.limits.items()
            if limit[0] in scopes and asked[limit[1]] and self._used(limit) + asked[limit[1]] > amount
        }
        if isinstance(answer, Refused):
            assert full[answer.scope, answer.what, answer.window] == answer.left
            assert answer.asked == asked[answer.what]
            return
        assert isinstance(answer, Held)
        assert not full
        for hold in answer.holds:
            self.open[hold.hold] = Wanted(hold.team, hold.key, hold.at, hold.micros, hold.images)
            for each in self._touched(self.open[hold.hold]):
                each.held += hold.micros
                each.images_held += hold.images

    def _closed(self, order: Close, answer: Closed) -> None:
        ends = [outcome for outcome in order.outcomes if outcome.kind != "ambiguous" and outcome.hold in self.open]
        if len(ends) == 2 and ends[0].hold != ends[1].hold:
            # Two ends of one order are answered together; the entries tell them apart.
            first, second = (self._entered(outcome) for outcome in ends)
            assert (first.charged + second.charged, first.overrun + second.overrun) == (answer.charged, answer.overrun)
            self._ended(ends[0], first)
            self._ended(ends[1], second)
        elif ends:
            self._ended(ends[0], answer)
        else:
            assert answer == Closed(0, 0)

    def _entered(self, outcome: Outcome) -> Closed:
        found = rows(self.place, f"SELECT kind, micros FROM entries WHERE hold = '{outcome.hold}' AND kind != 'hold'")
        amounts_of = {row["kind"]: row["micros"] for row in found}
        return Closed(amounts_of[outcome.kind], amounts_of.get("overrun", 0))

    def _ended(self, outcome: Outcome, closed: Closed) -> None:
        hold = self.open.pop(outcome.hold)
        touched = self._touched(hold)
        for each in touched:
            each.held -= hold.micros
            each.images_held -= hold.images
            each.settled += closed.charged
            each.images_settled += outcome.images
        assert closed.charged + closed.overrun == outcome.micros
        assert closed.charged >= min(outcome.micros, hold.micros)
        if outcome.micros > hold.micros:
            then, scopes = windows_of(hold.at), (f"key:{hold.key}", f"team:{hold.team}")
            left = [
                amount - self._sum(scope, then[window]).used("usd")
                for (scope, what, window), amount in self.limits.items()
                if what == "usd" and scope in scopes
            ]
            assert closed.charged == hold.micros or min(left, default=0) >= 0  # never more than a budget has
            assert not closed.overrun or min(left) <= 0  # and the house pays only where one is full
        self.house += closed.overrun

    def _touched(self, hold: Wanted) -> list[Sum]:
        names = windows_of(hold.at).values()
        return [self._sum(scope, name) for scope in (f"key:{hold.key}", f"team:{hold.team}") for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_over_random_orders_no_limit_is_passed_and_every_micro_dollar_is_accounted_for(
    engine: str, new: Path, request: pytest.FixtureRequest
) -> None:
    def in_a_file() -> tuple[Place, Callable[[], None]]:
        folder = tempfile.TemporaryDirectory()
        return Path(shutil.copy(new, folder.name)), folder.cleanup

    def on_a_server() -> tuple[Place, Callable[[], None]]:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.fresh(TEMPLATE)
        return url, partial(server.drop, url)

    made = in_a_file if engine == "sqlite" else on_a_server
    machine = type("Machine", (LedgerMachine,), {"new": staticmethod(made)})
    hard = settings(
        max_examples=30 if engine == "sqlite" else 10,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.generate),  # to make what failed smaller would take minutes of commits
    )
    run_state_machine_as_test(machine, settings=hard)


WRITER = """
import sys
from pathlib import Path
from tests.ledger.test_invariant import spend
print("ready", flush=True)
sys.stdin.readline()
print(spend(sys.argv[1] if '://' in sys.argv[1] else Path(sys.argv[1]), int(sys.argv[2])), flush=True)
"""
LIMIT = 20_000


def spend(place: Place, seed: int) -> str:
    """Hold and end at random as fast as the ledger allows, then end what is left; what was charged and overrun."""
    chance = random.Random(seed)
    clerk = Clerk(place)
    charged = overrun = refused = 0
    held: list[str] = []
    for turn in range(80):
        time.sleep(0.002)  # lets the others have their turn
        orders: list[Order] = []
        for each in range(chance.randint(1, 4)):
            if held and (chance.random() < 0.5 or turn > 75):
                hold = held.pop(chance.randrange(len(held)))
                cost = chance.choice([0, chance.randint(0, 200), chance.randint(200, 600)])
                kind: Any = "settle" if cost else "release"
                orders.append(Close(outcomes=(Outcome(hold=hold, kind=kind, micros=cost, images=1),)))
            else:
                job = record("acme", f"k{seed}", job=f"{seed}-{turn}-{each}")
                orders.append(reserve(chance.randint(1, 300), job=job))
        for answer in clerk.post(orders):
            if isinstance(answer, Held):
                held.extend(hold.hold for hold in answer.holds)
            elif isinstance(answer, Closed):
                charged, overrun = charged + answer.charged, overrun + answer.overrun
            else:
                assert isinstance(answer, Refused), answer
                refused += 1
    for hold in held:
        clerk.post([Close(outcomes=(Outcome(hold=hold, kind="release"),))])
    clerk.close()
    return json.dumps([charged, overrun, refused])


@pytest.mark.slow
def test_processes_and_threads_at_one_ledger_never_pass_a_limit_together(place: Place) -> None:
    engine = connect(place)
    Accounts(engine).create_team("acme", (Budget("usd", "total", LIMIT),))
    engine.dispose()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for seed in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    said: list[str] = []
    threads = [threading.Thread(target=lambda seed=seed: said.append(spend(place, seed))) for seed in (2, 3)]
    for thread in threads:
        thread.start()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said += [writer.communicate(timeout=60)[0] for writer in writers]
    for thread in threads:
        thread.join()
    told = [json.loads(each) for each in said]
    made: Trail = audit(place)
    assert len(told) == 4
    assert made.open == {}
    assert 0.9 * LIMIT < made.highest["team:acme", "total"] <= LIMIT
    assert sum(refused for _, _, refused in told) > 0
    turns = [row["key"] for row in rows(place, "SELECT key FROM entries ORDER BY entry")]
    assert sum(one != other for one, other in pairwise(turns)) > 20  # they did write at the same time
    assert made.sums["team:acme", "total"].settled == sum(charged for charged, _, _ in told)
    assert made.overrun == sum(overrun for _, overrun, _ in told) > 0
