from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricing import MICROS_PER_USD, from_micros, to_micros
from tests.properties import MANY


@pytest.mark.parametrize(
    ("usd", "micros"),
    [
        ("0", 0),
        ("0.04", 40_000),
        ("12", 12_000_000),
        ("0.000001", 1),
        ("0.0000010001", 2),
        ("0.0000001", 1),
        ("1E-40", 1),
        ("1E+3", 1_000_000_000),
        ("-0.0000015", -1),
    ],
)
def test_usd_becomes_whole_micros_rounded_up(usd: str, micros: int) -> None:
    assert to_micros(Decimal(usd)) == micros


def test_micros_become_the_exact_amount() -> None:
    assert from_micros(1) == Decimal("0.000001")
    assert from_micros(40_000) == Decimal("0.04")
    assert MICROS_PER_USD == 1_000_000


@MANY
@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_micros_survive_the_round_trip(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros


@MANY
@given(st.decimals(0, 10**30, allow_nan=False, allow_infinity=False))
@example(Decimal("1.00000000000000000000000000001"))
@example(Decimal("12345678901234567890.1234567890123456789"))
@example(Decimal("1E+27"))
def test_an_amount_is_never_rounded_down_nor_up_by_a_whole_micro(usd: Decimal) -> None:
    excess = Fraction(to_micros(usd), MICROS_PER_USD) - Fraction(usd)
    assert 0 <= excess < Fraction(1, MICROS_PER_USD)
