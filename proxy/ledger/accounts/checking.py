"""What a key can be."""

from __future__ import annotations

import re

from proxy.ledger.accounts.desk import AccountError
from proxy.ledger.accounts.may import OPERATIONS, May
from proxy.ledger.accounts.records import GRANTS, Key

MOST_NAME = 128
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.-]+(?::\d{1,5})?|[a-z][a-z0-9+.-]*://\[[0-9a-f:]+\](?::\d{1,5})?|\*")


def check_key(key: Key) -> None:
    """Raises AccountError for a key that cannot be."""
    if unknown := key.grants - GRANTS:
        raise AccountError(f"there is no grant {', '.join(sorted(unknown))}; there are {', '.join(sorted(GRANTS))}")
    if key.test and "admin" in key.grants:
        raise AccountError("a test key cannot be an admin key: what it administers is not a test")
    if len(key.name) > MOST_NAME:
        raise AccountError(f"a key's name has at most {MOST_NAME} characters")
    for origin in key.origins:
        if not _ORIGIN.fullmatch(origin):
            raise AccountError(f"{origin!r} is no origin: scheme, host and port, as in https://studio.example.com")
    _check_may(key.may)


def _check_may(may: May) -> None:
    unknown = set(may.operations or ()) - set(OPERATIONS)
    if unknown:
        kinds = ", ".join(OPERATIONS[:4])
        raise AccountError(f"there is no operation {', '.join(sorted(unknown))}; there are {kinds}, edit.inpaint ...")
    for what in (may.dialects, may.models, may.operations):
        if what is not None and not all(what):
            raise AccountError("what a key may ask for has names in it that are empty")
    if may.most_micros is not None and may.most_micros < 0:
        raise AccountError("the most that a picture may cost is 0 or more")
