"""Whether the ledger is right: every balance recomputed from the entries, every open hold found among them, every limit
held.

Rows are streamed, and sums lie in a file of their own while they grow: what is in memory does not grow with the ledger.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, select

from proxy.ledger.balance import Account, accounts, kept
from proxy.ledger.rules import Rules
from proxy.ledger.standing import states_of
from proxy.ledger.statements import AMOUNTS
from proxy.ledger.tables import balances, entries, holds
from proxy.ledger.windows import Window, parted

CHUNK = 2000
"""Rows that are fetched together."""
MOST = 50_000
"""Balances that are added up in memory before they go to the file."""
LOWERED = "unless it was lowered since: the audit log says"
SHOWN = 200
"""Findings that are told one by one."""
_OF_A_HOLD = ("job", "team", "key", "provider", "model", "micros", "images", "at", "org", "user", "pixels")
"""What an open hold and its entry have in common."""
_MONEY = ("micros", "images", "pixels")


class Report(Struct, frozen=True, kw_only=True):
    """What was looked at, and what is wrong with it."""

    submissions: int
    balances: int
    limits: int
    wrong: int
    """How many findings there are ..."""
    findings: tuple[str, ...]
    """... and the first of them, a sentence each."""


def verify(connection: Connection, now: int) -> Report:
    """Look at all of it, in one transaction that reads; limits as they are at a moment (ms)."""
    made = _Verification(connection, now)
    with tempfile.TemporaryDirectory(prefix="darkroom-verify-") as folder, closing(_Sums(Path(folder))) as sums:
        made.submissions(sums)
        made.balances(sums)
    made.limits()
    return Report(
        submissions=made.counted["submissions"],
        balances=made.counted["balances"],
        limits=made.counted["limits"],
        wrong=made.wrong,
        findings=tuple(made.findings),
    )


class _Verification:
    """One reading of a ledger."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now
        self.counted: dict[str, int] = defaultdict(int)
        self.wrong = 0
        self.findings: list[str] = []

    def _find(self, sentence: str) -> None:
        self.wrong += 1
        if len(self.findings) < SHOWN:
            self.findings.append(sentence)

    # Submissions.

    def submissions(self, sums: _Sums) -> None:
        """Every submission by its entries, added up; those that have not ended, beside the table of open holds."""
        kinds = self._kinds()
        rows = _stream(self._connection, select(entries), entries.c.hold, entries.c.entry)
        open_ = _stream(self._connection, select(holds), holds.c.hold)
        waiting = next(open_, None)
        for hold, group in groupby(rows, lambda row: row["hold"]):
            while waiting is not None and waiting["hold"] < hold:
                self._find(f"open hold {waiting['hold']} has no entry")
                waiting = next(open_, None)
            row = None
            if waiting is not None and waiting["hold"] == hold:
                row, waiting = waiting, next(open_, None)
            self._submission(hold, list(islice(group, 10)), row, sums, kinds)
        while waiting is not None:
            self._find(f"open hold {waiting['hold']} has no entry")
            waiting = next(open_, None)

    def _submission(self, hold: str, told: list[Any], row: Any, sums: _Sums, kinds: dict[str, set[Window]]) -> None:
        self.counted["submissions"] += 1
        given = told[0]
        ends = [each for each in told if each["kind"] in {"settle", "release"}]
        sequence = [each["kind"] for each in told]
        if sequence not in (["hold"], ["hold", "settle"], ["hold", "release"], ["hold", "settle", "overrun"]):
            self._find(f"submission {hold} has the entries {', '.join(sequence)}")
            return
        if not ends and row is None:
            self._find(f"submission {hold} has not ended, and is no open hold")
        if ends and row is not None:
            self._find(f"submission {hold} has ended, and is an open hold still")
        if row is not None and any(row[name] != given[name] for name in _OF_A_HOLD):
            self._find(f"open hold {hold} is not as its entry says")
        amounts = _amounts(given, ends[0] if ends else None)
        for account in _accounts(given, kinds):
            sums.add(account, amounts)

    def _kinds(self) -> dict[str, set[Window]]:
        """The windows of balances that are not always kept, by the kind of their scope."""
        found: dict[str, set[Window]] = defaultdict(set)
        for row in _stream(self._connection, select(balances.c.scope, balances.c.window), balances.c.scope):
            if not kept((row["scope"], row["window"])):
                found[row["scope"].partition(":")[0]].add(parted(row["window"])[0])
        return found

    # Balances.

    def balances(self, sums: _Sums) -> None:
        """Every row beside what the entries make of it, both in one order."""
        columns = [balances.c[name] for name in ("scope", "window", *AMOUNTS)]
        rows = _stream(self._connection, select(*columns), balances.c.scope, balances.c.window)
        made = sums.rows()
        due = next(made, None)
        for row in rows:
            account = (row["scope"], row["window"])
            while due is not None and due[0] < account:
                self._missing(*due)
                due = next(made, None)
            right = (0,) * len(AMOUNTS)
            if due is not None and due[0] == account:
                right, due = due[1], next(made, None)
            self.counted["balances"] += 1
            self._compare(account, tuple(row[name] for name in AMOUNTS), right)
        while due is not None:
            self._missing(*due)
            due = next(made, None)

    def _missing(self, account: Account, right: tuple[int, ...]) -> None:
        if kept(account):  # any other is made when it is needed
            self._compare(account, (0,) * len(AMOUNTS), right)

    def _compare(self, account: Account, stands: tuple[int, ...], right: tuple[int, ...]) -> None:
        for name, one, other in zip(AMOUNTS, stands, right, strict=True):
            if one != other:
                self._find(f"balance {account[0]} {account[1]}: {name} is {one}, the entries say {other}")

    # Limits.

    def limits(self) -> None:
        """Every limit of whoever has a balance, in the windows of now."""
        rules = Rules.read(self._connection, self._now)
        rows = _stream(self._connection, select(balances.c.scope).group_by(balances.c.scope), balances.c.scope)
        scopes = (row["scope"] for row in rows)
        while chunk := list(islice(scopes, CHUNK)):
            limited = [scope for scope in chunk if rules.of(scope)]
            for state in states_of(self._connection, rules, limited, self._now):
                self.counted["limits"] += 1
                if state.left < 0:
                    used = f"{state.settled} settled and {state.held} held are more than {state.limit}"
                    self._find(f"limit {state.scope} {state.what}/{state.window}: {used}, {LOWERED}")


class _Sums:
    """What the entries add up to, by account: more than fits into memory goes into a file."""

    def __init__(self, folder: Path) -> None:
        self._file = sqlite3.connect(folder / "sums.sqlite3", isolation_level=None)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute("PRAGMA synchronous=OFF")
        columns = ", ".join(f"{name} INTEGER" for name in AMOUNTS)
        self._file.execute(f"CREATE TABLE sums (scope, label, {columns}, PRIMARY KEY (scope, label)) WITHOUT ROWID")
        self._sums: dict[Account, list[int]] = {}

    def add(self, account: Account, amounts: tuple[int, ...]) -> None:
        """Add to the amounts of an account."""
        known = self._sums.get(account)
        if known is None:
            if len(self._sums) >= MOST:
                self._write()
            self._sums[account] = list(amounts)
            return
        for place, amount in enumerate(amounts):
            known[place] += amount

    def rows(self) -> Iterator[tuple[Account, tuple[int, ...]]]:
        """All of it, in order."""
        self._write()
        for scope, label, *amounts in self._file.execute("SELECT * FROM sums ORDER BY scope, label"):
            yield (scope, label), tuple(amounts)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self) -> None:
        grown = ", ".join(f"{name} = {name} + excluded.{name}" for name in AMOUNTS)
        marks = ", ".join("?" * (2 + len(AMOUNTS)))
        self._file.execute("BEGIN")
        self._file.executemany(
            f"INSERT INTO sums VALUES ({marks}) ON CONFLICT DO UPDATE SET {grown}",  # noqa: S608  our own columns
            [(*account, *amounts) for account, amounts in self._sums.items()],
        )
        self._file.execute("COMMIT")
        self._sums.clear()


def _stream(connection: Connection, query: Select[Any], *order: Any) -> Iterator[Any]:
    """Rows of a query, in the order of their bytes, as Python compares text."""
    if connection.dialect.name == "postgresql":
        order = tuple([each.collate("C") if each.name in {"hold", "scope", "window"} else each for each in order])
    with connection.execute(query.order_by(*order).execution_options(yield_per=CHUNK)) as streamed:
        yield from streamed.mappings()


def _accounts(given: Any, kinds: dict[str, set[Window]]) -> Iterable[Account]:
    """Every balance a submission counts in, by the entry of its hold."""
    found = set(accounts(given["team"], given["key"], given["at"]))
    named = {"key": given["key"], "team": given["team"], "org": given["org"]}
    if given["user"]:
        named["user"] = f"{given['team']}/{given['user']}"
    for kind, name in named.items():
        found.update([(f"{kind}:{name}", window.label(given["at"])) for window in kinds.get(kind, ())])
    return found


def _amounts(given: Any, end: Any) -> tuple[int, ...]:
    """What a submission adds to its balances, in the order of AMOUNTS."""
    amounts: list[int] = []
    for name in _MONEY:
        settled = end[name] if end is not None and end["kind"] == "settle" else 0
        amounts += [settled, given[name] if end is None else 0]
    return tuple(amounts)
