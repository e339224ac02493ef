"""What a value of a request may be, as the vendors' documents put it, and what is wrong with one."""

from __future__ import annotations

from typing import Any

Rule = range | tuple[float, float] | list[str] | type[Any]
"""Whole numbers; numbers from, to; one of these texts; anything of a type."""

_TYPES = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", list: "an array", dict: "an object"}


def breach(value: Any, rule: Rule) -> str | None:
    """What the value must be and is not, or None where it is."""
    number = isinstance(value, int | float) and not isinstance(value, bool)  # Python's booleans are integers
    if isinstance(rule, range):
        fine = number and value in rule
        return None if fine else f"an integer between {rule.start} and {rule.stop - 1}"
    if isinstance(rule, tuple):
        return None if number and rule[0] <= value <= rule[1] else f"a number between {rule[0]:g} and {rule[1]:g}"
    if isinstance(rule, list):
        return None if value in rule else f"one of {', '.join(rule)}"
    fine = number and value == int(value) if rule is int else number if rule is float else isinstance(value, rule)
    return None if fine else _TYPES[rule]
