"""Vendors without a bill: servers that answer the way the real ones do, to try Darkroom without keys.

`darkroom stub` serves them. One file per vendor in `vendors/`, written from the vendor's documentation and not from the
adapter, so that the two check each other. Nothing in the proxy knows of this package but the command.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from proxy.stub import vendors
from proxy.stub.contract import Stub

NAMES = frozenset(module.name for module in iter_modules(vendors.__path__))


def load(name: str) -> Stub:
    """The stub of a vendor. Raises KeyError where there is none."""
    if name not in NAMES:
        raise KeyError(name)
    stub: Stub = import_module(f"{vendors.__name__}.{name}").STUB
    return stub
