from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Code, Failure
from proxy.dialects.fields import (
    Reader,
    anything,
    choice,
    flag,
    integer,
    mapping,
    number,
    read,
    read_json,
    required,
    sequence,
    text,
)
from tests.dialects.outcome import outcome
from tests.properties import MANY

SMALL = integer(-2, 70)
DECIMAL = number(0.0, 100.0)
MISSING = object()


def refused(reader: Reader, value: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        reader("f", value)
    assert caught.value.field == "f"
    return caught.value


@pytest.mark.parametrize(
    ("reader", "value", "meaning"),
    [
        (SMALL, 67, 67),
        (SMALL, 67.0, 67),
        (SMALL, "67", 67),
        (SMALL, "67.0", 67),
        (SMALL, " 67\n", 67),
        (SMALL, "-2", -2),
        (SMALL, "-0.0", 0),
        (SMALL, "007", 7),
        (integer(0, 2**63 - 1), "9223372036854775807", 2**63 - 1),
        (integer(0, 2**63 - 1), 2**63 - 1, 2**63 - 1),
        (DECIMAL, 7, 7.0),
        (DECIMAL, "7.5", 7.5),
        (DECIMAL, "1e1", 10.0),
        (DECIMAL, 0, 0.0),
        (DECIMAL, 100.0, 100.0),
        (flag, True, True),
        (flag, False, False),
        (flag, "true", True),
        (flag, "True", True),
        (flag, "1", True),
        (flag, "false", False),
        (flag, "FALSE", False),
        (flag, "0", False),
        (text(), "x" * 5000, "x" * 5000),
        (text(3), "äöü", "äöü"),
        (choice({"a": 1, "b": None}), "a", 1),
        (mapping, {"a": 1}, {"a": 1}),
        (sequence, [1], [1]),
        (anything, 3.5, 3.5),
    ],
)
def test_a_value_is_read_however_it_is_written(reader: Reader, value: Any, meaning: Any) -> None:
    found = reader("f", value)
    assert found == meaning
    assert type(found) is type(meaning)


@pytest.mark.parametrize(
    ("reader", "value", "code"),
    [
        (SMALL, 71, Code.ABOVE_MAXIMUM),
        (SMALL, "71", Code.ABOVE_MAXIMUM),
        (SMALL, 1e300, Code.ABOVE_MAXIMUM),
        (SMALL, "9" * 100, Code.ABOVE_MAXIMUM),
        (SMALL, -3, Code.BELOW_MINIMUM),
        (SMALL, "9" * 5000, Code.WRONG_TYPE),
        (SMALL, 1.5, Code.WRONG_TYPE),
        (SMALL, "1.5", Code.WRONG_TYPE),
        (SMALL, "1e1", Code.WRONG_TYPE),
        (SMALL, "0x10", Code.WRONG_TYPE),
        (SMALL, "1_0", Code.WRONG_TYPE),
        (SMALL, "--1", Code.WRONG_TYPE),
        (SMALL, "²", Code.WRONG_TYPE),
        (SMALL, " ", Code.WRONG_TYPE),
        (SMALL, True, Code.WRONG_TYPE),
        (SMALL, [1], Code.WRONG_TYPE),
        (DECIMAL, 100.5, Code.ABOVE_MAXIMUM),
        (DECIMAL, -0.1, Code.BELOW_MINIMUM),
        (DECIMAL, "nan", Code.WRONG_TYPE),
        (DECIMAL, "inf", Code.WRONG_TYPE),
        (DECIMAL, 10**400, Code.WRONG_TYPE),
        (DECIMAL, "much", Code.WRONG_TYPE),
        (DECIMAL, True, Code.WRONG_TYPE),
        (DECIMAL, {}, Code.WRONG_TYPE),
        (flag, "yes", Code.WRONG_TYPE),
        (flag, 1, Code.WRONG_TYPE),
        (flag, [], Code.WRONG_TYPE),
        (text(3), "abcd", Code.TOO_LONG),
        (text(), 5, Code.WRONG_TYPE),
        (text(), ["a"], Code.WRONG_TYPE),
        (choice({"a": 1}), "b", Code.INVALID),
        (choice({"a": 1}), "A", Code.INVALID),
        (choice({"a": 1}), {"a": 1}, Code.WRONG_TYPE),
        (mapping, [], Code.WRONG_TYPE),
        (sequence, {}, Code.WRONG_TYPE),
    ],
)
def test_a_value_that_means_nothing_or_too_much_is_refused(reader: Reader, value: Any, code: Code) -> None:
    assert refused(reader, value).code is code


def test_a_refusal_says_what_was_expected_and_what_came() -> None:
    assert refused(SMALL, 71).detail == (
        "Invalid 'f': integer above maximum value. Expected a value <= 70, but got 71."
    )
    assert refused(SMALL, "x").detail == "Invalid type for 'f': expected an integer, but got a string instead."
    assert refused(choice({"a": 1, "b": 2}), "c").detail == "Invalid value: 'c'. Supported values are: 'a', 'b'."
    assert refused(text(3), "abcd").detail.endswith("maximum length 3, but got a string with length 4 instead.")


def test_a_refusal_never_repeats_a_long_value() -> None:
    assert len(refused(choice({"a": 1}), "x" * 100_000).detail) < 300
    assert len(refused(text(3), "x" * 100_000).detail) < 300


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_empty_are_a_field_not_sent(value: object) -> None:
    assert read({"a": value, "b": value}, {"a": ("ours", SMALL)}) == ({}, [])


def test_fields_get_our_names_and_the_rest_is_named() -> None:
    table = {"a": ("ours", SMALL), "b": ("off", choice({"auto": None}))}
    assert read({"z": 1, "a": 2, "b": "auto", "y": {}}, table) == ({"ours": 2}, ["z", "y"])


@pytest.mark.parametrize("value", [MISSING, None, "", " \n\t"])
def test_a_required_field_that_is_missing_or_blank_is_refused(value: object) -> None:
    with pytest.raises(Failure, match="Missing required parameter: 'prompt'") as caught:
        required({} if value is MISSING else {"ours": value}, "ours", "prompt")
    assert (caught.value.code, caught.value.field) == (Code.MISSING, "prompt")


@pytest.mark.parametrize("value", ["x", 0, False, []])
def test_a_required_field_is_there_whatever_its_value(value: object) -> None:
    assert required({"ours": value}, "ours", "theirs") == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{not json",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"\xff"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Failure) as caught:
        read_json(body)
    assert (caught.value.code, caught.value.field) == (Code.NOT_JSON, None)


@MANY
@given(st.integers(-(10**30), 10**30), st.integers(-100, 100), st.integers(0, 100))
def test_a_whole_number_is_within_its_bounds_or_refused_in_every_spelling(value: int, lowest: int, room: int) -> None:
    highest = lowest + room
    reader = integer(lowest, highest)
    spellings: list[Any] = [value, str(value), f"{value}.0", *([float(value)] if abs(value) < 2**53 else [])]
    for spelling in spellings:
        if lowest <= value <= highest:
            assert reader("f", spelling) == value
        else:
            assert refused(reader, spelling).code in (Code.BELOW_MINIMUM, Code.ABOVE_MAXIMUM)


anything_in_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each, max_size=3)
)


@MANY
@given(anything_in_json, st.sampled_from([SMALL, DECIMAL, flag, text(5), choice({"a": 1}), mapping, sequence]))
def test_a_reader_reads_a_value_or_refuses_it_by_name(value: Any, reader: Reader) -> None:
    found = outcome(reader, "f", value)
    if isinstance(found, Failure):
        assert found.field == "f"
        assert found.code is not None
