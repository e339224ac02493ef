"""What servers sign with, one secret for all that share a ledger: any of them knows what another one has signed."""

from __future__ import annotations

import secrets as chance
from pathlib import Path

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from proxy.ledger.tables import secrets

LENGTH = 32
"""Bytes. With fewer, as a crash may have left of a file, links could be guessed."""


def shared_secret(engine: Engine, name: str, file: Path) -> bytes:
    """The secret of that name, made at first use. Of servers that make it at once, all get that of the first.

    A secret that an earlier version kept in a `file` of its data folder is taken over, so that what was signed with it
    stays signed; where several servers have one, that of the first to come.
    """
    found = _known(engine, name)
    if found is not None:
        return found
    earlier = file.read_bytes() if file.exists() else b""
    made = earlier if len(earlier) >= LENGTH else chance.token_bytes(LENGTH)
    try:
        with engine.begin() as connection:
            connection.execute(insert(secrets).values(name=name, secret=made))
    except IntegrityError:  # another server was first
        found = _known(engine, name)
        assert found is not None
        return found
    return made


def _known(engine: Engine, name: str) -> bytes | None:
    with engine.connect().execution_options(reads=True) as connection:
        found: bytes | None = connection.execute(select(secrets.c.secret).where(secrets.c.name == name)).scalar()
        return None if found is None else bytes(found)
