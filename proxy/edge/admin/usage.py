"""`GET /admin/v1/usage`: what was spent, as JSON or CSV.

A report is written to a file as the database adds it up and sent from there: it may have any number of rows, and a slow
caller keeps no transaction open.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection

from pricing import from_micros
from proxy.edge.admin.frame import Asked, Route, Streamed, at, says
from proxy.edge.admin.moments import SINCE, UNTIL, between
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import Refusal
from proxy.explain import usd
from proxy.ledger.usage import GROUPS, Group, Span, Spent, usage
from proxy.written import names_in

IN_MEMORY = 1 << 20
"""Bytes of a report that are kept in memory; a longer one goes to a file."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that a spreadsheet would run: callers choose the names of their users."""
SUMS = ("requests", "images", "pixels", "usd", "beyond_usd")


class UsageQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be added up."""

    group_by: Annotated[
        str, says(f"What spending is told apart by, with commas between: {', '.join(GROUPS)}. Empty for one sum.")
    ] = "team"
    since: Annotated[str, says(SINCE)] = "30d"
    until: Annotated[str | None, says(UNTIL)] = None
    org: Annotated[str | None, says("Only this organisation's.")] = None
    team: Annotated[str | None, says("Only this team's.")] = None
    key: Annotated[str | None, says("Only this key's, by its id.")] = None
    user: Annotated[str | None, says("Only of this end user of a team; empty for requests that named none.")] = None
    provider: Annotated[str | None, says("Only by this provider.")] = None
    model: Annotated[str | None, says("Only by this model.")] = None
    dialect: Annotated[str | None, says("Only of requests in this dialect.")] = None
    format: Annotated[
        Literal["json", "csv"] | None,
        says("By default as `Accept` has it. In CSV a text that a spreadsheet would run begins with an apostrophe."),
    ] = None


class Sums(Struct, frozen=True, kw_only=True):
    """What was spent together."""

    images: int
    pixels: int
    usd: Annotated[str, says("What teams were charged.")]
    beyond_usd: Annotated[str, says("What vendors took above that, on the house.")]


class Row(Sums, frozen=True, kw_only=True, omit_defaults=True):
    """What was spent of one group."""

    requests: Annotated[int, says("Requests that something was charged for; one that two models worked for, twice.")]
    day: Annotated[str | UnsetType, says("On which it was settled, in UTC.")] = UNSET
    org: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    dialect: str | UnsetType = UNSET


class Usage(Struct, frozen=True, kw_only=True, tag="darkroom.usage", tag_field="object"):
    """A report; day by day where it is told apart by day, the dearest first."""

    since: str
    until: str
    group_by: list[Group]
    data: list[Row]
    total: Sums


async def report(office: Office, asked: Asked) -> Streamed:
    """Adds up what is asked for. Raises `Refusal`."""
    query: UsageQuery = asked.query
    now = office.now()
    by = _groups(query.group_by)
    only = {name: getattr(query, name) for name in GROUPS if getattr(query, name, None) is not None}
    since, until = between(query.since, query.until, now)
    span = Span(since=since, until=now if until is None else until, only=only)
    tables = _format(query.format, asked.headers.get("accept", "")) == "csv"

    def work(connection: Connection) -> IO[bytes]:
        rows = usage(connection, by, span)
        return _spooled(_csv(rows, by) if tables else _json(rows, by, span))

    async with office.administration.reports:
        file = await office.read(work)
    return Streamed("text/csv", file, "usage.csv") if tables else Streamed("application/json", file)


def _groups(text: str) -> list[Group]:
    """In the order in which they are told. Raises `Refusal`."""
    said = names_in(text)
    if unknown := sorted(said - set(GROUPS)):
        detail = f"`group_by` takes {', '.join(GROUPS)}, with commas between; there is no {', '.join(unknown)}."
        raise Refusal(400, "invalid_value", detail[:500], "group_by")
    return [group for group in GROUPS if group in said]


def _format(said: str | None, accept: str) -> str:
    """How it is told: as the parameter says, else what `Accept` has first of the two."""
    if said is not None:
        return said
    wanted = [part.partition(";")[0].strip() for part in accept.split(",")]
    return next(("csv" if each == "text/csv" else "json" for each in wanted if each in _KNOWN), "json")


_KNOWN = frozenset({"text/csv", "application/json", "application/*", "*/*"})


# Written piece by piece.


def _spooled(pieces: Iterable[bytes]) -> IO[bytes]:
    """A file with these pieces in it, to be read from its beginning."""
    with ExitStack() as unfinished:
        file = unfinished.enter_context(SpooledTemporaryFile(IN_MEMORY))
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        unfinished.pop_all()  # whoever sends it closes it
    return cast(IO[bytes], file)


def _json(rows: Iterable[Spent], by: list[Group], span: Span) -> Iterator[bytes]:
    assert span.until is not None
    head = {"object": "darkroom.usage", "since": at(span.since), "until": at(span.until), "group_by": by}
    yield msgspec.json.encode(head)[:-1] + b',"data":['
    total, comma = _Total(), b""
    for spent in rows:
        total.add(spent)
        yield comma + msgspec.json.encode(told(spent))
        comma = b","
    yield b'],"total":' + msgspec.json.encode(total.told()) + b"}"


def _csv(rows: Iterable[Spent], by: list[Group]) -> Iterator[bytes]:
    line = io.StringIO()
    write: Callable[[Iterable[Any]], Any] = csv.writer(line).writerow
    write([*by, *SUMS])
    for spent in rows:
        row = told(spent)
        write([*[_harmless(str(getattr(row, group))) for group in by], *[getattr(row, name) for name in SUMS]])
        if line.tell() > IN_MEMORY // 16:
            yield line.getvalue().encode()
            line.seek(0)
            line.truncate()
    yield line.getvalue().encode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def told(spent: Spent) -> Row:
    """What was spent of one group, as it is told."""
    groups = {name: getattr(spent, name) for name in GROUPS if getattr(spent, name) is not None}
    return Row(
        requests=spent.requests,
        images=spent.images,
        pixels=spent.pixels,
        usd=usd(from_micros(spent.micros)),
        beyond_usd=usd(from_micros(spent.beyond)),
        **groups,
    )


class _Total:
    """Of all rows. Requests are not among it: one may be in several rows."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(("images", "pixels", "micros", "beyond"), 0)

    def add(self, spent: Spent) -> None:
        for name in self._sums:
            self._sums[name] += getattr(spent, name)

    def told(self) -> Sums:
        sums = self._sums
        money = {"usd": usd(from_micros(sums["micros"])), "beyond_usd": usd(from_micros(sums["beyond"]))}
        return Sums(images=sums["images"], pixels=sums["pixels"], **money)


ROUTES = (
    Route(
        name="usage.report",
        method="GET",
        path="/usage",
        says="What was spent, added up as asked for; as CSV with `Accept: text/csv` or `format=csv`. It may have any"
        " number of rows.",
        tell=report,
        query=UsageQuery,
        answer=Usage,
        tables=True,
    ),
)
