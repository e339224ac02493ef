"""Balances: how long an account lasts by its own readings, and who is told when it does not."""

from __future__ import annotations

import asyncio
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
    assert [event.low for event in told if isinstance(event, BalanceRead)] == [
        *(False, True, True, False, True, True, False, True)
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
        asking.adopt({}, row)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asking.run(), 0.05)


# Another configuration.


def served(*keys: str, name: str = "bfl") -> dict[str, Line]:
    """Accounts called by their places, with these keys."""
    lanes = tuple(
        [Lane(name=str(place), account=Account(base="https://x", key=Secret(key))) for place, key in enumerate(keys)]
    )
    return {name: Line(name=name, provider=providers.load("bfl"), lanes=lanes, deadline=60)}


async def test_what_was_read_of_an_account_stays_known_unless_it_has_another_key() -> None:
    told: list[Event] = []
    now = 0.0
    says = Scripted("100", "100", "90", "10", "40", "10")
    asking = balances(says, BalancesRow(), told, lambda: now)
    asking.adopt(served("a", "b"), BalancesRow())
    await asking.ask()
    now += HOUR
    asking.adopt(served("a", "mended"), BalancesRow(low_usd=Decimal(50)))
    await asking.ask()
    now += HOUR
    asking.adopt(served("a"), BalancesRow(low_usd=Decimal(1)))
    told.clear()
    await asking.ask()
    (read,) = [event for event in told if isinstance(event, BalanceRead)]
    assert (read.account, read.micros) == ("0", 40_000_000)
    assert read.hours == pytest.approx(40 / 60 * 2)
    assert says.says == ["10"]  # the other one is asked no more


async def test_a_new_account_that_is_low_is_told_although_the_old_one_was() -> None:
    told: list[Event] = []
    asking = balances(Scripted("1", "1", "1"), BalancesRow(), told, lambda: 0.0)
    asking.adopt(served("a"), BalancesRow())
    await asking.ask()
    asking.adopt(served("a"), BalancesRow())
    await asking.ask()
    assert len([event for event in told if isinstance(event, BalanceLow)]) == 1
    asking.adopt(served("mended"), BalancesRow())
    await asking.ask()
    assert len([event for event in told if isinstance(event, BalanceLow)]) == 2


@pytest.mark.parametrize("said", ["5", Fault.UNAVAILABLE])
async def test_an_account_that_goes_while_it_is_asked_is_not_told_of(said: str | Fault) -> None:
    told: list[Event] = []
    says = Scripted(said)
    asking = balances(says, BalancesRow(), told, lambda: 0.0)
    answer = says.hold

    async def late(*args: Any, **more: Any) -> Decimal:
        asking.adopt({}, BalancesRow())
        return await answer(*args, **more)

    says.hold = late  # type: ignore[method-assign]
    await asking.ask()
    assert told == []


async def test_who_has_nobody_to_ask_begins_when_there_is_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.balance.FIRST_S", 0.01)
    told: list[Event] = []
    asking = balances(Scripted("5", *["6"] * 1000), BalancesRow(every_s=0), told, lambda: 0.0)
    running = asyncio.create_task(asking.run())
    await asyncio.sleep(0.03)
    assert told == []
    asking.adopt(served("a"), BalancesRow(every_s=3600, low_usd=Decimal(0)))
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.01)
    assert [event.micros for event in told if isinstance(event, BalanceRead)] == [5_000_000]
    asking.adopt(served("a"), BalancesRow(every_s=0.01, low_usd=Decimal(0)))
    async with asyncio.timeout(10):
        while len(told) <= 2:
            await asyncio.sleep(0.01)
    running.cancel()
