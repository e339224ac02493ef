"""What was written down: the entries of the ledger, the requests they are for, and every change of the accounts."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct

from pricing import from_micros
from proxy.edge.admin.frame import Asked, Page, Paging, Route, at, maybe, page_of, position, says
from proxy.edge.admin.moments import SINCE, UNTIL, between
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import Refusal
from proxy.explain import explain_served, usd
from proxy.ledger.audit import Change, Sought, changes
from proxy.ledger.listing import EntryRow, JobRow, Window, entry_page, job_page
from proxy.ledger.submissions import served


class Since(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a list, in time."""

    since: Annotated[str, says(SINCE)] = "30d"
    until: Annotated[str | None, says(UNTIL)] = None


class EntryQuery(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries; each parameter leaves those that have another value."""

    kind: Literal["hold", "settle", "release", "overrun"] | None = None
    request: Annotated[str | None, says("The request it is for.")] = None
    hold: str | None = None
    org: str | None = None
    team: str | None = None
    key: str | None = None
    user: str | None = None
    provider: str | None = None
    model: str | None = None
    vendor_id: str | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """A line of the ledger: it is never changed."""

    id: int
    at: datetime
    kind: Annotated[
        str,
        says("`hold`: set aside; `settle`, `release`: how that ended; `overrun`: taken above it, on the house."),
    ]
    request: str
    hold: Annotated[str, says("The submission: its `hold` and what ended it have the same.")]
    org: str
    team: str
    key: str
    user: Annotated[str, says("The end user of the team that the request named; empty where it named none.")]
    provider: str
    model: str
    usd: str
    images: int
    pixels: int
    detail: Annotated[str | None, says("Of a release, why; of a settlement, what the vendor metered.")]
    vendor_id: Annotated[str | None, says("The vendor's own id of the submission, for its invoice.")]


class RequestQuery(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests; each parameter leaves those that have another value."""

    team: str | None = None
    key: str | None = None
    user: str | None = None
    dialect: str | None = None
    model: Annotated[str | None, says("As the caller named it.")] = None
    policy: str | None = None
    state: Literal["open", "done", "failed"] | None = None


class Request(Struct, frozen=True, kw_only=True):
    """A request that got as far as spending."""

    id: str
    team: str
    key: str
    user: str
    dialect: str
    model: Annotated[str, says("As the caller named it.")]
    policy: Annotated[str | None, says("The policy that decided.")]
    state: Annotated[str, says("`open`, `done` or `failed`.")]
    created: datetime
    finished: datetime | None
    charged_usd: str


class Attempt(Struct, frozen=True, kw_only=True):
    """One call to a vendor, or one that was held for and not made."""

    offer: str
    outcome: Annotated[str, says("`paid`, `released`, or the state of a hold that is open.")]
    why: str | None
    hedge: bool
    quote_usd: str
    cost_usd: str
    charged_usd: str
    images: int
    seconds: float | None
    vendor_id: str | None


class Explained(Struct, frozen=True, kw_only=True):
    """A request, why it went where it did, and what everything that was tried for it came to."""

    id: str
    team: str
    key: str
    dialect: str
    model: str
    policy: str | None
    state: str
    created: datetime
    finished: datetime | None
    charged_usd: str
    plan: Annotated[dict[str, Any] | None, says("What was chosen from, in order, and what was left out, with reasons.")]
    attempts: list[Attempt]


class AuditQuery(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which changes; each parameter leaves those that have another value."""

    who: Annotated[str | None, says("The id of the key that was used, or `cli:` and a user of the machine.")] = None
    action: Annotated[str | None, says("`team.create`, `key.revoke` ...")] = None
    what: Annotated[str | None, says("`team:acme`, `key:k_1` ...")] = None


class Audited(Struct, frozen=True, kw_only=True):
    """A change, never changed itself."""

    id: int
    at: datetime
    who: str
    action: str
    what: str
    before: Annotated[Any, says("How it was; null where it was not. Secrets are masked.")]
    after: Annotated[Any, says("How it is; null where it is not any more.")]


ENTRIES, REQUESTS, AUDIT = "entries", "requests", "audit"


def _window(office: Office, query: Any, of: str, kind: type, named: dict[str, str]) -> Window:
    """The rows a query asks for, one more than are shown. `named`: columns by parameters that are called otherwise."""
    since, until = between(query.since, query.until, office.now())
    filters = [name for name in type(query).__struct_fields__ if name not in Since.__struct_fields__]
    return Window(
        since=since,
        until=until,
        only={named.get(name, name): getattr(query, name) for name in filters if getattr(query, name) is not None},
        behind=position(of, query.after, kind),
        limit=query.limit + 1,
    )


async def list_entries(office: Office, asked: Asked) -> Page[Entry]:
    """Lines of the ledger."""
    window = _window(office, asked.query, ENTRIES, tuple[int, int], {"request": "job"})
    rows = await office.read(partial(entry_page, window=window))
    return page_of(ENTRIES, rows, asked.query.limit, lambda row: (row.at, row.entry), _entry)


async def list_requests(office: Office, asked: Asked) -> Page[Request]:
    """Requests."""
    window = _window(office, asked.query, REQUESTS, tuple[int, str], {})
    rows = await office.read(partial(job_page, window=window))
    return page_of(REQUESTS, rows, asked.query.limit, lambda row: (row.created, row.job), _request)


async def show_request(office: Office, asked: Asked) -> Explained:
    """A request, of any team. Raises `Refusal`."""
    id_ = asked.parts["request"]
    found = await office.read(lambda connection: served(connection, id_))
    if found is None:
        raise Refusal(404, "not_found", f"There is no request {id_[:64]!r}, or none that got as far as spending.")
    told = explain_served(found)
    return Explained(
        id=found.job,
        **{name: getattr(found, name) for name in ("team", "key", "dialect", "model", "policy", "state")},
        created=at(found.created),
        finished=maybe(found.finished),
        charged_usd=told["charged_usd"],
        plan=told["plan"],
        attempts=msgspec.convert(told["attempts"], list[Attempt]),
    )


async def list_changes(office: Office, asked: Asked) -> Page[Audited]:
    """Changes of organisations, teams, keys and limits."""
    query: AuditQuery = asked.query
    since, until = between(query.since, query.until, office.now())
    sought = Sought(
        who=query.who,
        action=query.action,
        what=query.what,
        since=since,
        until=until,
        before=position(AUDIT, query.after, int),
    )
    rows = await office.read(lambda connection: changes(connection, sought, query.limit + 1))
    return page_of(AUDIT, rows, query.limit, lambda row: row.audit, _audited)


def _entry(row: EntryRow) -> Entry:
    names = ("kind", "hold", "org", "team", "key", "user", "provider", "model", "images", "pixels", "detail")
    return Entry(
        id=row.entry,
        at=at(row.at),
        request=row.job,
        usd=usd(from_micros(row.micros)),
        vendor_id=row.vendor_id,
        **{name: getattr(row, name) for name in names},
    )


def _request(row: JobRow) -> Request:
    return Request(
        id=row.job,
        **{name: getattr(row, name) for name in ("team", "key", "user", "dialect", "model", "policy", "state")},
        created=at(row.created),
        finished=maybe(row.finished),
        charged_usd=usd(from_micros(row.charged)),
    )


def _audited(row: Change) -> Audited:
    rest = {name: getattr(row, name) for name in ("who", "action", "what", "before", "after")}
    return Audited(id=row.audit, at=at(row.at), **rest)


ROUTES = (
    Route(
        name="entries.list",
        method="GET",
        path="/entries",
        says="The lines of the ledger, the newest first.",
        tell=list_entries,
        query=EntryQuery,
        answer=Page[Entry],
    ),
    Route(
        name="requests.list",
        method="GET",
        path="/requests",
        says="Requests of all teams that got as far as spending, the newest first.",
        tell=list_requests,
        query=RequestQuery,
        answer=Page[Request],
    ),
    Route(
        name="requests.get",
        method="GET",
        path="/requests/{request}",
        says="Why a request went where it did, and what everything that was tried for it came to. Its pictures and its"
        " prompt are its team's alone.",
        tell=show_request,
        answer=Explained,
        tagged=True,
    ),
    Route(
        name="audit.list",
        method="GET",
        path="/audit",
        says="Every change of organisations, teams, keys and limits, the newest first: who, what, before, after.",
        tell=list_changes,
        query=AuditQuery,
        answer=Page[Audited],
    ),
)
