"""Reading the fields of a request by a table: liberal in form, strict in meaning.

A null or an empty string is a field not sent; `"2"` and `2.0` are 2; what is out of range or not among the choices is
refused with the field's own name. A table maps a field to the name it gets here and to its reader; only what was sent
is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault

Reader = Callable[[str, Any], Any]
"""From a field's name and its value as it came to its meaning. None is nothing asked for. Raises REJECTED."""
Table = Mapping[str, tuple[str, Reader]]

N = TypeVar("N", int, float)
R = TypeVar("R", bound=Reader)
WHOLE = re.compile(r"-?\d{1,100}(?:\.0{1,100})?")
KINDS: Mapping[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


class Takes(Struct, frozen=True, kw_only=True):
    """What a reader lets through, for whoever documents it; what is None or empty is no limit."""

    kind: str
    """string, integer, number, boolean, object, array."""
    lowest: float | None = None
    highest: float | None = None
    longest: int | None = None
    """Characters."""
    choices: tuple[Any, ...] = ()


def taking(kind: str, **limits: Any) -> Callable[[R], R]:
    """Say of a reader what it lets through; `limits` as in `Takes`."""

    def said(reader: R) -> R:
        vars(reader)["takes"] = Takes(kind=kind, **limits)
        return reader

    return said


def taken(reader: Reader) -> Takes | None:
    """What a reader says it lets through."""
    found: Takes | None = getattr(reader, "takes", None)
    return found


def read(values: Mapping[str, Any], table: Table) -> tuple[dict[str, Any], list[str]]:
    """What was sent, under our names, and the names of what the table does not know."""
    known: dict[str, Any] = {}
    unknown: list[str] = []
    for name, value in values.items():
        if value is None or value == "":
            continue
        entry = table.get(name)
        if entry is None:
            unknown.append(name)
            continue
        meaning = entry[1](name, value)
        if meaning is not None:
            known[entry[0]] = meaning
    return known, unknown


def text(longest: int | None = None) -> Reader:
    """A string of at most `longest` characters."""

    @taking("string", longest=longest)
    def reader(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if longest is not None and len(value) > longest:
            detail = f"Invalid '{name}': string too long. Expected a string with maximum length {longest}, but got "
            raise rejected(f"{detail}a string with length {len(value)} instead.", Code.TOO_LONG, name)
        return value

    return reader


def integer(lowest: int, highest: int) -> Reader:
    """A whole number, however written, within its bounds."""

    @taking("integer", lowest=lowest, highest=highest)
    def reader(name: str, value: Any) -> int:
        if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
            value = int(value.partition(".")[0])
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(name, "an integer", value)
        return _bounded(name, "integer", value, lowest, highest)

    return reader


def number(lowest: float, highest: float) -> Reader:
    """A number, however written, within its bounds."""

    @taking("number", lowest=lowest, highest=highest)
    def reader(name: str, value: Any) -> float:
        try:
            found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            found = None
        if found is None or not isfinite(found):
            raise wrong_type(name, "a number", value)
        return _bounded(name, "decimal", found, lowest, highest)

    return reader


def choice(choices: Mapping[str, Any]) -> Reader:
    """One of some words, as what it stands for."""

    @taking("string", choices=tuple(choices))
    def reader(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if value not in choices:
            known = ", ".join(f"'{each}'" for each in choices)
            raise rejected(f"Invalid value: '{value[:100]}'. Supported values are: {known}.", Code.INVALID, name)
        return choices[value]

    return reader


@taking("boolean")
def flag(name: str, value: Any) -> bool:
    """True or false, however written."""
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


@taking("object")
def mapping(name: str, value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    return value


@taking("array")
def sequence(name: str, value: Any) -> list[Any]:
    """An array."""
    if not isinstance(value, list):
        raise wrong_type(name, "an array", value)
    return value


def anything(name: str, value: Any) -> Any:
    """Whatever it is; somebody else reads it."""
    return value


def required(known: Mapping[str, Any], ours: str, theirs: str) -> Any:
    """A field that must have been sent, and not be blank."""
    value = known.get(ours)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise rejected(f"Missing required parameter: '{theirs}'.", Code.MISSING, theirs)
    return value


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises REJECTED for anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise rejected(f"We could not parse the JSON body of your request ({error}).", Code.NOT_JSON, None) from error
    if not isinstance(value, dict):
        raise rejected("The body of the request must be a JSON object.", Code.NOT_JSON, None)
    return value


def rejected(detail: str, code: Code, field: str | None) -> Failure:
    """A refusal of the caller's request."""
    return Failure(Fault.REJECTED, detail, code=code, field=field)


def wrong_type(name: str, expected: str, value: object) -> Failure:
    """A refusal of a value of the wrong kind."""
    got = KINDS.get(type(value), "something else")
    detail = f"Invalid type for '{name}': expected {expected}, but got {got} instead."
    return rejected(detail, Code.WRONG_TYPE, name)


def _bounded(name: str, kind: str, value: N, lowest: N, highest: N) -> N:
    if value < lowest:
        detail = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {lowest}, but got {value}."
        raise rejected(detail, Code.BELOW_MINIMUM, name)
    if value > highest:
        detail = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {highest}, but got {value}."
        raise rejected(detail, Code.ABOVE_MAXIMUM, name)
    return value
