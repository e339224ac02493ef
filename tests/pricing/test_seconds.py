"""Seconds of GPU as money: at a stated rate, at what a machine of one's own comes to, and as they were measured."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Billable, Usage, to_micros
from pricing.kinds import Kind, Line, Owned, PerSecond
from tests.pricing.asking import billed, priced, quoted, usd
from tests.properties import MANY

PER = PerSecond(usd=Decimal("0.001"), seconds=Decimal(30))
GPU = Owned(
    seconds=Decimal(12),
    purchase_usd=Decimal(36_000),
    years=Decimal(4),
    utilisation=Decimal("0.4"),
    watts=Decimal(900),
    usd_per_kwh=Decimal("0.20"),
)
KINDS: list[PerSecond | Owned] = [PER, GPU]
seconds = st.decimals("0", "86400", places=6)


@pytest.mark.parametrize(("measured", "held"), [(None, 30), (Decimal("2.5"), Decimal("2.5")), (Decimal(31), 30)])
def test_what_was_measured_is_held_and_never_more_than_the_longest(measured: Decimal | None, held: Decimal) -> None:
    found = quoted(PER, Billable(n=3, seconds=measured))
    assert found.lines == (Line("second of GPU", Decimal(held) * 3, Decimal(held) * 3 * Decimal("0.001")),)


def test_a_machine_of_ones_own_comes_to_its_purchase_and_its_power() -> None:
    working = 4 * 31_557_600 * 0.4
    assert float(GPU.rate) == pytest.approx(36_000 / working + 0.9 * 0.20 / 3600, abs=1e-11)
    assert GPU.rate == Decimal("0.000762981976")
    assert usd(GPU, Billable(n=2)) == GPU.rate * 24


def test_a_rate_is_rounded_up_and_only_in_its_last_place() -> None:
    third = Owned(seconds=Decimal(1), purchase_usd=Decimal(1), years=Decimal(3), utilisation=Decimal(1))
    exact = Fraction(1, 3 * 31_557_600)
    assert Fraction(third.rate) == Fraction(ceil(exact * 10**12), 10**12)
    nothing = Owned(seconds=Decimal(1), purchase_usd=Decimal(0), years=Decimal(1), utilisation=Decimal(1))
    assert nothing.rate == 0


figures = st.builds(
    Owned,
    seconds=st.decimals("0.1", "600", places=1),
    purchase_usd=st.decimals("0", "500000", places=2),
    years=st.decimals("0.5", "10", places=1),
    utilisation=st.decimals("0.01", "1", places=2),
    watts=st.decimals("0", "20000", places=0),
    usd_per_kwh=st.decimals("0", "2", places=3),
)


@MANY
@given(figures)
def test_the_formula_of_the_document_is_the_rate_to_its_last_place(owned: Owned) -> None:
    works = Fraction(owned.years) * 31_557_600 * Fraction(owned.utilisation)
    exact = Fraction(owned.purchase_usd) / works + Fraction(owned.watts) / 1000 * Fraction(owned.usd_per_kwh) / 3600
    assert 0 <= Fraction(owned.rate) - exact < Fraction(1, 10**12)


@MANY
@given(figures, st.decimals("0.01", "1", places=2))
def test_a_machine_that_works_more_costs_less_a_second(owned: Owned, share: Decimal) -> None:
    other = replace(owned, utilisation=share)
    less, more = sorted([owned, other], key=lambda each: each.utilisation)
    assert more.rate <= less.rate


@MANY
@given(figures)
def test_over_its_life_a_machine_earns_what_it_did_cost(owned: Owned) -> None:
    life = Fraction(owned.years) * 31_557_600 * Fraction(owned.utilisation)
    power = life * Fraction(owned.watts) * Fraction(owned.usd_per_kwh) / 3_600_000
    spent = Fraction(owned.purchase_usd) + power
    assert 0 <= Fraction(owned.rate) * life - spent <= life / 10**12


@MANY
@given(st.sampled_from(KINDS) | figures, seconds, st.integers(1, 10))
def test_seconds_used_are_settled_to_the_micro_dollar(per: PerSecond | Owned, used: Decimal, images: int) -> None:
    found = billed(priced(per), Billable(n=images), Usage(images=images, seconds=used))
    exact = Fraction(used) * Fraction(per.rate)
    assert found.metered
    assert Fraction(found.usd) == exact  # nothing was rounded yet
    assert to_micros(found.usd) == ceil(exact * 1_000_000)


@MANY
@given(st.sampled_from(KINDS) | figures, st.none() | st.decimals("0.001", "900", places=3), st.integers(1, 10))
def test_a_hold_covers_so_many_seconds_as_it_says(per: PerSecond | Owned, measured: Decimal | None, n: int) -> None:
    found = quoted(per, Billable(n=n, seconds=measured))
    [line] = found.lines
    assert line.quantity <= per.seconds * n
    assert measured is None or line.quantity <= measured * n
    assert billed(priced(per), Billable(n=n), Usage(images=n, seconds=line.quantity)).usd == found.usd


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("utilisation", "0"),
        ("utilisation", "1.01"),
        ("years", "0"),
        ("watts", "-1"),
        ("usd_per_kwh", "NaN"),
        ("purchase_usd", "-0.01"),
        ("seconds", "Infinity"),
    ],
)
def test_a_machine_that_comes_to_no_rate_is_refused(field: str, value: str) -> None:
    row = {"type": "owned", "seconds": "1", "purchase_usd": "1", "years": "1", "utilisation": "1"}
    assert isinstance(msgspec.convert(row, Kind), Owned)
    with pytest.raises(msgspec.ValidationError, match=r"a number, zero or more|utilisation is above 0"):
        msgspec.convert(row | {field: value}, Kind)
