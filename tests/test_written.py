from __future__ import annotations

from decimal import Decimal

import pytest

from proxy.written import amount_in, length_in, names_in, seconds_in


@pytest.mark.parametrize("text", ["0", "0.05", "12", "1E+3", "0.00000000000000000001"])
def test_an_amount_is_read_as_it_is_written(text: str) -> None:
    assert amount_in(text) == Decimal(text)


@pytest.mark.parametrize("text", ["", "much", "-0.01", "nan", "sNaN", "inf", "-inf", "1E+999999999", "1E-999999999"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert amount_in(text) is None


def test_seconds_are_more_than_none() -> None:
    assert seconds_in("1.5") == 1.5
    assert [seconds_in(text) for text in ("", "soon", "0", "-1", "nan", "inf")] == [None] * 6


def test_a_length_of_time_is_told_in_the_units_of_its_place() -> None:
    assert [length_in(text, "smhd") for text in ("90s", "15m", "12h", "30d")] == [
        90_000,
        900_000,
        43_200_000,
        2_592_000_000,
    ]
    assert length_in("0s", "s") == 0
    assert length_in("90s", "hd") is None
    assert [length_in(text, "smhd") for text in ("", "h", "12", "1.5h", "-1h", "1w", " 1h", "100001d")] == [None] * 8


def test_names_stand_between_commas() -> None:
    assert names_in(" bfl, openai,,") == {"bfl", "openai"}
    assert not names_in(" , ")
