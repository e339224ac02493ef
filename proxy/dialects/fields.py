"""Reading the fields of a request: liberal in form, strict in meaning.

A null or an empty string is a field not sent; `"2"` and `2.0` are 2; what is out of range or not among the choices is
refused with the field's own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec

from providers.contract import Code, Failure, Fault

T = TypeVar("T")
N = TypeVar("N", int, float)
KINDS: Mapping[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


class Fields:
    """The fields of one request, and which of them were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None and value != ""}
        self._read: set[str] = set()

    def take(self, name: str) -> Any:
        """A field as it came, None if it did not."""
        self._read.add(name)
        return self._values.get(name)

    def unread(self) -> list[str]:
        """What was sent and nobody asked for."""
        return [name for name in self._values if name not in self._read]

    def text(self, name: str, *, longest: int | None = None) -> str | None:
        """A string of at most `longest` characters."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if longest is not None and len(value) > longest:
            detail = f"Invalid '{name}': string too long. Expected a string with maximum length {longest}, but got "
            raise rejected(f"{detail}a string with length {len(value)} instead.", Code.TOO_LONG, name)
        return value

    def required_text(self, name: str, *, longest: int | None = None) -> str:
        """A string that must be there and not be blank."""
        value = self.text(name, longest=longest)
        if value is None or not value.strip():
            raise rejected(f"Missing required parameter: '{name}'.", Code.MISSING, name)
        return value

    def integer(self, name: str, lowest: int, highest: int) -> int | None:
        """A whole number, however written, within its bounds."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(name, "an integer", value)
        return self._bounded(name, "integer", value, lowest, highest)

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """A number, however written, within its bounds."""
        value = self.take(name)
        if value is None:
            return None
        try:
            number = float(value) if not isinstance(value, bool | list | dict) else None
        except ValueError:
            number = None
        if number is None or not isfinite(number):
            raise wrong_type(name, "a number", value)
        return self._bounded(name, "decimal", number, lowest, highest)

    def _bounded(self, name: str, kind: str, value: N, lowest: N, highest: N) -> N:
        if value < lowest:
            detail = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {lowest}, but got {value}."
            raise rejected(detail, Code.BELOW_MINIMUM, name)
        if value > highest:
            detail = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {highest}, but got {value}."
            raise rejected(detail, Code.ABOVE_MAXIMUM, name)
        return value

    def choice(self, name: str, choices: Mapping[str, T]) -> T | None:
        """One of some words, as what it stands for."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if value not in choices:
            known = ", ".join(f"'{choice}'" for choice in choices)
            raise rejected(f"Invalid value: '{value[:100]}'. Supported values are: {known}.", Code.INVALID, name)
        return choices[value]

    def flag(self, name: str) -> bool:
        """True or false, however written; false where it was not sent."""
        value = self.take(name)
        if value is None:
            return False
        if isinstance(value, str):
            value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
        if not isinstance(value, bool):
            raise wrong_type(name, "a boolean", value)
        return value


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises REJECTED for anything else."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise rejected("The body of the request must be a JSON object.", Code.NOT_JSON, None) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise rejected(f"We could not parse the JSON body of your request ({error}).", Code.NOT_JSON, None) from error


def rejected(detail: str, code: Code, field: str | None) -> Failure:
    """A refusal of the caller's request."""
    return Failure(Fault.REJECTED, detail, code=code, field=field)


def wrong_type(name: str, expected: str, value: object) -> Failure:
    """A refusal of a value of the wrong kind."""
    got = KINDS.get(type(value), "something else")
    detail = f"Invalid type for '{name}': expected {expected}, but got {got} instead."
    return rejected(detail, Code.WRONG_TYPE, name)
