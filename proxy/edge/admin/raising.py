"""How far limits are used; limits that are raised for a time, and what is moved from one to another."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import Connection

from pricing import from_micros
from proxy.edge.admin.frame import Asked, Page, Paging, Route, at, maybe, page_of, position, says
from proxy.edge.admin.limits import Count, micros
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import Refusal
from proxy.explain import usd
from proxy.ledger.accounts.limits import check_scope
from proxy.ledger.budgets import Budgets, Raised
from proxy.ledger.rules import Rules
from proxy.ledger.standing import BudgetState, states_of

RAISES = "raises"
Counted = Literal["usd", "images", "pixels"]
"""What is counted in balances."""


class State(Struct, frozen=True, kw_only=True):
    """Where a limit stands. USD is told as text and anything else as a count: the other one is null."""

    what: str
    window: str
    zone: str
    limit_usd: Annotated[str | None, says("With the raises of now, and what was carried over.")]
    settled_usd: str | None
    held_usd: Annotated[str | None, says("Set aside for what is under way, or has no answer.")]
    left_usd: str | None
    limit_count: int | None
    settled_count: int | None
    held_count: int | None
    left_count: int | None
    soft: list[int]
    frees: Annotated[datetime | None, says("When some of what is used counts no more; null for never.")]


class Standing(Struct, frozen=True, kw_only=True):
    """Where the limits of a scope stand, those included that hold by default."""

    scope: str
    limits: list[State]


class RaiseQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which raises."""

    scope: Annotated[str | None, says("Only of this scope.")] = None


class RaiseTold(Struct, frozen=True, kw_only=True):
    """A limit that is higher for a time, or lower, where some of it was moved elsewhere."""

    id: str
    scope: str
    what: str
    window: str
    usd: Annotated[str | None, says("By how much, of USD.")]
    count: Annotated[int | None, says("By how much, of anything else.")]
    begins: datetime
    ends: Annotated[datetime | None, says("Null for never.")]
    why: str


class NewRaise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit to be higher from now on."""

    scope: Annotated[str, says("`team:acme`, `key:k_1` ...; one that has such a limit, if only by default.")]
    what: Counted
    window: str
    usd: Annotated[str | None, says("By how much, of USD.")] = None
    count: Annotated[Count | None, says("By how much, of anything else.")] = None
    ends: Annotated[datetime, Meta(tz=True)] | None = None
    why: Annotated[str, Meta(max_length=500, description="Kept with it, and in the audit log.")] = ""


class Transfer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be moved, until the window ends; of a total, for good."""

    giver: Annotated[str, says("The scope that has so much left.")]
    taker: Annotated[str, says("The scope that gets it.")]
    what: Counted
    window: str
    usd: Annotated[str | None, says("How much, of USD.")] = None
    count: Annotated[Count | None, says("How many, of anything else.")] = None
    why: Annotated[str, Meta(max_length=500, description="Kept with it, and in the audit log.")] = ""


class Moved(Struct, frozen=True, kw_only=True):
    """Both sides of it."""

    giver: RaiseTold
    taker: RaiseTold


def _standing(connection: Connection, scope: str, now: int) -> Standing:
    check_scope(connection, scope)
    states = states_of(connection, Rules.read(connection, now), [scope], now)
    return Standing(scope=scope, limits=[_state(each) for each in states])


def _state(state: BudgetState) -> State:
    amounts = {name: getattr(state, name) for name in ("limit", "settled", "held", "left")}
    money = state.what == "usd"
    told: dict[str, Any] = {f"{name}_usd": usd(from_micros(each)) if money else None for name, each in amounts.items()}
    told |= {f"{name}_count": None if money else each for name, each in amounts.items()}
    return State(
        what=state.what,
        window=state.window,
        zone=state.zone,
        **told,
        soft=list(state.soft),
        frees=maybe(state.frees),
    )


def _told(raised: Raised) -> RaiseTold:
    money = raised.what == "usd"
    return RaiseTold(
        **{name: getattr(raised, name) for name in ("id", "scope", "what", "window", "why")},
        usd=usd(from_micros(raised.amount)) if money else None,
        count=None if money else raised.amount,
        begins=at(raised.begins),
        ends=maybe(raised.ends),
    )


def _amount(body: NewRaise | Transfer) -> int:
    """Raises `Refusal`."""
    if (body.usd is not None) is not (body.what == "usd") or (body.count is not None) is (body.what == "usd"):
        raise Refusal(400, "invalid_value", "Of usd there has to be `usd`, and of anything else `count`.")
    return micros(body.usd, "usd") if body.count is None else body.count


async def show_standing(office: Office, asked: Asked) -> Standing:
    """Where the limits of a scope stand. Raises `Refusal`."""
    return await office.look(partial(_standing, scope=asked.parts["scope"], now=office.now()))


async def list_raises(office: Office, asked: Asked) -> Page[RaiseTold]:
    """What is raised or moved now, or will be."""
    query: RaiseQuery = asked.query
    behind = position(RAISES, query.after, tuple[int, str])
    found = await office.move(lambda budgets: budgets.raises(query.scope))
    rows = sorted([each for each in found if behind is None or _place(each) > behind], key=_place)
    return page_of(RAISES, rows, query.limit, _place, _told)


def _place(raised: Raised) -> tuple[int, str]:
    return raised.begins, raised.id


async def create_raise(office: Office, asked: Asked) -> RaiseTold:
    """A limit that is higher from now on. Raises `Refusal`."""
    body: NewRaise = asked.body
    amount, ends = _amount(body), None if body.ends is None else int(body.ends.timestamp() * 1000)

    def work(budgets: Budgets) -> Raised:
        return budgets.raise_limit(body.scope, body.what, body.window, amount, ends=ends, why=body.why, who=asked.who)

    return _told(await office.move(work))


async def withdraw(office: Office, asked: Asked) -> RaiseTold:
    """Ends a raise now. Raises `Refusal`."""
    return _told(await office.move(lambda budgets: budgets.withdraw(asked.parts["raise"], who=asked.who)))


async def transfer(office: Office, asked: Asked) -> Moved:
    """Moves some of a limit to another scope's. Raises `Refusal`."""
    body: Transfer = asked.body
    amount = _amount(body)

    def work(budgets: Budgets) -> tuple[Raised, Raised]:
        about = (body.giver, body.taker, body.what, body.window, amount)
        return budgets.transfer(*about, why=body.why, who=asked.who)

    less, more = await office.move(work)
    return Moved(giver=_told(less), taker=_told(more))


ROUTES = (
    Route(
        name="standing.get",
        method="GET",
        path="/standing/{scope}",
        says="Where the limits of a scope stand now: settled, held, left.",
        tell=show_standing,
        answer=Standing,
        tagged=True,
    ),
    Route(
        name="raises.list",
        method="GET",
        path="/raises",
        says="Limits that are raised now or will be, and what is moved between them.",
        tell=list_raises,
        query=RaiseQuery,
        answer=Page[RaiseTold],
    ),
    Route(
        name="raises.create",
        method="POST",
        path="/raises",
        says="Makes a limit higher from now on, until a moment or until it is withdrawn.",
        tell=create_raise,
        body=NewRaise,
        answer=RaiseTold,
        status=201,
    ),
    Route(
        name="raises.withdraw",
        method="POST",
        path="/raises/{raise}/withdraw",
        says="Ends a raise now. What was moved from elsewhere stays: it is moved back.",
        tell=withdraw,
        answer=RaiseTold,
    ),
    Route(
        name="transfers.create",
        method="POST",
        path="/transfers",
        says="Moves what is left of a scope's limit to another scope's of the same kind and window, until the window"
        " ends; never more than is left.",
        tell=transfer,
        body=Transfer,
        answer=Moved,
        status=201,
    ),
)
