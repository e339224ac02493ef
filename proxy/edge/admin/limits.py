"""Limits: as they are told and taken, how far they are used, and how those of a scope are set."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy import Connection, select

from pricing import from_micros, to_micros
from proxy.edge.admin.frame import Asked, Page, Paging, Route, page_of, position, says
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import Refusal
from proxy.explain import usd
from proxy.ledger.accounts import Budget, What
from proxy.ledger.accounts.limits import check_scope, limits_of
from proxy.ledger.tables import budgets
from proxy.written import amount_in

BUDGETS = "budgets"
Count = Annotated[int, Meta(ge=0)]
MOST_USD = 1_000_000_000_000


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One limit of a scope."""

    what: Annotated[What, says("USD; pictures, or their pixels; requests; requests or bytes in flight.")]
    window: Annotated[
        str, says("For how long it counts: `day`, `month`, `total`, `rolling-hour` ...; `minute` for requests, `now`.")
    ]
    usd: Annotated[str | None, says("How much, of USD: `100`, `2.50`. Null for whatever is counted.")] = None
    count: Annotated[Count | None, says("How many, of anything else. Null for USD.")] = None
    zone: Annotated[str, says("Whose days, weeks and months they are, as IANA calls it.")] = "UTC"
    carry_usd: Annotated[str | None, says("The most that what was left of the window before adds, of USD.")] = None
    carry_count: Annotated[Count | None, says("The same, of anything else.")] = None
    soft: Annotated[list[int], says("Per cents that are told when they are reached, as 50, 80, 100.")] = []


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All limits of a scope."""

    limits: list[Limit]


class Scope(Struct, frozen=True, kw_only=True):
    """A scope, and its own limits."""

    scope: Annotated[
        str, says("`org:NAME`, `team:NAME`, `key:ID`, `user:TEAM/ID`; `team:*`, `key:*`, `user:*` for all without own.")
    ]
    limits: list[Limit]


# As they are told, and as they are taken.


def told(budget: Budget) -> Limit:
    """A limit as it is told."""
    money = budget.what == "usd"
    return Limit(
        what=budget.what,
        window=budget.window,
        usd=usd(from_micros(budget.amount)) if money else None,
        count=None if money else budget.amount,
        zone=budget.zone,
        carry_usd=usd(from_micros(budget.carry)) if money and budget.carry else None,
        carry_count=budget.carry if budget.carry and not money else None,
        soft=list(budget.soft),
    )


def taken(limits: list[Limit], at: str = "limits") -> tuple[Budget, ...]:
    """Limits as they were sent; `at`: where they stand in the body. Raises `Refusal`."""
    found = tuple(_taken(limit, f"{at}[{place}]") for place, limit in enumerate(limits))
    if len({(each.what, each.window) for each in found}) < len(found):
        raise Refusal(400, "invalid_value", "A scope has one limit of a kind and window.", at)
    return found


def _taken(limit: Limit, at: str) -> Budget:
    money = limit.what == "usd"
    if (limit.usd is None) is money or (limit.count is None) is not money:
        raise Refusal(400, "invalid_value", "A limit of usd has `usd`, and any other one has `count`.", at)
    if (limit.carry_count if money else limit.carry_usd) is not None:
        raise Refusal(400, "invalid_value", "What is carried over is of what the limit is of.", at)
    carry = micros(limit.carry_usd, f"{at}.carry_usd") if money else limit.carry_count or 0
    amount = micros(limit.usd, f"{at}.usd") if money else limit.count
    assert amount is not None
    return Budget(limit.what, limit.window, amount, limit.zone, carry, tuple(limit.soft))


def micros(text: str | None, at: str) -> int:
    """USD as text in micro-USD, 0 for none; a part of a micro-dollar is refused, not rounded. Raises `Refusal`."""
    if text is None:
        return 0
    amount = amount_in(text)
    whole = None if amount is None or amount > MOST_USD else to_micros(amount)
    if whole is None or from_micros(whole) != amount:
        raise Refusal(400, "invalid_value", f"{text[:40]!r} is no amount of USD, with six decimals at most.", at)
    return whole


def scope_told(connection: Connection, scope: str) -> Scope:
    """A scope with its limits."""
    return Scope(scope=scope, limits=[told(each) for each in limits_of(connection, scope)])


# Routes.


class ScopeQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which scopes."""

    kind: Annotated[Literal["org", "team", "key", "user"] | None, says("Only scopes of this kind.")] = None


async def list_scopes(office: Office, asked: Asked) -> Page[Scope]:
    """Every scope that has limits."""
    query: ScopeQuery = asked.query
    behind = position(BUDGETS, query.after, str)

    def find(connection: Connection) -> list[Scope]:
        wanted = select(budgets.c.scope).distinct().order_by(budgets.c.scope).limit(query.limit + 1)
        if query.kind is not None:
            wanted = wanted.where(budgets.c.scope.startswith(f"{query.kind}:"))
        if behind is not None:
            wanted = wanted.where(budgets.c.scope > behind)
        return [scope_told(connection, scope) for scope in connection.execute(wanted).scalars()]

    return page_of(BUDGETS, await office.read(find), query.limit, lambda each: each.scope, lambda each: each)


def _known(connection: Connection, scope: str) -> Scope:
    check_scope(connection, scope)
    return scope_told(connection, scope)


async def show_scope(office: Office, asked: Asked) -> Scope:
    """The limits of a scope; none, where none were set. Raises `Refusal`."""
    return await office.look(partial(_known, scope=asked.parts["scope"]))


async def put_scope(office: Office, asked: Asked) -> Scope:
    """Sets all limits of a scope, those that are not sent are dropped. Raises `Refusal`."""
    scope, limits = asked.parts["scope"], taken(asked.body.limits)
    given = asked.unchanged(partial(_known, scope=scope))
    await office.change(lambda accounts: accounts.set_limits(scope, limits, replace=True, who=asked.who), given)
    return await office.look(partial(_known, scope=scope))


ROUTES = (
    Route(
        name="budgets.list",
        method="GET",
        path="/budgets",
        says="Every scope that has limits of its own.",
        tell=list_scopes,
        query=ScopeQuery,
        answer=Page[Scope],
    ),
    Route(
        name="budgets.get",
        method="GET",
        path="/budgets/{scope}",
        says="The limits of a scope: `org:NAME`, `team:NAME`, `key:ID`, `user:TEAM/ID`, `team:*` ...",
        tell=show_scope,
        answer=Scope,
        tagged=True,
    ),
    Route(
        name="budgets.set",
        method="PUT",
        path="/budgets/{scope}",
        says="Sets all limits of a scope. They hold at once, for what was spent before as well.",
        tell=put_scope,
        body=Limits,
        answer=Scope,
        tagged=True,
    ),
)
