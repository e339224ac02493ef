"""A whole ledger as lines of JSON, from any engine and for any: the way from a file to a server, or back.

The first line says what it is, then comes a line a row, `["teams", {...}]`, and the last one counts them: what was cut
off on the way is no ledger.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import IO, Any

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Connection, LargeBinary, Table, delete, func, insert, select, text

from proxy.ledger.engine import SCHEMA
from proxy.ledger.tables import metadata, organisations, versions
from proxy.ledger.verify import Report, verify

CHUNK = 1000
"""Rows that are read or written together."""
MADE = {"organisations": [{"org": "default", "created": 0}]}
"""What a new ledger has already."""


class MovingError(ValueError):
    """A ledger cannot be taken in; the message says why."""


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    darkroom: str = "ledger"
    revision: str


class Foot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last line."""

    rows: dict[str, int]
    """By table."""


def lines(connection: Connection) -> Iterator[bytes]:
    """Everything in a ledger, read in one transaction; a line each, with its end."""
    counted: dict[str, int] = {}
    yield msgspec.json.encode(Head(revision=SCHEMA)) + b"\n"
    for table in metadata.sorted_tables:
        counted[str(table.name)] = 0
        query = select(table).order_by(*table.primary_key.columns)
        if table is versions:  # the marks of clerks are of this database alone
            query = query.where(versions.c.what == "accounts")
        with connection.execute(query.execution_options(yield_per=CHUNK)) as rows:
            for row in rows.mappings():
                counted[str(table.name)] += 1
                yield (
                    msgspec.json.encode([str(table.name), {str(name): row[name] for name in row}]) + b"\n"
                )  # bytes become base64
    yield msgspec.json.encode(Foot(rows=counted)) + b"\n"


def take_in(connection: Connection, source: IO[bytes], now: int) -> Report:
    """Fill an empty ledger in the transaction of a connection, and verify it.

    Raises MovingError where it is not empty or the lines are no whole ledger of this version: roll back then, and where
    the report says that something is wrong.
    """
    _check_empty(connection)
    connection.execute(delete(organisations))
    stream = enumerate(source, 1)
    _check_head(next(stream, (1, b""))[1])
    counted: dict[str, int] = defaultdict(int)
    waiting: list[dict[str, Any]] = []
    last: Table | None = None
    foot: Foot | None = None
    for number, line in stream:
        if foot is not None:
            raise MovingError(f"line {number}: there is more after the end")
        table, row, foot = _read(number, line)
        if waiting and (table is not last or len(waiting) >= CHUNK):
            assert last is not None
            connection.execute(insert(last), waiting)
            waiting = []
        if table is not None:
            counted[str(table.name)] += 1
            waiting.append(row)
            last = table
    if foot is None or {name: count for name, count in foot.rows.items() if count} != dict(counted):
        raise MovingError("the file ends too early: it is not all of a ledger")
    _count_on(connection)
    return verify(connection, now)


def _check_empty(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        query = select(table).limit(2)
        if table is versions:
            query = query.where(versions.c.what == "accounts")
        if [dict(row) for row in connection.execute(query).mappings()] != MADE.get(table.name, []):
            raise MovingError(
                f"there is something in `{table.name}` already: a ledger is taken into an empty one alone"
            )


def _check_head(line: bytes) -> None:
    try:
        head = msgspec.json.decode(line, type=Head)
    except msgspec.DecodeError as error:
        raise MovingError("line 1: this is no ledger; make one with: darkroom ledger export FILE") from error
    if head.darkroom != "ledger" or head.revision != SCHEMA:
        raise MovingError(
            f"it is of revision {head.revision}, this version needs {SCHEMA}: migrate it, export it again"
        )


def _read(number: int, line: bytes) -> tuple[Table | None, dict[str, Any], Foot | None]:
    """A row and its table; or the foot, for which there is none."""
    try:
        if line.startswith(b"{"):
            return None, {}, msgspec.json.decode(line, type=Foot)
        name, row = msgspec.json.decode(line, type=tuple[str, dict[str, Any]])
        table = metadata.tables[name]
        if row.keys() != {column.name for column in table.columns}:
            raise MovingError(f"line {number}: the columns of `{name}` are others")
        return table, _with_bytes(table, row), None
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        if isinstance(error, MovingError):
            raise
        raise MovingError(f"line {number}: this is no row of a ledger") from error


def _with_bytes(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    for column in table.columns:
        if isinstance(column.type, LargeBinary) and row[column.name] is not None:
            row[column.name] = base64.b64decode(row[column.name], validate=True)
    return row


def _count_on(connection: Connection) -> None:
    """PostgreSQL numbers rows by a counter beside the table; SQLite goes on from the highest by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table, column in _serials():
        highest = connection.execute(select(func.max(table.c[column]))).scalar()
        if highest is not None:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, :col), :highest)"),
                {"name": table.name, "col": column, "highest": highest},
            )


def _serials() -> Iterable[tuple[Table, str]]:
    for table in metadata.sorted_tables:
        for column in table.primary_key.columns:
            if column.autoincrement is True and isinstance(column.type, BigInteger):
                yield table, column.name
