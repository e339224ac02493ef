"""Opening the database: a SQLite file in the data folder, every commit durable before it is acknowledged."""

from __future__ import annotations

import time
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text

FILE = "ledger.sqlite3"
SCHEMA = "0003"
"""The revision this code is written for; the last one in `migrations/versions`."""

WAIT_S = 10.0
"""Seconds to wait for another process to have written."""


class SchemaError(RuntimeError):
    """The database is not at the revision this code is written for; the message says what to do."""


def open_ledger(folder: Path) -> Engine:
    """The ledger of a data folder, made if there is none. Raises SchemaError where its revision is another."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = connect(folder / FILE)
    revision = revision_of(engine)
    if revision is None:
        from proxy.ledger.migrate import upgrade  # Alembic is slow to load and rarely needed

        upgrade(engine)
    elif revision != SCHEMA:
        need = f"is at revision {revision}, this version needs {SCHEMA}"
        newer = "It was written by a newer version of Darkroom: run that one"
        remedy = newer if revision > SCHEMA else f"Run: darkroom migrate --data {folder}"
        raise SchemaError(f"{folder / FILE} {need}. {remedy}")
    return engine


def connect(file: Path) -> Engine:
    """An engine on a SQLite file.

    WAL with `synchronous=FULL`: a commit is on the disk when it returns. Every transaction begins IMMEDIATE, so that
    two processes never both read a balance and then both write it.
    """
    engine = create_engine(f"sqlite:///{file}", connect_args={"check_same_thread": False, "timeout": WAIT_S})

    @event.listens_for(engine, "connect")
    def _opened(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        _to_wal(cursor)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=4000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        options = connection.get_execution_options()
        if not options.get("own_transactions"):
            connection.exec_driver_sql("BEGIN" if options.get("reads") else "BEGIN IMMEDIATE")

    return engine


def _to_wal(cursor: Any) -> None:
    """Several processes may make the same file, and for this pragma alone SQLite does not wait for its turn itself."""
    ends = time.monotonic() + WAIT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return


def revision_of(engine: Engine) -> str | None:
    """The revision a database is at, None for an empty one."""
    with engine.connect().execution_options(reads=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
