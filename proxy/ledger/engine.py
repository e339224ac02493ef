"""Opening the database: a SQLite file in the data folder, or PostgreSQL by its URL.

Either way every commit is durable before it is acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import OperationalError as SqliteOperationalError
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

T = TypeVar("T")

FILE = "ledger.sqlite3"
SCHEMA = "0003"
"""The revision this code is written for; the last one in `migrations/versions`."""

WAIT_S = 10.0
"""Seconds to wait for another process to have written, or for a server to answer."""
GONE_MS = 20_000
"""Milliseconds after which a server that confirms nothing of what it was sent is taken for gone."""
MIGRATING = 0x6461726B_0000
"""PostgreSQL's advisory lock of whoever brings a database to this version."""
POSTING = 0x6461726B_0001
"""... and of whoever posts, which many may at once; who changes limits waits for all of them, and they for it."""
Place = Path | str
"""Where a ledger lies: a SQLite file, or `postgresql://user:password@host/database`."""


class SchemaError(RuntimeError):
    """The database is not there, or not at the revision this code is written for; the message says what to do."""


def place_of(folder: Path, url: str | None = None) -> Place:
    """Where the ledger of a data folder lies: by its URL where it has one, else in a file of its own."""
    return url or folder / FILE


def named(place: Place) -> str:
    """A place as people may read it: without its password."""
    return str(place) if isinstance(place, Path) else make_url(place).render_as_string(hide_password=True)


def open_ledger(folder: Path, url: str | None = None) -> Engine:
    """The ledger of a data folder, made if there is none. Raises SchemaError where its revision is another."""
    folder.mkdir(parents=True, exist_ok=True)
    place = place_of(folder, url)
    engine = connect(place)
    revision = _reached(engine, place)
    if revision is None:
        from proxy.ledger.migrate import upgrade  # Alembic is slow to load and rarely needed

        upgrade(engine)
        revision = revision_of(engine)
    if revision != SCHEMA:
        engine.dispose()
        need = f"is at revision {revision}, this version needs {SCHEMA}"
        newer = "It was written by a newer version of Darkroom: run that one"
        config = " --config with the same `ledger.url`" if url else ""
        remedy = newer if (revision or "") > SCHEMA else f"Run: darkroom migrate --data {folder}{config}"
        raise SchemaError(f"{named(place)} {need}. {remedy}")
    return engine


def _reached(engine: Engine, place: Place) -> str | None:
    """Its revision; raises SchemaError where nobody answers that could tell."""
    try:
        return revision_of(engine)
    except DBAPIError as error:
        if isinstance(place, Path):
            raise
        why = str(error.orig).strip().splitlines()[0]
        raise SchemaError(f"{named(place)} does not answer as a ledger: {why}. See to `ledger.url`") from error


def connect(place: Place) -> Engine:
    """An engine on a ledger. Every transaction says what it is when it begins: one that `reads` only, or one that
    writes.
    """
    return _on_file(place) if isinstance(place, Path) else _on_server(make_url(place))


def _on_file(file: Path) -> Engine:
    """WAL with `synchronous=FULL`: a commit is on the disk when it returns. Every transaction that writes begins
    IMMEDIATE, so that two processes never both read a balance and then both write it.
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
        except SqliteOperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return


def _on_server(url: URL) -> Engine:
    """PostgreSQL by psycopg, READ COMMITTED: whoever writes a balance has locked its row before reading it.

    A connection that lay unused is asked whether it still works before it is used; one whose other end is gone is given
    up within seconds.
    """
    arguments = {"connect_timeout": int(WAIT_S), "tcp_user_timeout": GONE_MS, "keepalives_idle": 10}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=arguments, paramstyle="format", pool_pre_ping=True
    )

    @event.listens_for(engine, "connect")
    def _opened(connection: Any, _: Any) -> None:
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute("SHOW synchronous_commit")
                if cursor.fetchone() == ("off",):  # it would acknowledge what a power cut takes back
                    cursor.execute("SET synchronous_commit TO on")
            connection.commit()
        except BaseException:
            connection.close()  # nobody else knows of it yet
            raise

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        if connection.get_execution_options().get("reads"):
            with closing(connection.connection.cursor()) as cursor:  # whatever cursor the query itself will have
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine


def one_at_a_time(connection: Connection) -> None:
    """Until this transaction ends, nobody else brings the database to another version. SQLite's BEGIN does that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATING})


def patiently(engine: Engine, query: Callable[[Connection], T]) -> T:
    """What a query reads. A server that is being started again is waited for. Raises DBAPIError after WAIT_S."""
    ends, pause_s = time.monotonic() + WAIT_S, 0.05
    while True:
        try:
            with engine.connect().execution_options(reads=True) as connection:
                return query(connection)
        except (OperationalError, InterfaceError):
            if engine.dialect.name != "postgresql" or time.monotonic() > ends:
                raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 1.0)


def posts(connection: Connection) -> None:
    """The transaction posts: none that changes limits commits before it has ended."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": POSTING})


def changes_limits(connection: Connection) -> None:
    """The transaction changes limits: it goes on when none posts by the old ones, and lets none begin until it ends.

    A balance that nobody kept before can then be made of the entries: every later one is by somebody who keeps it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": POSTING})


def revision_of(engine: Engine) -> str | None:
    """The revision a database is at, None for an empty one."""
    with engine.connect().execution_options(reads=True) as connection:
        return revision_in(connection)


def revision_in(connection: Connection) -> str | None:
    """As `revision_of`, within a transaction."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
