"""Which line of an invoice is which submission: by the vendor's id, else by model, time and amount.

Both sides go into a scratch database on disk, which sorts and joins them: memory stays the same however long they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from proxy.invoice.reading import Line
from proxy.invoice.telling import Found, Pair, Report, Side
from proxy.ledger.charges import Charge

BATCH = 1000
MICRO = 1000
"""Nano-USD: ours are rounded up to it, each submission by itself."""
EVER = (-(1 << 62), 1 << 62)

_SCHEMA = """
CREATE TABLE charge (hold TEXT, id TEXT, model TEXT, at INTEGER, nanos INTEGER);
CREATE TABLE line (number INTEGER, id TEXT, model TEXT, begins INTEGER, ends INTEGER, nanos INTEGER);
CREATE TABLE ours (
  n INTEGER PRIMARY KEY, hold TEXT, id TEXT, model TEXT, at INTEGER, nanos INTEGER, parts INTEGER, pair INTEGER);
CREATE TABLE theirs (
  n INTEGER PRIMARY KEY, number INTEGER, id TEXT, model TEXT, begins INTEGER, ends INTEGER, nanos INTEGER,
  parts INTEGER, pair INTEGER);
CREATE TABLE found (ours INTEGER, theirs INTEGER);
"""
_GROUP = """
INSERT INTO ours (hold, id, model, at, nanos, parts)
  SELECT min(hold), id, min(model), max(at), sum(nanos), count(DISTINCT hold) FROM charge
  GROUP BY id, CASE WHEN id IS NULL THEN hold END;
INSERT INTO theirs (number, id, model, begins, ends, nanos, parts)
  SELECT min(number), id, min(model), min(begins), max(ends), sum(nanos), count(*) FROM line
  GROUP BY id, CASE WHEN id IS NULL THEN rowid END;
DROP TABLE charge;
DROP TABLE line;
CREATE INDEX ours_id ON ours (id);
CREATE INDEX theirs_id ON theirs (id);
UPDATE ours SET pair = (SELECT n FROM theirs WHERE theirs.id = ours.id) WHERE id IS NOT NULL;
UPDATE theirs SET pair = (SELECT n FROM ours WHERE ours.id = theirs.id) WHERE id IS NOT NULL;
"""
_BOTH = "FROM ours JOIN theirs ON theirs.pair = ours.n"
_AGREE = f"abs(ours.nanos - theirs.nanos) < {MICRO} * max(ours.parts, theirs.parts)"


class Reconciliation:
    """One invoice and one ledger. Lines first, then charges, then the report. Closes its scratch on leaving."""

    def __init__(self, *, window: int, since: int | None = None, until: int | None = None) -> None:
        """`window`: milliseconds a line's time may be away from ours; `since`, `until`: the period, ms since 1970."""
        self._folder = TemporaryDirectory(prefix="darkroom-invoice-")
        self._scratch = sqlite3.connect(Path(self._folder.name) / "scratch.sqlite3", isolation_level=None)
        self._scratch.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE;" + _SCHEMA
        )
        self._window = window
        self._since, self._until = since, until
        self._outside = Side(0, 0)

    def __enter__(self) -> Reconciliation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._scratch.close()
        self._folder.cleanup()

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Take the invoice in; lines of another time than the period are counted and left out."""
        kept = (
            (line.number, line.id, line.model, line.begins, line.ends, line.nanos)
            for line in lines
            if self._within(line)
        )
        self._insert("line", 6, kept)

    def _within(self, line: Line) -> bool:
        if line.begins is None or line.ends is None:
            return True
        early = self._since is not None and line.ends < self._since
        late = self._until is not None and line.begins >= self._until
        if early or late:
            self._outside = Side(self._outside.count + 1, self._outside.nanos + line.nanos)
        return not (early or late)

    @property
    def last(self) -> int | None:
        """The end of the invoice's last line, in ms since 1970; None where no line has a time."""
        moment: int | None = self._row("SELECT max(ends) FROM line")[0]
        return moment

    def period(self) -> tuple[int | None, int | None]:
        """From when until before when ours are to be compared: as told, else from the first line to the last."""
        first, last = self._row("SELECT min(begins), max(ends) FROM line")
        since = self._since if self._since is not None or first is None else first - self._window
        until = self._until if self._until is not None or last is None else last + self._window + 1
        return since, until

    def add_charges(self, charges: Iterable[Charge]) -> None:
        """Take ours in: those of the period, and those around it that a line may turn out to be."""
        rows = ((each.hold, each.vendor_id, each.model, each.at, each.micros * MICRO) for each in charges)
        self._insert("charge", 5, rows)

    def _insert(self, table: str, columns: int, rows: Iterator[tuple[Any, ...]]) -> None:
        statement = f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608  names of our own
        self._scratch.execute("BEGIN")
        while batch := list(islice(rows, BATCH)):
            self._scratch.executemany(statement, batch)
        self._scratch.execute("COMMIT")

    def report(self, show: int) -> Report:
        """Match, and tell with the first so many of every kind."""
        since, until = self.period()
        last = self.last
        self._scratch.executescript(_GROUP)
        by_id = int(self._row(f"SELECT count(*) {_BOTH}")[0])
        self._match_by_amount(same_ids=by_id > 0)
        begin = EVER[0] if since is None else since
        end = EVER[1] if until is None else until
        # What came in around the period and nothing matches is of another invoice, and what was given up is no charge.
        self._scratch.execute("DELETE FROM ours WHERE pair IS NULL AND (nanos = 0 OR at < ? OR at >= ?)", (begin, end))
        return self._told(by_id, last, show)

    # By model, time and amount.

    def _match_by_amount(self, *, same_ids: bool) -> None:
        """`same_ids`: both sides have the vendor's ids, so that two different ones are two different charges."""
        passes = [("theirs.id IS NULL", "1"), ("theirs.id IS NOT NULL", "ours.id IS NULL")]
        if not same_ids:
            passes.append(("theirs.id IS NOT NULL", "ours.id IS NOT NULL"))
        for theirs, ours in passes:
            for model in ("model", "NULL"):  # first the lines that name one
                known = "IS NOT NULL" if model == "model" else "IS NULL"
                self._pair_up(f"{theirs} AND theirs.model {known}", ours, model)

    def _pair_up(self, theirs: str, ours: str, model: str) -> None:
        """Walk both sides in order of model, amount and time, and pair what lies within the window, earliest first."""
        order = "ORDER BY model, micros, at, n"
        lines = self._scratch.execute(
            f"SELECT {model} AS model, (nanos + {MICRO - 1}) / {MICRO} AS micros, coalesce(begins, ?) AS at,"  # noqa: S608
            f" coalesce(ends, ?) AS ends, n FROM theirs WHERE pair IS NULL AND nanos > 0 AND {theirs} {order}",
            EVER,
        )
        known = self._scratch.execute(
            f"SELECT {model} AS model, nanos / {MICRO} AS micros, at, n FROM ours"  # noqa: S608
            f" WHERE pair IS NULL AND nanos > 0 AND {ours} {order}"
        )
        self._insert("found", 2, _walk(lines, known, self._window))
        lines.close()
        known.close()
        self._scratch.executescript(
            """
            CREATE INDEX found_ours ON found (ours);
            CREATE INDEX found_theirs ON found (theirs);
            UPDATE ours SET pair = (SELECT theirs FROM found WHERE ours = n) WHERE n IN (SELECT ours FROM found);
            UPDATE theirs SET pair = (SELECT ours FROM found WHERE theirs = n) WHERE n IN (SELECT theirs FROM found);
            DROP INDEX found_ours;
            DROP INDEX found_theirs;
            DELETE FROM found;
            """
        )

    # Telling.

    def _told(self, by_id: int, last: int | None, show: int) -> Report:
        after = EVER[1] if last is None else last + self._window
        return Report(
            by_id=by_id,
            agreeing=self._found(f"{_BOTH} WHERE {_AGREE}", 0),
            differing=self._found(f"{_BOTH} WHERE NOT {_AGREE}", show),
            only_theirs=self._found("FROM theirs LEFT JOIN ours ON 0 WHERE theirs.pair IS NULL", show),
            only_ours=self._found("FROM ours LEFT JOIN theirs ON 0 WHERE ours.pair IS NULL", show),
            later=self._side("FROM ours WHERE pair IS NULL AND at > ?", after),
            ours=self._side("FROM ours"),
            theirs=self._side("FROM theirs"),
            outside=self._outside,
            unexplained=self._row(
                "SELECT (SELECT coalesce(sum(abs(nanos)), 0) FROM theirs WHERE pair IS NULL) +"  # noqa: S608
                f" (SELECT coalesce(sum(abs(theirs.nanos - ours.nanos)), 0) {_BOTH} WHERE NOT {_AGREE})"
            )[0],
        )

    def _found(self, source: str, show: int) -> Found:
        sums = "count(*), coalesce(sum(ours.nanos), 0), coalesce(sum(theirs.nanos), 0)"
        rows = self._scratch.execute(
            "SELECT theirs.number, ours.hold, coalesce(theirs.id, ours.id), coalesce(ours.model, theirs.model),"
            f" coalesce(ours.at, theirs.begins), ours.nanos, theirs.nanos {source}"
            " ORDER BY abs(coalesce(theirs.nanos, 0) - coalesce(ours.nanos, 0)) DESC, theirs.number, ours.n LIMIT ?",
            (show,),
        )
        names = ("line", "hold", "id", "model", "at", "ours", "theirs")
        first = tuple([Pair(**dict(zip(names, row, strict=True))) for row in rows])
        count, ours, theirs = self._row(f"SELECT {sums} {source}")
        return Found(count, ours, theirs, first)

    def _side(self, source: str, *values: int) -> Side:
        return Side(*self._row(f"SELECT count(*), coalesce(sum(nanos), 0) {source}", *values))

    def _row(self, query: str, *values: int) -> Any:
        return self._scratch.execute(query, values).fetchone()


def _walk(lines: Iterator[tuple[Any, ...]], known: Iterator[tuple[Any, ...]], window: int) -> Iterator[tuple[int, int]]:
    """Ours and theirs that belong together, of two sorted walks: model, amount, time (of a line, from when to when)."""
    line, ours = next(lines, None), next(known, None)
    while line is not None and ours is not None:
        wanted, there = _key(line), _key(ours)
        if there < wanted or (there == wanted and ours[2] < line[2] - window):
            ours = next(known, None)
        elif there > wanted or ours[2] > line[3] + window:
            line = next(lines, None)
        else:
            yield ours[3], line[4]
            line, ours = next(lines, None), next(known, None)


def _key(row: tuple[Any, ...]) -> tuple[str, int]:
    return row[0] or "", row[1]
