"""One file a rule; the folder is the registry. A rule with settings has `Options`, read strictly from config.yaml.

They are its last parameter, after those that every rule has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import update_wrapper
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType
from typing import Any

import msgspec

from proxy.policy.engine import Rule

NAMES = frozenset(module.name for module in iter_modules(__path__))
REQUIRED = ("configured", "capable", "allowed", "priced", "within_ceiling")
"""Without these a plan could hold an offer that cannot be asked, must not be, or costs what nobody knows or wants."""
ALWAYS = ("providers", "banned", "pinned", "region", "max_seconds")
"""Asked at the end where a policy does not name them: what a caller or a team forbids is out under every policy."""

Rows = Sequence[str | Mapping[str, Mapping[str, Any]]]
"""Rules as they are written: names, or one name with its settings."""


def load(rows: Rows) -> list[tuple[str, Rule]]:
    """The rules of a policy as configured, in their order, and after them those that hold in every policy.

    Raises ValueError for an unknown name, settings a rule does not have, or a required rule left out.
    """
    rules: list[tuple[str, Rule]] = []
    for row in [*rows, *_left_out(rows)]:
        if len(row) != 1 and not isinstance(row, str):
            raise ValueError(f"a rule is a name, or one name with its settings, not {', '.join(row) or 'nothing'}")
        name, settings = (row, {}) if isinstance(row, str) else next(iter(row.items()))
        if name not in NAMES:
            raise ValueError(f"there is no rule {name!r}; there are {', '.join(sorted(NAMES))}")
        module = import_module(f"{__name__}.{name}")
        rule = module.rule
        if hasattr(module, "Options"):
            try:
                rule = _settled(rule, msgspec.convert(settings, module.Options))
            except msgspec.ValidationError as error:
                raise ValueError(f"rule {name}: {error}") from error
        elif settings:
            raise ValueError(f"rule {name} has no settings")
        if name in {known for known, _ in rules}:
            raise ValueError(f"rule {name} stands there twice: it would count twice")
        rules.append((name, rule))
    missing = [name for name in REQUIRED if name not in {name for name, _ in rules}]
    if missing:
        raise ValueError(f"a policy needs the rules {', '.join(missing)}")
    return rules


def _left_out(rows: Rows) -> list[str]:
    named = {row if isinstance(row, str) else next(iter(row), "") for row in rows}
    return [name for name in ALWAYS if name not in named]


def _settled(rule: FunctionType, options: object) -> Rule:
    """The rule with its settings: as a default of its last parameter, as a call through a `partial` costs twice."""
    settled = FunctionType(rule.__code__, rule.__globals__, rule.__name__, (options,))
    return update_wrapper(settled, rule)
