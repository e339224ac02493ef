"""Balances: how long an account lasts by its own readings, and who is told when it does not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Account, Failure, Fault, Secret
from proxy.balance import RECENT_S, SOONEST_S, Balances, Purse
from proxy.config import BalancesRow
from proxy.events import BalanceLow, BalanceRead, BalanceUnknown, Event
from proxy.lines import Lane, Line
from proxy.transport import Room, Transport
from tests.properties import MANY

HOUR = 3600.0


def purse(*readings: tuple[float, str]) -> Purse:
    made = Purse()
    for hour, usd in readings:
        made.read(hour * HOUR, Decimal(usd))
    return made


@pytest.mark.parametrize(
    ("readings", "hours"),
    [
        ((), None),
        (((0, "10"),), None),
        (((0, "10"), (1, "10")), None),  # nothing is spent
        (((0, "10"), (1, "8")), 4.0),
        (((0, "10"), (1, "8"), (2, "4")), 4 / 3),
        (((0, "10"), (1, "8"), (2, "108"), (3, "106")), 106 * 3 / 4),  # what is paid in does not count
        (((0, "10"), (1, "0")), 0.0),
        (((0, "10"), (1, "-2")), 0.0),
        (((0, "10"), (SOONEST_S / HOUR - 0.01, "1")), None),  # too early to say
        (((0, "100"), (1, "50"), (8, "50"), (9, "40")), 40.0 / 10),  # what was spent before these hours is over
    ],
)
def test_an_account_lasts_as_long_as_its_readings_say(readings: Any, hours: float | None) -> None:
    assert purse(*readings).hours() == (None if hours is None else pytest.approx(hours))


@MANY
@given(st.lists(st.tuples(st.floats(0.1, 2), st.decimals(0, 1000, places=2)), max_size=60))
def test_whatever_it_reads_it_keeps_the_last_hours_and_never_says_less_than_none(
    steps: list[tuple[float, Decimal]],
) -> None:
    made, now = Purse(), 0.0
    for hours, usd in steps:
        now += hours * HOUR
        made.read(now, usd)
        assert all(now - at <= RECENT_S for at, _ in made._readings)
        lasts = made.hours()
        assert lasts is None or lasts >= 0


class Scripted:
    """Answers for the vendors."""

    def __init__(self, *says: str | Fault) -> None:
        self.says = list(says)
        self.leases: list[Any] = []

    async def hold(self, conversation: Any, *_: Any, lease: Any, **__: Any) -> Decimal:
        self.leases.append(lease)
        said = self.says.pop(0)
        if isinstance(said, Fault):
            raise Failure(said, "the vendor answered 503")
        return Decimal(said)


def balances(says: Scripted, row: BalancesRow, told: list[Event], clock: Callable[[], float]) -> Balances:
    lanes = (
        Lane(name="eu", account=Account(base="https://x", key=Secret("k"))),
        Lane(name="us", account=Account(base="https://x")),  # without a key there is nothing to ask
    )
    lines = {
        "bfl": Line(name="bfl", provider=providers.load("bfl"), lanes=lanes, deadline=60),
        "fal": Line(name="fal", provider=providers.load("fal"), lanes=lanes, deadline=60),  # does not tell
    }
    return Balances(lines, cast(Transport, says), Room(1 << 20), told.append, row, clock=clock)


async def test_an_account_that_runs_low_is_told_once_and_again_after_it_was_filled() -> None:
    told: list[Event] = []
    now = 0.0
    says = Scripted("100", "90", "80", "500", "4.99", "4.98", "8000", "1")
    asking = balances(says, BalancesRow(low_hours=10), told, lambda: now)
    for _ in range(8):
        await asking.ask()
        now += HOUR
    assert not says.says
    assert [event.micros for event in told if isinstance(event, BalanceRead)] == [
        *(100_000_000, 90_000_000, 80_000_000, 500_000_000, 4_990_000, 4_980_000, 8_000_000_000, 1_000_000)
    ]
    low = [event for event in told if isinstance(event, BalanceLow)]
    assert [event.micros for event in low] == [90_000_000, 4_990_000, 1_000_000]  # the first of them by its pace alone
    assert low[0].hours == pytest.approx(9)


async def test_a_vendor_that_does_not_answer_is_told_once_until_it_does() -> None:
    told: list[Event] = []
    down = Fault.UNAVAILABLE
    asking = balances(Scripted(down, down, "50", down), BalancesRow(), told, lambda: 0.0)
    for _ in range(4):
        await asking.ask()
    assert [type(event) for event in told] == [BalanceUnknown, BalanceRead, BalanceUnknown]


@pytest.mark.parametrize("figure", ["NaN", "-Infinity"])
async def test_what_is_no_amount_is_no_answer(figure: str) -> None:
    told: list[Event] = []
    await balances(Scripted(figure), BalancesRow(), told, lambda: 0.0).ask()
    assert [type(event) for event in told] == [BalanceUnknown]


@pytest.mark.parametrize("row", [BalancesRow(every_s=0), BalancesRow()])
async def test_who_has_nobody_to_ask_or_is_told_not_to_does_not(row: BalancesRow) -> None:
    asking = balances(Scripted(), row, [], lambda: 0.0)
    if row.every_s:
        asking._purses.clear()
    await asking.run()
