"""The first key of a ledger: without one, nobody could let anybody in from afar."""

from __future__ import annotations

import sys

from sqlalchemy import Engine

from proxy.ledger.accounts import Accounts

WHO = "bootstrap"


def say_first_key(engine: Engine) -> None:
    """Make an admin key where the ledger has no key at all, and print it, this once.

    On standard output, where the server says that it is ready, and nowhere else: no log line carries a key.
    """
    made = Accounts(engine).create_first_key(who=WHO)
    if made is not None:
        sys.stdout.write(f"darkroom admin key, shown this once: {made[1]}\n")
        sys.stdout.flush()
