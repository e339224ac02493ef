"""The middle floor: what may be asked for, and how each vendor talks.

One file per vendor; the folder is the registry. A new vendor is one new file that defines `PROVIDER`, plus its prices
in `pricing/prices/`. A vendor that speaks another's protocol is a row in config.yaml (`speaks: openai`), not a file.
No I/O, no clock, no await, no logging: see `providers.contract`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from providers.contract import Provider

NAMES = frozenset(module.name for module in iter_modules(__path__)) - {"contract"}


def load(name: str) -> Provider:
    """The provider in the file of that name; only what is configured is imported. Raises KeyError for no such file."""
    if name not in NAMES:
        raise KeyError(name)
    provider: Provider = import_module(f"{__name__}.{name}").PROVIDER
    return provider
