"""How callers speak. One file (or folder) a dialect; the folder is the registry.

A dialect turns a caller's words into the internal schema and our answer back into the caller's words. Pure: no I/O, no
clock, no vendor, and no other dialect named inside.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from proxy.dialects.contract import Dialect

TOOLS = frozenset({"contract", "documents", "fields", "forms", "wants"})
NAMES = frozenset(module.name for module in iter_modules(__path__)) - TOOLS


def load(name: str) -> Dialect:
    """The dialect of that name. Raises KeyError for no such dialect."""
    if name not in NAMES:
        raise KeyError(name)
    dialect: Dialect = import_module(f"{__name__}.{name}").DIALECT
    return dialect
