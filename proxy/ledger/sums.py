"""What a balance is: what is held and settled for all submissions whose hold was made in its time, added up.

The rows of `balances` are a cache of this. Those that are not always kept are made from here when a limit first needs
them; and whoever wants to prove the others asks here, too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select

from proxy.ledger.balance import Account, Balance
from proxy.ledger.tables import balances, entries, holds
from proxy.ledger.windows import FOREVER, interval


def summed(connection: Connection, account: Account) -> Balance:
    """A balance as the entries and the open holds make it. Raises ValueError where its scope or its label is none."""
    scope, label = account
    begins, ends = interval(label)
    open_ = _amounts(holds)
    held = select(*open_).where(_whose(holds, scope), holds.c.at >= begins, holds.c.at < ends)
    micros, images, pixels = connection.execute(held).one()
    settled, images_settled, pixels_settled = connection.execute(_settled(scope, begins, ends)).one()
    amounts = (settled, micros, images_settled, images, pixels_settled, pixels)
    first, second, third, fourth, fifth, sixth = (int(each) for each in amounts)  # PostgreSQL adds up to a Decimal
    return Balance(first, second, third, fourth, fifth, sixth)


def forget(connection: Connection, scope: str) -> None:
    """Drop the rows of a scope (`team:*` for all teams) that are not always kept: they are made anew when needed.

    Whoever changes limits does this in the same transaction: from then on they are no longer written along, or others
    are.
    """
    named = balances.c.scope == scope
    if scope.endswith("*"):
        named = balances.c.scope.startswith(scope.removesuffix("*"), autoescape=True)
    always = or_(balances.c.scope.startswith("key:"), balances.c.scope.startswith("team:"))
    connection.execute(delete(balances).where(named, ~and_(always, ~balances.c.window.contains(":"))))


def _settled(scope: str, begins: int, ends: int) -> Any:
    """What was settled for submissions whose hold was made in that time."""
    paid, given = entries.alias("paid"), entries.alias("given")
    if (begins, ends) == FOREVER:
        return select(*_amounts(paid)).where(_whose(paid, scope), paid.c.kind == "settle")
    same = and_(paid.c.job == given.c.job, paid.c.hold == given.c.hold, paid.c.kind == "settle")
    return (
        select(*_amounts(paid))
        .select_from(given.join(paid, same))
        .where(_whose(given, scope), given.c.kind == "hold", given.c.at >= begins, given.c.at < ends)
    )


def _amounts(table: Any) -> list[Any]:
    return [func.coalesce(func.sum(table.c[name]), 0) for name in ("micros", "images", "pixels")]


def _whose(table: Any, scope: str) -> Any:
    kind, _, name = scope.partition(":")
    if kind == "user":
        team, _, user = name.partition("/")
        return and_(table.c.team == team, table.c.user == user)
    if kind not in {"key", "team", "org"}:
        raise ValueError(f"{scope!r} is no scope")
    return table.c[kind] == name
