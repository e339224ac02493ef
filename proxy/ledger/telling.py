"""Soft limits: what is told when so many per cent of a limit are used, once in each of its windows."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.ledger.limit import Balances, Limit
from proxy.ledger.orders import Reached
from proxy.ledger.recall import Recollection
from proxy.ledger.writing import Page


def reached(
    scopes: Iterable[str], recalled: Recollection, balances: Balances, page: Page, now: int
) -> tuple[Reached, ...]:
    """What the limits of some scopes have reached, and was not told in this window yet. With the page it is told."""
    return tuple(
        found
        for scope in scopes
        for limit in recalled.rules.of(scope)
        if limit.soft
        for found in _reached(limit, recalled, balances, page, now)
    )


def _reached(limit: Limit, recalled: Recollection, balances: Balances, page: Page, now: int) -> list[Reached]:
    most, used = limit.amount_at(balances, now), limit.used(balances, now)
    shares = [share for share in limit.soft if most > 0 and used * 100 >= share * most]
    if not shares:
        return []
    labels = [(limit.scope, label) for label in limit.window.labels(now)]
    told = recalled.told(labels)
    new = [share for share in shares if _mark(limit, share) not in told]
    if new:
        known = balances[labels[-1]]
        known.told = ",".join(filter(None, [known.told, *[_mark(limit, share) for share in new]]))
        page.add("mark_told", known.told, *labels[-1])
    name = limit.window.name
    return [Reached(limit.scope, limit.what, name, share=share, limit=most, used=used) for share in new]


def _mark(limit: Limit, share: int) -> str:
    return f"{limit.what}/{limit.window.name}/{share}"
