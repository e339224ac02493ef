"""Readers of single values, in the words of this API: strict about types, whole numbers may come as `7.0`.

A refusal of a value names the variable's type, as clients of this API know it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from providers.contract import Code, Failure
from proxy.dialects.fields import Reader, Table, read, read_json, rejected, taking

FOUND: Mapping[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
ID_MOST = 128
SEEN = 100
"""Characters of a caller's own words that are repeated in a refusal."""


def read_body(body: bytes, table: Table) -> dict[str, Any]:
    """The fields of a JSON body that were set. Raises REJECTED for anything wrong, an unknown name too."""
    return read_object(read_json(body), table)


def read_object(values: Mapping[str, Any], table: Table, at: str = "") -> dict[str, Any]:
    """The fields of an object that were set; `at` is where it stands in the body."""
    if at:
        values = {f"{at}{name}": value for name, value in values.items()}
        table = {f"{at}{name}": entry for name, entry in table.items()}
    known, unknown = read(values, table)
    if unknown:
        name = unknown[0][: len(at) + SEEN]
        raise rejected(f"Unexpected variable {name}", Code.UNKNOWN_FIELD, name)
    return known


@taking("boolean")
def flag(name: str, value: Any) -> bool:
    """True or false, and nothing that looks like it."""
    if not isinstance(value, bool):
        raise mistyped(name, "a boolean", "Boolean", value)
    return value


def whole(lowest: int, highest: int, *, says: str = "{name} must be between {lowest} and {highest}") -> Reader:
    """A whole number within its bounds."""

    @taking("integer", lowest=lowest, highest=highest)
    def reader(name: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise mistyped(name, "a 32-bit integer", "Int", value)
        _hold(name, value, lowest, highest, says)
        return value

    return reader


@taking("integer", lowest=32, highest=1536)
def side(name: str, value: Any) -> int:
    """A width or a height in pixels."""
    says = "invalid dimensions: {name} must be between {lowest} and {highest} and a multiple of 8"
    found: int = whole(32, 1536, says=says)(name, value)
    if found % 8:
        raise rejected(says.format(name=name, lowest=32, highest=1536), Code.INVALID, name)
    return found


def number(lowest: float, highest: float) -> Reader:
    """A number within its bounds."""

    @taking("number", lowest=lowest, highest=highest)
    def reader(name: str, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise mistyped(name, "a Float", "Float", value)
        if isinstance(value, float) and not isfinite(value):  # of a whole number, which may be too large, not asked
            raise mistyped(name, "a Float", "Float", value)
        _hold(name, value, lowest, highest, "{name} must be between {lowest:g} and {highest:g}")
        return value

    return reader


def one_of_numbers(*choices: float) -> Reader:
    """One of some numbers."""

    @taking("number", choices=choices)
    def reader(name: str, value: Any) -> float:
        found: float = number(-1e9, 1e9)(name, value)
        if found not in choices:
            known = ", ".join(f"{each:g}" for each in choices)
            raise rejected(f"{name} must be one of {known}", Code.INVALID, name)
        return found

    return reader


def text(longest: int | None = None) -> Reader:
    """A string of at most `longest` characters."""

    @taking("string", longest=longest)
    def reader(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise mistyped(name, "a string", "String", value)
        if longest is not None and len(value) > longest:
            detail = f"Invalid {name}, maximum length of {longest} characters exceeded."
            raise rejected(detail, Code.TOO_LONG, name)
        return value

    return reader


identity = text(ID_MOST)
"""The id of a picture, a model, an element."""


def word(*choices: str, kind: str = "String") -> Reader:
    """One of some words; `kind` is what this API calls their type."""

    @taking("string", choices=choices)
    def reader(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise mistyped(name, f"one of {', '.join(choices)}", kind, value)
        if value not in choices:
            detail = f"expected one of {', '.join(choices)} for type '{kind}' of {name}, but found '{value[:SEEN]}'"
            raise rejected(detail, Code.WRONG_TYPE, name)
        return value

    return reader


def listed(each: Callable[[str, Any], Any]) -> Reader:
    """A list of such values; what reads as nothing is left out."""

    @taking("array")
    def reader(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise mistyped(name, "a list", "List", value)
        found = [each(f"{name}[{place}]", item) for place, item in enumerate(value)]
        return [item for item in found if item is not None]

    return reader


def optional(each: Callable[[str, Any], Any]) -> Reader:
    """A value or null."""
    return lambda name, value: None if value is None or value == "" else each(name, value)


def record(table: Table, needed: Sequence[str] = ()) -> Reader:
    """An object, of which some fields must be set."""

    @taking("object")
    def reader(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise mistyped(name, "an object", "Object", value)
        found = read_object(value, table, f"{name}.")
        for field in needed:
            if field not in found:
                raise missing(f"{name}.{field}")
        return found

    return reader


def missing(name: str) -> Failure:
    """A refusal where a field must be set and is not."""
    return rejected(f'expecting a value for non-nullable variable: "{name}"', Code.MISSING, name)


def mistyped(name: str, wanted: str, kind: str, value: object) -> Failure:
    """A refusal of a value of the wrong type."""
    found = FOUND.get(type(value), "null")
    return rejected(f"expected {wanted} for type '{kind}' of {name}, but found {found}", Code.WRONG_TYPE, name)


def _hold(name: str, value: float, lowest: float, highest: float, says: str) -> None:
    if value < lowest or value > highest:
        code = Code.BELOW_MINIMUM if value < lowest else Code.ABOVE_MAXIMUM
        raise rejected(says.format(name=name, lowest=lowest, highest=highest), code, name)
