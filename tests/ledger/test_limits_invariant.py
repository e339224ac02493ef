"""No limit of any scope and window is passed, at any moment: over random orders, by two clerks, as limits come."""

from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from proxy.ledger.accounts import AccountError, Accounts, Budget
from proxy.ledger.balance import Balance
from proxy.ledger.budgets import Budgets
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import connect
from proxy.ledger.orders import Close, Held, Outcome, Refused
from proxy.ledger.standing import budget_states
from proxy.ledger.sums import summed
from proxy.ledger.windows import ROLLING, Window
from tests.ledger.posted import HOUR, Clock, Trail, audit, moment, record, reserve, rolled_up

SCOPES = ("org:default", "team:acme", "team:*", "key:k1", "key:*", "user:acme/jo", "user:acme/*", "user:*")
WINDOWS = [(name, "UTC") for name in ("minute", "hour", "day", "week", "month", "total", *ROLLING)] + [
    ("day", "Europe/Berlin"), ("week", "Asia/Kolkata"), ("month", "America/New_York")
]  # fmt: skip
LENGTH = {"rolling-hour": HOUR, "rolling-day": 24 * HOUR, "rolling-week": 168 * HOUR, "rolling-month": 720 * HOUR}
whats = st.sampled_from(["usd", "usd", "images", "pixels"])
carries = st.sampled_from([0, 0, 60])
limits = st.lists(
    st.tuples(
        st.sampled_from(SCOPES), whats, st.sampled_from(WINDOWS), st.integers(0, 250), st.sampled_from([0, 0, 60])
    ),
    min_size=1,
    max_size=5,
)
_ids = count(1)


class LimitsMachine(RuleBasedStateMachine):
    """Limits are set at the beginning, and then only raised: so what is used is never more than they are now."""

    new: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(shutil.copy(self.new, self.folder.name))
        self.clock = Clock(moment("2026-10-24 20:00"))  # a few hours before Berlin's day of 25
        self.engine = connect(self.file)
        self.accounts, self.budgets = Accounts(self.engine, self.clock), Budgets(self.engine, self.clock)
        self.clerks = [Clerk(self.file, self.clock) for _ in range(2)]
        self.set: dict[tuple[str, str, str], Budget] = {}
        self.raised: dict[tuple[str, str, str], int] = {}
        self.open: dict[str, int] = {}
        """Holds, with their pictures."""

    def teardown(self) -> None:
        for clerk in self.clerks:
            clerk.close()
        self.engine.dispose()
        self.folder.cleanup()

    @initialize(wanted=limits)
    def begin(self, wanted: list[Any]) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO teams (team, created) VALUES ('acme', 0), ('solo', 0)")
            for key, team in (("k1", "acme"), ("k2", "acme"), ("k3", "solo")):
                values = "(key, team, name, prefix, hash, test, created, grants) VALUES (?, ?, '', '', ?, 0, 0, '')"
                connection.exec_driver_sql(f"INSERT INTO keys {values}", (key, team, key.encode()))
        for each in wanted:
            self._set(*each)

    @rule(which=st.integers(0, 1), data=st.data(), size=st.integers(1, 4))
    def post(self, which: int, data: st.DataObject, size: int) -> None:
        orders = [data.draw(st.sampled_from([self._reserve, self._close]))(data) for _ in range(size)]
        for order, answer in zip(orders, self.clerks[which].post(orders), strict=True):
            if isinstance(answer, Held):
                self.open.update([(hold.hold, hold.images) for hold in answer.holds])
            if isinstance(answer, Refused) and size == 1:
                self._justified(order, answer)

    @rule(ms=st.sampled_from([1, 20_000, 61_000, HOUR // 2, 5 * HOUR, 24 * HOUR, 31 * 24 * HOUR]))
    def time_passes(self, ms: int) -> None:
        self.clock.now += ms

    @rule(each=st.tuples(st.sampled_from(SCOPES), whats, st.sampled_from(WINDOWS), st.integers(150, 400), st.just(0)))
    def a_limit_is_set_that_was_not_there(self, each: Any) -> None:
        scope, what, (window, _), *_ = each
        if (scope, what, window) in self.set or scope.endswith("*"):
            return  # a default would give way to it, or it to a default
        self._set(*each)
        self.raised.setdefault((scope, what, window), 0)
        self._allow(scope, what, window)

    @rule(which=st.integers(0, 20), amount=st.integers(1, 80))
    def a_limit_is_raised(self, which: int, amount: int) -> None:
        mine = [each for each in self.set if not each[0].endswith("*") and each[1] in ("usd", "images", "pixels")]
        if mine:
            scope, what, window = mine[which % len(mine)]
            self.budgets.raise_limit(scope, what, window, amount, ends=None)
            self.raised[scope, what, window] = self.raised.get((scope, what, window), 0) + amount

    @rule(which=st.integers(0, 1))
    def a_clerk_is_replaced(self, which: int) -> None:
        self.clerks[which].close()
        self.clerks[which] = Clerk(self.file, self.clock)

    @invariant()
    def every_row_is_what_the_entries_say(self) -> None:
        made = audit(self.file)
        with self.engine.connect().execution_options(reads=True) as connection:
            for account, kept in rolled_up(self.file).items():
                assert summed(connection, account) == Balance(**vars(kept))
        self._none_is_passed(made)

    @invariant()
    def budgets_are_told_as_they_stand(self) -> None:
        with self.engine.connect().execution_options(reads=True) as connection:
            for state in budget_states(connection, "acme", "k1", self.clock(), user="jo"):
                assert state.left >= 0 or (state.scope, state.what, state.window) in self.raised, state

    # How.

    def _set(self, scope: str, what: Any, window: tuple[str, str], amount: int, carry: int) -> None:
        name, zone = window
        carried = carry if name in {"minute", "hour", "day", "week", "month"} else 0
        budget = Budget(what, name, amount, zone, carried, (50, 100))
        try:
            self.accounts.set_limits(scope, (budget,))
        except AccountError:
            raise AssertionError(budget) from None
        self.set[scope, what, name] = budget

    def _allow(self, scope: str, what: str, window: str) -> None:
        """What was used before a limit was set may be more than it is: it is looked at no more."""
        self.raised[scope, what, window] = 1 << 40

    def _reserve(self, data: st.DataObject) -> Any:
        key, team = data.draw(st.sampled_from([("k1", "acme"), ("k2", "acme"), ("k3", "solo")]))
        user = data.draw(st.sampled_from(["", "jo", "ann"]))
        job = record(team, key, job=f"limits-{next(_ids)}", user=user)
        images, pixels = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 90))
        return reserve(data.draw(st.integers(0, 90)), job=job, images=images, pixels=pixels)

    def _close(self, data: st.DataObject) -> Any:
        hold = data.draw(st.sampled_from([*list(self.open)[-12:], "never/0"]))
        cost = data.draw(st.integers(0, 400))
        kind: Any = "settle" if cost else "release"
        return Close(
            outcomes=(Outcome(hold=hold, kind=kind, micros=cost, images=min(1, self.open.get(hold, 0)) if cost else 0),)
        )

    def _justified(self, order: Any, refused: Refused) -> None:
        asked = {
            each: getattr(order.orders[0], {"usd": "micros"}.get(each, each)) for each in ("usd", "images", "pixels")
        }
        assert asked[refused.what] == refused.asked > refused.left
        assert refused.frees is None or refused.frees > self.clock.now

    def _none_is_passed(self, made: Trail) -> None:
        for (scope, what, window), budget in self.set.items():
            if scope.endswith("*"):
                continue
            most = budget.amount + self.raised.get((scope, what, window), 0)
            uses = _uses(made, scope, what)
            for at, _ in uses:
                if window in ROLLING:  # to the millisecond, whatever the buckets
                    used = sum(amount for then, amount in uses if at - LENGTH[window] < then <= at)
                    assert used <= most, (scope, budget)
                    continue
                spans = Window(window, budget.zone)
                used, before = (_between(uses, *spans.interval(then)) for then in (at, _before(spans, at)))
                carried = min(budget.carry, max(0, most - before)) if budget.carry else 0
                assert used <= most + carried, (scope, budget)


def _before(window: Window, at: int) -> int:
    return at if window.name == "total" else window.before(at)


def _between(uses: list[tuple[int, int]], begins: int, ends: int) -> int:
    return sum(amount for at, amount in uses if begins <= at < ends)


def _uses(made: Trail, scope: str, what: str) -> list[tuple[int, int]]:
    """When something was held for a scope, and what of it is held or was paid."""
    name = {"usd": "micros"}.get(what, what)
    kind, _, who = scope.partition(":")
    found = []
    for given, end in made.submissions:
        whose = f"{given['team']}/{given['user']}" if kind == "user" else given[kind]
        if whose == who:
            found.append((given["at"], (end or given)[name]))
    return found


@pytest.mark.slow
def test_over_random_orders_no_limit_of_any_kind_is_passed(new: Path) -> None:
    machine = type("Machine", (LimitsMachine,), {"new": new})
    hard = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.generate),
    )
    run_state_machine_as_test(machine, settings=hard)
